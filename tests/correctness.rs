//! Holds tests/correctness.toml against the tests that ran: every line of the list is covered by tests that passed, or
//! names the part of the project that it belongs to and that is still to come.

use std::collections::BTreeSet;
use std::fs;

use serde::Deserialize;

/// The parts of the project that are still to come. Nothing else excuses a line without a test.
const LATER: [&str; 4] = ["Hooks", "Supervision", "Drop-in names", "Hardening"];
const LINES: u32 = 82;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    line: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    number: u32,
    title: String,
    #[serde(default)]
    tests: Vec<String>,
    later: Option<String>,
}

/// Names of the tests that passed, as `suite::module::test`, and whether the Docker suite was left out.
fn passed(log: &str) -> (BTreeSet<String>, bool) {
    let mut suite = "lib";
    let mut names = BTreeSet::new();
    for line in log.lines() {
        if let Some(name) = line.strip_prefix("suite: ") {
            suite = name;
        }
        if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... ok")) {
            names.insert(format!("{suite}::{name}"));
        }
    }
    (names, log.contains("the Docker tests are SKIPPED"))
}

#[test]
fn every_line_is_covered_by_a_test_that_ran() {
    let Ok(path) = std::env::var("APP_INIT_TEST_LOG") else {
        panic!("APP_INIT_TEST_LOG names no log; run make test, which writes one");
    };
    let log = fs::read_to_string(&path).expect("the log of the tests");
    let (passed, without_docker) = passed(&log);
    let list = fs::read_to_string("tests/correctness.toml").expect("the list");
    let List { line: lines } = toml::from_str(&list).expect("the list is well formed");
    let mut faults = Vec::new();
    let numbers: Vec<u32> = lines.iter().map(|line| line.number).collect();
    if numbers != (1..=LINES).collect::<Vec<u32>>() {
        faults.push(format!("the numbers are not 1 to {LINES}, each once, in order: {numbers:?}"));
    }
    let mut unverified = 0;
    for Line { number, title, tests, later } in &lines {
        match later {
            Some(part) if !LATER.contains(&part.as_str()) => {
                faults.push(format!("{number} {title}: {part} is no part to come"));
            }
            None if tests.is_empty() => faults.push(format!("{number} {title}: neither a test nor a part to come")),
            Some(_) | None => {}
        }
        for test in tests.iter().filter(|test| !passed.contains(*test)) {
            if without_docker && test.starts_with("docker::") {
                unverified += 1;
            } else {
                faults.push(format!("{number} {title}: {test} did not run or did not pass"));
            }
        }
    }
    if unverified > 0 {
        println!("{unverified} Docker tests of the list did not run");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_log_is_read_as_the_test_runner_writes_it() {
    let log = "test a::b ... ok\ntest c ... FAILED\nsuite: blackbox\ntest d ... ok\ntest e ... ignored\n";
    let (names, without_docker) = passed(log);
    assert_eq!(names, BTreeSet::from(["lib::a::b".to_owned(), "blackbox::d".to_owned()]));
    assert!(!without_docker);
}
