//! What hooks leave behind or start beside the server, in an application whose server is gunicorn: as PID 1 it would take
//! a child that ends with 3 for one of its workers that cannot boot, and shut down.

use crate::harness::apps::{App, CONFIG, DEPLOY, GUNICORN_DJANGO, is_ours};
use crate::harness::container::Container;

const APP: &App = &GUNICORN_DJANGO;
const POST_DEPLOY: &str = "/app/.docker/action_hooks/post-deploy";

/// `until curl …; do sleep 1; done`, in an image that has no curl.
const UNTIL_HEALTHY: &str = "until python -c 'import urllib.request as r; r.urlopen(\"http://127.0.0.1:8000/about\")' \
                             2>/dev/null; do sleep 1; done";

/// Says who it is when it is healthy, and ends with 3.
fn announce() -> String {
    format!("{UNTIL_HEALTHY}; echo announced by {MYSELF}; exit 3")
}

/// A subshell's own number: `$$` would be the script's.
const MYSELF: &str = "$(exec sh -c 'echo $PPID')";

/// The original's own way: the hook ends at once, and what it leaves behind announces. Another one stays until it is told
/// to go.
fn leaving_hook() -> String {
    let stays = format!("trap 'echo told to go; exit 3' TERM; echo stays as {MYSELF}; while :; do sleep 1; done");
    format!("#!/bin/sh\n({}) &\n({stays}) &\necho the hook ends\n", announce())
}

/// The process that says its number after `words`.
fn teller(container: &Container, words: &str) -> String {
    let (_, line) = container.wait_for(words);
    line.rsplit(' ').next().expect("a number").to_owned()
}

fn outlives_its_hook(container: &Container) {
    let pid = teller(container, "stays as ");
    container.wait_for("the hook ends");
    assert_eq!(container.exec(&["test", "-e", &format!("/proc/{pid}")]).code, 0, "it ended with its hook");
}

/// Serves before and after the announcement, which comes when it is healthy.
fn announces_when_healthy(container: &Container) {
    let pid = teller(container, "announced by ");
    // Its end, with 3, is no news to anybody: when it is reaped, the server answers on.
    let reaped = format!("while test -e /proc/{pid}; do sleep 0.1; done");
    assert_eq!(container.exec(&["sh", "-c", &reaped]).code, 0);
    assert_eq!(APP.get(container, "/about").status, 200);
    assert_eq!(container.inspect("{{.State.Running}}"), "true");
    let logs = container.logs();
    assert_eq!(logs.stdout.matches("announced by").count(), 1, "{logs:?}");
    assert_eq!(logs.stderr.matches("Listening at").count(), 1, "the server was started once: {logs:?}");
    assert!(!logs.stderr.contains("Shutting down"), "{logs:?}");
}

mod by_a_deploy_hook {
    use super::*;

    #[test]
    fn supervised() {
        let container = APP.serving(&APP.recipe().file(DEPLOY, &leaving_hook()));
        announces_when_healthy(&container);
        outlives_its_hook(&container);
        assert_eq!(container.stop(), APP.stopped, "their 3 is not the container's");
        assert!(container.logs().stdout.contains("told to go"), "TERM at the stop: {:?}", container.logs());
    }

    /// Where gunicorn is PID 1, nobody is there at the stop: the kernel ends what is left together with it.
    #[test]
    fn in_exec_mode() {
        let recipe = APP.recipe().file(DEPLOY, &leaving_hook()).file(CONFIG, &APP.config_in_exec_mode());
        let container = APP.serving(&recipe);
        announces_when_healthy(&container);
        assert_eq!(container.exec(&["cat", "/proc/1/comm"]).stdout, "gunicorn\n");
        outlives_its_hook(&container);
        assert_eq!(container.stop(), APP.stopped, "their 3 is not the container's");
    }
}

mod by_post_deploy {
    use super::*;

    fn serving(config: &str) -> Container {
        let recipe = APP.recipe().file(POST_DEPLOY, &format!("#!/bin/sh\n{}\n", announce()));
        APP.serving(&recipe.file(CONFIG, config))
    }

    #[test]
    fn supervised() {
        let container = serving(&APP.config_with(""));
        announces_when_healthy(&container);
        container.follow().wait_until("its failure", |_, line| is_ours(line) && line.contains("post-deploy"));
        assert_eq!(container.stop(), APP.stopped, "its 3 is not the container's");
    }

    #[test]
    fn in_exec_mode() {
        let container = serving(&APP.config_in_exec_mode());
        announces_when_healthy(&container);
        assert_eq!(container.exec(&["cat", "/proc/1/comm"]).stdout, "gunicorn\n");
        assert_eq!(container.stop(), APP.stopped, "its 3 is not the container's");
    }

    #[test]
    fn is_told_to_go() {
        let stays = "#!/bin/sh\ntrap 'echo told to go; exit 3' TERM\necho up\nwhile :; do sleep 1; done\n";
        let container = APP.serving(&APP.recipe().file(POST_DEPLOY, stays));
        container.wait_for("up");
        assert_eq!(container.stop(), APP.stopped, "its 3 is not the container's");
        assert!(container.logs().stdout.contains("told to go"), "{:?}", container.logs());
    }
}
