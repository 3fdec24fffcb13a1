//! A directory that has to be there, with its owner and mode.

use std::path::Path;

use super::report::{Failure, Report};
use super::{Owner, Recursive, place, walk};

const USUAL_MODE: u32 = 0o755;

pub fn prepare(
    path: &Path,
    owner: Option<Owner>,
    mode: Option<u32>,
    recursive: Recursive,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    let (top, is_new) = place::directory(path)?;
    let walks = match (owner, recursive) {
        (None, _) | (_, Recursive::Never) => None,
        (Some(owner), Recursive::IfTopDiffers) => Some(owner).filter(|owner| !top.is_owned_by(*owner)),
        (Some(owner), Recursive::Always) => Some(owner),
    };
    if let Some(owner) = walks.filter(|_| !is_new) {
        walk::give_content(&top, path, owner, report)?;
    }
    // Before the owner, who may be the only one to set it afterwards.
    if let Some(mode) = mode.or(is_new.then_some(USUAL_MODE))
        && let Err(errno) = top.set_mode(mode)
    {
        report.fail(&Failure::new(format_args!("set the mode of {} to {mode:04o}", path.display()), errno));
    }
    // The last of all, so that an interrupted walk is seen at the next start.
    match owner.map(|owner| top.give(owner)) {
        Some(Err(errno)) => Err(Failure::new(format_args!("set the owner of {}", path.display()), errno)),
        Some(Ok(())) | None => Ok(()),
    }
}
