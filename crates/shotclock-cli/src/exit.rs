//! How the command ends: by saying what went wrong, and an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};

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
    if let Some(text) = instead(error) {
        output::say(format_args!("\n{text}"));
    }
    let code = match (error.use_stderr(), printed) {
        (true, _) => Code::Usage,
        (false, printed) => printed.map_or_else(|error| Failure::from(error).code(), |()| Code::Success),
    };
    ExitCode::from(code as u8)
}

/// What there is, for whoever named a mode that there is not, or no protocol.
fn instead(error: &clap::Error) -> Option<String> {
    let text = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let value = text(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::InvalidSubcommand if text(ContextKind::Usage).contains("shotclock faults") => {
            Some(format!("The modes are:\n{}", faults::modes()))
        }
        ErrorKind::InvalidValue if text(ContextKind::InvalidArg) == "<PROTOCOL>" => {
            Some(format!("The protocol comes first: shotclock send tcp {value} .."))
        }
        ErrorKind::InvalidValue if text(ContextKind::InvalidArg) == "[PROTOCOL]" => {
            Some(format!("A port or an address has its option: --port {value}, --listen {value}"))
        }
        _ => None,
    }
}
