//! Colours: on a terminal, unless somebody does not want them.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ColorChoice;

/// When there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb
    Auto,
    Never,
    Always,
}

/// A colour, by what it says. Source: ECMA-48, select graphic rendition.
#[derive(Clone, Copy)]
pub(crate) enum Paint {
    Good,
    Bad,
    Hint,
}

static OUT: AtomicBool = AtomicBool::new(false);
static ERR: AtomicBool = AtomicBool::new(false);

impl When {
    /// What the arguments ask for, found before they are parsed, since their errors may be in colour too. What is no
    /// choice there is an error for the parser to tell.
    pub(crate) fn asked(arguments: impl Iterator<Item = OsString>) -> Self {
        // What follows `run` is another program's.
        let mut arguments = arguments.take_while(|argument| argument != "--" && argument != "run").peekable();
        let mut asked = Self::Auto;
        while let Some(argument) = arguments.next() {
            let joined = argument.to_str().and_then(|text| text.strip_prefix("--color="));
            let value = if argument == "--color" { arguments.peek().and_then(|next| next.to_str()) } else { joined };
            let found = value.and_then(|value| <Self as clap::ValueEnum>::from_str(value, false).ok());
            asked = found.unwrap_or(asked);
        }
        asked
    }

    /// For the parser's own help and errors.
    pub(crate) fn for_parser(self) -> ColorChoice {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Never => ColorChoice::Never,
            Self::Always => ColorChoice::Always,
        }
    }

    /// From now on it is so.
    pub(crate) fn decide(self) {
        let is_wanted = is_wanted(env::var_os("NO_COLOR").as_deref(), env::var_os("TERM").as_deref());
        let on = |is_terminal: bool| match self {
            Self::Auto => is_terminal && is_wanted,
            Self::Never => false,
            Self::Always => true,
        };
        OUT.store(on(io::stdout().is_terminal()), Ordering::Relaxed);
        ERR.store(on(io::stderr().is_terminal()), Ordering::Relaxed);
    }
}

/// Source: no-color.org: set to anything but nothing, it forbids colours.
fn is_wanted(no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
}

/// A text that goes to standard output.
pub(crate) fn painted(paint: Paint, text: &str) -> Painted<'_> {
    Painted { text, paint: OUT.load(Ordering::Relaxed).then_some(paint) }
}

/// A text that goes to standard error.
pub(crate) fn painted_talk(paint: Paint, text: &str) -> Painted<'_> {
    Painted { text, paint: ERR.load(Ordering::Relaxed).then_some(paint) }
}

/// A text, in its colour if there is one.
pub(crate) struct Painted<'a> {
    text: &'a str,
    paint: Option<Paint>,
}

impl fmt::Display for Painted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = match self.paint {
            None => return f.write_str(self.text),
            Some(Paint::Good) => 32,
            Some(Paint::Bad) => 31,
            Some(Paint::Hint) => 36,
        };
        write!(f, "\x1b[1;{code}m{}\x1b[0m", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_found_wherever_it_stands() {
        let asked = |line: &str| When::asked(line.split(' ').map(OsString::from));
        assert_eq!(asked("shotclock demo"), When::Auto);
        assert_eq!(asked("shotclock --color never demo"), When::Never);
        assert_eq!(asked("shotclock demo --color=always --json"), When::Always);
        assert_eq!(asked("shotclock demo --color sometimes"), When::Auto);
        assert_eq!(asked("shotclock send tcp x 1 -- --color always"), When::Auto);
        assert_eq!(asked("shotclock run git diff --color never"), When::Auto);
    }

    #[test]
    fn no_color_and_dumb_terminals_are_obeyed() {
        let text = |text: &'static str| Some(OsStr::new(text));
        assert!(is_wanted(None, text("xterm")) && is_wanted(text(""), None));
        assert!(!is_wanted(text("1"), None) && !is_wanted(text("0"), text("xterm")) && !is_wanted(None, text("dumb")));
    }
}
