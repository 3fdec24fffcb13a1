//! The interactive shell: `docker run -it --entrypoint app-init my-app shell` and `docker exec -it c app-init shell`.

use crate::harness::apps::{App, each_application};
use crate::harness::cli::{docker, docker_within};
use crate::harness::container::{Container, GRACE, STOPPED_WITHIN, label};
use crate::harness::images;
use crate::harness::pty::Session;

mod by_run {
    super::each_application!(super::opens_by_run);
}

mod by_exec {
    super::each_application!(super::opens_by_exec);
}

fn opens_by_run(app: &App) {
    let container = Container::named("shell");
    let session = Session::of(&run(&container, &app.image()));
    dialogue(session, 7);
    assert_eq!(container.code(), 7);
}

fn opens_by_exec(app: &App) {
    let container = app.serving(&app.recipe());
    dialogue(Session::of(&["exec", "-it", &container.name, "app-init", "shell"]), 7);

    // Without a terminal, one command.
    let shell = ["app-init", "shell", "-c", "echo $PWD $VIRTUAL_ENV $LANG; exit 5"];
    let done = container.exec(&shell);
    assert_eq!((done.code, done.stdout.as_str()), (5, "/app /appenv C.UTF-8\n"), "{done:?}");
    // The shell has come and gone; the server serves.
    assert_eq!(app.get(&container, "/about").status, 200);
    assert_eq!(container.stop(), app.stopped);
}

/// An interactive shell ignores TERM; `docker stop` ends it all the same, at once.
#[test]
fn docker_stop_ends_the_shell() {
    let container = Container::named("shell");
    let mut session = Session::of(&run(&container, &images::onbuild()));
    session.type_in("echo sum=$((40+2))\n");
    session.expect("sum=42");
    let done = docker_within(STOPPED_WITHIN, &["stop", "-t", GRACE, &container.name]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_ne!(container.code(), 137, "killed for being slow");
    session.end();
}

/// The shell is the image's: without bash it is sh. And it opens where the deploy hook fails: that is when it is needed.
#[test]
fn opens_without_bash_and_with_a_broken_configuration() {
    let dockerfile = format!(
        "FROM {}\nRUN rm /bin/bash && mkdir .docker && echo 'no such key = 1' > .docker/app-init.toml\n",
        images::onbuild()
    );
    let image = images::derived("broken", &dockerfile);
    let container = Container::named("shell");
    let mut session = Session::of(&run(&container, &image));
    session.type_in("echo sum=$((40+2)) in=$PWD\n");
    session.expect("sum=42 in=/app");
    session.type_in("exit 3\n");
    let (status, screen) = session.end();
    assert_eq!(status.code(), Some(3), "{screen}");
    assert!(screen.contains("app-init.toml"), "the fault is told: {screen}");
    // The same container without a shell does not boot.
    let boot = docker(&["run", "--rm", "--label", &label(), &image]);
    assert_eq!(boot.code, 78, "{boot:?}");
}

/// `docker run -it` of a shell; the container is left for the test to look at, and for its guard to remove.
fn run<'a>(container: &'a Container, image: &'a str) -> [&'a str; 8] {
    ["run", "-it", "--name", &container.name, "--entrypoint", "app-init", image, "shell"]
}

/// A job that says when it can be stopped, when it goes on, and that ends with 5 at ^C. Not a shell script: dash starts
/// each program by vfork, and a ^Z that comes in between leaves dash waiting for a child that is stopped. And with its
/// signals blocked: one that comes before it waits for it is not missed.
const JOB: &str = "python -c 'import signal as s; signals = {s.SIGCONT, s.SIGINT}; s.pthread_sigmask(s.SIG_BLOCK, signals); \
                   print(f\"up={1+1}\", flush=True); s.sigwait({s.SIGCONT}); \
                   print(f\"cont={1+2}\", flush=True); s.sigwait({s.SIGINT}); exit(5)'\n";

/// What a person does in the shell, with `exit CODE` at the end.
fn dialogue(mut session: Session, code: i32) {
    // The terminal shows what is typed too: only what the shell makes of it can be what is expected.
    session.type_in(
        "echo in=$PWD venv=$VIRTUAL_ENV python=$(command -v python) bash=${BASH_VERSION%%.*} flags=$- sum=$((40+2))\n",
    );
    let said = session.expect("sum=42");
    assert!(said.contains("in=/app venv=/appenv python=/appenv/bin/python bash=5 flags="), "{said}");
    let flags = said.rsplit("flags=").next().and_then(|rest| rest.split(' ').next()).expect("the shell's flags");
    assert!(flags.contains('m') && flags.contains('i'), "interactive with job control: {said}");

    // ^Z, jobs, fg, ^C. The job tells by itself when it runs, and when it goes on.
    session.type_in(JOB);
    session.expect("up=2");
    session.type_in("\x1a");
    session.expect("Stopped");
    session.type_in("jobs | wc -l | sed s/^/jobs=/\n");
    session.expect("jobs=1");
    session.type_in("fg\n");
    session.expect("cont=3");
    session.type_in("\x03");
    session.type_in("echo code=$?\n");
    session.expect("code=5");

    session.type_in(&format!("exit {code}\n"));
    let (status, screen) = session.end();
    assert_eq!(status.code(), Some(code), "{screen}");
    assert!(!screen.contains("no job control"), "{screen}");
}
