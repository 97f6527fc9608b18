//! The manual pages, made from the same source as the help.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// A page: the name of its file, and its text in roff.
pub(crate) struct Page {
    pub(crate) file: String,
    pub(crate) text: Vec<u8>,
}

/// The command's own page, and one for each subcommand that people see.
pub(crate) fn all(mut command: Command) -> Vec<Page> {
    command.build();
    let shown = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set() && !is_help(subcommand));
    std::iter::once(&command).chain(shown).map(page).collect()
}

/// A subcommand's page, or the command's own.
pub(crate) fn named(command: Command, name: Option<&str>) -> Option<Page> {
    let file = name.map_or_else(|| "shotclock.1".to_owned(), |name| format!("shotclock-{name}.1"));
    all(command).into_iter().find(|page| page.file == file)
}

fn page(command: &Command) -> Page {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let man = Man::new(command.clone()).title(name.to_uppercase()).manual("shotclock");
    let mut text = Vec::new();
    // A vector takes all that is written to it.
    let _never_fails = man
        .render_title(&mut text)
        .and_then(|()| man.render_name_section(&mut text))
        .and_then(|()| man.render_synopsis_section(&mut text))
        .and_then(|()| man.render_description_section(&mut text))
        .and_then(|()| man.render_options_section(&mut text))
        .and_then(|()| rest(command).to_writer(&mut text));
    Page { file: format!("{name}.1"), text }
}

/// What follows the options: subcommands or modes, and the end of the help.
fn rest(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let heading = command.get_subcommand_help_heading().unwrap_or("Commands");
    let shown: Vec<_> = command.get_subcommands().filter(|one| !one.is_hide_set() && !is_help(one)).collect();
    if !shown.is_empty() {
        roff.control("SH", [heading.to_uppercase().as_str()]);
    }
    for one in shown {
        // Only the command's own subcommands have pages; modes have none.
        let has_page = command.get_name() == "shotclock";
        let name = if has_page { format!("shotclock-{}(1)", one.get_name()) } else { one.get_name().to_owned() };
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(one.get_about().map(ToString::to_string).unwrap_or_default())]);
    }
    let end = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string).unwrap_or_default();
    add_end(&mut roff, &end);
    roff
}

/// The end of the help, whose lines stand as they are: each paragraph that begins with a heading and a colon is a section.
fn add_end(roff: &mut Roff, end: &str) {
    for paragraph in end.split("\n\n") {
        let (first, others) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
        let (heading, begins) = match first.split_once(':') {
            Some((heading, "")) => (heading, ""),
            Some((heading, rest)) if !heading.contains('`') => (heading, rest.trim_start()),
            _ => ("Notes", first),
        };
        roff.control("SH", [heading.to_uppercase().as_str()]);
        roff.control("EX", []);
        for line in begins.lines().chain(others.lines()) {
            roff.text([roman(line)]);
        }
        roff.control("EE", []);
    }
}

fn is_help(command: &Command) -> bool {
    command.get_name() == "help"
}
