//! Whole waits: a watcher in a process of its own, real listeners, files and commands.
//!
//! A test waits for lines and for ends of files, never for time: the limits that are reached on purpose are as short as
//! they can be, all others are long.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use log::LevelFilter;
use nix::fcntl::OFlag;
use nix::sys::signal::{Signal as Named, kill};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::*;
use crate::exit;
use crate::identity::Identity;
use crate::sys::exec::{Environment, Keeps, Program, Stdin};
use crate::sys::offspring;
use crate::{logging, secrets};

const MOMENT: Duration = Duration::from_millis(30);
const LONG: Duration = Duration::from_secs(600);
const PACE: Pace = Pace { attempt: LONG, pause: MOMENT, tick: MOMENT, stop: MOMENT };

fn wait(target: Target) -> Wait {
    Wait { target, identity: None, timeout: None, interval: MOMENT, on_timeout: OnTimeout::Abort }
}

fn at(text: &str) -> Wait {
    wait(Target::parse(text).expect("a target"))
}

fn shell(script: &str) -> Wait {
    let argv = ["sh", "-c", script].map(|word| CString::new(word).expect("no NUL")).to_vec();
    let mut program = Program::new(argv, Environment::Inherited);
    program.stdin = Stdin::Null;
    program.keeps = Keeps::None;
    wait(Target::Command(program))
}

/// A watcher at work, and what it says.
struct Watcher {
    pid: Pid,
    lines: BufReader<File>,
    is_reaped: bool,
}

impl Watcher {
    fn start(waits: &[Wait], report: Report, pace: Pace) -> Watcher {
        Watcher::start_in(waits, report, pace, || {})
    }

    /// A watcher that knows secrets.
    fn hiding(waits: &[Wait], secrets: &secrets::Secrets) -> Watcher {
        Watcher::start_in(waits, Report { quiet: false, terminal: false }, PACE, || secrets::hide(secrets))
    }

    fn start_in(waits: &[Wait], report: Report, pace: Pace, first: impl FnOnce()) -> Watcher {
        let (ours, theirs) = nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        let pid = offspring::spawn(|| {
            let inherited = signals::hold_all();
            nix::unistd::dup2_stderr(&theirs).expect("standard error");
            logging::start(logging::Settings { level: LevelFilter::Debug, format: logging::LogFormat::Text });
            first();
            run_at(waits, inherited, report, pace)
        });
        Watcher { pid: pid.expect("a process"), lines: BufReader::new(File::from(ours)), is_reaped: false }
    }

    fn of(waits: &[Wait]) -> Watcher {
        Watcher::start(waits, Report { quiet: false, terminal: false }, PACE)
    }

    /// Reads until a line has `part` in it.
    fn says(&mut self, part: &str) -> String {
        let mut said = String::new();
        loop {
            let start = said.len();
            assert_ne!(self.lines.read_line(&mut said).expect("a line"), 0, "it never said {part:?}, but:\n{said}");
            if said[start..].contains(part) {
                return said;
            }
        }
    }

    fn signal(&self, signal: Named) {
        kill(self.pid, signal).expect("a process");
    }

    /// Its code and the rest of what it says. The end of that comes when the last probe has ended.
    fn ends(mut self) -> (i32, String) {
        let mut said = String::new();
        self.lines.read_to_string(&mut said).expect("text");
        let ending = waitpid(self.pid, None);
        self.is_reaped = true;
        match ending {
            Ok(WaitStatus::Exited(_, code)) => (code, said),
            Ok(WaitStatus::Signaled(_, signal, _)) => (128 + signal as i32, said),
            other => panic!("{other:?}: {said}"),
        }
    }
}

/// Whatever a test found: with the watcher everything ends.
impl Drop for Watcher {
    fn drop(&mut self) {
        if !self.is_reaped {
            let _ = kill(self.pid, Named::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}

fn ends_well(waits: &[Wait]) -> String {
    let (code, said) = Watcher::of(waits).ends();
    assert_eq!(code, 0, "{said}");
    said
}

#[test]
fn what_is_there_is_found() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().display();
    let v4 = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let v6 = TcpListener::bind("[::1]:0").expect("a listener");
    let _stream = UnixListener::bind(directory.path().join("stream")).expect("a socket");
    let _datagram = UnixDatagram::bind(directory.path().join("datagram")).expect("a socket");
    let (v4, v6) = (v4.local_addr().expect("an address"), v6.local_addr().expect("an address"));
    let waits = [
        at(&format!("{v4}")),
        at(&format!("tcp://{v6}")),
        at(&format!("postgres://user:s3cret@localhost:{}/db", v4.port())),
        at(&format!("unix:{path}/stream")),
        at(&format!("unix:{path}/datagram")),
        at(&format!("file:{path}")),
        shell("exit 0"),
    ];
    let said = ends_well(&waits);
    assert_eq!(said.matches(" is there after ").count(), waits.len(), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn one_of_several_hosts_is_enough() {
    // Nobody listens where somebody has just stopped to, and no other test uses this address.
    let gone = |_| TcpListener::bind("127.8.9.10:0").and_then(|listener| listener.local_addr()).expect("an address");
    let [one, other] = [0, 1].map(gone);
    let mut watcher = Watcher::of(&[at(&format!("kafka://{one},{other}"))]);
    watcher.says(&format!("({one}: connect: Connection refused, {other}: connect: Connection refused)"));
    let _listener = TcpListener::bind(other).expect("a listener");
    watcher.says(" is there after ");
    assert_eq!(watcher.ends().0, 0);
}

#[test]
fn what_fails_is_named_and_tried_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let long_label = "x".repeat(64);
    // No name server has to be asked to know that there is no such name.
    let mut watcher = Watcher::of(&[
        at(&format!("tcp://{long_label}.invalid:80")),
        at(&format!("file:{}", path.join("file").display())),
    ]);
    watcher.says("(lookup: ");
    let mut file = Watcher::of(&[at(&format!("file:{}", path.join("file").display()))]);
    file.says("(exists: No such file or directory)");
    File::create(path.join("file")).expect("a file");
    file.says(" is there after ");
    assert_eq!(file.ends().0, 0);
    watcher.says(" is there after ");
    watcher.signal(Named::SIGTERM);
    assert_eq!(watcher.ends().0, 143);

    let mut socket = Watcher::of(&[at(&format!("unix:{}", path.join("socket").display()))]);
    socket.says("(connect: No such file or directory)");
    let listener = UnixListener::bind(path.join("socket")).expect("a socket");
    socket.says(" is there after ");
    assert_eq!(socket.ends().0, 0);
    drop(listener);
    let mut socket = Watcher::of(&[at(&format!("unix:{}", path.join("socket").display()))]);
    socket.says("(connect: Connection refused)");
    socket.signal(Named::SIGINT);
    assert_eq!(socket.ends().0, 130);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the server of the test; the product's processes are forked")]
fn http_is_there_when_it_answers_well() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let (tell, told) = std::sync::mpsc::channel();
    let server = thread::spawn(move || {
        let mut requests = Vec::new();
        for answer in ["HTTP/1.1 503 Not yet\r\n\r\n", "", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 302 Found\r\n\r\n"] {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = String::new();
            let mut reader = BufReader::new(&stream);
            while !request.ends_with("\r\n\r\n") {
                reader.read_line(&mut request).expect("a line");
            }
            requests.push(request);
            stream.write_all(answer.as_bytes()).expect("an answer");
            drop(stream);
            // Until the test has seen what became of it.
            told.recv().expect("the test");
        }
        requests
    });
    let mut watcher = Watcher::of(&[at(&format!("http://user:s3cret@localhost:{port}/health?deep=s3cret"))]);
    for step in ["(status: 503)", "(answer: the connection was closed without one)", "(answer: it is not HTTP)"] {
        watcher.says(&format!("http://localhost:{port}/health {step}"));
        tell.send(()).expect("the server");
    }
    watcher.says(" is there after ");
    tell.send(()).expect("the server");
    assert_eq!(watcher.ends().0, 0);
    let requests = server.join().expect("the server's end");
    let first = requests.first().expect("a request");
    assert!(first.starts_with(&format!("GET /health?deep=s3cret HTTP/1.1\r\nHost: localhost:{port}\r\n")), "{first}");
    assert!(first.contains("\r\nAuthorization: Basic dXNlcjpzM2NyZXQ=\r\n"), "{first}");
}

#[test]
fn a_target_that_comes_shortly_before_the_time_is_over_is_seen() {
    let directory = tempfile::tempdir().expect("a directory");
    let was_there = |round: u32| {
        let mark = directory.path().join(format!("mark-{round}"));
        let script = format!("test -e {0} || {{ touch {0}; exit 1; }}", mark.display());
        // Without a last attempt the first would be the only one.
        let command = Wait { interval: LONG, timeout: Some(Duration::from_secs(2)), ..shell(&script) };
        let (code, said) = Watcher::of(&[command]).ends();
        said.contains(" is there after ") && code == 0
    };
    // That a machine is too busy for the last attempt proves nothing.
    assert!((0..10).any(was_there), "no second attempt was made");
}

#[test]
fn a_port_that_accepts_and_is_silent_is_told_as_that() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let target = format!("http://{}/", listener.local_addr().expect("an address"));
    // One attempt may take as long as the interval.
    let pace = Pace { attempt: MOMENT, ..PACE };
    let wait = Wait { interval: LONG, ..at(&target) };
    let mut watcher = Watcher::start(&[wait], Report { quiet: false, terminal: false }, pace);
    let (mut connection, _) = listener.accept().expect("a connection");
    watcher.says(&format!("{target} (answer: none yet)"));
    // More lines come, each after the bound of an attempt.
    for _ in 0..3 {
        let said = watcher.says("waiting for ");
        assert!(said.contains("(answer: none yet)"), "{said}");
    }
    connection.write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n").expect("the probe reads");
    connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("the probe reads");
    watcher.says(" is there after ");
    assert_eq!(watcher.ends().0, 0);
}

#[test]
fn what_has_no_server_is_there_at_once() {
    let pace = Pace { tick: LONG, ..PACE };
    let waits = [at("sqlite:////srv/s3cret.sqlite3")];
    let (code, said) = Watcher::start(&waits, Report { quiet: false, terminal: false }, pace).ends();
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("app-init: sqlite:… is there after ") && said.lines().count() == 1, "{said}");
}

/// A line is masked before it is cut, and one that is too long is dropped.
#[test]
fn no_part_of_a_secret_is_left_of_a_line() {
    const SECRET: &str = "s3cretword-s3cretword-s3cretword";
    let before = |length: usize| format!("printf '%{length}s' | tr ' ' x; printf %s {SECRET}");
    let mut secrets = secrets::Secrets::default();
    secrets.add(SECRET.into());
    // Characters that are reported, bytes that were read once, bytes that are read.
    for length in [190, 1010, 64 * 1024 - 10] {
        let script = format!("echo start; {}; echo; exit 3", before(length));
        let mut watcher = Watcher::hiding(&[shell(&script)], &secrets);
        let mut said = watcher.says("(exit 3: ");
        watcher.signal(Named::SIGTERM);
        said += &watcher.ends().1;
        assert!(!said.contains("s3c"), "{length}: {said}");
        assert_eq!(said.contains("(exit 3: start)"), length > 64 * 1024 - 32, "{length}: {said}");
    }
}

#[test]
fn a_port_that_never_answers_is_named_and_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let target = format!("http://{}/", listener.local_addr().expect("an address"));
    let pace = Pace { attempt: MOMENT, ..PACE };
    let mut watcher = Watcher::start(&[at(&target)], Report { quiet: false, terminal: false }, pace);
    watcher.says("(answer: no answer within 30ms)");
    // The first and the second attempt; later ones may come and go.
    let _first = listener.accept().expect("a connection");
    let _second = listener.accept().expect("a connection");
    watcher.signal(Named::SIGTERM);
    assert_eq!(watcher.ends().0, 143);
}

#[test]
fn a_command_is_there_when_it_exits_with_0() {
    let directory = tempfile::tempdir().expect("a directory");
    let ready = directory.path().join("ready");
    let script = format!(
        "echo one; printf '\\033[1mtwo \\n\\n' >&2; test -e {} && exit 0; echo more | (cat >/dev/null); exit 3",
        ready.display()
    );
    let mut watcher = Watcher::of(&[shell(&script)]);
    let said = watcher.says("(exit 3: \\u{1b}[1mtwo)");
    assert!(said.contains("app-init: sh: one\n"), "each line at debug level: {said}");
    File::create(&ready).expect("a file");
    watcher.says(" is there after ");
    assert_eq!(watcher.ends().0, 0);

    let mut watcher = Watcher::of(&[shell("kill -KILL $$"), wait(Target::Command(missing_program()))]);
    watcher.says("(killed by signal 9 (KILL)), /no/such/program (exit 127: cannot run /no/such/program: No such file");
    watcher.signal(Named::SIGKILL);
    watcher.ends();
}

fn missing_program() -> Program {
    Program::new(vec![c"/no/such/program".to_owned()], Environment::Inherited)
}

#[test]
fn time_that_runs_out_ends_all_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let there = at(&format!("http://{}/", listener.local_addr().expect("an address")));
    let gone = Wait { timeout: Some(MOMENT), ..at("file:/no/such/file") };
    for (quiet, terminal) in [(false, false), (true, false), (false, true)] {
        let pace = Pace { tick: LONG, ..PACE };
        let (code, said) = Watcher::start(&[there.clone(), gone.clone()], Report { quiet, terminal }, pace).ends();
        assert_eq!(code, i32::from(exit::TIMED_OUT));
        let start = "app-init: error: cannot go on: http://127.0.0.1:";
        assert!(said.starts_with(start) && said.lines().count() == 1, "{said}");
        assert!(said.contains("file:/no/such/file is not there after 30ms ("), "{said}");
    }
}

#[test]
fn what_can_be_done_without_is_given_up() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    let gone = Wait { timeout: Some(MOMENT), on_timeout: OnTimeout::Continue, ..at("file:/no/such/file") };
    let mut watcher = Watcher::of(&[gone.clone(), at(&format!("file:{}", file.display()))]);
    watcher.says("app-init: warning: file:/no/such/file is not there after 30ms (");
    File::create(&file).expect("a file");
    let said = watcher.says(" is there after ");
    assert_eq!(
        (said.contains("/no/such/file"), watcher.ends().0),
        (false, 0),
        "it is not waited for any longer: {said}"
    );
    let (code, said) = Watcher::start(&[gone], Report { quiet: true, terminal: false }, PACE).ends();
    assert_eq!((code, said.as_str()), (0, ""));
}

#[test]
fn a_terminal_gets_one_line_that_is_written_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    let target = format!("file:{}", file.display());
    let mut watcher = Watcher::start(&[at(&target)], Report { quiet: false, terminal: true }, PACE);
    let mut said = Vec::new();
    for _ in 0..2 {
        said.clear();
        watcher.lines.read_until(b'h', &mut said).expect("a line");
        while !said.ends_with(b"\x1b[?7h") {
            watcher.lines.read_until(b'h', &mut said).expect("a line");
        }
        let line = String::from_utf8_lossy(&said);
        assert!(line.starts_with(&format!("\r\x1b[?7lapp-init: waiting for {target} (")), "{line:?}");
        assert!(line.ends_with("\x1b[K\x1b[?7h"), "{line:?}");
    }
    File::create(&file).expect("a file");
    let (code, said) = watcher.ends();
    let (_, end) = said.rsplit_once("\r\x1b[K").expect("the line is taken away");
    assert!(end.starts_with(&format!("app-init: {target} is there after ")), "{end:?}");
    assert_eq!((code, end.lines().count()), (0, 1));
}

#[test]
fn a_probe_that_was_killed_is_started_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let mut watcher = Watcher::of(&[at(&format!("http://{}/", listener.local_addr().expect("an address")))]);
    let _connection = listener.accept().expect("a connection");
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", watcher.pid)).expect("a list");
    let probe = children.trim().parse().map(Pid::from_raw).expect("one probe");
    kill(probe, Named::SIGKILL).expect("the probe");
    watcher.says("(its probe was killed)");
    let _connection = listener.accept().expect("a connection");
    watcher.signal(Named::SIGTERM);
    assert_eq!(watcher.ends().0, 143);
}

/// The uid, the gid and the groups of each process that the watcher has started.
fn probes_of(watcher: &Watcher) -> Vec<(Pid, Vec<String>)> {
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", watcher.pid)).expect("a list");
    let who = |pid: &str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
        let who = status.lines().filter(|line| ["Uid:", "Gid:", "Groups:"].iter().any(|one| line.starts_with(one)));
        who.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    children.split_whitespace().map(|pid| (Pid::from_raw(pid.parse().expect("a pid")), who(pid))).collect()
}

fn by_nobody(wait: Wait) -> Wait {
    let nobody = Identity { uid: 4321, gid: 4322, groups: vec![4322, 4323], name: None, home: None };
    Wait { identity: Some(Rc::new(nobody)), ..wait }
}

#[test]
fn a_probe_looks_with_the_rights_of_its_identity() {
    let directory = tempfile::tempdir().expect("a directory");
    let allow = |name: &str, bits| {
        std::fs::set_permissions(directory.path().join(name), PermissionsExt::from_mode(bits)).expect("a mode");
    };
    allow("", 0o700);
    let at_path = |kind: &str, name: &str| at(&format!("{kind}:{}", directory.path().join(name).display()));
    let _socket = UnixListener::bind(directory.path().join("socket")).expect("a socket");
    File::create(directory.path().join("file")).expect("a file");
    let waits = [at_path("unix", "socket"), at_path("file", "file"), at_path("file", "none")].map(by_nobody);
    let mut watcher = Watcher::of(&waits);
    let said = watcher.says("(exists: Permission denied), ");
    assert!(said.contains("(connect: Permission denied)"), "{said}");
    let probes = probes_of(&watcher);
    assert_eq!(probes.len(), waits.len());
    for (_, who) in probes {
        assert_eq!(who, ["Uid: 4321 4321 4321 4321", "Gid: 4322 4322 4322 4322", "Groups: 4322 4323"]);
    }
    allow("", 0o711);
    // Connecting takes the right to write.
    allow("socket", 0o666);
    for _ in 0..2 {
        watcher.says(" is there after ");
    }
    watcher.signal(Named::SIGTERM);
    assert_eq!(watcher.ends().0, 143);
    // Whoever cannot become that user does not look as somebody else.
    let mut watcher = Watcher::start_in(&waits[..1], Report { quiet: false, terminal: false }, PACE, || {
        let nobody = nix::unistd::Uid::from_raw(4321);
        nix::unistd::setresuid(nobody, nobody, nobody).expect("root becomes anybody");
    });
    let said = watcher.says("app-init: error: cannot wait for unix:");
    let told = "socket: cannot become 4321:4322, to look with its rights: Operation not permitted; give the container ";
    assert!(said.contains(told), "{said}");
    assert_eq!(watcher.ends().0, i32::from(exit::PERMISSION));
}

/// That user may signal it.
#[test]
fn a_probe_that_was_stopped_goes_on_and_the_time_is_over_all_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).expect("a mode");
    let file = directory.path().join("file");
    let wait = by_nobody(at(&format!("file:{}", file.display())));
    let stopped = |watcher: &mut Watcher| {
        watcher.says("(exists: ");
        let (probe, _) = probes_of(watcher).pop().expect("a probe");
        kill(probe, Named::SIGSTOP).expect("the probe");
    };
    let mut watcher = Watcher::of(std::slice::from_ref(&wait));
    stopped(&mut watcher);
    File::create(&file).expect("a file");
    watcher.says(" is there after ");
    assert_eq!(watcher.ends().0, 0);
    // Nobody continues it before the time is over. Too short a time for the probe to get that far proves nothing.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let target = at(&format!("http://{}/", listener.local_addr().expect("an address")));
    let stopped_in_time = |limit: &Duration| {
        let wait = Wait { timeout: Some(*limit), ..by_nobody(target.clone()) };
        let pace = Pace { tick: LONG, ..PACE };
        let watcher = Watcher::start(&[wait], Report { quiet: false, terminal: false }, pace);
        let _connection = listener.accept().expect("a connection");
        let probe = probes_of(&watcher).pop();
        let is_stopped = probe.is_some_and(|(probe, _)| kill(probe, Named::SIGSTOP).is_ok());
        let (code, said) = watcher.ends();
        assert!(code == i32::from(exit::TIMED_OUT) && said.contains(" is not there after "), "{said}");
        is_stopped
    };
    let limits = (0..6).map(|doubling| Duration::from_millis(200 << doubling));
    assert!(limits.into_iter().any(|limit| stopped_in_time(&limit)), "it was never stopped");
}

/// A command that goes to lengths to stay: it ignores signals, and has children in its group, in a session of their own
/// and without a parent. Each holds the pipe, so its end is the end of all.
fn stubborn(fifo: &Path) -> Wait {
    nix::unistd::mkfifo(fifo, Mode::S_IRWXU).expect("a pipe");
    shell(&format!(
        "trap '' TERM INT HUP QUIT; exec 9>{}; sleep 1000 & (setsid sleep 1000 &) ; setsid sh -c 'sleep 1000 & sleep 1000' & \
         echo here >&9; wait",
        fifo.display()
    ))
}

fn here(fifo: &Path) -> BufReader<File> {
    let mut pipe = BufReader::new(File::open(fifo).expect("a pipe"));
    let mut line = String::new();
    pipe.read_line(&mut line).expect("a line");
    assert_eq!(line, "here\n");
    pipe
}

#[test]
fn nothing_is_left_behind_when_the_watcher_is_ended() {
    for signal in [Named::SIGTERM, Named::SIGKILL, Named::SIGINT] {
        let directory = tempfile::tempdir().expect("a directory");
        let fifo = directory.path().join("fifo");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let watcher = Watcher::of(&[stubborn(&fifo), at(&format!("http://{address}/"))]);
        let mut command = here(&fifo);
        let (mut connection, _) = listener.accept().expect("a connection");
        watcher.signal(signal);
        let mut rest = Vec::new();
        connection.read_to_end(&mut rest).expect("the end of the probe");
        command.read_to_end(&mut rest).expect("the end of the command");
        assert_eq!(watcher.ends().0, 128 + signal as i32);
    }
}

/// A command has its time to act on a stop request.
#[test]
fn a_command_ends_as_it_likes_when_a_stop_is_asked_for() {
    let quiet = Report { quiet: false, terminal: false };
    let patient = Pace { stop: LONG, ..PACE };
    for signal in [Named::SIGTERM, Named::SIGINT, Named::SIGHUP, Named::SIGQUIT] {
        let directory = tempfile::tempdir().expect("a directory");
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).expect("a pipe");
        let leaving = format!("exec 9>{}; trap 'echo leaving >&9; exit 0' TERM INT HUP QUIT", fifo.display());
        let command = shell(&format!("{leaving}; echo here >&9; while :; do sleep 1000 & wait; done"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let probed = at(&format!("http://{}/", listener.local_addr().expect("an address")));
        let watcher = Watcher::start(&[command, probed], quiet, patient);
        let mut pipe = here(&fifo);
        let (mut connection, _) = listener.accept().expect("a connection");
        watcher.signal(signal);
        let mut left = String::new();
        pipe.read_to_string(&mut left).expect("the end of the command");
        connection.read_to_end(&mut Vec::new()).expect("the end of the probe");
        assert_eq!(left, "leaving\n");
        let (code, said) = watcher.ends();
        assert!(code == 128 + signal as i32 && !said.contains(" is there after "), "{said}");
    }
    // Nobody is waited for between two attempts.
    let mut watcher = Watcher::start(&[Wait { interval: LONG, ..shell("exit 4") }], quiet, patient);
    watcher.says("(exit 4)");
    watcher.signal(Named::SIGTERM);
    assert_eq!(watcher.ends().0, 143);
}

#[test]
fn nothing_is_left_behind_when_time_runs_out() {
    // Too short a time for the command to get that far proves nothing.
    for limit in (0..12).map(|doubling| Duration::from_millis(100 << doubling)) {
        let directory = tempfile::tempdir().expect("a directory");
        let fifo = directory.path().join("fifo");
        let command = Wait { timeout: Some(limit), ..stubborn(&fifo) };
        let mut pipe =
            OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&fifo).expect("a pipe");
        let (code, said) = Watcher::of(&[command]).ends();
        assert_eq!(code, i32::from(exit::TIMED_OUT), "{said}");
        let mut written = String::new();
        // While somebody has it open, there is no end but EAGAIN.
        pipe.read_to_string(&mut written).expect("the end of the command");
        if written == "here\n" {
            return;
        }
    }
    panic!("the command was never there");
}

#[test]
fn nothing_is_left_behind_by_an_attempt() {
    let directory = tempfile::tempdir().expect("a directory");
    let fifo = directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).expect("a pipe");
    let script = format!("exec 9>{}; sleep 1000 & setsid sleep 1000 & echo here >&9; exit 4", fifo.display());
    let mut watcher = Watcher::of(&[Wait { interval: LONG, ..shell(&script) }]);
    here(&fifo).read_to_end(&mut Vec::new()).expect("the end of what the command left");
    watcher.says("(exit 4)");
    watcher.signal(Named::SIGKILL);
    watcher.ends();
}
