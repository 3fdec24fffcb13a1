//! The ready hooks of `hooks-examples`: each is copied to where its head says and does there what it is for, with small
//! stand-ins for the programs and servers around it. A test has the name of its example.

use crate::harness::*;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

const SERVER: [&str; 5] = ["--", PROBE, "do", "print=server", "exit=4"];
const WAITING_SERVER: [&str; 7] = ["--", PROBE, "do", "trap=15:0:4", "print=server", "pause", "exit=1"];
/// Before the machine's own programs come the stand-ins.
const PATH: &str = "/mnt/app/bin:/usr/local/bin:/usr/bin:/bin";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("hooks-examples")
}

fn example(name: &str) -> String {
    fs::read_to_string(folder().join(name)).expect("the example is there")
}

/// The names of all examples.
fn examples() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("a readable folder").file_name().into_string().expect("plain names"));
    names.filter(|name| name != "README.md").collect()
}

#[test]
fn each_example_has_a_test() {
    let tests = include_str!("hook_examples.rs");
    for name in examples() {
        let test = format!("#[test]\nfn {}()", name.replace('-', "_"));
        assert!(tests.contains(&test), "no test runs hooks-examples/{name}");
    }
}

#[test]
fn each_example_can_be_copied_as_it_is() {
    let list = example("README.md");
    for name in examples() {
        let text = example(&name);
        let mode = fs::metadata(folder().join(&name)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{name} is not executable");
        assert!(text.starts_with("#!/bin/sh\n") || text.starts_with("#!/usr/bin/env python3\n"), "{name}: its #! line");
        let place = text.split_once("Goes to .docker/action_hooks/").map_or("", |(_, rest)| rest);
        let hook: String = place.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '-').collect();
        assert!(name.starts_with(&hook) && !hook.is_empty(), "{name} does not say where it goes");
        assert!(list.contains(&format!("| [{name}]({name}) | `{hook}` | ")), "{name} is not in README.md's table");
    }
}

#[test]
fn deploy_django_migrate() {
    each_place(|cell| {
        let setup = |manage: &str| {
            Setup::new(cell, SERVER)
                .hook("deploy", &example("deploy-django-migrate"))
                .file("site/manage.py", manage, 0o644)
                .env("MANAGE", "site/manage.py")
        };
        let migrates = "import sys\nprint('migrated with', *sys.argv[1:])\n";
        let end = setup(migrates).start().end().exited(4);
        let (migrated, served) = (end.out.find("migrated with migrate --noinput\n"), end.out.find("server\n"));
        assert!(migrated.is_some() && migrated < served, "{}", end.story());
        setup("raise SystemExit(1)").start().end().exited(70);
        let end = setup("raise SystemExit(1)").env("RUN_MIGRATIONS", "no").start().end().exited(4);
        assert!(end.out.contains("left as it is"), "{}", end.story());
    });
}

#[test]
fn deploy_alembic() {
    each_place(|cell| {
        let setup = |code: i32| {
            Setup::new(cell, SERVER)
                .hook("deploy", &example("deploy-alembic"))
                .file("bin/alembic", format!("#!/bin/sh\necho \"alembic $*\"; exit {code}\n"), 0o755)
                .env("PATH", PATH)
        };
        let end = setup(0).start().end().exited(4);
        assert!(end.out.contains("alembic upgrade head\n"), "{}", end.story());
        let end = setup(0).env("ALEMBIC_REVISION", "ae1027a6acf").start().end().exited(4);
        assert!(end.out.contains("alembic upgrade ae1027a6acf\n"), "{}", end.story());
        setup(1).start().end().exited(70);
    });
}

#[test]
fn deploy_create_schema_sqlite() {
    let look = "import sqlite3\n\
        print('tables', *(name for (name,) in sqlite3.connect('app.db').execute('SELECT name FROM sqlite_master')))\n";
    each_place(|cell| {
        let setup = |schema: &str| {
            Setup::new(cell, ["--", "python3", "look.py"])
                .file("look.py", look, 0o644)
                .file("schema.sql", schema, 0o644)
                .hook("deploy.d/1", &example("deploy-create-schema-sqlite"))
        };
        // A second time it would fail, were it not left out then.
        let schema = "CREATE TABLE notes (text TEXT);\nCREATE TABLE tags (word TEXT)";
        let twice = setup(schema).hook("deploy.d/2", &example("deploy-create-schema-sqlite"));
        let end = twice.start().end().exited(0);
        let created = end.out.find("created the tables of schema.sql");
        assert!(created.is_some() && created < end.out.find("has its tables"), "{}", end.story());
        assert!(end.out.contains("tables notes tags\n"), "{}", end.story());
        let broken = setup("CREATE TABLE notes (text TEXT);\nCREATE TABBLE tags;\n");
        let end = broken.config("hooks.deploy.on_failure = \"continue\"\n").start().end().exited(0);
        assert!(end.out.contains("tables\n"), "something was left of it: {}", end.story());
    });
}

#[test]
fn deploy_announce_in_background() {
    announces("deploy", "deploy-announce-in-background");
    // Still waiting at the stop, it gets TERM.
    let web = Web::start();
    let setup = Setup::new(Cell::PID1, WAITING_SERVER).hook("deploy", &example("deploy-announce-in-background"));
    let run = setup.env("HEALTH_URL", web.url("/health")).env("ANNOUNCE_URL", web.url("/announce")).start();
    web.request("GET /health");
    run.line("server");
    run.signal(signal::TERM);
    run.end().exited(4).nothing_left();
}

#[test]
fn post_deploy_announce() {
    announces("post-deploy", "post-deploy-announce");
}

/// It waits for the server, which does not wait for it, and then tells.
fn announces(hook: &str, name: &str) {
    each_place(|cell| {
        let web = Web::start();
        let setup = Setup::new(cell, WAITING_SERVER).hook(hook, &example(name));
        // As a subreaper it would not wait for a last curl of the background.
        let setup = setup.config("[stop]\nleftovers = \"3s\"\n");
        let run = setup.env("HEALTH_URL", web.url("/health")).env("ANNOUNCE_URL", web.url("/announce")).start();
        run.line("server");
        for _ in 0..2 {
            let line = web.next().map(|(line, _)| line).unwrap_or_default();
            assert!(line.starts_with("GET /health "), "the server is not healthy, and somebody asked `{line}`");
        }
        web.healthy.store(true, Ordering::Relaxed);
        let host = nix::unistd::gethostname().expect("a machine has a name").into_string().expect("a plain name");
        assert_eq!(web.request("POST /announce"), format!("host={host}"));
        run.signal(signal::TERM);
        run.end().exited(4).nothing_left();
    });
}

#[test]
fn post_deploy_warm_up() {
    each_place(|cell| {
        for (paths, then) in [("/ /shop?all=1", "warmed up /shop?all=1"), ("/missing /last", "warmed up /last")] {
            let web = Web::start();
            let setup = Setup::new(cell, WAITING_SERVER).hook("post-deploy", &example("post-deploy-warm-up"));
            let run = setup.env("WARM_UP_BASE", web.url("")).env("WARM_UP_PATHS", paths).start();
            // To see whether it answers.
            web.request("GET / ");
            for path in paths.split(' ') {
                web.request(&format!("GET {path} "));
            }
            run.lines(&["server", then]);
            if paths.contains("missing") {
                run.err_line("post-deploy hook failed: .docker/action_hooks/post-deploy: exit 1; the server goes on");
            }
            run.signal(signal::TERM);
            let end = run.end().exited(4).nothing_left();
            assert!(!end.out.contains("warmed up /missing"), "{}", end.story());
        }
    });
}

#[test]
fn pre_stop_withdraw() {
    each_place(|cell| {
        let web = Web::start();
        let run = Setup::new(cell, WAITING_SERVER)
            .hook("pre-stop", &example("pre-stop-withdraw"))
            .hook("post-stop", "[ -e maintenance ] && echo 'it is in maintenance'")
            .env("MAINTENANCE_FILE", "maintenance")
            .env("WITHDRAW_URL", web.url("/withdraw"))
            .start();
        run.line("server");
        run.signal(signal::TERM);
        assert!(web.request("POST /withdraw").starts_with("host="));
        let end = run.end().exited(4).nothing_left();
        assert!(end.out.contains("it is in maintenance"), "{}", end.story());
    });
}

#[test]
fn post_stop_report() {
    each_place(|cell| {
        let web = Web::start();
        let run = Setup::new(cell, ["--", "sh", "-c", "printf 'one\\ntwo\\nthree\\n' >app.log; exit 4"])
            .hook("post-stop", &example("post-stop-report"))
            .env("LOG_FILE", "app.log")
            .env("REPORT_LINES", "2")
            .env("REPORT_URL", web.url("/report"))
            .start();
        assert_eq!(web.request("POST /report"), "two\nthree\n");
        run.end().exited(4).nothing_left();
    });
}

#[test]
fn on_failure_alert() {
    each_place(|cell| {
        for (hook, code) in [("exit 3", 3), ("kill -KILL $$", 137)] {
            let web = Web::start();
            let run = Setup::new(cell, SERVER)
                .hook("deploy", hook)
                .hook("on-failure", &example("on-failure-alert"))
                .env("ALERT_URL", web.url("/alert"))
                .start();
            let alert = web.request("POST /alert");
            let failed = format!(".docker/action_hooks/deploy failed with code {code}\"");
            assert!(alert.starts_with("{\"text\": \"") && alert.contains(&failed), "{alert}");
            run.end().exited(70).nothing_left();
        }
    });
}

#[test]
fn start_gunicorn() {
    each_place(|cell| {
        let setup = || {
            Setup::new(cell, ["--", "site.wsgi", "--reload"])
                .hook("start", &example("start-gunicorn"))
                .file(
                    "bin/gunicorn",
                    "#!/bin/sh\necho \"gunicorn $*\"\necho \"below $(cat /proc/$PPID/comm)\"\nexit 6\n",
                    0o755,
                )
                .env("PATH", PATH)
        };
        let end = setup().env("WEB_CONCURRENCY", "3").env("PORT", "9000").start().end().exited(6);
        assert!(end.out.contains("gunicorn --bind 0.0.0.0:9000 --workers 3 site.wsgi --reload\n"), "{}", end.story());
        assert!(end.out.contains("below app-init\n"), "{}", end.story());
        let end = setup().start().end().exited(6);
        let workers = end.out.split("--workers ").nth(1).and_then(|rest| rest.split(' ').next());
        let workers: u32 = workers.and_then(|word| word.parse().ok()).unwrap_or(0);
        assert!(workers >= 3 && workers % 2 == 1, "{}", end.story());
    });
}

#[test]
fn backup_sqlite() {
    let make = "#!/usr/bin/env python3\nimport sqlite3\n\
        with sqlite3.connect('app.db') as database:\n    database.execute('CREATE TABLE notes AS SELECT 7 AS number')\n";
    let look = "#!/usr/bin/env python3\nimport sqlite3\n\
        print('copied', *sqlite3.connect('app.db.backup').execute('SELECT number FROM notes').fetchone())\n";
    each_place(|cell| {
        let setup = || Setup::new(cell, ["hook", "backup"]).hook("backup.d/2", &example("backup-sqlite"));
        let end = setup().hook("backup.d/1", make).hook("backup.d/3", look).start().end().exited(0);
        assert!(end.out.contains("copied 7\n"), "{}", end.story());
        let end = setup().hook("backup.d/1", make).env("DATABASE", "mistyped.db").start().end().exited(1);
        end.complains(&["unable to open database file"]);
    });
}

/// The world around the container: answers each request, and tells of it.
struct Web {
    address: SocketAddr,
    /// What `/health` says. `/missing` is missing, all else is there.
    healthy: Arc<AtomicBool>,
    requests: Receiver<(String, String)>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Web {
    fn start() -> Web {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let (healthy, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (tell, requests) = channel();
        let (is_healthy, stopped) = (healthy.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                // A client that goes away while it is answered, as at a stop, is nobody's failure.
                drop(serve(stream, is_healthy.load(Ordering::Relaxed), &tell));
            }
        });
        Web { address, healthy, requests, stop, thread: Some(thread) }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits for the next request: its first line and its body.
    fn next(&self) -> Option<(String, String)> {
        self.requests.recv_timeout(DEADLINE).ok()
    }

    /// Waits for a request that begins with these words; its body.
    #[track_caller]
    fn request(&self, words: &str) -> String {
        let mut others = Vec::new();
        while let Some((line, body)) = self.next() {
            if line.starts_with(words) {
                return body;
            }
            others.push(line);
        }
        panic!("nobody asked `{words}`, but {others:?}");
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes it up.
        drop(TcpStream::connect(self.address));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn serve(stream: TcpStream, healthy: bool, tell: &Sender<(String, String)>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        head.push(line);
    }
    let length = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let line = head.first().cloned().unwrap_or_default();
    let answer = match line.split(' ').nth(1) {
        Some("/health") if !healthy => "503 Service Unavailable",
        Some("/missing") => "404 Not Found",
        _ => "200 OK",
    };
    write!(reader.get_mut(), "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    // Nobody waits for it any more when the test is over.
    drop(tell.send((line, String::from_utf8_lossy(&body).into_owned())));
    Ok(())
}
