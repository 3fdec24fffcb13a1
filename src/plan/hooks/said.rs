//! The settings of a hook's command.

use std::rc::Rc;
use std::time::Duration;

use crate::config::keys::{self, Hook, HookRun};
use crate::config::values::{Named, Span};
use crate::identity::Identity;
use crate::machine::{ChildId, HookRule, OnFailure, Retry};
use crate::plan::findings::Findings;
use crate::plan::surroundings::Surroundings;
use crate::plan::{POST_DEPLOY, settings};

/// What is said of a command: by its own table, or else by its hook's.
#[derive(Clone, Copy)]
pub struct Said<'a> {
    pub hook: Option<&'a Hook>,
    pub run: Option<(&'a HookRun, &'a str)>,
    /// Where the hook's table is.
    pub key: &'a str,
}

impl<'a> Said<'a> {
    /// A value, with the key that sets it.
    fn pick<T>(
        &self,
        name: &str,
        of_run: impl FnOnce(&'a HookRun) -> Option<&'a T>,
        of_hook: impl FnOnce(&'a Hook) -> Option<&'a T>,
    ) -> Option<(String, &'a T)> {
        let own = self.run.and_then(|(run, key)| Some((format!("{key}.{name}"), of_run(run)?)));
        own.or_else(|| Some((format!("{}.{name}", self.key), of_hook(self.hook?)?)))
    }

    /// Whom it names itself.
    pub fn own_user(&self, around: &Surroundings<'_>, findings: &mut Findings<'_>) -> Option<Rc<Identity>> {
        let (key, user) = self.pick("user", |run| run.user.as_ref(), |hook| hook.user.as_ref())?;
        around.users.resolve(&key, user, findings)
    }

    /// What becomes of it when it takes long, fails, or a stop is asked for.
    pub fn rule(
        &self,
        name: &str,
        own: Option<&Rc<Identity>>,
        around: &Surroundings<'_>,
        findings: &mut Findings<'_>,
    ) -> HookRule {
        // How long what has more rights than a user may take is not for that user to say.
        let around = around.for_rights_of(around.users.to_become(own).as_deref());
        let mut span = |picked: Option<(String, &Span)>| {
            picked.and_then(|(key, span)| settings::resolve(&key, Some(span), &around, findings))
        };
        // Pollers wait for things for as long as it takes.
        let default = if name == POST_DEPLOY { Duration::ZERO } else { Hook::TIMEOUT };
        let timeout = span(self.pick("timeout", |run| run.timeout.as_ref(), |hook| hook.timeout.as_ref()));
        let timeout = timeout.unwrap_or(default);
        let stop_timeout =
            span(self.pick("stop_timeout", |run| run.stop_timeout.as_ref(), |hook| hook.stop_timeout.as_ref()));
        let retry = self.pick("retry", |run| run.retry.as_ref(), |hook| hook.retry.as_ref());
        let retry = retry.map(|(key, retry)| {
            let mut pause = |name: &str, pause: &'a Option<Span>| {
                span(pause.as_ref().map(|pause| (format!("{key}.{name}"), pause)))
            };
            Retry {
                max: retry.max,
                backoff: pause("backoff", &retry.backoff).unwrap_or(keys::Retry::BACKOFF),
                max_backoff: pause("max_backoff", &retry.max_backoff).unwrap_or(keys::Retry::MAX_BACKOFF),
                on_codes: retry.on_codes.clone(),
            }
        });
        let is_asked_for = name == POST_DEPLOY && around.on_failure == OnFailure::Abort;
        let failure = self.pick("on_failure", |run| run.on_failure.as_ref(), |hook| hook.on_failure.as_ref());
        let stop = self.pick("on_stop", |run| run.on_stop.as_ref(), |hook| hook.on_stop.as_ref());
        HookRule {
            // Its place is known when it is appended.
            child: ChildId(0),
            timeout: (!timeout.is_zero()).then_some(timeout),
            stop_timeout: stop_timeout.unwrap_or(Hook::STOP_TIMEOUT),
            own_stop_timeout: stop_timeout,
            on_failure: match failure {
                // Whoever asked for it wants to know how it ends.
                Some(_) if is_asked_for => OnFailure::Abort,
                Some((_, Named(policy))) => policy.rule(),
                None => around.on_failure,
            },
            on_stop: stop.map_or(Hook::ON_STOP, |(_, Named(policy))| *policy),
            skips: None,
            retry,
            helper: false,
        }
    }
}
