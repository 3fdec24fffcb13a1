use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// What is sound, and what is not.
fn env_file(bytes: &[u8]) -> (Pairs, Vec<Problem>) {
    let Found { pairs, problems, .. } = super::env_file(bytes);
    (pairs, problems)
}

fn deploy_env(bytes: &[u8]) -> (Pairs, Vec<Problem>) {
    let Found { pairs, problems, .. } = super::deploy_env(bytes);
    (pairs, problems)
}

/// The value of the file's only variable, which is `A`.
fn one(file: impl AsRef<[u8]>) -> Vec<u8> {
    let file = file.as_ref();
    let (pairs, problems) = env_file(file);
    assert_eq!(problems, [], "{}", file.escape_ascii());
    let [(name, value)] = pairs.as_slice() else { panic!("{}: {pairs:?}", file.escape_ascii()) };
    assert_eq!(name, "A", "{}", file.escape_ascii());
    value.clone()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Pairs {
    pairs.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec()
}

/// Lines and what is said of them.
fn said(problems: &[Problem]) -> Vec<(usize, &str)> {
    problems.iter().map(|problem| (problem.line, problem.what.as_str())).collect()
}

#[test]
fn the_written_forms_of_an_env_file_are_read() {
    for (line, value) in [
        ("A=", ""),
        ("A=''", ""),
        ("A=\"\"", ""),
        ("A= # note", ""),
        ("A=x", "x"),
        (" \texport \t A \t=\t x  y \t", "x  y"),
        ("A=it's {\"a\": \"C:\\new\"}=", "it's {\"a\": \"C:\\new\"}="),
        ("A=100% $HOME ${B} $(date) `date` ~ *", "100% $HOME ${B} $(date) `date` ~ *"),
        ("A=postgres://u:p@h/x?a=b&c==", "postgres://u:p@h/x?a=b&c=="),
        ("A=x # note", "x"),
        ("A=x\t#", "x"),
        ("A=x#y", "x#y"),
        ("A=#y", "#y"),
        ("A=\\'x", "\\'x"),
        ("A='$x \"\\n # y'", "$x \"\\n # y"),
        ("A='x' # it's", "x"),
        ("A=' x ' ", " x "),
        ("A=\"$x ${y} \\$ \\\" \\\\ \\t \\n \\d \\r % 'z' # y\"", "$x ${y} $ \" \\ \t \n \\d \r % 'z' # y"),
        ("A=\"a #b\"#c", "a #b"),
        ("A='a #b'#c", "a #b"),
        ("A=''#", ""),
        ("A='Let\\'s go!'", "Let's go!"),
        ("A='it\\' is' # so", "it' is"),
        ("A='\\'x\\'\\\\\ny\\'\"z'#", "'x'\\\\\ny'\"z"),
        ("A='{\"a\": \"\\'b\\'\"}'", "{\"a\": \"'b'\"}"),
        ("A='C:\\'", "C:\\"),
        ("A='C:\\' # 'D:\\'", "C:\\"),
        ("A='x\\'\\''y'", "x\\'y"),
        ("A='x'\\''y'\"z\"", "x'yz"),
        ("A=''\\'\\\"", "'\""),
        ("A='x\n# y\n\nB=z'", "x\n# y\n\nB=z"),
        ("A=\"x\\\n  y\n\"", "x\\\n  y\n"),
    ] {
        for end in ["", "\n", "\r\n", "\n\n", "\r\n\r\n  # the end"] {
            assert_eq!(one(format!("{line}{end}")).escape_ascii().to_string(), value.escape_default().to_string());
            assert_eq!(one(format!("\u{feff}{line}{end}")), value.as_bytes());
        }
    }
}

#[test]
fn a_return_counts_as_the_end_of_a_line_only_outside_of_quotes() {
    assert_eq!(env_file(b"\r\nA=x \r\nB='y\r\nz'\r\n"), (pairs([("A", "x"), ("B", "y\r\nz")]), Vec::new()));
    assert_eq!(one("A=x\ry\r\r\n"), b"x\ry\r");
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    assert_eq!(one(b"A=\xff\xfe\xef\xbb\xbf\x01\n"), b"\xff\xfe\xef\xbb\xbf\x01");
    assert_eq!(one(b"A=\"\xff\"\n"), b"\xff");
}

#[test]
fn names_stay_in_the_order_of_the_file_and_may_come_twice() {
    let (found, problems) = env_file(b"# A=0\nB=1\nexport=2\nA=3\n\n  #\nB=4");
    assert_eq!(found, pairs([("B", "1"), ("export", "2"), ("A", "3"), ("B", "4")]));
    assert_eq!(problems, []);
}

#[test]
fn what_is_not_understood_is_named_by_its_line_and_the_rest_is_read() {
    let file =
        b"A=1\nexport B\nC D\n=x\n\"E\"=x\nF\x01G=x\n\xff=x\nH I=x\nexportJ K=x\nL=x\0y\nM\0=x\nN='x\n\0\n'\nO=2\n";
    let (found, problems) = env_file(file);
    assert_eq!(found, pairs([("A", "1"), ("O", "2")]));
    let expected = [
        (2, NO_EQUALS),
        (3, NO_EQUALS),
        (4, NO_FOREIGN_NAME),
        (5, NO_FOREIGN_NAME),
        (6, NO_FOREIGN_NAME),
        (7, NO_FOREIGN_NAME),
        (8, NO_FOREIGN_NAME),
        (9, NO_FOREIGN_NAME),
        (10, NUL),
        (11, NUL),
        (12, NUL),
    ];
    assert_eq!(said(&problems), expected);
}

/// Docker, compose and the kernel take them, and applications ask for them.
#[test]
fn names_that_app_init_would_not_set_are_handed_on() {
    let (found, problems) =
        env_file(b"discovery.type=x\nexport 1-A = y\nLog:Level='z'\n\xc3\xa4=1\na[0]=$\n//h/:_t=\n");
    let expected =
        [("discovery.type", "x"), ("1-A", "y"), ("Log:Level", "z"), ("\u{e4}", "1"), ("a[0]", "$"), ("//h/:_t", "")];
    assert_eq!((found, problems), (pairs(expected), Vec::new()));
}

#[test]
fn what_others_would_expand_is_counted() {
    for (file, expected) in [
        ("A=1\nB=$A\nC=x\nD=\"x ${A}\"\n", Some((2, 2))),
        ("A='x\n'\nB='x\n'\"\n${A:-x}\"#\n", Some((1, 3))),
        ("A='${B}'\nB=\"\\${A} \\$A $ $1 ${} $(x) $$\"\nC=$ $1 ${ x$\n# $A\nD='it\\'s $A'\nE=x # $A", None),
        ("A=x$_\n$A=$\n", Some((1, 1))),
        ("A=\\$B", Some((1, 1))),
        // A fault is told as one.
        ("A B=$C\nA=\"$B", None),
    ] {
        assert_eq!(super::env_file(file.as_bytes()).unexpanded, expected, "{file}");
    }
    assert_eq!(super::deploy_env(b"A=$B\nB<<E\n${A}\nE\n").unexpanded, None);
}

#[test]
fn of_many_problems_the_first_are_told_and_the_others_counted() {
    for found in [super::env_file(&b"A\n".repeat(100_000)), super::deploy_env(&b"A\n".repeat(100_000))] {
        let lines: Vec<usize> = found.problems.iter().map(|problem| problem.line).collect();
        assert_eq!((lines, found.more_problems), ((1..=20).collect(), 99_980));
    }
}

#[test]
fn text_behind_a_quote_is_a_problem_of_the_line_where_the_variable_begins() {
    for tail in ["y", " y", "\\n", "\\\\'", " 'y'", "\ry"] {
        let (found, problems) = env_file(format!("A='x'{tail}\nB=1").as_bytes());
        assert_eq!(found, pairs([("B", "1")]), "{tail:?}");
        assert!(
            matches!(said(&problems)[..], [(1, what)] if what.contains("after the quote that is closed on line 1;")),
            "{tail:?}: {problems:?}"
        );
    }
    // The quote that was forgotten is on line 1, and all that shows of it is on line 3.
    let (found, problems) = env_file(b"A=\"x\nB=y\nC=\"z\"\nD=1");
    assert_eq!(found, pairs([("D", "1")]));
    assert!(matches!(said(&problems)[..], [(1, what)] if what.contains("closed on line 3;")), "{problems:?}");
}

#[test]
fn a_quote_that_is_never_closed_takes_the_rest_of_the_file() {
    for (file, line, opened) in [
        ("A=1\nB='", 2, 2),
        ("A=1\nB=\"x\\\"", 2, 2),
        ("A=1\nB='x\nC=2\n\nD\n", 2, 2),
        ("A=1\n# it's\n\nB='x\n'\"y\nC=\\\"2\n", 4, 5),
    ] {
        let (found, problems) = env_file(file.as_bytes());
        assert_eq!(found, pairs([("A", "1")]), "{file:?}");
        let what = format!("has a quote, opened on line {opened}, never closed; close it");
        assert_eq!(said(&problems), [(line, what.as_str())], "{file:?}");
    }
}

#[test]
fn a_name_that_is_none_does_not_set_its_value_free() {
    let (found, problems) = env_file(b"A B='\nC=1\n'\nD=2");
    assert_eq!((found, said(&problems)), (pairs([("D", "2")]), vec![(1, NO_FOREIGN_NAME)]));
    let (found, problems) = deploy_env(b"A-B<<END\nC=1\nEND\nD=2");
    assert_eq!((found, said(&problems)), (pairs([("D", "2")]), vec![(1, NO_NAME)]));
}

#[test]
fn the_hooks_lines_are_taken_to_their_end() {
    let (found, problems) = deploy_env(
        b"\xef\xbb\xbfA= \"x\" # $y \t\n\nB=\nC='\nD=1<<2\r\nE<<=\na=b\n\n c \r\n END\n=\n\
          F<<END\nEND\nG<<END\n\nEND\nA=2",
    );
    assert_eq!(problems, []);
    let expected = [
        ("A", " \"x\" # $y \t"),
        ("B", ""),
        ("C", "'"),
        ("D", "1<<2\r"),
        ("E", "a=b\n\n c \r\n END"),
        ("F", ""),
        ("G", ""),
        ("A", "2"),
    ];
    assert_eq!(found, pairs(expected));
}

#[test]
fn the_hooks_lines_that_are_not_understood_are_named() {
    let (found, problems) = deploy_env(
        b"A\nexport B=x\n# C=x\n D=x\nE =x\nF<x\nG=\0\nH<<END\n\0\nEND\n\
          I<<\nJ<<A B\nK=1\nL<<END\r\nM<<END\nN=2\nEND\r\n",
    );
    assert_eq!(found, pairs([("K", "1")]));
    let expected = [
        (1, "has no `=`; write NAME=value, or NAME<<END for several lines"),
        (2, NO_NAME),
        (3, NO_NAME),
        (4, NO_NAME),
        (5, NO_NAME),
        (6, "has no `=`; write NAME=value, or NAME<<END for several lines"),
        (7, NUL),
        (8, NUL),
        (11, NO_WORD),
        (12, NO_WORD),
        (14, NO_WORD),
        (15, NO_END),
    ];
    assert_eq!(said(&problems), expected);
}

#[test]
fn a_file_of_one_variable_loses_one_newline_and_a_secret_all() {
    for (file, variable, secret) in [
        ("", "", ""),
        ("\n", "", ""),
        ("\r\n", "", ""),
        ("x", "x", "x"),
        ("x\n", "x", "x"),
        ("x\r\n", "x", "x"),
        ("x\n\n", "x\n", "x"),
        ("x\r\n\n\r\n", "x\r\n\n", "x"),
        ("x\r", "x\r", "x\r"),
        ("x\r\r\n", "x\r", "x\r"),
        (" x\ny \n", " x\ny ", " x\ny "),
        ("\u{feff}x\n", "x", "x"),
        ("\u{feff}\u{feff}", "\u{feff}", "\u{feff}"),
    ] {
        assert_eq!(variable_file(file.into()).as_deref(), Ok(variable.as_bytes()), "{file:?}");
        assert_eq!(secret_file(file.into()).as_deref(), Ok(secret.as_bytes()), "{file:?}");
    }
    assert_eq!(variable_file(b"x\0\n".to_vec()), Err(NUL.to_owned()));
    assert_eq!(secret_file(b"x\0\n".to_vec()), Err(NUL.to_owned()));
}

#[test]
fn a_secret_has_a_longest_length() {
    assert_eq!(secret_file(vec![b'x'; SECRET_LIMIT]), Ok(vec![b'x'; SECRET_LIMIT]));
    assert_eq!(secret_file(vec![b'\n'; SECRET_LIMIT]), Ok(Vec::new()));
    let fault = secret_file(vec![b'x'; SECRET_LIMIT + 1]).expect_err("one too many");
    assert_eq!(fault, "holds more than 64 KiB; name a file with the secret alone");
}

/// A reader that looked at what it had read again for each line would not come to the end of these.
#[test]
fn long_files_are_read_once() {
    const SIZE: usize = 1 << 18;
    let long = "x # \\'".repeat(SIZE / 6);
    for line in [format!("A={}", &long.replace(" #", "#")), format!("A=\"{long}\""), format!("A={}", " ".repeat(SIZE))]
    {
        assert!(one(&line).len() <= line.len());
    }
    for piece in [
        "A='\\'",
        "A='\\'y\n",
        "A=''\\'\"\n",
        "\\'",
        "A='\n",
        "A=\"\\\"\n",
        "A=\"'\n",
        "\n",
        "A\n",
        "#\n",
        "A=''\"\"\\'",
        "A= #",
        "A='x\n' '\n",
        "A=\t\r",
        "\"",
    ] {
        let file = piece.repeat(SIZE / piece.len());
        for file in [file.clone(), format!("A='{file}"), format!("A=\"{file}"), format!("A=''{file}")] {
            let (found, problems) = env_file(file.as_bytes());
            assert!(found.len() + problems.len() <= file.len());
        }
    }
    for piece in ["A<<B\n", "A<<B\nB\n", "A<<\n", "A\n", "<", "A<<B\nC\n"] {
        let (found, problems) = deploy_env(piece.repeat(SIZE / piece.len()).as_bytes());
        assert!(found.len() + problems.len() <= SIZE);
    }
}

/// What a shell makes of the lines, it tells by its own environment.
#[test]
#[expect(clippy::disallowed_methods, reason = "the rule is the product's; this asks a shell")]
fn a_shell_reads_the_lines_that_are_written() {
    let values = [
        &b""[..],
        b"'",
        b"''x'",
        b"it's \"$HOME\" `date` $(date) \\n \\",
        b"\n\r\n#\ttwo\n",
        b"* ~ ! % & ; | \xff\xc3\xa4",
        b"-n",
    ];
    for value in values {
        let mut script = shell_line("A", value);
        script.extend_from_slice(b"\nprintf '%s.' \"$A\"");
        let output = std::process::Command::new("sh").arg("-c").arg(OsString::from_vec(script)).output();
        let printed = output.expect("sh runs").stdout;
        assert_eq!(printed.strip_suffix(b".").map(<[u8]>::to_vec), Some(value.to_vec()), "{}", value.escape_ascii());
    }
}

fn config() -> ProptestConfig {
    // A failure is shown; nothing is left behind.
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// Any bytes, and such as are special somewhere.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let special: &[&[u8]] = &[
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\t",
        b"=",
        b"<<",
        b"<<END\n",
        b"END",
        b"\nEND\n",
        b"#",
        b"'",
        b"\"",
        b"\\",
        b"\\n",
        b"$",
        b"${A}",
        b"%",
        b"A",
        b"A=",
        b"\nA=",
        b"A='",
        b"A=\"",
        b"export ",
        b"_b1",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xc3\xa4",
    ];
    let pieces = vec(select(special.to_vec()), 0..40).prop_map(|pieces| pieces.concat());
    prop_oneof![vec(any::<u8>(), 0..200), pieces]
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    any_bytes().prop_map(|mut bytes| {
        bytes.retain(|&byte| byte != 0);
        bytes
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let first = select(b"ABCXYZabcxyz_".to_vec());
    let others = vec(select(b"ABCXYZabcxyz_0189".to_vec()), 0..8);
    (first, others).prop_map(|(first, others)| std::iter::once(first).chain(others).map(char::from).collect())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_env_file_holds_any_values(
        written in vec((any_name(), any_value(), select(vec!["\n", "\r\n", " # it's\n", "\n\n#'\n"])), 0..5),
    ) {
        let mut file = Vec::new();
        for (name, value, end) in &written {
            file.extend(shell_line(name, value));
            file.extend_from_slice(end.as_bytes());
        }
        let expected: Pairs = written.into_iter().map(|(name, value, _)| (name, value)).collect();
        prop_assert_eq!(env_file(&file), (expected, Vec::new()));
    }

    #[test]
    fn the_hooks_lines_hold_any_values(written in vec((any_name(), any_value()), 0..5)) {
        let mut file = Vec::new();
        for (name, value) in &written {
            let mut word = "END".to_owned();
            while value.split(|&byte| byte == b'\n').any(|line| line == word.as_bytes()) {
                word.push('D');
            }
            file.extend(format!("{name}<<{word}\n").into_bytes());
            file.extend_from_slice(value);
            file.extend(format!("\n{word}\n").into_bytes());
        }
        prop_assert_eq!(deploy_env(&file), (written, Vec::new()));
    }

    #[test]
    fn one_line_of_the_hook_holds_any_value_of_one_line(name in any_name(), mut value in any_value()) {
        value.retain(|&byte| byte != b'\n');
        let line = [name.as_bytes(), b"=", &value, b"\n"].concat();
        prop_assert_eq!(deploy_env(&line), (vec![(name, value)], Vec::new()));
    }

    #[test]
    fn a_file_holds_any_variable(value in any_value()) {
        prop_assume!(!value.starts_with(BYTE_ORDER_MARK));
        prop_assert_eq!(variable_file([&value[..], b"\r\n"].concat()), Ok(value.clone()));
        // A CR at the end of the value and this newline cannot be told from one newline.
        if !value.ends_with(b"\r") {
            prop_assert_eq!(variable_file([&value[..], b"\n"].concat()), Ok(value));
        }
    }

    #[test]
    fn a_file_holds_any_secret_that_does_not_end_in_a_newline(mut value in any_value()) {
        while value.ends_with(b"\n") {
            value.pop();
        }
        prop_assume!(!value.starts_with(BYTE_ORDER_MARK));
        prop_assert_eq!(secret_file(value.clone()), Ok(value.clone()));
        prop_assert_eq!(secret_file([&value[..], b"\r\n\n\r\n"].concat()), Ok(value));
    }

    #[test]
    fn no_bytes_are_too_much_for_any_reader(bytes in any_bytes()) {
        let last = bytes.split(|&byte| byte == b'\n').count();
        for (found, problems) in [env_file(&bytes), deploy_env(&bytes)] {
            for (name, value) in found {
                prop_assert!(is_foreign_name(&name) && !name.contains('='));
                prop_assert!(!value.contains(&0));
            }
            prop_assert!(problems.is_sorted_by(|one, next| one.line < next.line));
            prop_assert!(problems.iter().all(|problem| (1..=last).contains(&problem.line)));
        }
        let clean = !bytes.contains(&0);
        prop_assert_eq!(variable_file(bytes.clone()).is_ok(), clean);
        prop_assert_eq!(secret_file(bytes).is_ok(), clean);
    }

    #[test]
    fn no_problem_tells_a_value(around in vec(any_bytes(), 1..6)) {
        let said = |value: &str| {
            let bytes = around.join(value.as_bytes());
            let (_, of_file) = env_file(&bytes);
            let (_, of_hook) = deploy_env(&bytes);
            (of_file, of_hook, variable_file(bytes.clone()).err(), secret_file(bytes).err())
        };
        // Another value of the same kind: whatever were told of it, escaped or in numbers, would differ.
        prop_assert_eq!(said("hunter2"), said("secret7"));
    }
}
