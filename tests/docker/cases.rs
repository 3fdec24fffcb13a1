//! Entrypoints of tests/entrypoints with real applications, each as its own configuration has it: what the stand-ins of
//! tests/blackbox/entrypoints.rs cannot tell is whether Django, RQ and PostgreSQL agree. And the whole application that the
//! documentation ends with.

mod cookiecutter_django;
mod netbox;
mod redash;
pub mod whole_application;

use crate::harness::container::{Container, Recipe};
use crate::harness::images;
use crate::harness::network::Network;

/// The database of tests/docker/images/postgres, under the name `db`.
fn database(network: &Network) -> Recipe {
    network.service("db", &images::companion("postgres"))
}

/// Its password, which nothing may print.
const PASSWORD: &str = "secret";

/// The announcements of the hooks' commands, in their order.
fn announced(container: &Container) -> Vec<String> {
    let logs = container.logs();
    assert!(!logs.stdout.contains(PASSWORD) && !logs.stderr.contains(PASSWORD), "a password is in the log: {logs:?}");
    logs.stdout.lines().filter_map(|line| line.strip_prefix(" -----> Running ")).map(str::to_owned).collect()
}
