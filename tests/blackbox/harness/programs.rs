//! Where the binary under test and the probe are, outside and inside the namespace.

use std::path::{Path, PathBuf};

/// The program under test, as a test's command line names it.
pub const APP_INIT: &str = "/mnt/bin/app-init";
/// The application under test.
pub const PROBE: &str = "/mnt/bin/probe";
/// The working directory, empty but for what a test puts there.
pub const APP: &str = "/mnt/app";

/// `APP_INIT_BIN`, or the file that `make static` leaves.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("APP_INIT_BIN").map_or_else(|| PathBuf::from("target/static/app-init"), PathBuf::from);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    assert!(path.is_file(), "no {}: run `make static`, or set APP_INIT_BIN", path.display());
    path
}

/// The example `probe`, which a whole `cargo test` builds beside the tests.
pub fn probe() -> PathBuf {
    let tests = std::env::current_exe().expect("a running test has a path");
    let path = tests.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").join("examples/probe");
    assert!(path.is_file(), "no {}: run `cargo build --example probe`", path.display());
    path
}
