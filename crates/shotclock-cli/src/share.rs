//! `shotclock share`: what a package installs beside the command, where packagers expect it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;

use crate::failure::Failure;
use crate::{completions, output, pages};

/// Where each shell looks for the completions of programs that packages installed, below `share`.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/shotclock"),
    (Shell::Zsh, "zsh/site-functions/_shotclock"),
    (Shell::Fish, "fish/vendor_completions.d/shotclock.fish"),
];

/// Write manual pages and completions below PREFIX/share, for packagers
///
/// PREFIX/share/man/man1 gets the pages; bash, zsh and fish get their completions where they look for those of packages.
/// The name of each file is printed. What is there already is replaced.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shotclock share /usr/local
  shotclock share \"$DESTDIR/usr\"")]
pub(crate) struct Arguments {
    /// Below what
    prefix: PathBuf,
}

/// `command` is the whole command, whose pages and completions they are.
pub(crate) fn run(arguments: &Arguments, command: &Command) -> Result<(), Failure> {
    let share = arguments.prefix.join("share");
    for page in pages::all(command.clone()) {
        write(&share.join("man/man1").join(page.file), &page.text)?;
    }
    for (shell, file) in COMPLETIONS {
        write(&share.join(file), &completions::script(shell, command.clone()))?;
    }
    output::delivered()
}

fn write(file: &Path, text: &[u8]) -> Result<(), Failure> {
    let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
    let named = |error: io::Error| Failure::Other(format!("{}: {error}", file.display()));
    folder.and_then(|()| fs::write(file, text)).map_err(named)?;
    Ok(output::line(format_args!("{}", file.display()))?)
}
