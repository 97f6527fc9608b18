//! How the command ends: by saying what went wrong, and an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::failure::{Code, Failure};
use crate::output::{self, Paint, painted_talk};
use crate::{faults, hint};

/// Says what went wrong, if anything did, and gives the exit code.
pub(crate) fn code(ended: Result<(), Failure>) -> ExitCode {
    let code = match ended {
        Ok(()) => Code::Success,
        Err(failure) => {
            let code = failure.code();
            if code != Code::Success && !matches!(failure, Failure::Shown(_)) {
                output::say(format_args!("{} {failure}", painted_talk(Paint::Bad, "shotclock:")));
                if let Some(hint) = hint::of(&failure) {
                    output::say(format_args!("{} {hint}", painted_talk(Paint::Hint, "hint:")));
                }
            }
            code
        }
    };
    output::leave();
    ExitCode::from(code as u8)
}

/// Prints what was wrong with the arguments, or the help that was asked for, and gives the exit code.
pub(crate) fn parsing(error: &clap::Error) -> ExitCode {
    let printed = error.print().and_then(|()| io::stdout().flush());
    if let Some(names) = names_instead(error) {
        output::say(format_args!("\n{names}"));
    }
    let code = match (error.use_stderr(), printed) {
        (true, _) => Code::Usage,
        (false, printed) => printed.map_or_else(|error| Failure::from(error).code(), |()| Code::Success),
    };
    ExitCode::from(code as u8)
}

/// What there is, for whoever named a subcommand or a mode that there is not.
fn names_instead(error: &clap::Error) -> Option<String> {
    let of_faults = |usage: &ContextValue| usage.to_string().contains("shotclock faults");
    match error.kind() {
        ErrorKind::InvalidSubcommand if error.get(ContextKind::Usage).is_some_and(of_faults) => {
            Some(format!("The modes are:\n{}", faults::modes()))
        }
        _ => None,
    }
}
