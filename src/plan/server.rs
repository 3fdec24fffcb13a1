//! What is run as the server: the configured command, the `start` hook, a shell, or what was typed.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::builder::Builder;
use super::findings::Findings;
use super::hooks::files;
use super::sources::Words;
use super::{Planned, Purpose, START, command};
use crate::config::Config;
use crate::config::expand::{self, Lookup as _, Word};
use crate::identity::trust;
use crate::machine::{ChildId, OnFailure};
use crate::sys::exec::{self, Program};

impl Builder<'_> {
    /// What is run as the server, empty where there is nothing to be run; and the command line that conditions look at.
    pub fn server_words(
        &self,
        purpose: Purpose<'_>,
        config: &Config,
        words: Words,
        findings: &mut Findings<'_>,
    ) -> (Vec<OsString>, Vec<OsString>) {
        let Words { own, of_boot, name_role } = words;
        let run = match purpose {
            Purpose::Run | Purpose::Check => return self.command(config, own, findings),
            Purpose::Nested if name_role => return self.command(config, own, findings),
            Purpose::Hook(..) => return self.command(config, of_boot, findings),
            Purpose::Env => Vec::new(),
            Purpose::Exec | Purpose::Nested => own,
            Purpose::Shell => self.shell(own),
        };
        let mut line = self.configured(config, None);
        line.extend(of_boot);
        (run, line)
    }

    /// The server's program, as the first of the plan.
    pub fn server(&self, purpose: Purpose<'_>, argv: Vec<OsString>, programs: &mut Vec<Planned>) -> Option<ChildId> {
        let name = argv.first()?;
        let label = name.to_string_lossy().into_owned();
        let id = ChildId(u16::try_from(programs.len()).unwrap_or(u16::MAX));
        let identity = self.users.main();
        let strings = self.strings.of(identity.as_deref(), self.users);
        let is_from_a_shell = matches!(purpose, Purpose::Exec | Purpose::Shell | Purpose::Nested);
        let steps_down = self.users.stepped_down_to().is_some();
        let program = Program {
            keeps: if is_from_a_shell && steps_down { exec::Keeps::Passed } else { exec::Keeps::All },
            directory: self.workdir.map(Path::to_owned),
            umask: self.settings.umask,
            identity,
            bounds: self.bounds.clone(),
            ..Program::new(exec::arguments(argv), exec::Environment::Computed(strings))
        };
        programs.push(Planned::server(program, label));
        Some(id)
    }

    /// `server.command` and `server.args` with the arguments appended, or the `start` hook with them, or they alone.
    /// Conditions see what there is without the hook, which is what it was given.
    ///
    /// A role's own command is not replaced by the hook: whoever chose the role meant it.
    fn command(
        &self,
        config: &Config,
        arguments: Vec<OsString>,
        findings: &mut Findings<'_>,
    ) -> (Vec<OsString>, Vec<OsString>) {
        let start =
            if self.skips(START) { None } else { files::file(START, &self.hooks(OnFailure::Abort, &[]), findings) };
        let start = start.filter(|_| !findings.is_of_role("server.command"));
        if start.is_some() && !config.server.args.is_empty() {
            findings.warning(
                "server.args is not used: it extends server.command, which the start hook replaces; write it into that \
                 hook, or leave the hook out by skip = [\"start\"]",
            );
        }
        let told = if start.is_none() { Some(findings) } else { None };
        let mut line = self.configured(config, told);
        line.extend(arguments.iter().cloned());
        let run = match start {
            Some(start) => std::iter::once(start.into()).chain(arguments).collect(),
            None => line.clone(),
        };
        (run, line)
    }

    /// `server.command` and `server.args`. Where nobody is told what is wrong with them, since they are not run, what
    /// cannot be expanded is as it was written.
    fn configured(&self, config: &Config, mut findings: Option<&mut Findings<'_>>) -> Vec<OsString> {
        let mut fault = |key: &str, what: &str| {
            if let Some(findings) = &mut findings {
                findings.fault(key, what);
            }
        };
        match &config.server.command {
            Some(command) if command.is_empty() => {
                fault("server.command", "is empty; name a program, or remove it");
            }
            None if !config.server.args.is_empty() => {
                fault("server.args", "extends server.command, which is not set; set it, or remove this");
            }
            Some(_) | None => {}
        }
        let Some(command) = &config.server.command else { return Vec::new() };
        let mut words = Vec::new();
        for (key, list) in [("server.command", command), ("server.args", &config.server.args)] {
            match (expand::expand_words(list, self.environment), &mut findings) {
                (Ok(left), Some(findings)) if left.is_empty() && key == "server.command" && !list.is_empty() => {
                    findings.unset(key, command::NO_WORD_LEFT.into());
                }
                (Ok(expanded), findings) => {
                    let by_user =
                        || list.iter().flat_map(Word::texts).find_map(|text| command::by_user(text, self.environment));
                    if let Some(findings) =
                        findings.as_mut().filter(|_| self.users.is_above(self.users.main().as_deref()))
                        && let Some(why) = by_user()
                    {
                        findings.refusal(key, command::refusal(&why, self.users.main().as_deref()));
                    }
                    words.extend(expanded.into_iter().map(OsString::from_vec));
                }
                (Err(faults), Some(findings)) => findings.unexpanded(key, faults),
                (Err(_), None) => words.extend(list.iter().flat_map(Word::texts).map(OsString::from)),
            }
        }
        words
    }

    /// `$SHELL`, else bash, else sh. Of the arguments only a leading `-c COMMAND` counts: others are the image's CMD.
    fn shell(&self, arguments: Vec<OsString>) -> Vec<OsString> {
        let is_above = self.users.is_above(self.users.main().as_deref());
        let could_be_put =
            |path: &Path| self.users.boundaries().iter().any(|user| trust::could_be_put_by(path, user, &[]).is_some());
        // What somebody else could have chosen is none for more rights.
        let own = if is_above { self.environment.trusted("SHELL") } else { self.environment.get("SHELL") };
        let own = own.filter(|path| !path.is_empty()).map(|path| PathBuf::from(OsString::from_vec(path)));
        let own = own.filter(|path| !is_above || !could_be_put(path));
        let candidates = own.into_iter().chain(["/bin/bash", "/usr/bin/bash"].map(PathBuf::from));
        let shell = candidates.into_iter().find(|path| path.is_file()).unwrap_or_else(|| "/bin/sh".into());
        let mut argv = vec![shell.into_os_string()];
        if arguments.first().is_some_and(|first| first == "-c") {
            argv.extend(arguments);
        }
        argv
    }
}
