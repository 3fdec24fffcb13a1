//! `docker logs`: the announcements, the hooks' and the server's output, each on its stream.

use crate::harness::apps::{App, each_application, is_ours};
use crate::harness::lines::Stream;

each_application!(streams_are_kept_apart);

const HOOK: &str = "/app/.docker/action_hooks/deploy.d/50-say";
const TALKING_HOOK: &str = "#!/bin/sh\necho hook out\necho hook err >&2\n";

fn streams_are_kept_apart(app: &App) {
    let container = app.serving(&app.recipe().file(HOOK, TALKING_HOOK));
    assert_eq!(app.get(&container, "/say?text=hello").status, 200);
    // Both lines were flushed before the reply; the log driver may be a moment behind.
    let mut log = container.follow();
    let mut prints = [None, None];
    while prints.contains(&None) {
        let (stream, line) = log.wait_until("what /say printed", |_, line| line.ends_with(": hello"));
        prints[usize::from(line.ends_with("err: hello"))] = Some(stream);
    }
    assert_eq!(prints, [Some(app.prints_to), Some(Stream::Err)]);

    let logs = container.logs();
    let at = |text: &str, line: &str| {
        let found = text.lines().position(|other| other == line);
        found.unwrap_or_else(|| panic!("{line:?} is not there: {logs:?}"))
    };
    let announced = at(&logs.stdout, " -----> Running .docker/action_hooks/deploy.d/50-say");
    assert!(announced < at(&logs.stdout, "hook out"), "announced before it runs: {logs:?}");
    at(&logs.stderr, "hook err");
    if app.deploys {
        let own = at(&logs.stdout, " -----> Running .docker/action_hooks/deploy");
        assert!(own < announced, "the file before its folder: {logs:?}");
        assert!(logs.stdout.contains("Running migrations:"), "{logs:?}");
    }
    assert!(!logs.stdout.lines().any(is_ours), "app-init's own lines go to stderr: {logs:?}");
}
