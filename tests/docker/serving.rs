//! Each application serves requests: as it is, with an option of its server after the image's name, under a second init.

use crate::harness::apps::{App, each_application, is_ours};
use crate::harness::http;

mod as_it_is {
    super::each_application!(super::serves);
}

mod with_an_option {
    super::each_application!(super::appends_an_option);
}

mod under_docker_init {
    super::each_application!(super::serves_under_docker_init);
}

fn serves(app: &App) {
    let container = app.serving(&app.recipe());
    let reply = app.get(&container, "/");
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.body.contains("Hello, "), "{reply:?}");
    let about = app.get(&container, "/about").body;
    assert!(about.contains(r#""pid1": "app-init""#), "the server runs under app-init: {about}");
    assert!(!about.contains(r#""pid": 1,"#), "the server is not PID 1: {about}");
    if app.command.contains(&"--url-alias") {
        let style = app.get(&container, "/static/style.css");
        assert_eq!(style.status, 200, "{style:?}");
    }
}

/// `docker run my-app --some-option`: CMD is replaced, the server's command from the configuration stays.
fn appends_an_option(app: &App) {
    let container = app.serving(&app.recipe().args(app.command).args(app.option));
    container.wait_for(app.option_shows);
    let reply = http::get(&container, app.option_port, "/");
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// Two inits in a row: nothing that app-init says and no code changes.
fn serves_under_docker_init(app: &App) {
    let [alone, second] = [&[][..], &["--init"]].map(|options| {
        let container = app.serving(&app.recipe().options(options));
        assert_eq!(app.get(&container, "/").status, 200);
        let pid1 = app.get(&container, "/about").body;
        let code = container.stop();
        let logs = container.logs();
        let hooks: Vec<String> =
            logs.stdout.lines().filter(|line| line.starts_with(" -----> ")).map(str::to_owned).collect();
        let ours: Vec<String> = logs.stderr.lines().filter(|line| is_ours(line)).map(str::to_owned).collect();
        (pid1.contains("docker-init"), code, hooks, ours)
    });
    assert_eq!((alone.0, second.0), (false, true), "only the second has docker's init as PID 1");
    assert_eq!(alone.1, app.stopped);
    assert_eq!((alone.1, alone.2, alone.3), (second.1, second.2, second.3));
}
