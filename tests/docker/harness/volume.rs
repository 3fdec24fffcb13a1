//! A volume that outlives the containers of a test, but not the test: declare it before them.

use super::cli::{docker, docker_ok};
use super::container::{label, unique_name};

pub struct Volume {
    name: String,
}

impl Volume {
    pub fn new() -> Volume {
        let name = unique_name("volume");
        docker_ok(&["volume", "create", "--label", &label(), &name]);
        Volume { name }
    }

    /// For `--volume`: where it is mounted.
    pub fn at(&self, path: &str) -> String {
        format!("{}:{path}", self.name)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = docker(&["volume", "rm", "-f", &self.name]);
    }
}
