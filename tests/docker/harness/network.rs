//! A network of a test's own, where containers find each other by name. It is removed when the test is over: declare it
//! before the containers, which are removed first then.

use super::cli::{docker, docker_ok};
use super::container::{Recipe, label, unique_name};

pub struct Network {
    name: String,
}

impl Network {
    pub fn new() -> Network {
        let name = unique_name("network");
        docker_ok(&["network", "create", "--label", &label(), &name]);
        Network { name }
    }

    /// A container on this network.
    pub fn member(&self, image: &str) -> Recipe {
        Recipe::of(image).options(&["--network", &self.name])
    }

    /// What puts a container on this network, for a command line of one's own.
    pub fn option(&self) -> [&str; 2] {
        ["--network", &self.name]
    }

    /// The same for one that the others find as `name`, from its start on.
    pub fn service(&self, name: &str, image: &str) -> Recipe {
        self.member(image).options(&["--network-alias", name])
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = docker(&["network", "rm", &self.name]);
    }
}
