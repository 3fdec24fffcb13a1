//! An image without locales: with `env.defaults` the server, the hooks and the shell have UTF-8 all the same.

use crate::harness::apps::{DEPLOY, GUNICORN_DJANGO};
use crate::harness::cli::docker_ok;
use crate::harness::container::{Recipe, label};

const TELL: &str = "#!/bin/sh\necho LANG=$LANG $(locale charmap)\n";

fn recipe() -> Recipe {
    GUNICORN_DJANGO.recipe().file(DEPLOY, TELL)
}

#[test]
fn the_image_has_none() {
    let image = GUNICORN_DJANGO.image();
    let bare = ["run", "--rm", "--label", &label(), "--entrypoint", "locale", &image, "charmap"];
    assert_eq!(docker_ok(&bare), "ANSI_X3.4-1968", "otherwise these tests prove nothing");
}

#[test]
fn server_hooks_and_shell_have_utf_8() {
    let container = GUNICORN_DJANGO.serving(&recipe());
    container.wait_for("LANG=C.UTF-8 UTF-8");
    let about = GUNICORN_DJANGO.get(&container, "/about").body;
    assert!(about.contains(r#""lang": "C.UTF-8""#), "{about}");
    for command in ["shell", "exec"] {
        let script = if command == "shell" { &["-c"][..] } else { &["--", "sh", "-c"] };
        let args = [&["app-init", command], script, &["echo LANG=$LANG $(locale charmap)"]].concat();
        let done = container.exec(&args);
        assert_eq!((done.code, done.stdout.as_str()), (0, "LANG=C.UTF-8 UTF-8\n"), "{command}: {done:?}");
    }
}

/// It is a default: what the container was given stays.
#[test]
fn a_given_value_wins() {
    let container = GUNICORN_DJANGO.serving(&recipe().options(&["--env", "LANG=C"]));
    container.wait_for("LANG=C ANSI_X3.4-1968");
    let about = GUNICORN_DJANGO.get(&container, "/about").body;
    assert!(about.contains(r#""lang": "C""#), "{about}");
}
