use std::os::unix::ffi::OsStringExt;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{self as cli, WaitOptions};
use super::*;

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect()
}

fn read(line: &str) -> Result<(cli::Options, Vec<OsString>), Stop> {
    super::read(&words(line), "run", false)
}

fn sound(line: &str) -> (cli::Options, Vec<OsString>) {
    read(line).unwrap_or_else(|stop| panic!("{line}: {stop:?}"))
}

#[test]
fn each_option_is_another_and_takes_back_one_that_there_is() {
    fn check(all: &[Definition]) {
        for (place, option) in all.iter().enumerate() {
            let others = || all.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, other)| other);
            assert!(others().all(|other| other.field != option.field), "{option:?}");
            assert!(option.short.is_none() || others().all(|other| other.short != option.short), "{option:?}");
            assert!(option.undoes.is_empty() || others().any(|other| other.field == option.undoes), "{option:?}");
            assert!(option.short != Some('h') && option.short != Some('V'), "{option:?}");
        }
    }
    check(cli::Options::DEFINITIONS);
    check(WaitOptions::DEFINITIONS);
}

#[test]
fn a_value_stands_at_its_option_or_behind_it() {
    for line in ["-u app", "-uapp", "-u=app", "--user app", "--user=app", "-vu app", "-gvuapp", "-u x -u app"] {
        assert_eq!(sound(line).0.user.as_deref(), Some("app"), "{line}");
    }
    assert_eq!(sound("-u=").0.user.as_deref(), Some(""));
    assert_eq!(sound("--user==").0.user.as_deref(), Some("="));
    assert_eq!(sound("-u -").0.user.as_deref(), Some("-"));
    assert_eq!(sound("--success-code 3 --success-code=143").0.success_code, [3, 143]);
}

#[test]
fn of_two_that_exclude_each_other_the_last_counts() {
    for (line, exec) in [("--exec --supervise", false), ("--supervise --exec", true), ("--exec --exec", true)] {
        let options = sound(line).0;
        assert_eq!((options.exec, options.supervise), (exec, !exec), "{line}");
    }
    for (line, quiet) in [("-q -v", false), ("-vq", true), ("-v --quiet", true), ("--quiet --verbose", false)] {
        let options = sound(line).0;
        assert_eq!((options.quiet, options.verbose), (quiet, !quiet), "{line}");
    }
}

#[test]
fn options_end_at_an_operand_or_at_dashes() {
    for (line, operands) in [
        ("-v a -v", "a -v"),
        ("-v -- a -v", "a -v"),
        ("-v -", "-"),
        ("-- -- a", "-- a"),
        ("a -- b", "a -- b"),
        ("-v", ""),
    ] {
        assert_eq!(sound(line).1, words(operands), "{line}");
    }
    let (options, between) = super::read::<WaitOptions>(&words("a:1 -q b:2 -t 3"), "wait", true).expect("options");
    assert!(options.quiet && options.timeout == Some(Duration::from_secs(3)));
    assert_eq!(between, words("a:1 b:2"));
}

#[test]
fn what_is_wrong_is_told_of_the_option_that_it_is() {
    for (line, what) in [
        ("--reload", "unexpected argument '--reload' found"),
        ("--reload=3", "unexpected argument '--reload' found"),
        ("-x", "unexpected argument '-x' found"),
        ("-vx", "unexpected argument '-x' found"),
        ("-v=1", "unexpected argument '-=' found"),
        ("-é", "unexpected argument '-é' found"),
        ("--hooks_dir d", "unexpected argument '--hooks_dir' found"),
        ("--json", "unexpected argument '--json' found"),
        ("-u", "a value is required for '--user <SPEC>' but none was supplied"),
        ("-u --exec", "a value is required for '--user <SPEC>' but none was supplied"),
        ("-u -h", "a value is required for '--user <SPEC>' but none was supplied"),
        ("-u --", "a value is required for '--user <SPEC>' but none was supplied"),
        ("-u --reload", "unexpected argument '--reload' found"),
        ("-u -x", "unexpected argument '-x' found"),
        ("--config=", "a value is required for '--config <FILE>' but none was supplied"),
        ("--exec=x", "unexpected value 'x' for '--exec' found; no more were expected"),
        ("--help=x", "unexpected value 'x' for '--help' found; no more were expected"),
        ("--success-code 256", "invalid value '256' for '--success-code <N>': 256 is not in 0..=255"),
        ("--success-code=x", "invalid value 'x' for '--success-code <N>': invalid digit found in string"),
        (
            "--drain soon",
            "invalid value 'soon' for '--drain <DUR>': `soon` is not a duration; write it like 500ms, 10s, 10 or 1m30s",
        ),
    ] {
        assert_eq!(read(line).map_err(Stop::what).err().as_deref(), Some(what), "{line}");
    }
    let not_text = [OsString::from_vec(b"--user=\xff".to_vec())];
    let refused = super::read::<cli::Options>(&not_text, "", false).map_err(Stop::what);
    assert_eq!(refused.err().as_deref(), Some(NOT_TEXT));
    let path = [OsString::from_vec(b"-c\xff".to_vec())];
    let (options, _) = super::read::<cli::Options>(&path, "", false).expect("a path");
    assert_eq!(options.config.map(|path| path.into_os_string().into_vec()), Some(b"\xff".to_vec()));
}

#[test]
fn help_and_the_version_are_told_before_what_comes_behind_them() {
    assert!(matches!(read("-v -h --reload"), Err(Stop::Help)));
    assert!(matches!(read("-vhx"), Err(Stop::Help)));
    assert!(matches!(read("-V"), Err(Stop::Version)));
    assert!(matches!(read("--reload --help"), Err(Stop::Unknown(_))));
    assert!(matches!(super::read::<WaitOptions>(&words("-V"), "wait", true), Err(Stop::Unknown(_))));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_words_are_survived_and_operands_are_the_last_of_them(all in vec(vec(any::<u8>(), 0..6), 0..6), dashes: bool) {
        let dash = |mut word: Vec<u8>| { if dashes { word.insert(0, b'-'); } OsString::from_vec(word) };
        let all: Vec<OsString> = all.into_iter().map(dash).collect();
        if let Ok((_, operands)) = super::read::<cli::Options>(&all, "", false) {
            prop_assert!(all.ends_with(&operands));
        }
    }
}
