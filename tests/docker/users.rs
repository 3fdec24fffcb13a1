//! Identities in real containers: a server that is another user than app-init, uids that nobody has heard of, limits, and
//! the owners of what is on a volume.

mod as_the_engine_reads_it;
mod logs;
mod other_users;

use crate::harness::cli::docker_ok;
use crate::harness::container::{Container, Recipe};
use crate::harness::http;
use crate::harness::images;
use crate::harness::volume::Volume;

const CONFIG: &str = "/etc/app-init.toml";
const NGINX: [&str; 5] = ["nginx", "-e", "/dev/stderr", "-c", "/etc/web/nginx.conf"];
/// What says that nginx has opened its port.
const NGINX_LISTENS: &str = "start worker process ";
/// www-data in Debian.
const WWW_DATA: &str = "user = \"www-data\"\n";
/// Says that it runs, and stays.
const STAY: [&str; 4] = ["--", "sh", "-c", "echo up as $(id -u):$(id -g) pid $$; exec sleep infinity"];

fn web() -> Recipe {
    Recipe::of(&images::companion("web"))
}

fn plain() -> Recipe {
    Recipe::of(&images::plain())
}

/// The line of /proc/PID/status.
fn status(container: &Container, pid: &str, line: &str) -> String {
    let done = container.exec(&["grep", &format!("^{line}:"), &format!("/proc/{pid}/status")]);
    assert_eq!(done.code, 0, "{done:?}");
    done.stdout.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

mod a_uid_without_an_entry {
    use super::*;

    /// As OpenShift does it: any uid, group 0, and an image that lets group 0 write what is needed.
    const OPENSHIFT: [&str; 2] = ["--user", "1234:0"];
    const CONFIGURED: &str = "passwd_entry = true\n[env.set]\nHOME = \"/srv\"\n";
    const LOOK: [&str; 4] = ["--", "sh", "-c", "id; id -un; getent passwd 1234; cd && pwd"];

    fn image_that_group_0_may_write() -> Recipe {
        let dockerfile = format!("FROM {}\nRUN chmod g=u /etc/passwd\n", images::plain());
        Recipe::of(&images::derived("group-0", &dockerfile))
    }

    #[test]
    fn gets_one() {
        let container = image_that_group_0_may_write().options(&OPENSHIFT).file(CONFIG, CONFIGURED).args(&LOOK).start();
        assert_eq!(container.wait(), 0, "{:?}", container.logs());
        let told = container.logs();
        let entry = told.stdout.lines().nth(2).expect("an entry").to_owned();
        let fields: Vec<&str> = entry.split(':').collect();
        assert_eq!((fields.len(), fields[2], fields[3]), (7, "1234", "0"), "{told:?}");
        let who = format!("uid=1234({name}) gid=0(root) groups=0(root)\n{name}\n{entry}\n/srv\n", name = fields[0]);
        assert_eq!(told.stdout, who);
        assert!(!told.stderr.contains("passwd"), "nothing to tell: {told:?}");
        // Once: the second start finds its entry.
        container.start();
        assert_eq!(container.wait(), 0);
        assert_eq!(container.logs().stdout.matches(&format!("{entry}\n")).count(), 2, "{:?}", container.logs());
    }

    /// The image does not let it: it is said, and the server runs.
    #[test]
    fn is_told_why_not() {
        let container = plain().options(&OPENSHIFT).file(CONFIG, CONFIGURED).args(&["--", "id", "-u"]).start();
        assert_eq!(container.wait(), 0, "{:?}", container.logs());
        let told = container.logs();
        assert_eq!(told.stdout, "1234\n");
        assert!(told.stderr.contains("cannot add uid 1234 to /etc/passwd"), "{told:?}");
    }

    /// Nothing is needed: no name, no capability, no writable file.
    #[test]
    fn serves_with_nothing_at_all() {
        let nothing = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
        // In plain use, and outside of it.
        for (user, setting) in [("54321", "A=b"), ("54321:0", "A=b"), ("54321:54321", "APP_INIT_STOP_TIMEOUT=1m")] {
            let options = ["--user", user, "--env", setting];
            let container = web().options(&nothing).options(&options).args(&NGINX).start();
            container.wait_for(NGINX_LISTENS);
            assert_eq!(http::get(&container, 80, "/").body, "hello from nginx\n");
            assert_eq!(container.stop(), 0);
        }
    }
}

/// `--user` and a configuration that wants another: somebody has chosen for this container, unless the file insists.
#[test]
fn another_user_than_the_configured_one() {
    let container = plain().options(&["--user", "1234:0"]).file(CONFIG, WWW_DATA).args(&STAY).start();
    container.wait_for("up as 1234:0");
    assert_eq!(container.stop(), 143);
    let required = format!("user_required = true\n{WWW_DATA}");
    let container = plain().options(&["--user", "1234:0"]).file(CONFIG, &required).args(&STAY).start();
    assert_eq!(container.wait(), 77);
    let told = container.logs();
    assert_eq!(told.stdout, "", "the server ran");
    assert!(told.stderr.contains("www-data"), "{told:?}");

    // The same one is fine, by name or number, and so is nobody's.
    let container = plain().options(&["--user", "33:33"]).file(CONFIG, WWW_DATA).args(&STAY).start();
    container.wait_for("up as 33:33");
    assert_eq!(container.stop(), 143);
}

/// A container's option instead of a file.
#[test]
fn by_option_and_by_variable() {
    let by_option = plain().args(&["--user", "www-data", "--", "id", "-un"]).run();
    assert_eq!((by_option.code, by_option.stdout.as_str()), (0, "www-data\n"), "{by_option:?}");
    let by_variable = plain().options(&["--env", "APP_INIT_USER=33:7"]).args(&["--", "id", "-G"]).run();
    assert_eq!((by_variable.code, by_variable.stdout.as_str()), (0, "7\n"), "{by_variable:?}");
    // root may not become anybody without the capabilities: the server must not run as root then.
    let refused = plain().options(&["--cap-drop", "ALL"]).args(&["--user", "www-data", "--", "id", "-un"]).run();
    assert_eq!((refused.code, refused.stdout.as_str()), (77, ""), "{refused:?}");
}

mod limits {
    use super::*;

    const LIMITS: &str = "[limits]\nnofile = \"1000:2000\"\ncore = 0\nno_new_privileges = true\noom_score_adj = 123\n";

    fn hold_for(container: &Container, pid: &str) {
        let limits = container.exec(&["cat", &format!("/proc/{pid}/limits")]).stdout;
        let of = |name: &str| {
            let line = limits.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {limits}"));
            line[name.len()..].split_whitespace().take(2).collect::<Vec<_>>().join(":")
        };
        assert_eq!((of("Max open files").as_str(), of("Max core file size").as_str()), ("1000:2000", "0:0"));
        assert_eq!(status(container, pid, "NoNewPrivs"), "1");
        assert_eq!(container.exec(&["cat", &format!("/proc/{pid}/oom_score_adj")]).stdout, "123\n");
    }

    #[test]
    fn are_the_servers() {
        let container = plain().file(CONFIG, LIMITS).args(&STAY).start();
        let (_, line) = container.wait_for("up as 0:0");
        hold_for(&container, line.rsplit(' ').next().expect("a pid"));
        // PID 1 is what the engine made it: the kernel had better take the server.
        assert_eq!(container.exec(&["cat", "/proc/1/oom_score_adj"]).stdout, "0\n");
        assert_eq!(status(&container, "1", "NoNewPrivs"), "0");
        assert_eq!(container.stop(), 143);
    }

    /// In exec mode the server is PID 1.
    #[test]
    fn are_the_servers_in_exec_mode() {
        let config = format!("{WWW_DATA}{LIMITS}[server]\nmode = \"exec\"\n");
        let script = "trap 'exit 5' TERM; echo up as $(id -u) pid $$; while :; do sleep 1; done";
        let container = plain().file(CONFIG, &config).args(&["--", "sh", "-c", script]).start();
        container.wait_for("up as 33 pid 1");
        hold_for(&container, "1");
        assert_eq!(container.stop(), 5);
    }
}

/// A volume is given to the user at the first start; later starts look at its top only.
#[test]
fn a_volume_is_walked_once() {
    let config = "user = \"www-data\"\n[[prepare]]\ndir = \"/data\"\nowner = \"www-data:www-data\"\nmode = \"0750\"\n";
    let volume = Volume::new();
    let mounted = |recipe: Recipe| recipe.options(&["--volume", &volume.at("/data")]);
    let as_root = |script: &str| {
        let done = mounted(plain()).options(&["--entrypoint", "sh"]).args(&["-c", script]).run();
        assert_eq!(done.code, 0, "{done:?}");
        done.stdout
    };
    let start = || {
        let container = mounted(plain()).file(CONFIG, config).args(&STAY).start();
        container.wait_for("up as 33:33");
        let write = container.exec(&["app-init", "exec", "--", "touch", "/data/written"]);
        assert_eq!(write.code, 0, "the application may write: {write:?}");
        assert_eq!(container.stop(), 143);
    };
    let owners = || as_root("stat -c '%U:%G %a %n' /data; stat -c '%U:%G %n' /data/deep /data/deep/file");

    as_root("mkdir /data/deep; touch /data/deep/file; ln -s /etc/shadow /data/link");
    assert_eq!(owners(), "root:root 755 /data\nroot:root /data/deep\nroot:root /data/deep/file\n");
    start();
    let given = "www-data:www-data 750 /data\nwww-data:www-data /data/deep\n";
    assert_eq!(owners(), format!("{given}www-data:www-data /data/deep/file\n"));
    let link = as_root("stat -c '%U' /data/link; stat -L -c '%U:%G' /data/link");
    assert_eq!(link, "www-data\nroot:shadow\n", "the link is given, not what it points to");

    as_root("chown root:root /data/deep/file");
    start();
    assert_eq!(owners(), format!("{given}root:root /data/deep/file\n"), "the second start walked the volume");
}

/// A look inside, as the application by default and as anybody on request.
#[test]
fn docker_exec_opens_the_shell_as_the_user() {
    let container = plain().file(CONFIG, WWW_DATA).args(&STAY).start();
    container.wait_for("up as 33:33");
    let shell = |user: &[&str], options: &[&str]| {
        let command = [&["exec"], user, &[&container.name, "app-init", "shell"], options, &["-c", "id -un; echo ~"]];
        docker_ok(&command.concat())
    };
    assert_eq!(shell(&[], &[]), "www-data\n/var/www");
    assert_eq!(shell(&["-u", "root"], &[]), "www-data\n/var/www");
    assert_eq!(shell(&["-u", "www-data"], &[]), "www-data\n/var/www");
    assert_eq!(shell(&["-u", "root"], &["-u", "0:0"]), "root\n/root");
    assert_eq!(shell(&["-u", "root"], &["-u", "nobody"]), "nobody\n/nonexistent");
    assert_eq!(container.stop(), 143);
}
