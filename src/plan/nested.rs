//! Whether a boot finds its container booted already.

use super::boot::Start;
use super::environment::Environment;
use super::settings::{self, Variables};
use crate::cli::Options;
use crate::config::Layers;
use crate::config::value::Value;
use crate::sys::exec;
use crate::sys::standing::Standing;

/// Whether `run` finds its container booted by another app-init.
#[must_use]
pub fn is_nested(start: &Start, options: &Options) -> bool {
    !options.hooks
        && match start.standing {
            Some(Standing::First) | None => false,
            Some(Standing::Nested(_)) => true,
            // Somebody else's container, in which this is the boot, or one whose app-init made place for the server.
            Some(Standing::Beside) => makes_place(options),
        }
}

/// Whether the server takes app-init's place. What is wrong with the files is told when the plan is made.
fn makes_place(options: &Options) -> bool {
    if options.exec || options.supervise {
        return options.exec;
    }
    let given = Environment::new(exec::inherited_environment());
    let variables = Variables(&given);
    let (file, workdir) = settings::named_places(options, &variables);
    let mut layers = Layers::of(file.as_deref(), workdir, &[], &mut Vec::new());
    if let Some(role) = variables.text("ROLE") {
        layers.choose_role(&role);
    }
    let mode = match layers.table.get("server") {
        Some(Value::Table(server)) => server.get("mode").and_then(Value::as_text),
        _ => None,
    };
    mode == Some("exec")
}
