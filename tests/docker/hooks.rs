//! The deploy hook decides whether the server runs.

use crate::harness::apps::{App, CONFIG, DEPLOY, STARTING, each_application, is_ours};

mod aborts {
    super::each_application!(super::a_failed_hook_ends_the_container);
}

mod continues {
    super::each_application!(super::a_failed_hook_is_told_and_the_server_runs);
}

const FAILING_HOOK: &str = "#!/bin/sh\necho the hook fails\nexit 3\n";

fn a_failed_hook_ends_the_container(app: &App) {
    let container = app.recipe().file(DEPLOY, FAILING_HOOK).start();
    assert_eq!(container.wait(), 70);
    let logs = container.logs();
    assert!(logs.stdout.lines().any(|line| line == "the hook fails"), "{logs:?}");
    assert!(says_so(&logs.stderr), "{logs:?}");
    assert!(!logs.stderr.contains(STARTING) && !logs.stdout.contains(app.listening), "the server ran: {logs:?}");
    assert!(!logs.stderr.contains(app.listening), "the server ran: {logs:?}");
}

fn a_failed_hook_is_told_and_the_server_runs(app: &App) {
    let config = app.config_with("[hooks.deploy]\non_failure = \"continue\"");
    // Without migrations there are no tables, but every page except the first works without them.
    let container = app.serving(&app.recipe().file(DEPLOY, FAILING_HOOK).file(CONFIG, &config));
    let reply = app.get(&container, "/about");
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(says_so(&container.logs().stderr), "{:?}", container.logs());
    assert_eq!(container.stop(), app.stopped);
}

/// app-init names the hook and its code.
fn says_so(stderr: &str) -> bool {
    stderr.lines().any(|line| is_ours(line) && line.contains("deploy") && line.contains('3'))
}
