//! docker/Dockerfile: builds app-init in a container and leaves an image that holds nothing else. The one slow test.

use crate::harness::cli::{PATIENCE, docker_ok, docker_within};
use crate::harness::container::{Container, label};
use crate::harness::images;

#[test]
fn builds_an_image_that_holds_only_app_init() {
    let tag = &images::tag("dockerfile");
    let file = images::root().join("docker/Dockerfile");
    // The stage that compiles gets a name too, so that it can be found, kept for the cache, and removed.
    images::build_file(&images::tag("dockerfile-build"), &file, images::root(), &["--target", "build"]);
    images::build_file(tag, &file, images::root(), &[]);
    let layers = docker_ok(&["image", "inspect", "--format", "{{len .RootFS.Layers}} {{.Size}}", tag]);
    let (layers, size) = layers.split_once(' ').expect("two numbers");
    assert_eq!(layers, "1");

    // Copied out of it, the file is the whole of the image, and it runs in an image without anything else.
    let container = Container::named("copy");
    docker_ok(&["create", "--name", &container.name, "--label", &label(), tag, "/app-init"]);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let copy = folder.path().join("app-init");
    docker_ok(&["cp", &format!("{}:/app-init", container.name), &copy.display().to_string()]);
    let length = std::fs::metadata(&copy).expect("the copy").len();
    assert_eq!(size, length.to_string(), "the image is as large as its one file");
    let run = ["run", "--rm", "--label", &label(), "--entrypoint", "/app-init", tag, "--version"];
    let done = docker_within(PATIENCE, &run);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.starts_with("app-init "), "{done:?}");
}
