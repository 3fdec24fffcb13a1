//! nginx and Apache open /dev/stdout and /dev/stderr by name, which only the owner of what is behind them may do.

use super::{CONFIG, NGINX, NGINX_LISTENS, WWW_DATA, plain, status, web};
use crate::harness::http;
use crate::harness::lines::Stream;

const APACHE: [&str; 4] = ["apache2", "-DFOREGROUND", "-f", "/etc/web/apache.conf"];
/// What says that Apache has opened its port.
const APACHE_LISTENS: &str = "resuming normal operations";

/// What each prints comes out where it belongs, and it is whom it should be.
fn go_to_the_container(command: &[&str], listens: &str, tty: bool) {
    let options: &[&str] = if tty { &["--tty"] } else { &[] };
    let container = web().options(options).file(CONFIG, WWW_DATA).args(command).start();
    let mut log = container.follow();
    let (from, _) = log.wait_for(listens);
    assert!(tty || from == Stream::Err, "the server's own news are on {from:?}");
    http::get(&container, 80, "/asked-for");
    let (from, _) = log.wait_for("GET /asked-for");
    assert!(tty || from == Stream::Out, "what was asked for is on {from:?}");
    let server = container.exec(&["sh", "-c", "cat /proc/1/task/1/children"]).stdout;
    let server = server.split_whitespace().next().expect("PID 1 has a child");
    assert_eq!(status(&container, server, "Uid"), "33 33 33 33");
    assert_eq!(status(&container, server, "Gid"), "33 33 33 33");
    assert_eq!(status(&container, server, "Groups"), "33", "root's groups are gone");
    assert_eq!(status(&container, server, "CapEff"), "0000000000000000");
    assert_eq!(status(&container, "1", "Uid"), "0 0 0 0", "app-init keeps its own");
    assert_eq!(container.stop(), 0);
}

#[test]
fn of_nginx() {
    go_to_the_container(&NGINX, NGINX_LISTENS, false);
}

#[test]
fn of_nginx_on_a_terminal() {
    go_to_the_container(&NGINX, NGINX_LISTENS, true);
}

#[test]
fn of_apache() {
    go_to_the_container(&APACHE, APACHE_LISTENS, false);
}

#[test]
fn of_apache_on_a_terminal() {
    go_to_the_container(&APACHE, APACHE_LISTENS, true);
}

/// The control: with a program that only changes the user, what is behind /dev/stdout stays root's.
#[test]
fn would_not_without() {
    let steps_down = ["--reuid", "33", "--regid", "33", "--clear-groups", "sh", "-c", "echo >/dev/stdout"];
    for options in [&["--entrypoint", "setpriv"][..], &["--entrypoint", "setpriv", "--tty"]] {
        let done = plain().options(options).args(&steps_down).run();
        assert_ne!(done.code, 0, "{options:?}: {done:?}");
        assert!(format!("{done:?}").contains("Permission denied"), "{options:?}: {done:?}");
    }
}
