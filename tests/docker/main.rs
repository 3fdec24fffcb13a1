//! End-to-end tests in real Docker: the images of docker/, built and run, driven by the command line of docker or by
//! the Engine's HTTP API. They need an engine that answers and the static binary (APP_INIT_BIN, or
//! target/static/app-init). Everything that they make is called `app-init-test…`; containers are removed by each test,
//! images stay for the next run.

#![expect(
    clippy::disallowed_methods,
    reason = "the rules are the product's; a test starts programs and has a deadline"
)]

mod harness;
#[path = "../soak.rs"]
mod soak;

mod cases;
mod check;
mod dockerfile;
mod engine_api;
mod hardened;
mod hooks;
mod in_flight;
mod left_behind;
mod locale;
mod logs;
mod nested;
mod plain;
mod promptness;
mod readme;
mod restart;
mod run_timeout;
mod schema;
mod serving;
mod shell;
mod shell_forms;
mod stopping;
mod users;
mod waits;
