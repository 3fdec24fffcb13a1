//! What the Docker tests share: the command line of docker with a deadline, images, containers, a terminal, HTTP.

pub mod apps;
pub mod cli;
pub mod container;
pub mod document;
pub mod engine;
pub mod http;
pub mod images;
pub mod json;
pub mod lines;
pub mod network;
pub mod pty;
pub mod volume;
pub mod wire;
