//! What a command is asked for with.

use std::ffi::OsString;

use crate::cli::{Answer, Options};
use crate::plan::{self, Plan, Purpose, Start};
use crate::sys::signals::Inherited;

/// What a command is given.
pub struct Asked<'a> {
    pub options: &'a Options,
    pub arguments: &'a [OsString],
    pub start: &'a Start,
    pub inherited: Inherited,
}

impl Asked<'_> {
    /// The plan for this purpose; `deploy_env` is what the hook of that name wrote, once it has run.
    pub fn plan(
        &self,
        purpose: Purpose<'_>,
        arguments: &[OsString],
        deploy_env: Option<&[u8]>,
    ) -> Result<Plan, Answer> {
        plan::make(purpose, self.options, arguments, self.start, deploy_env)
    }
}
