//! Black-box tests: the binary as users start it, in the matrix of places in which it must behave the same.
//!
//! The binary is `APP_INIT_BIN`, or `target/static/app-init`. Each test needs root, for namespaces of its own. One file
//! is one promise; `C27` is a line of the correctness list, `§9.3` a paragraph of the specification.

#![expect(
    clippy::disallowed_methods,
    reason = "the rules are the product's; a test starts programs and has a deadline"
)]

mod harness;
#[path = "../settled.rs"]
mod settled;
#[path = "../soak.rs"]
mod soak;

mod bad_hooks;
mod boundary;
mod broken_files;
mod cli;
mod conditions;
mod config;
mod deploy_env;
mod entrypoints;
mod env_command;
mod environment;
mod exec_mode;
mod fails_closed;
mod faults;
mod forwarding;
mod hook_examples;
mod hooks;
mod identity;
mod last_resort;
mod limits;
mod log;
mod lookalikes;
mod matrix;
mod nested;
mod plain;
mod prepare;
mod reaping;
mod refused_calls;
mod resources;
mod retry;
mod roles;
mod secrets;
mod server_target;
mod shell;
mod spawn;
mod startup;
mod stop_rules;
mod stopping;
mod terminal;
mod trust;
mod wait_command;
mod waits;
