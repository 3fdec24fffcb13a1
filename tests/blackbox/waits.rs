//! §8: the boot waits for what the application needs, and is never late for a stop request meanwhile.

use crate::harness::*;
use crate::identity::image;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

/// A server that tells each request's head, and answers with what `answer` makes of it; `None`: never.
pub fn serve(
    listener: TcpListener,
    answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> Receiver<String> {
    let (asked, news) = channel();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        let unanswered = Mutex::new(Vec::new());
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let mut head = String::new();
            let mut lines = BufReader::new(&stream);
            while lines.read_line(&mut head).is_ok_and(|count| count > 2) {}
            let answered = answer(&head).map(|text| (&stream).write_all(text.as_bytes()));
            if answered.is_none() {
                unanswered.lock().expect("nobody panics with it").push(stream);
            }
            if asked.send(head).is_err() {
                return;
            }
        }
    });
    news
}

/// The heads of all requests, when nobody makes any more: behind them comes one of the test's own.
fn all_requests(address: &Address, asked: &Receiver<String>) -> Vec<String> {
    const OWN: &str = "GET /own HTTP/1.1\r\n\r\n";
    let mut stream = TcpStream::connect(address.name()).expect("the server listens");
    stream.write_all(OWN.as_bytes()).expect("the server listens");
    let next = || asked.recv_timeout(DEADLINE).expect("the own request comes in any case");
    std::iter::repeat_with(next).take_while(|head| head != OWN).collect()
}

/// The first attempt was over within the limit.
pub fn was_tried(end: &End) -> bool {
    !["no answer yet)", "none yet)"].iter().any(|step| end.err.contains(step))
}

fn status(code: u16) -> String {
    format!("HTTP/1.1 {code} Whatever\r\nContent-Length: 0\r\n\r\n")
}

const SERVER: [&str; 5] = ["--", PROBE, "do", "print=server", "exit=4"];
const PLACES: [Cell; 2] = [Cell::TERMINAL, Cell::TERMINAL_JOB];

fn target(text: &str) -> String {
    format!("[[wait]]\ntarget = \"{text}\"\n")
}

/// On a terminal what is missing is told each second: then the target appears, and the server runs.
#[track_caller]
fn comes_late(cell: Cell, text: &str, missing: &str, make: impl FnOnce(&Running) -> Option<TcpListener>) {
    let run = Setup::new(cell, SERVER).config(&format!("{}timeout = \"25s\"\n", target(text))).start();
    let before = run.text(missing);
    assert!(before.contains("waiting for ") && !before.contains("server"), "{before}");
    let _listener = make(&run);
    run.line("is there after ");
    run.line("server");
    run.end().exited(4).nothing_left();
}

#[test]
fn a_port_that_opens_late() {
    for cell in PLACES {
        let address = Address::new();
        comes_late(cell, &format!("tcp://{address}"), "(connect: Connection refused)", |_| Some(address.listen()));
    }
    let address = Address::new();
    comes_late(Cell::TERMINAL, &address.to_string(), "(connect: Connection refused)", |_| Some(address.listen()));
}

#[test]
fn a_port_of_ipv6_that_opens_late() {
    // In a network of its own, where nobody else has the port.
    let script = format!("{PROBE} do until=go listen=[::1]:4000 pause & exec {APP_INIT} \"$@\"");
    let setup = Setup::bare(Cell::TERMINAL, ["sh", "-c", &script, "sh"]).args(SERVER).placed(["--own-network"]);
    let run = setup.config(&format!("{}timeout = \"25s\"\n", target("tcp://[::1]:4000"))).start();
    let before = run.text("(connect: Connection refused)");
    assert!(before.contains("waiting for tcp://[::1]:4000 ") && !before.contains("server"), "{before}");
    run.touch("go");
    run.line("tcp://[::1]:4000 is there after ");
    run.line("server");
    run.end().exited(4).nothing_left();
}

#[test]
fn a_socket_and_a_file_that_come_late() {
    for cell in PLACES {
        comes_late(cell, "file:/mnt/app/ready", "(exists: No such file or directory)", |run| {
            fs::write(run.world.app().join("ready"), "").expect("the test's own directory");
            None
        });
        let listener = std::cell::RefCell::new(None);
        comes_late(cell, "unix:/mnt/app/socket", "(connect: No such file or directory)", |run| {
            let path = run.world.app().join("socket");
            *listener.borrow_mut() = Some(UnixListener::bind(path).expect("the test's own directory"));
            None
        });
    }
}

/// §8: the status decides.
#[test]
fn a_service_that_is_not_ready_yet_is_asked_again() {
    each_place(|cell| {
        let address = Address::new();
        let count = AtomicUsize::new(0);
        let codes = [503, 404, 500, 302];
        let asked = serve(address.listen(), move |_| Some(status(codes[count.fetch_add(1, Ordering::Relaxed).min(3)])));
        let config = format!("{}interval = \"10ms\"\n", target(&format!("http://{address}/health?full=1")));
        let end = Setup::new(cell, SERVER).config(&config).start().end().exited(4).nothing_left();
        assert_eq!(all_requests(&address, &asked).len(), 4, "{}", end.story());
        let end = end.complains(&[&format!("app-init: http://{address}/health is there after ")]);
        assert!(!end.err.contains("full=1"), "{}", end.story());
    });
}

#[test]
fn a_service_that_never_becomes_ready_is_missing() {
    each_place(|cell| {
        let address = Address::new();
        let _asked = serve(address.listen(), |_| Some(status(503)));
        let start = |limit: &str| {
            let target = target(&format!("http://{address}"));
            let config = format!("{target}interval = \"10ms\"\ntimeout = \"{limit}\"\n");
            let setup = Setup::new(cell, SERVER).config(&config).hook("deploy", "echo hook");
            setup.start().end().exited(124).nothing_left()
        };
        let (end, limit) = within_a_limit(start, was_tried);
        let told = format!(
            "app-init: error: cannot go on: http://{address}/ is not there after {limit} (status: 503); see that it \
                runs and \
            can be reached from here, or raise the timeout\n"
        );
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told.as_str()));
    });
}

/// Who accepts and never answers holds nothing up beyond the time.
#[test]
fn a_service_that_never_answers_is_missing() {
    each_place(|cell| {
        let address = Address::new();
        let asked = serve(address.listen(), |_| None);
        let start = |limit: &str| {
            let config = format!("{}timeout = \"{limit}\"\n", target(&format!("http://{address}")));
            let end = Setup::new(cell, SERVER).config(&config).start().end().exited(124).nothing_left();
            let requests = all_requests(&address, &asked).len();
            // Less than an attempt has, so that there was one at most.
            assert!(requests < 2 || limit == "5s" || limit == "10s", "{requests} requests: {}", end.story());
            (end.complains(&[&format!("http://{address}/ is not there after {limit} (")]), requests)
        };
        let ((end, _), _) = within_a_limit(start, |(_, requests)| *requests == 1);
        end.complains(&["(answer: none yet)"]);
    });
    // An attempt has its own end, so that another can be made.
    let address = Address::new();
    let _asked = serve(address.listen(), |_| None);
    let config = format!("{}timeout = \"6s\"\n", target(&format!("http://{address}")));
    let end = Setup::new(Cell::PID1, SERVER).config(&config).start().end().exited(124).nothing_left();
    end.complains(&["is not there after 6s (answer: no answer within 5s)"]);
}

/// What is no HTTP is no answer; as a port it is there.
#[test]
fn a_service_of_another_kind() {
    each_place(|cell| {
        let address = Address::new();
        let _asked = serve(address.listen(), |_| Some("SSH-2.0-OpenSSH_9.2\r\n".into()));
        let start = |text: &str, limit: &str| {
            Setup::new(cell, SERVER).config(&format!("{}timeout = \"{limit}\"\n", target(text))).start().end()
        };
        let (end, _) = within_a_limit(|limit| start(&format!("http://{address}"), limit), was_tried);
        end.exited(124).complains(&["(answer: it is not HTTP)"]);
        start(&format!("https://{address}"), "25s").exited(4);
        start(&format!("ssh://{address}"), "25s").exited(4);
    });
    // A status is three digits.
    for line in ["HTTP/1.1 2000 OK", "HTTP/1.1 222222", "HTTP/1.1 20 OK", "HTTP/1.1  200", "HTTP/1.1 2xx"] {
        let address = Address::new();
        let _asked = serve(address.listen(), move |_| Some(format!("{line}\r\n\r\n")));
        let start = |limit: &str| {
            let config = format!("{}timeout = \"{limit}\"\n", target(&format!("http://{address}")));
            Setup::new(Cell::PID1, SERVER).config(&config).start().end()
        };
        let (end, _) = within_a_limit(start, was_tried);
        end.exited(124).complains(&["(answer: it is not HTTP)"]);
    }
}

/// A command that says why not, as the application's user and in its environment.
#[test]
fn a_command_is_asked_until_it_says_yes() {
    each_place(|cell| {
        let script = "test $(id -u):$GREETING:$(pwd) = 4000:hello:/usr || exit 9; echo once >> /run/log/asked; \
            test $(wc -l < /run/log/asked) = 3 || { echo starting; echo 'not yet' >&2; exit 5; }";
        let config = format!(
            "user = \"app\"\nworkdir = \"/usr\"\n[env.set]\nGREETING = \"hello\"\n[[prepare]]\ndir = \"/run/log\"\n\
                owner = \"app\"\n\
            [[wait]]\ncommand = [\"sh\", \"-c\", \"{script}\"]\ninterval = \"10ms\"\ntimeout = \"TIME\"\n"
        );
        let start = |config: String| {
            let setup = Setup::new(cell, ["-c", "own.toml"]).args(SERVER).file("own.toml", config, 0o644);
            image(setup).start().end().nothing_left()
        };
        let end = start(config.replace("TIME", "25s")).exited(4);
        // What a question says is nobody's output.
        assert_eq!(end.out, "server\n", "{}", end.story());
        let in_vain = |limit: &str| start(config.replace("= 3", "= 3000").replace("TIME", limit)).exited(124);
        let (end, limit) = within_a_limit(in_vain, was_tried);
        let end = end.complains(&[&format!("is not there after {limit} (exit 5: not yet)")]);
        assert_eq!(end.out, "", "{}", end.story());
    });
}

#[test]
fn a_command_that_is_not_there_or_is_killed() {
    each_place(|cell| {
        let start = |command: &str, limit: &str| {
            let config = format!("[[wait]]\ncommand = {command}\ntimeout = \"{limit}\"\n");
            let setup = Setup::new(cell, SERVER).config(&config).file("asked", "", 0o666);
            let mut asked = fs::File::open(setup.world.app().join("asked")).expect("a test's own file");
            let end = setup.start().end().exited(124).nothing_left();
            let mut text = String::new();
            asked.read_to_string(&mut text).expect("it is text");
            (end, text)
        };
        for (command, why) in [
            ("[\"no-such-program\"]", "exit 127: cannot run no-such-program: No such file or directory"),
            ("[\"/mnt/app\"]", "exit 126: cannot run /mnt/app: Permission denied"),
            ("[\"sh\", \"-c\", \"kill -9 $$$$\"]", "killed by signal 9 (KILL)"),
        ] {
            let ((end, _), limit) = within_a_limit(|limit| start(command, limit), |(end, _)| was_tried(end));
            end.complains(&[&format!("is not there after {limit} ({why})")]);
        }
        // A question that takes too long, with a child that hears nothing: they have begun, and nothing is left of them.
        let deaf = format!("{PROBE} do ignore=15 [ ignore=15 setsid pause ] eprint=asked pause 2>>/mnt/app/asked");
        let begin = |limit: &str| start(&format!("[\"sh\", \"-c\", \"exec {deaf}\"]"), limit);
        let ((end, asked), _) = within_a_limit(begin, |(_, asked)| !asked.is_empty());
        assert_eq!(asked, "asked\n", "{}", end.story());
        end.complains(&["(no answer yet)"]);
    });
}

/// A password is never told, and the user's name neither.
#[test]
fn credentials_are_never_shown() {
    each_place(|cell| {
        for text in [
            "postgres://s3cretuser:s3cretword@ADDRESS/db?sslmode=s3cret",
            "redis://:s3cretword@ADDRESS/0",
            "amqp://s3cretuser:s3cret%40word@ADDRESS//",
            "http://s3cretuser:s3cretword@ADDRESS/?token=s3cret",
            "${SERVICE_URL}",
        ] {
            let address = Address::new();
            let start = |args: &[&str], more: &str, limit: &str, code: i32| {
                let text = text.replace("ADDRESS", &address.to_string());
                let url = format!("mysql+pymysql://s3cretuser:s3cretword@{address}/db");
                let config = format!("{}timeout = \"{limit}\"\n{more}", target(&text));
                let setup = Setup::new(cell, args).config(&config).env("SERVICE_URL", url).env("APP_INIT_LOG", "trace");
                let end = setup.start().end().exited(code);
                assert!(!format!("{}{}", end.out, end.err).contains("s3cret"), "{}", end.story());
                end
            };
            let (end, limit) = within_a_limit(|limit| start(&SERVER, "", limit, 124), was_tried);
            end.complains(&[
                &format!("://{address}"),
                &format!(" is not there after {limit} (connect: Connection refused)"),
            ]);
            start(&SERVER, "on_timeout = \"continue\"\n", "150ms", 4).complains(&["going on without it"]);
            assert!(start(&["check"], "", "25s", 0).out.contains(&format!("://{address}")));
            let _listener = serve(address.listen(), |_| Some(status(200)));
            start(&SERVER, "", "25s", 4).complains(&[&format!("://{address}"), " is there after "]);
        }
    });
    for text in ["postgres://user:s3cret/x@db", "user:s3cret@db:1", "unheard://user:s3cret@host"] {
        let end = Setup::new(Cell::PID1, SERVER).config(&target(text)).start().end().exited(78);
        let end = end.complains(&["app-init.toml:2: wait[0].target: "]);
        assert!(!end.err.contains("s3cret") && end.out.is_empty(), "{}", end.story());
    }
}

/// They are for the service, though.
#[test]
fn credentials_are_sent_to_a_service() {
    let address = Address::new();
    // user:pass
    let right =
        |head: &str| Some(status(if head.contains("Authorization: Basic dXNlcjpwYXNz\r\n") { 200 } else { 401 }));
    let asked = serve(address.listen(), right);
    let config = target(&format!("http://user:pass@{address}/a/b?c=d"));
    let end = Setup::new(Cell::PID1, SERVER).config(&config).start().end().exited(4);
    let head = asked.recv_timeout(DEADLINE).expect("it was asked");
    assert!(head.starts_with(&format!("GET /a/b?c=d HTTP/1.1\r\nHost: {address}\r\n")), "{head}\n{}", end.story());
}

/// §8: in parallel, each is asked although the one before it is not there.
#[test]
fn all_are_waited_for_at_once() {
    each_place(|cell| {
        let (first, second) = (Address::new(), Address::new());
        let other_was_asked = Arc::new(AtomicUsize::new(0));
        let tell = Arc::clone(&other_was_asked);
        let _first = serve(first.listen(), move |_| {
            Some(status(if other_was_asked.load(Ordering::Relaxed) > 0 { 200 } else { 503 }))
        });
        let _second = serve(second.listen(), move |_| {
            tell.fetch_add(1, Ordering::Relaxed);
            Some(status(200))
        });
        let config: String = [&first, &second]
            .map(|address| format!("{}interval = \"10ms\"\n", target(&format!("http://{address}"))))
            .concat();
        Setup::new(cell, SERVER).config(&config).start().end().exited(4).nothing_left();
        // One budget: both are named when the first is over.
        let start = |limit: &str| {
            let [one, two] = ["file:/no/one", "file:/no/two"].map(target);
            let config = format!("{one}timeout = \"{limit}\"\n{two}timeout = \"20s\"\n");
            Setup::new(cell, SERVER).config(&config).start().end().exited(124).nothing_left()
        };
        let (end, limit) = within_a_limit(start, was_tried);
        let second = end.err.split("file:/no/two is not there after ").nth(1).and_then(|rest| rest.split(' ').next());
        let second = second.unwrap_or_default();
        let seconds = second.strip_suffix('s').and_then(|count| count.parse::<u32>().ok());
        assert!(seconds.is_some_and(|count| count < 20), "{}", end.story());
        let told = format!(
            "app-init: error: cannot go on: file:/no/one is not there after {limit} (exists: No such file or directory), \
            file:/no/two is not there after {second} (exists: No such file or directory); see that it runs and can be \
            reached from here, or raise the timeout\n"
        );
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told.as_str()));
    });
}

#[test]
fn what_can_be_done_without_is_given_up() {
    each_place(|cell| {
        for mode in ["--supervise", "--exec"] {
            let start = |limit: &str| {
                let config = format!("{}timeout = \"{limit}\"\non_timeout = \"continue\"\n", target("file:/no/such"));
                Setup::new(cell, [mode]).args(SERVER).config(&config).start().end().exited(4).nothing_left()
            };
            let (end, limit) = within_a_limit(start, was_tried);
            let told = format!(
                "app-init: warning: file:/no/such is not there after {limit} (exists: No such file or directory); going \
                on without it\n"
            );
            assert_eq!(end.out, "server\n", "{}", end.story());
            assert!(end.err.contains(&told), "{}", end.story());
        }
        // The other one still counts: twenty times as long, so that a busy machine does not find both over at once.
        let other = format!("{}timeout = \"4s\"\n", target("file:/no/other"));
        let config = format!("{}timeout = \"200ms\"\non_timeout = \"continue\"\n{other}", target("file:/no/such"));
        let end = Setup::new(cell, SERVER).config(&config).start().end().exited(124).nothing_left();
        let end = end.complains(&[
            "warning: file:/no/such is not there after 200ms (exists: No such file or directory); going on without it\n",
            "cannot go on: file:/no/other is not there after 4s (exists: No such file or directory); see",
        ]);
        assert_eq!(end.out, "", "{}", end.story());
    });
}

/// A wait that never ends, and what tells that it has begun: a command that leaves a mark and hears nothing, for as long
/// as it is let.
fn endless(user: &str) -> String {
    format!(
        "{user}[[wait]]\ncommand = [\"{PROBE}\", \"do\", \"ignore=15\", \"ignore=2\", \"[\", \"ignore=15\", \
            \"ignore=2\", \"setsid\", \
        \"pause\", \"]\", \"touch=/mnt/app/asked\", \"pause\"]\ntimeout = 0\n{}timeout = 0\n{}timeout = 0\n[stop]\ntimeout = \"200ms\"\n",
        target("tcp://127.0.0.1:1"),
        target("file:/no/such")
    )
}

/// §0.3: at once, and nothing is left behind.
#[test]
fn a_stop_request_ends_a_wait() {
    stopped_while_waiting(true);
}

/// Not as PID 1 either, where the kernel does not clear up.
#[test]
fn a_stop_request_ends_a_wait_of_a_subreaper() {
    stopped_while_waiting(false);
}

/// Whoever is left has ended: beside app-init nobody reaps in these namespaces.
pub fn nothing_lives(run: &Running) -> bool {
    run.processes().iter().all(|process| process.state == 'Z' || process.pid == 1 && process.name == "probe")
}

fn stopped_while_waiting(pid1: bool) {
    for cell in Cell::all().into_iter().filter(|cell| cell.pid1 == pid1 && !cell.read_only) {
        for (number, code) in [(signal::TERM, 143), (signal::INT, 130)] {
            for mode in ["--supervise", "--exec"] {
                // Nobody stays who could keep that time.
                let config = match mode {
                    "--exec" => endless("")
                        .replace("\"ignore=15\", \"ignore=2\",", "")
                        .replace("[stop]\ntimeout = \"200ms\"\n", ""),
                    _ => endless(""),
                };
                let setup = Setup::new(cell, [mode]).args(SERVER).config(&config).hook("deploy", "echo hook");
                let run = setup.start();
                run.eventually("it waits", |run| run.world.app().join("asked").exists());
                run.signal(number);
                // The probe of a command ends what it has started, and may do so when app-init is gone.
                run.eventually("nothing of it is left", nothing_lives);
                let end = run.end().exited(code);
                assert!(!end.lines().iter().any(|line| line.contains("hook") || *line == "server"), "{}", end.story());
            }
        }
    }
}

/// §9: a command that is asked is stopped as a hook is: TERM, and time to act on it.
#[test]
fn a_stop_request_lets_a_command_end_as_it_likes() {
    each_place(|cell| {
        for (mode, number, code) in [("--supervise", signal::TERM, 143), ("--exec", signal::INT, 130)] {
            let script = "trap 'echo left > left; exit 0' TERM INT; touch asked; while :; do sleep 1000 & wait; done";
            let other = target("file:/no/such");
            let config = format!(
                "[[wait]]\ncommand = [\"sh\", \"-c\", \"{script}\"]\ntimeout = 0\n{other}timeout = 0\n\
                [[wait]]\ncommand = [\"false\"]\ninterval = \"1h\"\ntimeout = 0\n"
            );
            let setup = Setup::new(cell, [mode]).args(SERVER).config(&config).file("left", "", 0o666);
            let mut left = fs::File::open(setup.world.app().join("left")).expect("a test's own file");
            let run = setup.hook("deploy", "echo hook").start();
            run.eventually("it waits", |run| run.world.app().join("asked").exists());
            run.signal(number);
            run.eventually("nothing of it is left", nothing_lives);
            let end = run.end().exited(code);
            let mut text = String::new();
            left.read_to_string(&mut text).expect("it is text");
            assert_eq!(text, "left\n", "{}", end.story());
            assert!(!end.out.contains("hook") && !end.out.contains("server"), "{}", end.story());
        }
    });
}

/// Whatever app-init was given: each signal that asks to stop ends a wait, also below nohup.
#[test]
fn an_ignored_or_blocked_stop_request_ends_a_wait() {
    each_place(|cell| {
        for (number, code) in [(signal::TERM, 143), (signal::INT, 130), (signal::HUP, 129), (signal::QUIT, 131)] {
            let config = format!("{}signals = [\"TERM\", \"INT\", \"HUP\"]\n", endless(""));
            let setup = Setup::new(cell, SERVER).config(&config).ignoring(number).blocking(number);
            let run = setup.start();
            run.eventually("it waits", |run| run.world.app().join("asked").exists());
            run.signal(number);
            run.eventually("nothing of it is left", nothing_lives);
            run.end().exited(code);
        }
    });
}

/// So does one that comes to the waiting process itself: somebody else sends it, whatever app-init makes of the signal.
#[test]
fn a_signal_to_the_process_that_waits_ends_it() {
    each_place(|cell| {
        for (number, name) in
            [(signal::TERM, "TERM"), (signal::INT, "INT"), (signal::HUP, "HUP"), (signal::QUIT, "QUIT")]
        {
            // A command's parent is the probe, whose parent waits.
            let script = format!("read -r _ _ _ waits _ < /proc/$PPID/stat; kill -{number} $waits; exec sleep 1000");
            // The command was given that mask, too.
            let config = format!(
                "[[wait]]\ncommand = [\"sh\", \"-c\", \"{script}\"]\ntimeout = 0\n[stop]\ntimeout = \"200ms\"\n"
            );
            let setup = Setup::new(cell, SERVER).config(&config).ignoring(number).blocking(number);
            let end = setup.start().end().exited(70);
            assert!(end.err.contains(&format!("killed by signal {number} ({name})")), "{}", end.story());
        }
    });
}

/// The words about a wait come from a process in the terminal's background: they do not stop it.
#[test]
fn a_terminal_that_stops_background_output_does_not_stop_a_wait() {
    for cell in PLACES {
        let config = format!("{}timeout = \"200ms\"\n", target("file:/no/such"));
        let setup = Setup::new(cell, SERVER).config(&config).stopping_background_output();
        setup.start().end().exited(124).complains(&["file:/no/such"]);
    }
}

/// The server's input is nobody else's, and so is the end of it.
#[test]
fn a_wait_has_no_input() {
    each_place(|cell| {
        let run = Setup::new(cell, SERVER).config(&endless("")).typed().start();
        // The one that waits, and a probe for each target.
        let helpers = |run: &Running| -> Vec<Process> {
            let own = if cell.pid1 { 1 } else { 2 };
            run.processes().into_iter().filter(|other| other.name == "app-init" && other.pid != own).collect()
        };
        run.eventually("all of them have none", |run| {
            let inputs: Vec<String> = helpers(run).iter().map(|helper| run.link(helper.pid, "fd/0")).collect();
            inputs.len() == 4 && inputs.iter().all(|input| input == "/dev/null")
        });
        run.signal(signal::TERM);
        run.end().exited(143);
    });
}

/// A port of the machine's own that nobody listens at: the kernel may choose the same one for this end, and connect it to
/// itself. Here it has no other choice.
#[test]
fn a_connection_to_itself_is_none() {
    each_place(|cell| {
        let one = "echo 40000 40000 > /proc/sys/net/ipv4/ip_local_port_range";
        let script = format!("{one} && exec {APP_INIT} \"$@\"");
        let setup = |words: &[&str]| {
            Setup::bare(cell, ["sh", "-c", &script, "sh"]).args(words).args(SERVER).placed(["--own-network"])
        };
        let (end, _) =
            within_a_limit(|limit| setup(&["wait", "-t", limit, "tcp://127.0.0.1:40000"]).start().end(), was_tried);
        // The second time the one port of this machine is still in use.
        end.exited(124).complains(&["(connect: "]);
    });
}

/// Who is asked in vain is asked less and less often. A busy machine asks fewer times than these.
#[test]
fn the_pause_between_two_attempts_doubles() {
    each_place(|cell| {
        let config = "[[wait]]\ncommand = [\"sh\", \"-c\", \"echo x >> tries; exit 1\"]\ninterval = \"10ms\"\n\
            timeout = \"3s\"\n";
        let setup = Setup::new(cell, SERVER).config(config).file("tries", "", 0o666);
        let mut tries = fs::File::open(setup.world.app().join("tries")).expect("a test's own file");
        setup.start().end().exited(124);
        let mut text = String::new();
        tries.read_to_string(&mut text).expect("it is text");
        // 10 ms, 20 ms and so on are 2.56 s with the eighth, and the last one is shortly before the time is over.
        let count = text.lines().count();
        assert!((2..=12).contains(&count), "{count} attempts");
    });
}

/// The same where what is asked runs as another user, whom a signal of that user's own could not stop.
#[test]
fn a_stop_request_ends_a_wait_of_another_user() {
    each_place(|cell| {
        let setup = Setup::new(cell, SERVER).config("").file("asked", "", 0o666);
        let config = endless("user = \"app\"\n").replace("touch=/mnt/app/asked", "print=x");
        let script =
            "[[wait]]\ncommand = [\"sh\", \"-c\", \"echo x >> asked; exit 1\"]\ntimeout = 0\ninterval = \"10ms\"\n";
        let run = image(setup.config(&format!("{config}{script}"))).start();
        let length = |run: &Running| fs::metadata(run.world.app().join("asked")).map_or(0, |data| data.len());
        run.eventually("it waits", |run| length(run) > 2);
        run.signal(signal::TERM);
        run.eventually("nothing of it is left", nothing_lives);
        let end = run.end().exited(143);
        assert_eq!(end.out, "", "{}", end.story());
    });
}

/// Before the deploy hooks and the server, behind the hook for the environment.
#[test]
fn the_order_of_the_boot() {
    each_place(|cell| {
        for mode in ["--supervise", "--exec"] {
            let config = "[[wait]]\ncommand = [\"sh\", \"-c\", \"test -e asked || { touch asked; exit 1; }\"]\n\
                interval = \"10ms\"\n";
            let check = "test -e asked && echo there || echo not there";
            let end = Setup::new(cell, [mode, "--", "sh", "-c", check])
                .config(config)
                .hook("deploy-env", check)
                .hook("deploy", check)
                .start()
                .end()
                .exited(0)
                .nothing_left();
            let lines: Vec<&str> = end.lines().into_iter().filter(|line| !line.contains("----->")).collect();
            assert_eq!(lines, ["not there", "there", "there"], "{mode}: {}", end.story());
        }
    });
}

/// §7.2: in exec mode the server finds no child that it has not made.
#[test]
fn the_server_has_no_foreign_child() {
    each_place(|cell| {
        let config = format!(
            "{}[[wait]]\ncommand = [\"{PROBE}\", \"do\", \"[\", \"[\", \"setsid\", \"pause\", \"]\", \"]\"]\n",
            target("file:/")
        );
        let args = ["--exec", "--", PROBE, "do", "reaped", "wait", "print=server", "exit=4"];
        let end = Setup::new(cell, args).config(&config).start().end().exited(4).nothing_left();
        assert_eq!(end.out, "strangers 0\nserver\n", "{}", end.story());
    });
}

/// A release phase or a Job waits too; other hooks and commands do not.
#[test]
fn the_deploy_hook_by_itself_waits() {
    each_place(|cell| {
        let start = |args: &[&str]| {
            let config = format!("{}timeout = \"200ms\"\n", target("file:/no/such"));
            let setup = Setup::new(cell, args).config(&config).hook("deploy", "echo ran").hook("other", "echo ran");
            setup.start().end().nothing_left()
        };
        let end = start(&["hook", "deploy"]).exited(124);
        assert_eq!(end.out, "", "{}", end.story());
        for args in [&["hook", "other"][..], &["exec", "--", "echo", "ran"], &["shell", "-c", "echo ran"]] {
            assert!(start(args).exited(0).out.contains("ran\n"));
        }
        start(&["check"]).exited(0);
        start(&["env"]).exited(0);
        // No hooks are no reason not to wait.
        start(&["--no-hooks", "--", "echo", "ran"]).exited(124);
    });
}

/// §8: the failing step is named.
#[test]
fn a_name_that_does_not_resolve() {
    let config = format!("{}timeout = \"8s\"\n", target("tcp://no-such-host.invalid:5432"));
    let setup = Setup::new(Cell::PID1, SERVER).config(&config);
    let setup = setup
        .etc("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        .etc("hosts", "127.0.0.1 localhost\n");
    let run = setup.start();
    let line = run.err_line("waiting for ");
    assert!(
        line.contains("waiting for tcp://no-such-host.invalid:5432 (lookup: ") && line.ends_with("s of 8s"),
        "{line}"
    );
    run.signal(signal::TERM);
    run.end().exited(143).nothing_left();
}

#[test]
fn a_wait_may_have_a_condition() {
    each_place(|cell| {
        let start = |args: &[&str], value: &str| {
            let config = format!(
                "{}timeout = \"200ms\"\nwhen = [\"env:DB=postgres\", \"argv:*probe\"]\n",
                target("file:/no/such")
            );
            Setup::new(cell, args).config(&config).env("DB", value).start().end().nothing_left()
        };
        start(&SERVER, "postgres").exited(124);
        start(&SERVER, "sqlite").exited(4);
        start(&["--", "true"], "postgres").exited(0);
    });
}

#[test]
fn a_time_may_come_from_the_environment() {
    each_place(|cell| {
        let start = |value: Option<&str>| {
            let config = format!("{}timeout = \"${{DB_WAIT:-150ms}}\"\n", target("${DB}"));
            let setup = Setup::new(cell, SERVER).config(&config).env("DB", "file:/no/such");
            value.into_iter().fold(setup, |setup, value| setup.env("DB_WAIT", value)).start().end().nothing_left()
        };
        start(None).exited(124).complains(&["file:/no/such is not there after 150ms"]);
        start(Some("250ms")).exited(124).complains(&["file:/no/such is not there after 250ms"]);
        let end = start(Some("s3cret")).exited(78).complains(&["wait[0].timeout: "]);
        assert!(!end.err.contains("s3cret") && end.out.is_empty(), "{}", end.story());
    });
}

#[test]
fn waits_that_are_none_are_faults() {
    let config = "[[wait]]\ntimeout = \"1s\"\n[[wait]]\ntarget = \"a:1\"\ncommand = [\"true\"]\n[[wait]]\ntarget = \
        \"db\"\n\
        [[wait]]\ntarget = \"${NONE}\"\n[[wait]]\ntarget = \"a:1\"\ntimeout = \"soon\"\n[[wait]]\ntarget = \"a:1\"\n\
        on_timeout = \"ignore\"\n\
        [[wait]]\ntarget = \"a:1\"\nwhen = [\"always\"]\n[[wait]]\ntarget = \"a:1\"\nretries = 1\n";
    let end = Setup::new(Cell::PID1, SERVER).config(config).start().end().exited(78);
    let told = [
        "app-init.toml:1: wait[0]: needs one of target and command; write target = \"tcp://db:5432\"\n",
        "app-init.toml:3: wait[1]: needs one of target and command; write target = \"tcp://db:5432\"\n",
        "app-init.toml:7: wait[2].target: `db` has no port; add one, as in host:80\n",
        "app-init.toml:9: wait[3].target: ",
        "app-init.toml:12: wait[4].timeout: `soon` is not a duration",
        "app-init.toml:15: wait[5].on_timeout: `ignore` is not known; write abort, continue\n",
        "app-init.toml:18: wait[6].when",
        "app-init.toml:21: wait[7].retries",
        "app-init: 8 faults, nothing was started\n",
    ];
    let end = end.complains(&told);
    assert_eq!(end.out, "", "{}", end.story());
}

/// A name server that is silent: the step that hangs is named, although it has not failed yet.
#[test]
fn a_lookup_that_hangs_is_told_as_that() {
    let address = Address::new();
    let server = std::net::UdpSocket::bind((address.name().ip(), 53)).expect("the port is free at this address");
    let config = format!("{}timeout = 0\n", target("postgres://s3cret:s3cret@db.example/x"));
    let setup = Setup::new(Cell::TERMINAL, SERVER).config(&config);
    let setup = setup
        .etc("resolv.conf", &format!("nameserver {}\noptions timeout:30\n", address.name().ip()))
        .etc("hosts", "127.0.0.1 localhost\n");
    let run = setup.start();
    run.text("waiting for postgres://db.example:5432 (lookup: no answer yet)");
    server.set_read_timeout(Some(DEADLINE)).expect("it is a socket");
    server.recv(&mut [0; 512]).expect("it was asked");
    run.signal(signal::TERM);
    run.end().exited(143).nothing_left();
}

/// A user without a password is sent too.
#[test]
fn a_user_is_sent_without_a_password() {
    let address = Address::new();
    // user:
    let right = |head: &str| Some(status(if head.contains("Authorization: Basic dXNlcjo=\r\n") { 200 } else { 401 }));
    let asked = serve(address.listen(), right);
    let config = target(&format!("http://user@{address}/"));
    let end = Setup::new(Cell::PID1, SERVER).config(&config).start().end().exited(4);
    assert_eq!(all_requests(&address, &asked).len(), 1, "{}", end.story());
}

/// What comes before the final answer decides nothing.
#[test]
fn early_hints_are_no_answer() {
    let start = |code: u16| {
        let address = Address::new();
        let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
        let asked = serve(address.listen(), move |_| Some(format!("{early}{}", status(code))));
        let config = format!("{}timeout = 0\n", target(&format!("http://{address}/")));
        (Setup::new(Cell::TERMINAL, SERVER).config(&config).start(), asked)
    };
    let (run, _asked) = start(200);
    run.end().exited(4).nothing_left();
    let (run, _asked) = start(503);
    run.text("(status: 503)");
    run.signal(signal::TERM);
    run.end().exited(143).nothing_left();
}

/// The database of development has no server.
#[test]
fn a_database_without_a_server_is_there() {
    each_place(|cell| {
        for url in ["sqlite:////srv/s3cret.sqlite3", "sqlite://:memory:", "sqlite3:s3cret.db"] {
            let setup = Setup::new(cell, SERVER).config(&target("${DATABASE_URL}")).env("DATABASE_URL", url);
            let end = setup.start().end().exited(4).nothing_left().complains(&["app-init: sqlite:… is there after "]);
            assert!(!end.err.contains("s3cret"), "{}", end.story());
        }
    });
}

/// No part of a text that may be a password is told, also without an @.
#[test]
fn what_may_be_a_password_is_not_shown() {
    for (text, what) in [
        ("postgres:user:s3cretpw", "a target has too many colons; "),
        ("redis:s3cretpw,ssl=true", "a target has a port that is not a number from 1 to 65535; "),
        ("Server=db;Password=s3cretpw", "a target has a host that is neither a name nor an address; "),
    ] {
        let setup = Setup::new(Cell::PID1, SERVER).config(&target("${CACHE_URL}")).env("CACHE_URL", text);
        let end = setup.start().end().exited(78).complains(&["app-init.toml:2: wait[0].target: ", what]);
        assert!(!end.err.contains("s3cret") && end.out.is_empty(), "{}", end.story());
    }
}

/// §9: a KILL of app-init, where it is not PID 1, leaves none of its own processes behind.
#[test]
fn a_killed_app_init_leaves_nobody_who_waits() {
    let config = "[[wait]]\ntarget = \"unix:/mnt/app/none\"\ntimeout = 0\n\
        [[wait]]\ncommand = [\"sleep\", \"infinity\"]\ntimeout = 0\n";
    let run = Setup::new(Cell::SUBREAPER, ["--", PROBE, "do"]).config(config).start();
    run.eventually("the command runs", |run| run.processes().iter().any(|process| process.name == "sleep"));
    run.signal(signal::KILL);
    run.eventually("nobody is left but PID 1", |run| {
        run.processes().iter().all(|process| process.pid == 1 || process.state == 'Z')
    });
    assert_eq!(run.end().how, Ended::Signaled(signal::KILL));
}
