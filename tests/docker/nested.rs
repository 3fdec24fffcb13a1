//! app-init where one runs already (`docker exec`), a base image's configuration under an application's, and `check` as a
//! step of a Dockerfile.

use std::time::Duration;

use crate::harness::cli::{Done, docker, docker_reading};
use crate::harness::container::{Container, Recipe, label};
use crate::harness::images;

const CONFIG: &str = "/etc/app-init.toml";
const STAY: [&str; 4] = ["--", "sh", "-c", "echo up; exec sleep infinity"];

/// `X` is computed from what the container was given, and a hook and a wait tell when they run.
const COMPUTED: &str = r#"
umask = "0027"
[env]
defaults = { MODE = "production" }
secrets = ["PASS"]
path_prepend = ["/opt/app/bin"]
unset = ["SURPLUS"]
[env.set]
X = "computed from ${GIVEN}"
[[wait]]
command = ["sh", "-c", "echo waited >>/tmp/boots"]
[[hooks.deploy.run]]
command = ["sh", "-c", "echo deployed >>/tmp/boots"]
"#;

/// A container that has booted.
fn booted(config: &str, options: &[&str]) -> Container {
    let given = ["--env", "GIVEN=it", "--env", "SURPLUS=1", "--env", "PASS_FILE=/run/pass"];
    let recipe = Recipe::of(&images::plain()).options(&given).options(options);
    let container = recipe.file(CONFIG, config).file("/run/pass", "s3cret\n").args(&STAY).start();
    container.wait_for("up");
    container
}

/// `docker exec OPTIONS CONTAINER COMMAND`
fn exec(container: &Container, options: &[&str], command: &[&str]) -> Done {
    docker(&[&["exec"], options, &[container.name.as_str()], command].concat())
}

fn boots_once(container: &Container) {
    assert_eq!(container.exec(&["cat", "/tmp/boots"]).stdout, "waited\ndeployed\n", "hooks and waits are the boot's");
}

/// What tells the whole of it.
const LOOK: &str = "echo $(id -un) $X, $MODE, $PASS, ${SURPLUS:-none}, ${PASS_FILE:-none}, ${PATH%%:*}, $(umask)";

mod a_command_beside_the_server {
    use super::*;

    const SEEN: &str = "computed from it, production, s3cret, none, none, /opt/app/bin, 0027";

    /// By each of the three ways, and for whichever user the engine starts it as.
    fn sees_what_the_server_sees(config: &str, run: &[&str], users: &[(&[&str], &str)]) {
        let container = booted(config, run);
        let ways: [&[&str]; 4] = [&["--", "sh"], &["run", "--", "sh"], &["exec", "--", "sh"], &["shell"]];
        for (options, name) in users {
            for way in ways {
                let done = exec(&container, options, &[&["app-init"], way, &["-c", LOOK]].concat());
                let expected = format!("{name} {SEEN}\n");
                assert_eq!((done.code, done.stdout.as_str()), (0, expected.as_str()), "{options:?} {way:?}: {done:?}");
                assert_eq!(done.stderr, "", "nothing to tell: {options:?} {way:?}");
            }
        }
        boots_once(&container);
        let code = exec(&container, &[], &["app-init", "--", "sh", "-c", "exit 9"]).code;
        assert_eq!(code, 9, "its code is the command's");
        assert_eq!(container.stop(), 143);
    }

    #[test]
    fn of_root() {
        let users: [(&[&str], &str); 3] = [(&[], "root"), (&["-u", "33"], "www-data"), (&["-u", "daemon"], "daemon")];
        sees_what_the_server_sees(COMPUTED, &[], &users);
    }

    #[test]
    fn of_a_configured_user() {
        let config = format!("user = \"www-data\"\n{COMPUTED}");
        let users: [(&[&str], &str); 3] =
            [(&[], "www-data"), (&["-u", "33"], "www-data"), (&["-u", "root"], "www-data")];
        sees_what_the_server_sees(&config, &[], &users);
    }

    #[test]
    fn of_the_containers_user() {
        let users: [(&[&str], &str); 2] = [(&[], "daemon"), (&["-u", "33"], "www-data")];
        sees_what_the_server_sees(COMPUTED, &["--user", "1:1", "--cap-drop", "ALL"], &users);
    }

    /// Whoever the engine starts it as is who it runs as where that is not root, unless the configuration insists.
    #[test]
    fn of_another_than_the_configured_user() {
        let ways = [&["--", "id", "-un"][..], &["exec", "--", "id", "-un"], &["shell", "-c", "id -un"]];
        let container = booted(&format!("user = \"www-data\"\n{COMPUTED}"), &[]);
        for way in ways {
            let done = exec(&container, &["-u", "1"], &[&["app-init"], way].concat());
            assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (0, "daemon\n", ""), "{way:?}");
        }
        boots_once(&container);
        let container = booted(&format!("user = \"www-data\"\nuser_required = true\n{COMPUTED}"), &[]);
        for way in ways {
            let done = exec(&container, &["-u", "1"], &[&["app-init"], way].concat());
            assert_eq!((done.code, done.stdout.as_str()), (77, ""), "{way:?}: {done:?}");
            assert!(done.stderr.contains("www-data") && done.stderr.contains("1:1"), "{way:?}: {done:?}");
        }
        boots_once(&container);
    }

    /// What it is given itself takes part: over a default, under what is always set.
    #[test]
    fn with_variables_of_its_own() {
        let container = booted(COMPUTED, &[]);
        let own = ["-e", "GIVEN=mine", "-e", "MODE=debug", "-e", "NEW=new"];
        let done = exec(&container, &own, &["app-init", "--", "sh", "-c", "echo $X, $MODE, $NEW"]);
        assert_eq!((done.code, done.stdout.as_str()), (0, "computed from mine, debug, new\n"), "{done:?}");
        boots_once(&container);
    }

    /// The hooks on request.
    #[test]
    fn with_hooks() {
        let container = booted(COMPUTED, &[]);
        let done = exec(&container, &[], &["app-init", "--hooks", "--", "cat", "/tmp/boots"]);
        assert!(done.stdout.ends_with("waited\ndeployed\nwaited\ndeployed\n"), "{done:?}");
    }
}

mod layers {
    use super::*;

    const BASE: &str = "umask = \"0022\"\n[env.set]\nFROM = \"base\"\nBASE = \"1\"\n[server]\ncommand = [\"printenv\"]\n\
                        stop_timeout = \"7s\"\n[role.both]\nserver.command = [\"echo\", \"base\"]\n\
                        [role.base]\nserver.command = [\"echo\", \"of the base\"]\n";
    const APPLICATION: &str = "[env.set]\nFROM = \"application\"\n[role.both]\nserver.args = [\"application\"]\n\
                               [role.app]\nserver.command = [\"echo\", \"of the application\"]\n";

    /// The two images that people have: one with a server, and one on it that adds to it.
    fn image() -> String {
        let quoted = |text: &str| text.replace('\n', "\\n").replace('\'', "'\\''");
        let base = format!("FROM {}\nRUN printf '{}' >{CONFIG}\n", images::plain(), quoted(BASE));
        let base = images::derived("layer-below", &base);
        let text = quoted(APPLICATION);
        let lines = format!("FROM {base}\nWORKDIR /app\nRUN mkdir .docker && printf '{text}' >.docker/app-init.toml\n");
        images::derived("layer-above", &format!("{lines}ENTRYPOINT [\"app-init\", \"--\"]\n"))
    }

    fn says(args: &[&str]) -> String {
        let done = Recipe::of(&image()).args(args).run();
        assert_eq!(done.code, 0, "{done:?}");
        done.stdout
    }

    #[test]
    fn are_laid_over_each_other() {
        assert_eq!(says(&["FROM", "BASE"]), "application\n1\n", "the server is the base's, with more arguments");
        assert_eq!(says(&["app"]), "of the application\n");
        assert_eq!(says(&["base"]), "of the base\n");
        assert_eq!(says(&["both"]), "base application\n", "one role of two files");
    }

    #[test]
    fn are_told_apart_by_check() {
        let plan = Recipe::of(&image()).options(&["--entrypoint", "app-init"]).args(&["check", "X"]).run();
        assert_eq!(plan.code, 0, "{plan:?}");
        let origins = [
            ("umask", "/etc/app-init.toml:1"),
            ("env.set.FROM", ".docker/app-init.toml:2"),
            ("env.set.BASE", "/etc/app-init.toml:4"),
            ("server.command", "/etc/app-init.toml:6"),
            ("server.stop_timeout", "/etc/app-init.toml:7"),
            ("role.both.server.command", "/etc/app-init.toml:9"),
            ("role.both.server.args", ".docker/app-init.toml:4"),
            ("role.base.server.command", "/etc/app-init.toml:11"),
            ("role.app.server.command", ".docker/app-init.toml:6"),
        ];
        for (key, origin) in origins {
            let line = format!("  {key}  ({origin})");
            assert!(plan.stdout.lines().any(|other| other == line), "{line:?} is not there: {}", plan.stdout);
        }
        assert!(plan.stdout.contains("\nserver\n  printenv X\n"), "{}", plan.stdout);
    }
}

mod a_dockerfile_that_checks {
    use super::*;

    fn dockerfile(config: &str) -> String {
        let config = config.replace('\n', "\\n");
        format!("FROM {}\nRUN printf '{config}' >{CONFIG}\nRUN app-init check\n", images::plain())
    }

    #[test]
    fn builds() {
        let sound = dockerfile("user = \"www-data\"\n[server]\ncommand = [\"id\", \"-un\"]\n");
        let done = Recipe::of(&images::derived("checked", &sound)).run();
        assert_eq!((done.code, done.stdout.as_str()), (0, "www-data\n"), "{done:?}");
    }

    /// Each fault is in the build's output, with its place.
    #[test]
    fn does_not_build_what_cannot_boot() {
        let broken = "user = \"nobody-knows\"\ncolour = \"red\"\n[server]\ncommand = [\"/no/such/program\"]\n\
                      stop_timeout = \"soon\"\n[[wait]]\ntarget = \"db\"\n";
        let done = docker_reading(
            Duration::from_secs(90),
            &["build", "--force-rm", "--label", &label(), "-"],
            &dockerfile(broken),
        );
        assert_ne!(done.code, 0, "{done:?}");
        let told = format!("{}{}", done.stdout, done.stderr);
        for (line, key) in
            [(1, "user"), (2, "colour"), (4, "server.command"), (5, "server.stop_timeout"), (7, "wait[0].target")]
        {
            let place = format!("{CONFIG}:{line}: {key}: ");
            assert!(told.contains(&place), "{place:?} is not there: {told}");
        }
        assert!(told.contains("returned a non-zero code: 78"), "{told}");
    }
}
