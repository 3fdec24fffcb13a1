//! Ghost: root prepares a volume, an unprivileged user serves.

use super::stage::{Case, Played};
use crate::harness::*;

const SERVER: &str = "node current/index.js";
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\n";
const GROUP: &str = "root:x:0:\nnode:x:1001:\nimages:x:1002:node\n";
/// What the image's build leaves, and a volume in which a user has changed a theme.
const IMAGE: &str = "mkdir -p install/content.orig/themes/casper install/content.orig/images content/themes/casper
    echo original >install/content.orig/themes/casper/index.hbs
    echo original >install/content.orig/images/README
    echo changed >content/themes/casper/index.hbs
    echo secret >/mnt/app/outside; ln -s /mnt/app/outside content/link
    chown -R 1000:1001 install";
/// Looks at what was prepared, from the side of the server.
const LOOK: [&str; 4] = [
    "--",
    "sh",
    "-c",
    "node current/index.js; cd content; stat -c '%n %u:%g' themes/casper/index.hbs images/README link /mnt/app/outside; cat themes/casper/index.hbs images/README",
];

pub fn case(arguments: &[&str]) -> Case {
    at(Cell::PID1, arguments)
}

fn at(cell: Cell, arguments: &[&str]) -> Case {
    let case = Case::at(cell, "ghost", arguments).plays(&["path/node"]).etc("passwd", PASSWD).etc("group", GROUP);
    case.before(IMAGE).env("GHOST_INSTALL", "/mnt/app/install").env("GHOST_CONTENT", "/mnt/app/content")
}

fn start() -> Case {
    case(&["--", "node", "current/index.js"])
}

/// Ends with what `LOOK` prints.
fn look(case: Case) -> Played {
    let condition = "args:node*current/index.js*";
    case.with(condition, "args:*node*current/index.js*").play().exited(0)
}

#[test]
fn ghost_serves_as_its_user() {
    each_place(|cell| {
        let played = at(cell, &["--", "node", "current/index.js"]).codes("node", &["4"]).play().exited(4);
        played.called(&[SERVER]);
        let call = played.call(SERVER);
        assert_eq!((call.identity.as_str(), call.groups.as_str()), ("1000:1001", "1001 1002"));
        assert_eq!((call.env("HOME"), call.env("USER"), call.env("LOGNAME")), ("/home/node", "node", "node"));
    });
}

/// Defaults that are missing come from the image, what a user has changed stays, all of it is the user's, and a link in
/// the volume gives nothing away.
#[test]
fn ghost_gets_its_volume_prepared() {
    let played = look(case(&LOOK));
    let out = &played.end.out;
    for line in ["themes/casper/index.hbs 1000:1001", "images/README 1000:1001", "/mnt/app/outside 0:0"] {
        assert!(out.contains(line), "no `{line}`\n{}", played.story());
    }
    assert!(out.ends_with("changed\noriginal\n"), "{}", played.story());
    // A second start finds everything in its place.
    let again = look(case(&LOOK).before("cp -a install/content.orig/. content; chown -R 1000:1001 content"));
    assert!(again.end.out.ends_with("original\noriginal\n"), "{}", again.story());
}

/// Other commands find the volume as it is.
#[test]
fn ghost_prepares_nothing_for_other_commands() {
    let played = case(&["--", "sh", "-c", "node --version; ls content/images; stat -c %u content/themes"]).play();
    let played = played.exited(0).complains(&["images"]);
    assert_eq!(played.call("node --version").identity, "1000:1001");
    assert!(played.end.out.ends_with("0\n"), "{}", played.story());
}

/// A file where the content belongs: each step that root cannot do is a warning, and Ghost itself says what it lacks. A step
/// that is required is the last thing that happens.
#[test]
fn ghost_starts_without_what_could_not_be_prepared() {
    let broken = |case: Case| case.before("rm -r content; echo a file >content").codes("node", &["4"]).play();
    let played = broken(start()).exited(4);
    let (made, copied) = ("prepare[0]: ", "prepare[1]: ");
    let warns =
        |step: &str| played.end.err.lines().any(|line| line.contains(step) && line.contains("/mnt/app/content"));
    assert!(warns(made) && warns(copied), "{}", played.story());
    played.called(&[SERVER]);
    let call = played.call(SERVER);
    assert_eq!((call.identity.as_str(), call.groups.as_str()), ("1000:1001", "1001 1002"));

    let required = |step: &str| broken(start().with(step, &format!("required = true\n{step}")));
    let played = required("dir = ").exited(77).complains(&[made, "/mnt/app/content"]);
    assert!(!played.end.err.contains(copied), "nothing follows: {}", played.story());
    played.called(&[]);
    required("copy = ").exited(77).complains(&[made, copied]).called(&[]);
}

/// `docker run --user 12345:12345`: nothing to step down from, and what cannot be prepared is a warning.
#[test]
fn ghost_runs_as_the_user_of_the_container() {
    let cell = Cell { identity: Identity::Nobody, ..Cell::PID1 };
    let start = || {
        let case = Case::at(cell, "ghost", &["--", "node", "current/index.js"]).plays(&["path/node"]);
        let case = case.etc("passwd", PASSWD).etc("group", GROUP);
        case.file("install/content.orig/images/README", "original\n", 0o644)
            .file("content/README", "", 0o644)
            .env("GHOST_INSTALL", "/mnt/app/install")
            .env("GHOST_CONTENT", "/mnt/app/content")
    };
    let played = start().play().exited(0).complains(&["/mnt/app/content"]);
    assert_eq!(played.call(SERVER).identity, "12345:12345");
    // Who is asked for has to be had.
    start().env("APP_INIT_USER", "node").play().exited(77).complains(&["node"]).called(&[]);
}

#[test]
fn ghost_reads_its_password_from_a_file() {
    let file = "mkdir -p /run/secrets; printf 's3cret\\n' >/run/secrets/db; chmod 644 /run/secrets/db";
    let name = "database__connection__password";
    let with_file = |case: Case| case.before(file).env(&format!("{name}_FILE"), "/run/secrets/db");
    let played = with_file(start()).play().exited(0);
    let call = played.call(SERVER);
    assert_eq!(call.env(name), "s3cret");
    assert!(!call.has(&format!("{name}_FILE")), "{}", played.story());
    played.never_says("s3cret");
    // Both are a mistake, as in the script.
    let played = with_file(start()).env(name, "0ther").play().exited(78).complains(&[name]);
    played.never_says("s3cret").never_says("0ther").called(&[]);
    with_file(case(&["env"])).play().exited(0).never_says("s3cret");
}

#[test]
fn ghost_needs_its_user() {
    let played = Case::new("ghost", &["--", "node", "current/index.js"]).plays(&["path/node"]);
    let played = played.etc("passwd", "root:x:0:0:root:/root:/bin/sh\n").etc("group", "root:x:0:\n").before(IMAGE);
    played.play().exited(78).complains(&["node"]).called(&[]);
}

/// What the user could change must not run as root: the config file says what does.
#[test]
fn ghost_refuses_a_config_file_of_its_user() {
    let played = start().before("chown 1000 /mnt/app/.docker/app-init.toml").play().exited(77);
    played.complains(&["app-init.toml"]).called(&[]);
}

#[test]
fn ghost_stops_as_its_server_does() {
    let playing = start().codes("node", &["hold"]).start();
    playing.run.line("node holds");
    playing.stop().exited(143).called(&[SERVER]);
}
