//! `env`: prints the application's environment.

use std::io::IsTerminal;

use super::asked::Asked;
use super::{prelude, say};
use crate::cli::Answer;
use crate::plan::{self, Plan, Purpose};
use crate::text;

/// What is said first where the lines are not what they were.
const FOR_PEOPLE: &str = "# control characters are shown here and not written; to a pipe or a file they are\n";

#[inline(never)]
pub fn env(asked: &Asked<'_>, json: bool, reveal: bool) -> Result<u8, Answer> {
    let make = |deploy_env: Option<&[u8]>| asked.plan(Purpose::Env, &[], deploy_env);
    let print = |plan: Plan| {
        let text = plan::show_environment(&plan, json, reveal);
        // A value could drive the terminal that it is shown on. A shell that evaluates it reads from a pipe.
        let shown = if std::io::stdout().is_terminal() { text::lines(&text) } else { None };
        match shown {
            Some(shown) => say::print_out(format!("{FOR_PEOPLE}{shown}").as_bytes(), asked.inherited),
            None => say::print_out(&text, asked.inherited),
        }
    };
    prelude::follow(&make, false, asked.inherited, &print)
}
