//! The environment of the application (§4): one pipeline, pure over its inputs, the same for server, hooks, `exec`,
//! `shell` and `env`.
//!
//! - [`strings`]: variables, and whose values they are.
//! - [`inputs`]: what it is made of; [`pipeline`]: what the steps share.
//! - [`steps`], [`files`], [`secrets`]: the steps.

mod files;
mod inputs;
mod pipeline;
mod secrets;
mod steps;
mod strings;

pub use inputs::Inputs;
pub use pipeline::Computed;
pub use steps::of_identity;
pub use strings::{Environment, Strings};

use pipeline::Pipeline;

use super::findings::Findings;

/// The steps, in the order that docs/configuration.md gives them in; later ones win.
fn steps<'a, 'f>() -> [fn(&mut Pipeline<'a, 'f>); 10] {
    [
        Pipeline::defaults,          // env.defaults
        Pipeline::env_files,         // env.files
        Pipeline::vars_dir,          // env.vars_dir
        Pipeline::secrets,           // env.secrets
        Pipeline::set_in_any_case,   // env.set
        Pipeline::first_files,       // env.first_file
        Pipeline::paths,             // virtualenv, env.path_prepend
        Pipeline::identity,          // user
        Pipeline::deploy_env,        // hook deploy-env
        Pipeline::unset_and_require, // env.unset, env.require
    ]
}

/// Takes what was given through all of them.
pub fn compute(given: Environment, inputs: &Inputs<'_>, findings: &mut Findings<'_>) -> Computed {
    let mut pipeline = Pipeline::new(given, inputs, findings);
    pipeline.given_secrets();
    for step in steps() {
        step(&mut pipeline);
    }
    pipeline.end()
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::path::Path;

    use super::*;
    use crate::config::{Env, Layers, keys};
    use crate::plan::files::Disk;
    use crate::plan::users::Users;

    fn computed(given: &[&str], env: &Env) -> Computed {
        let layers = Layers::default();
        let mut findings = Findings::new(&layers, false, Vec::new());
        let inputs = Inputs {
            env,
            virtualenv: None,
            identity: None,
            boundaries: &[],
            workdir: Path::new("/nowhere"),
            files: &Disk,
            deploy_env: None,
            deploy_env_by: None,
            room: usize::MAX,
        };
        let given = given.iter().map(|string| CString::new(*string).expect("no NUL")).collect();
        compute(Environment::new(given), &inputs, &mut findings)
    }

    /// Shells read the last of them, other programs the first.
    #[test]
    fn what_was_given_twice_is_handed_on_once() {
        let secret = keys::Secret { name: "PW".to_owned(), ..keys::Secret::default() };
        let env = Env { secrets: vec![secret], ..Env::default() };
        let given = ["PW=first", "none", "OTHER=x", "PW=second", "none", "PW=", "PWD=/", "OTHER=x=y", "HOME=/"];
        let computed = computed(&given, &env);
        assert_eq!(computed.secrets.mask_text("first"), "***");
        let strings = computed.environment.strings().of(None, &Users::default());
        let strings: Vec<_> = strings.iter().map(|string| string.to_string_lossy()).collect();
        assert_eq!(strings, ["PW=first", "none", "OTHER=x", "none", "PWD=/", "HOME=/"]);
    }
}
