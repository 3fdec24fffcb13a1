use super::*;

fn words(text: &str) -> Vec<Vec<u8>> {
    text.split('|').filter(|word| !word.is_empty()).map(|word| word.as_bytes().to_vec()).collect()
}

#[test]
fn the_first_line_is_read_as_the_kernel_does() {
    let long = format!("#!/{}", "x".repeat(300));
    let (cut, whole) = (long.as_bytes().get(..256), long.as_bytes().get(..200));
    let cut_argument = format!("#!/bin/sh {}", "x".repeat(246));
    for (start, expected) in [
        (&b"#!/bin/sh\necho"[..], Some((&b"/bin/sh"[..], None))),
        (b"#! \t /bin/sh \t -e  -x\t \n", Some((b"/bin/sh", Some(&b"-e  -x"[..])))),
        (b"#!bin/sh", Some((b"bin/sh", None))),
        (b"#!/bin/sh\r\n", Some((b"/bin/sh\r", None))),
        (b"#!/bin/sh\x0b-e\n", Some((b"/bin/sh\x0b-e", None))),
        (b"#!/bin/sh\0 -e\n", Some((b"/bin/sh", None))),
        (b"#!/bin/sh -e\0x\n", Some((b"/bin/sh", Some(b"-e")))),
        (b"#!\n/bin/sh\n", None),
        (b"#! \t \n", None),
        (b"#!", None),
        (b"# /bin/sh\n", None),
        (b" #!/bin/sh\n", None),
        (cut.unwrap_or_default(), None),
        (whole.unwrap_or_default(), whole.and_then(|line| Some((line.get(2..)?, None)))),
        (cut_argument.as_bytes(), Some((b"/bin/sh", cut_argument.as_bytes().get(10..255)))),
    ] {
        assert_eq!(interpreter(start), expected, "{}", start.escape_ascii());
    }
}

#[test]
fn what_is_too_long_to_be_followed_is_unclear() {
    let unclear = |count: usize| {
        let mut argv = vec![c"/usr/bin/env".to_owned(); count];
        argv.push(c"/bin/true".to_owned());
        of(&Program::new(argv, exec::Environment::Inherited), &|_| false).unclear
    };
    assert_eq!(unclear(10), None);
    let told = "cannot tell what /usr/bin/env would run after `/usr/bin/env`; name the program by its path, and set variables in env.set";
    assert_eq!(unclear(200).as_deref(), Some(told));
}

#[test]
fn what_is_refused_is_not_followed() {
    let folder = tempfile::tempdir().expect("a directory");
    let script = folder.path().join("script");
    std::fs::write(&script, "#!/bin/sh\n").expect("a file");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("its mode");
    let name = std::ffi::CString::new(script.as_os_str().as_bytes()).expect("no NUL");
    let follow = |argv: Vec<std::ffi::CString>, refused: &Path| {
        of(&Program::new(argv, exec::Environment::Inherited), &|path| path == refused).paths
    };
    assert!(follow(vec![name.clone()], Path::new("/none")).contains(&PathBuf::from("/bin/sh")));
    assert_eq!(follow(vec![name.clone()], &script), [script.as_path()]);
    assert!(follow(vec![c"/bin/sh".to_owned(), name], &script).contains(&script));
}

#[test]
fn a_program_for_another_machine_is_foreign() {
    let header = |class: u8, order: u8, machine: u16| {
        let mut start = vec![0; 64];
        start[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, order]);
        start[18..20].copy_from_slice(&machine.to_le_bytes());
        start
    };
    let own = std::fs::read("/proc/self/exe").expect("the test itself");
    assert!(!is_foreign(&own) && !is_foreign(b"#!/bin/sh") && !is_foreign(b"\x7fELF"));
    for (class, order, machine) in [(2, 1, 243), (2, 2, 22), (1, 1, 8), (2, 2, 62)] {
        assert!(is_foreign(&header(class, order, machine)), "{machine}");
    }
    assert_ne!(is_foreign(&header(2, 1, 62)), is_foreign(&header(2, 1, 183)));
}

#[test]
fn app_init_calls_what_is_behind_its_own_words() {
    for (given, called) in [
        ("--|prog|x", Ok("prog|x")),
        ("wait|tcp:db:1|--|prog|--|x", Ok("prog|--|x")),
        ("wait|tcp:db:1", Ok("")),
        ("exec|prog|x", Ok("prog|x")),
        ("exec|-u|0|--|prog", Ok("prog")),
        ("exec|-u|0|prog", Err("-u")),
        ("-v|prog", Err("-v")),
        ("prog|-x", Ok("prog|-x")),
        ("hook|deploy", Ok("")),
        ("", Ok("")),
    ] {
        let called = called.map(words).map_err(|word| word.as_bytes().to_vec());
        assert_eq!(called_by_app_init(&words(given)), called, "{given}");
    }
}

#[test]
fn env_calls_what_is_left_of_its_words() {
    for (given, called) in [
        ("", Ok("")),
        ("prog|-x|A=b", Ok("prog|-x|A=b")),
        ("A=b|C==|prog|x", Ok("prog|x")),
        ("A=b|-i|prog", Ok("-i|prog")),
        ("-S prog -x|/script", Ok("prog|-x|/script")),
        ("-Sprog|/script", Ok("prog|/script")),
        ("-S|A=b prog -x|/script", Ok("prog|-x|/script")),
        ("-vS A=b\tprog|/script", Ok("prog|/script")),
        ("--split-string=A=b prog|/script", Ok("prog|/script")),
        ("--split-string|prog", Ok("prog")),
        ("-S-u A -- B=c prog|x", Ok("prog|x")),
        ("-v|--debug|-u|A|-uB|--unset=C|--unset|D|--|E=f|prog", Ok("prog")),
        ("bash -e|/script", Ok("bash -e|/script")),
        ("PATH=/x|prog", Err("PATH=/x")),
        ("-SPATH=/x prog", Err("PATH=/x")),
        ("-i|prog", Err("-i")),
        ("-|prog", Err("-")),
        ("-C|/x|prog", Err("-C")),
        ("-P/x|prog", Err("-P/x")),
        ("-S-i prog", Err("-i")),
        ("-uPATH|prog", Err("-uPATH")),
        ("-S 'prog'", Err("-S 'prog'")),
        ("-S ${prog}", Err("-S ${prog}")),
        ("-S a\\_b", Err("-S a\\_b")),
        ("--ignore-environment|prog", Err("--ignore-environment")),
        ("--unse=PATH|prog", Err("--unse=PATH")),
        ("-S", Err("-S")),
        ("-vi|prog", Err("-vi")),
    ] {
        assert_eq!(
            called_by_env(&words(given)).map(|(_, called)| called),
            called.map(words).map_err(|word| word.as_bytes().to_vec()),
            "{given}"
        );
    }
}
