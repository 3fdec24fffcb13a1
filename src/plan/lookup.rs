//! The programs of a plan, looked for as exec will look for them: for `check`, and for what root must not run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::errno::Errno;

use super::environment::Environment;
use super::executed::{self, Executed, directory, search_path};
use super::users::{self, Users};
use super::{Findings, Job, Planned};
use crate::config::Layers;
use crate::identity::trust::{self, AtFault, Boundary, Given};
use crate::prepare::{Preparation, Step};
use crate::sys::bounds::Bounds;
use crate::sys::exec::{self, Guard, Program};
use crate::sys::{offspring, on_behalf};

/// Reports what could not be executed, or done, here.
pub fn check_all(programs: &[Planned], bounds: Option<&Bounds>, findings: &mut Findings<'_>) {
    for (key, program) in programs.iter().flat_map(Planned::programs) {
        check(program, &key, findings);
    }
    check_preparations(programs, findings);
    if let Some(bounds) = bounds {
        check_bounds(bounds, findings);
    }
}

/// Reports preparations that would fail at what is there now.
fn check_preparations(programs: &[Planned], findings: &mut Findings<'_>) {
    let all = programs.iter().flat_map(|planned| match &planned.job {
        Job::Prepare(all) => all.as_slice(),
        Job::Program(_) | Job::Wait { .. } => &[],
    });
    for Preparation { step, required, label } in all {
        let Step::Remove { paths } = step else { continue };
        for path in paths {
            // The path without a slash at its end, which would follow a link.
            let plain: PathBuf = path.components().collect();
            if !plain.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
                continue;
            }
            let what = format!("cannot remove {}: it is a directory; remove names files", path.display());
            if *required {
                findings.fault(&format!("{label}.remove"), what);
            } else {
                findings.warning(&format!("{label}: {what}"));
            }
        }
    }
}

/// Warns of limits that are refused here, of which a process that ends tries each. Elsewhere there may be more rights.
fn check_bounds(bounds: &Bounds, findings: &mut Findings<'_>) {
    for limit in &bounds.limits {
        let errno = |errno: Errno| u8::try_from(errno as i32).unwrap_or(u8::MAX);
        let tried = offspring::spawn(|| limit.set().map_or_else(errno, |()| 0));
        let Some(code @ 1..) = tried.ok().and_then(offspring::end_of) else { continue };
        let (name, why) = (limit.name(), Errno::from_raw(code).desc());
        findings
            .warning(&format!("limits.{name} is refused here: {why}; lower it, or raise the container's own limit"));
    }
}

fn check(program: &Program, key: &str, findings: &mut Findings<'_>) {
    // Which it is is said by the first byte; a doubt has none of these.
    const OBSTACLE: &str = "!";
    const UNREAD: &str = "?";
    let look = || {
        let closed = program.directory.as_deref().and_then(closed);
        let Executed { obstacle, doubt, unread, .. } = executed::of(program, &|_| false);
        let obstacle = closed.or(obstacle).map(|why| format!("{OBSTACLE}{why}").into_bytes());
        let unread = unread.map(|path| [UNREAD.as_bytes(), path.as_os_str().as_bytes()].concat());
        Ok(obstacle.or(unread).or(doubt.map(String::into_bytes)))
    };
    // As whom it runs: what that user may not execute is passed over in PATH.
    let found = match program.identity.as_deref() {
        Some(identity) => on_behalf::of(identity, look),
        None => look(),
    };
    let why = match found {
        Ok(None) => return,
        Ok(Some(found)) if found.starts_with(UNREAD.as_bytes()) => {
            let path = Path::new(OsStr::from_bytes(found.get(UNREAD.len()..).unwrap_or_default()));
            // Whoever looks here may read it, perhaps.
            match executed::head(path).map(|start| exec::is_binary(&start)) {
                Some(true) => return,
                Some(false) => {
                    format!("{} is a script, and has to be readable too; run chmod a+r on it", path.display())
                }
                None => {
                    let path = path.display();
                    let what = "may be executed and not read; if it is a script, it will not run: run chmod a+r on it";
                    return findings.warning(&format!("{key}: {path} {what}"));
                }
            }
        }
        Ok(Some(found)) => {
            let found = String::from_utf8_lossy(&found).into_owned();
            match found.strip_prefix(OBSTACLE) {
                Some(why) => why.to_owned(),
                None => return findings.warning(&format!("{key}: {found}")),
            }
        }
        Err(why) => why,
    };
    let name = program.name();
    let full = directory(program).join(&*name).display().to_string();
    let it = [&*name, &full].into_iter().find_map(|shown| why.strip_prefix(shown)?.strip_prefix(' '));
    let why = it.map_or_else(|| why.clone(), |rest| format!("it {rest}"));
    // What nobody can execute has nothing to do with who that is.
    let is_obstacle = |found: Option<Vec<u8>>| found.is_some_and(|found| found.starts_with(OBSTACLE.as_bytes()));
    match program.identity.as_deref().filter(|_| !look().is_ok_and(is_obstacle)) {
        Some(identity) => findings.fault(key, format!("{} cannot run {name}: {why}", users::shown(identity))),
        None => findings.fault(key, format!("cannot run {name}: {why}")),
    }
}

/// Why this process could not enter a directory.
fn closed(directory: &Path) -> Option<String> {
    let errno = nix::unistd::access(directory, nix::unistd::AccessFlags::X_OK).err()?;
    Some(format!("cannot enter {}: {}", directory.display(), errno.desc()))
}

/// What root is about to use of the application's.
pub struct Trusted<'a> {
    pub layers: &'a Layers,
    pub programs: Vec<&'a Planned>,
    /// What they get, once nothing more joins it.
    pub environment: Option<&'a Environment>,
    /// Something else gets it as root.
    pub hands_on: bool,
    /// What root does to paths before it runs anything else.
    pub given_to: &'a dyn Fn(&Boundary) -> Vec<Given>,
    /// Where it writes, if the configuration names a file.
    pub termination_file: Option<&'a Path>,
}

/// Refuses what would let a user who is not root steer what has more rights: the files of the configuration, programs, and
/// what is looked at before such a program does what it was told.
///
/// The configuration's files among it are handed back.
pub fn check_trust(trusted: &Trusted<'_>, users: &Users, findings: &mut Findings<'_>) -> Vec<PathBuf> {
    let mut refused = Vec::new();
    let judges = users.boundaries().iter().map(|user| Judge::new(user, (trusted.given_to)(user)));
    let judges: Vec<Judge<'_>> = judges.collect();
    for judge in &judges {
        for file in &trusted.layers.files {
            if judge.refuse("user", file, "move it out of there, to /etc/app-init.toml", findings) {
                refused.push(file.clone());
            }
        }
        for database in ["/etc/passwd", "/etc/group"].into_iter().filter(|_| users.are_looked_up()) {
            judge.refuse("user", Path::new(database), ELSEWHERE, findings);
        }
        if let Some(directory) = trusted.termination_file.and_then(Path::parent) {
            judge.refuse("log.termination_file", directory, ELSEWHERE, findings);
        }
    }
    let mut hands_on = trusted.hands_on;
    for (key, program) in trusted.programs.iter().flat_map(|planned| planned.programs()) {
        let above = |judge: &&Judge<'_>| judge.user.is_below(program.identity.as_deref());
        let judges: Vec<&Judge<'_>> = judges.iter().filter(above).collect();
        if judges.is_empty() {
            continue;
        }
        hands_on = true;
        for why in refusals(program, &judges) {
            findings.refusal(&key, why);
        }
    }
    let left_out = trusted.environment.into_iter().flat_map(Environment::all_by_user);
    let left_out: Vec<_> = left_out.map(|(name, is_kept)| (String::from_utf8_lossy(name), is_kept)).collect();
    if hands_on && !left_out.is_empty() {
        let who: Vec<String> = users.boundaries().iter().map(|user| users::shown(&user.identity)).collect();
        let kept: Vec<&str> = left_out.iter().filter(|(_, is_kept)| *is_kept).map(|(name, _)| &**name).collect();
        let kept = match kept.as_slice() {
            [] => String::new(),
            kept => format!("; they get the earlier value of {}", first_of(kept)),
        };
        let names: Vec<&str> = left_out.iter().map(|(name, _)| &**name).collect();
        findings.warning(&format!(
            "cannot hand on {} to programs with more rights than {}, who could have written it; set it in env.set{kept}",
            first_of(&names),
            who.join(", ")
        ));
    }
    refused
}

/// Why a program must not run that has more rights than these users.
fn refusals(program: &Program, judges: &[&Judge<'_>]) -> Vec<String> {
    let is_refused = |path: &Path| judges.iter().any(|judge| judge.ask(path).is_some());
    let Executed { paths, assigned, unclear, .. } = executed::of(program, &is_refused);
    let (led_to, not_followed) = led_to(program, &paths, &assigned);
    let mut refusals: Vec<String> = unclear.into_iter().chain(not_followed).collect();
    let searched = search_path(program).into_iter().map(|directory| ("PATH", "looks for programs in", directory));
    let led_to: Vec<LedTo> = searched.chain(led_to).collect();
    for judge in judges {
        refusals.extend(paths.iter().filter_map(|path| judge.why_refused(path, ELSEWHERE)));
        for (name, what, path) in &led_to {
            if let Some(at_fault) = judge.ask(path) {
                let why = &at_fault.why;
                let (path, who) = (path.display(), users::shown(&judge.user.identity));
                let what = format!("{what} {path}, which could be changed by {who}: {why}");
                refusals.push(format!("{what}; make it root's, or take it out of {name}"));
            }
        }
    }
    refusals
}

/// Has each program with more rights than a user judged once more right before it is executed: what ran since then may
/// have given that user something.
pub fn guard(programs: &mut [Planned], users: &Users) {
    if users.boundaries().is_empty() {
        return;
    }
    let boundaries: Rc<[Boundary]> = users.boundaries().into();
    let may_run = move |program: &Program| {
        let judges = boundaries.iter().filter(|user| user.is_below(program.identity.as_deref()));
        let judges: Vec<Judge<'_>> = judges.map(|user| Judge::new(user, Vec::new())).collect();
        let refusal = refusals(program, &Vec::from_iter(&judges)).into_iter().next();
        if let Some(why) = &refusal {
            log::error!("{}: {why}", program.name());
        }
        refusal.is_none()
    };
    let guard = Guard(Rc::new(may_run));
    for program in programs.iter_mut().flat_map(Planned::programs_mut) {
        program.guard = Some(&guard).filter(|_| users.is_above(program.identity.as_deref())).cloned();
    }
}

/// By which variables every program, or a shell, executes something before it does what it was told (ld.so(8), bash(1)),
/// and what is between their entries.
const LEADING: [(&[&str], &str, &[u8]); 13] = [
    (&["LD_LIBRARY_PATH"], LIBRARIES, b":;"),
    (&["LD_PRELOAD"], LOADS, b": "),
    // As musl reads them.
    (&["LD_LIBRARY_PATH"], LIBRARIES, b":\n"),
    (&["LD_PRELOAD"], LOADS, b": \t\n\r\x0b\x0c"),
    (&["LD_AUDIT"], LOADS, b":"),
    (&["BASH_ENV", "ENV"], BEGINS, b""),
    // Of interpreters: which of them a program of root's will call nobody knows.
    (&["PYTHONPATH", "PYTHONHOME"], MODULES, b":"),
    (&["PERL5LIB", "PERLLIB", "RUBYLIB", "GEM_PATH", "NODE_PATH", "CLASSPATH", "GCONV_PATH"], MODULES, b":"),
    (&["GEM_HOME", "PHPRC", "PYTHONPYCACHEPREFIX", "PYTHONUSERBASE"], MODULES, b""),
    (&["PHP_INI_SCAN_DIR", "OPENSSL_MODULES", "OPENSSL_ENGINES", "GIT_EXEC_PATH"], MODULES, b":"),
    (
        &[
            "LUA_PATH",
            "LUA_PATH_5_2",
            "LUA_PATH_5_3",
            "LUA_PATH_5_4",
            "LUA_PATH_5_5",
            "LUA_CPATH",
            "LUA_CPATH_5_2",
            "LUA_CPATH_5_3",
            "LUA_CPATH_5_4",
            "LUA_CPATH_5_5",
        ],
        MODULES,
        b";",
    ),
    (
        &["OPENSSL_CONF", "PYTHONSTARTUP", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_TEMPLATE_DIR", "ZDOTDIR"],
        READS,
        b"",
    ),
    (
        &[
            "NODE_OPTIONS",
            "PERL5OPT",
            "PERL5DB",
            "RUBYOPT",
            "LUA_INIT",
            "LUA_INIT_5_2",
            "LUA_INIT_5_3",
            "LUA_INIT_5_4",
            "LUA_INIT_5_5",
            "JAVA_TOOL_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "_JAVA_OPTIONS",
            "GIT_SSH",
            "GIT_SSH_COMMAND",
            "GIT_CONFIG_PARAMETERS",
        ],
        OPTIONS,
        b" \t\n\r\"'=:,;()",
    ),
];

const LIBRARIES: &str = "looks for libraries in";
const LOADS: &str = "loads";
const BEGINS: &str = "begins with";
const MODULES: &str = "may look for modules in";
const READS: &str = "may read";
const OPTIONS: &str = "may load";
/// What is empty between two separators is no directory for these.
const NO_EMPTY_ENTRY: [&str; 7] =
    ["RUBYLIB", "GEM_PATH", "NODE_PATH", "PHP_INI_SCAN_DIR", "LUA_PATH", "LUA_CPATH", "GCONV_PATH"];

/// A variable, what is done there, the path.
type LedTo = (&'static str, &'static str, PathBuf);

/// Every value that a variable has on the way of this program: what it is given, and what `env` puts there.
fn values_of(program: &Program, assigned: &[Vec<u8>], name: &str) -> Vec<Vec<u8>> {
    let put = assigned.iter().filter_map(|word| word.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    let values = exec::variable_of(&program.environment, name).into_iter().chain(put.map(<[u8]>::to_vec));
    values.filter(|value| !value.is_empty()).collect()
}

/// Where these lead a program that comes to `files`, and why some cannot be followed.
fn led_to(program: &Program, files: &[PathBuf], assigned: &[Vec<u8>]) -> (Vec<LedTo>, Vec<String>) {
    let (mut found, mut unclear) = (Vec::new(), Vec::new());
    let named = LEADING
        .into_iter()
        .flat_map(|(names, what, separators)| names.iter().map(move |&name| (name, what, separators)));
    for (name, what, separators) in named {
        let values = values_of(program, assigned, name);
        let entries = values.iter().flat_map(|value| value.split(|byte| separators.contains(byte)));
        if what == OPTIONS {
            let entries: Vec<&[u8]> = entries.filter(|entry| !entry.is_empty()).collect();
            found.extend(
                named_by_options(&entries, directory(program), name == "NODE_OPTIONS")
                    .into_iter()
                    .map(|path| (name, what, path)),
            );
            unclear
                .extend(entries.into_iter().filter(|entry| is_quoted_path(entry)).map(|entry| unexpanded(name, entry)));
            continue;
        }
        // A library's bare name is looked for in those directories, and many a program is told by ENV what it is for.
        let needs_slash = what == LOADS || name == "ENV";
        let is_place = |entry: &[u8]| {
            let is_relative = entry.is_empty() && !NO_EMPTY_ENTRY.contains(&name);
            if needs_slash { entry.contains(&b'/') } else { !entry.is_empty() || is_relative }
        };
        for entry in entries.filter(|entry| is_place(entry)) {
            match expansions(what, entry, files) {
                Some(paths) => {
                    let paths = paths.into_iter().map(|path| (name, what, directory(program).join(path)));
                    found.extend(paths);
                }
                None => unclear.push(unexpanded(name, entry)),
            }
        }
    }
    found.sort();
    found.dedup();
    (found, unclear)
}

fn unexpanded(name: &str, entry: &[u8]) -> String {
    let entry = String::from_utf8_lossy(entry);
    format!("cannot tell what {name} leads to by `{entry}`; write the path without variables and quotes")
}

/// Whether a part of options is a path in which characters stand for others, as in the URL of a module.
fn is_quoted_path(part: &[u8]) -> bool {
    part.contains(&b'/') && part.iter().any(|byte| b"%\\$`".contains(byte))
}

/// Options behind which a name without a slash is one of a file or directory, too.
const RELATIVE: [&str; 13] = [
    "-I",
    "-Mlib",
    "-mlib",
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-javaagent",
    "-cp",
    "-classpath",
    "--class-path",
    "-Djava.library.path",
];

/// Whatever may be a path among the parts of options, which programs take apart each in its own way.
fn named_by_options(parts: &[&[u8]], directory: &Path, is_node: bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut is_relative = false;
    for part in parts {
        let path = part.strip_prefix(b"@").unwrap_or(part);
        let has_slash = path.contains(&b'/');
        if let [b'-', letter, attached @ ..] = path {
            let is_searched = *letter == b'I' && !attached.is_empty();
            if has_slash || is_searched {
                found.push(directory.join(OsStr::from_bytes(attached)));
            }
            // Several letters may be before it.
            let absolute = path.iter().position(|&byte| byte == b'/').and_then(|slash| path.get(slash..));
            found.extend(absolute.map(|path| PathBuf::from(OsStr::from_bytes(path))));
        } else if has_slash || is_relative {
            let path = Path::new(OsStr::from_bytes(path));
            found.push(directory.join(path));
            if is_relative && is_node {
                found.extend(executed::node_modules(directory).map(|modules| modules.join(path)));
            }
        }
        is_relative = RELATIVE.iter().any(|option| option.as_bytes() == *part);
    }
    found
}

/// The paths that an entry means; `None`: it cannot be told. The loader puts the place of the program for `$ORIGIN`, and
/// bash expands what BASH_ENV says (ld.so(8), bash(1)).
fn expansions(what: &str, entry: &[u8], files: &[PathBuf]) -> Option<Vec<PathBuf>> {
    let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
    if what == BEGINS {
        let is_plain = !entry.starts_with(b"~") && !entry.iter().any(|byte| b"$`\"'\\".contains(byte));
        return is_plain.then(|| vec![path(entry)]);
    }
    let is_the_loaders = what == LIBRARIES || what == LOADS;
    if !is_the_loaders || !entry.contains(&b'$') {
        return Some(vec![path(entry)]);
    }
    let rest = [&b"$ORIGIN"[..], b"${ORIGIN}"].iter().find_map(|start| entry.strip_prefix(*start))?;
    if rest.contains(&b'$') || !matches!(rest, [] | [b'/', ..]) {
        return None;
    }
    let places = files.iter().filter_map(|file| Some(file.canonicalize().ok()?.parent()?.to_owned()));
    Some(places.map(|place| path(&[place.as_os_str().as_bytes(), rest].concat())).collect())
}

/// Takes the directories of somebody else out of the PATH of a shell that has more rights: whatever is typed there is
/// looked for in them.
pub fn keep_own_path(environment: &mut Environment, users: &[Boundary], base: &Path, findings: &mut Findings<'_>) {
    let Some(path) = environment.trusted("PATH") else { return };
    let directory = |entry: &[u8]| base.join(OsStr::from_bytes(entry));
    let is_own =
        |entry: &&[u8]| users.iter().all(|user| trust::could_be_put_by(&directory(entry), user, &[]).is_none());
    let (own, others): (Vec<&[u8]>, Vec<&[u8]>) = path.split(|&byte| byte == b':').partition(is_own);
    if !others.is_empty() {
        let others = String::from_utf8_lossy(&others.join(&b':')).into_owned();
        findings.warning(&format!(
            "PATH is without {others}, which somebody else could change; name programs there by their paths"
        ));
        if own.is_empty() {
            environment.set_trusted("PATH", exec::DEFAULT_PATH);
        } else {
            environment.set_trusted("PATH", &own.join(&b':'));
        }
    }
}

/// The first of these names, and how many there are.
fn first_of(names: &[&str]) -> String {
    const MOST_NAMED: usize = 20;
    let more = names.len().saturating_sub(MOST_NAMED);
    let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{and_more}", names.get(..MOST_NAMED).unwrap_or(names).join(", "))
}

/// Looks for what the kernel would not take, which would only be told when its turn comes.
pub fn check_lengths(programs: &[&Planned], environment: &Environment, room: usize, findings: &mut Findings<'_>) {
    let left = room.saturating_sub(environment.size());
    if left < exec::FOR_ARGUMENTS {
        // That was told where it was filled.
        return;
    }
    for planned in programs {
        let Some(program) = planned.program() else { continue };
        let all: usize = program.argv.iter().map(exec::size).fold(0, usize::saturating_add);
        let is_too_long = |word: &CString| word.count_bytes() >= exec::longest_string();
        if all > left || program.argv.iter().any(is_too_long) {
            let what = "its arguments are longer than the kernel takes; shorten them, or hand on the name of a file";
            findings.fault(&planned.key, what);
        }
    }
}

/// What to do with something that lies where [[prepare]] makes everything the user's.
const ELSEWHERE: &str = "move it out of there";

/// What one user could do, now and once everything is prepared.
struct Judge<'a> {
    user: &'a Boundary,
    given: Vec<Given>,
    /// Many programs have the same PATH, and the same interpreter.
    asked: RefCell<BTreeMap<PathBuf, Option<Rc<AtFault>>>>,
}

impl<'a> Judge<'a> {
    fn new(user: &'a Boundary, given: Vec<Given>) -> Judge<'a> {
        Judge { user, given, asked: RefCell::default() }
    }

    fn ask(&self, path: &Path) -> Option<Rc<AtFault>> {
        if let Some(known) = self.asked.borrow().get(path) {
            return known.clone();
        }
        let found = trust::could_be_put_by(path, self.user, &self.given).map(Rc::new);
        self.asked.borrow_mut().insert(path.to_owned(), found.clone());
        found
    }

    fn refuse(&self, key: &str, path: &Path, elsewhere: &str, findings: &mut Findings<'_>) -> bool {
        let why = self.why_refused(path, elsewhere);
        why.map(|why| findings.refusal(key, why)).is_some()
    }

    fn why_refused(&self, path: &Path, elsewhere: &str) -> Option<String> {
        let at_fault = self.ask(path)?;
        let AtFault { why, is_given } = &*at_fault;
        let advice = if *is_given { elsewhere } else { "make it root's, and nobody else's to write" };
        let who = users::shown(&self.user.identity);
        Some(format!("{} could be changed by {who}: {why}; {advice}", path.display()))
    }
}
