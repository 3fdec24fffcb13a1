//! Every application of the project as somebody else than its image means: by `docker run --user`, by `APP_INIT_USER`,
//! with what it writes on a volume.

use crate::harness::apps::{App, each_application};
use crate::harness::container::Container;

mod boots {
    super::each_application!(super::serves_as_anybody);
}

/// The real uids of the server and what it has started.
fn uids(container: &Container) -> Vec<String> {
    let script = "for p in /proc/[0-9]*; do [ $p = /proc/1 ] || [ $p = /proc/$$ ] || sed -n 's/^Uid:\\t\\([0-9]*\\).*/\\1/p' $p/status; done 2>/dev/null | sort -u";
    container.exec(&["sh", "-c", script]).stdout.lines().map(str::to_owned).collect()
}

/// What an application needs that keeps a database in its own directory: for a user of Docker's a directory that anybody
/// may write to, and for app-init's one that it prepares where the configuration says so.
fn writable(app: &App, by: &str) -> Vec<String> {
    let directory = match app.name {
        "gunicorn-django" => "/app/data",
        "django-site" => "/app/example/data",
        _ => return Vec::new(),
    };
    if app.name == "gunicorn-django" && by == "--env" {
        return Vec::new();
    }
    vec!["--mount".into(), format!("type=tmpfs,destination={directory},tmpfs-mode=1777")]
}

fn serves_as_anybody(app: &App) {
    for options in [&["--user", "1234:1234"][..], &["--env", "APP_INIT_USER=1234:1234"]] {
        let volumes = writable(app, options[0]);
        let volumes: Vec<&str> = volumes.iter().map(String::as_str).collect();
        let recipe = app.recipe().options(options).options(&volumes);
        let container = app.serving(&recipe);
        assert_eq!(app.get(&container, "/").status, 200, "{options:?}: {:?}", container.logs());
        assert!(uids(&container).contains(&"1234".to_owned()), "{options:?}: {:?}", uids(&container));
        assert_eq!(container.stop(), app.stopped, "{options:?}: {:?}", container.logs());
    }
}
