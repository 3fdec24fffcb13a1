//! The images of the tests, each built once a run when a test first asks for it, one at a time: the classic builder
//! on a small machine gains nothing from doing two at once. Between runs they stay, and Docker's cache makes the next
//! build a matter of a second. They are all called `app-init-test/NAME:RUN`, where RUN stands for this checkout and the
//! binary under test: two checkouts may use one engine at the same time without taking each other's images.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::cli::{docker, docker_reading, docker_within};

/// Installing packages and compiling mod_wsgi on a cold machine.
const BUILT_WITHIN: Duration = Duration::from_secs(15 * 60);

/// The project's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The binary under test.
pub fn binary() -> PathBuf {
    env::var_os("APP_INIT_BIN").map_or_else(|| root().join("target/static/app-init"), PathBuf::from)
}

/// The full name of an image.
pub fn tag(name: &str) -> String {
    static RUN: OnceLock<String> = OnceLock::new();
    let run = RUN.get_or_init(|| {
        let mut hasher = DefaultHasher::new();
        (root(), binary()).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    });
    format!("app-init-test/{name}:{run}")
}

/// The image of one of the applications in docker/apps, built the way its readers build it.
pub fn application(name: &str) -> String {
    let tag = tag(name);
    let folder = root().join("docker/apps").join(name);
    let dockerfile = fs::read_to_string(folder.join("Dockerfile")).expect("the application's Dockerfile");
    if dockerfile.contains("FROM app-init-onbuild\n") {
        // A reader has the image under its plain name; the tests must not take that name.
        let text = dockerfile.replace("FROM app-init-onbuild\n", &format!("FROM {}\n", onbuild()));
        once(&tag, || build(&tag, Some(&text), &folder, &[]));
    } else {
        let app_init = scratch();
        once(&tag, || build(&tag, None, &folder, &["--build-arg", &format!("APP_INIT={app_init}")]));
    }
    tag
}

/// One of tests/docker/images: something to wait for, or an application in small. The context is tests/, so that it can
/// take its configuration from tests/entrypoints.
pub fn companion(name: &str) -> String {
    let app_init = scratch();
    let tag = tag(name);
    once(&tag, || {
        let tests = root().join("tests");
        let file = tests.join("docker/images").join(name).join("Dockerfile");
        build_file(&tag, &file, &tests, &["--build-arg", &format!("APP_INIT={app_init}")]);
    });
    tag
}

/// docker/base, and docker/onbuild on it.
pub fn onbuild() -> String {
    let (base, onbuild) = (base(), tag("onbuild"));
    once(&onbuild, || {
        let base = format!("BASE={base}");
        build(&onbuild, None, &root().join("docker/onbuild"), &["--build-arg", &base]);
    });
    onbuild
}

pub fn base() -> String {
    let base = tag("base");
    let app_init = scratch();
    once(&base, || {
        let folder = root().join("docker/base");
        let app_init = format!("APP_INIT={app_init}");
        // The stage that compiles gets a name as well, so that it is not left behind without one.
        build(&tag("base-build"), None, &folder, &["--target", "build", "--build-arg", &app_init]);
        build(&base, None, &folder, &["--build-arg", &app_init]);
    });
    base
}

/// docker/demo, whose context docker/demo.sh lays out: the folder, and the binary in it.
pub fn demo() -> String {
    let tag = tag("demo");
    once(&tag, || {
        let context = tempfile::tempdir().expect("a temporary directory");
        copy_folder(&root().join("docker/demo"), context.path());
        copy_binary(context.path());
        build(&tag, None, context.path(), &[]);
    });
    tag
}

/// An image with a context of its own, which `lay_out` fills.
pub fn of_folder(name: &str, dockerfile: &str, lay_out: impl FnOnce(&Path)) -> String {
    let tag = tag(name);
    once(&tag, || {
        let context = tempfile::tempdir().expect("a temporary directory");
        lay_out(context.path());
        build(&tag, Some(dockerfile), context.path(), &[]);
    });
    tag
}

/// Debian, Python and app-init; nothing configured: what `COPY --from` gives anyone's image.
pub fn plain() -> String {
    let app_init = scratch();
    derived(
        "plain",
        &format!(
            "FROM debian:bookworm-slim\n\
             RUN apt-get update && apt-get install -y --no-install-recommends python3-minimal \
             && rm -rf /var/lib/apt/lists/*\n\
             COPY --from={app_init} /app-init /usr/local/bin/app-init\n\
             ENTRYPOINT [\"app-init\"]\n"
        ),
    )
}

/// An image that another one's few lines make: `dockerfile` must not need a context.
pub fn derived(name: &str, dockerfile: &str) -> String {
    let tag = tag(name);
    once(&tag, || {
        let args = [&["build", "--quiet", "--tag", &tag], &LABEL[..], &["-"]].concat();
        let done = docker_reading(BUILT_WITHIN, &args, dockerfile);
        assert_eq!(done.code, 0, "cannot build {tag}: {}", done.stderr);
    });
    tag
}

const LABEL: [&str; 2] = ["--label", "app-init-test=image"];

/// Only `/app-init`, as docker/Dockerfile leaves it, but from the binary that is under test.
pub fn scratch() -> String {
    of_folder("app-init", "FROM scratch\nCOPY app-init /app-init\n", copy_binary)
}

fn copy_binary(folder: &Path) {
    let binary = binary();
    fs::copy(&binary, folder.join("app-init"))
        .unwrap_or_else(|error| panic!("cannot copy {} (run `make static`): {error}", binary.display()));
}

/// Copies what is in a folder, with its modes.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder of the context");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())).flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a file of the context");
        }
    }
}

/// `docker build` of a folder, with its own Dockerfile or with another text for it.
pub fn build(tag: &str, dockerfile: Option<&str>, folder: &Path, options: &[&str]) {
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let file = match dockerfile {
        Some(text) => {
            let file = elsewhere.path().join("Dockerfile");
            fs::write(&file, text).expect("a Dockerfile");
            file
        }
        None => folder.join("Dockerfile"),
    };
    build_file(tag, &file, folder, options);
}

/// `docker build` with the Dockerfile at `file`.
pub fn build_file(tag: &str, file: &Path, folder: &Path, options: &[&str]) {
    let before = id(tag);
    let (file, folder) = (file.display().to_string(), folder.display().to_string());
    let args = [&["build", "--tag", tag, "--file", &file], &LABEL[..], options, &[folder.as_str()]].concat();
    let done = docker_within(BUILT_WITHIN, &args);
    assert_eq!(done.code, 0, "cannot build {tag}: {}\n{}", done.stdout, done.stderr);
    if let Some(before) = before.filter(|before| id(tag).as_ref() != Some(before)) {
        // The one of an earlier run has lost its name. Something of that run may still use it: then it stays.
        let _ = docker(&["rmi", &before]);
    }
}

fn id(tag: &str) -> Option<String> {
    let done = docker(&["image", "inspect", "--format", "{{.Id}}", tag]);
    (done.code == 0).then(|| done.stdout.trim().to_owned())
}

/// Runs `make` unless this run has done so for `tag`; everybody else who asks for the same image waits for it, and one
/// build happens at a time.
fn once(tag: &str, make: impl FnOnce()) {
    static MADE: Mutex<Option<HashMap<String, Arc<OnceLock<()>>>>> = Mutex::new(None);
    static BUILDER: Mutex<()> = Mutex::new(());
    let cell = {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(made.get_or_insert_default().entry(tag.to_owned()).or_default())
    };
    cell.get_or_init(|| {
        // A build that failed has poisoned nothing but its own test.
        let _one_at_a_time = BUILDER.lock().unwrap_or_else(PoisonError::into_inner);
        make();
    });
}
