//! Real entrypoints as `app-init.toml` (`tests/entrypoints`): what they call, in which order, with which arguments,
//! environment and identity, and what they make of failures.
//!
//! The commands of the applications are one stand-in, which records its calls. A case is one directory there and one file
//! here.

mod airflow;
mod cookiecutter_django;
mod ghost;
mod healthchecks;
mod netbox;
mod rails;
mod record;
mod redash;
mod stage;
mod umami;

use stage::Case;
use std::path::PathBuf;

/// Puts a case on its stage with app-init's arguments and the environment that it demands.
type Make = fn(&[&str]) -> Case;

const CASES: [(&str, Make); 8] = [
    ("airflow", airflow::case),
    ("cookiecutter-django", cookiecutter_django::case),
    ("ghost", ghost::case),
    ("healthchecks", healthchecks::case),
    ("netbox", netbox::case),
    ("rails", rails::case),
    ("redash", redash::case),
    ("umami", umami::case),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/entrypoints")
}

#[test]
fn each_directory_is_a_case() {
    let entries = std::fs::read_dir(folder()).expect("the folder is there").map(|entry| entry.expect("it is readable"));
    let directories = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        directories.map(|entry| entry.file_name().into_string().expect("plain names")).collect();
    names.sort();
    assert_eq!(names, CASES.map(|(name, _)| name));
}

/// As `RUN app-init check` in the image: nothing is started.
#[test]
fn each_case_passes_the_check() {
    for (name, case) in CASES {
        let played = case(&["check"]).play().exited(0);
        assert!(played.end.out.contains("the configuration is sound"), "{name}: {}", played.story());
        played.called(&[]);
    }
}
