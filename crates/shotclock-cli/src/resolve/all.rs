//! All that the system's resolver knows of a name or an address: four questions at once.

use std::fmt::Display;
use std::io;
use std::thread::{ScopedJoinHandle, scope};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shotclock::{AddressInfo, AddressInfoHints, Deadline, Error, Family, HostEntry, Kind, Lookup};

use super::arguments::Arguments;
use super::records::ip;
use crate::failure::{Code, Failure, code_of};
use crate::output;
use crate::thread;

/// Asks, and prints what was answered in time.
pub(super) fn ask(arguments: &Arguments, until: Deadline) -> Result<(), Failure> {
    let answers = Answers::ask(&arguments.name, arguments.families.wanted(), until);
    if arguments.verbose {
        answers.say_how_long();
    }
    if arguments.json {
        output::json(&answers.to_json(&arguments.name))?;
    } else {
        answers.print()?;
    }
    output::delivered()?;
    answers.verdict()
}

/// What each function answered.
struct Answers {
    addresses: Result<Vec<AddressInfo>, Error>,
    by_name: Result<HostEntry, Error>,
    by_address: Result<HostEntry, Error>,
    fqdn: Result<String, Error>,
    /// How long each took, in that order.
    took: [Duration; 4],
}

impl Answers {
    /// Asks all four at once, so that one that hangs does not use up the others' time.
    fn ask(name: &str, family: Family, deadline: Deadline) -> Self {
        let lookup = Lookup::until(deadline);
        let hints = AddressInfoHints { family, kind: Kind::STREAM, ..AddressInfoHints::default() };
        let by_name = || timed(|| lookup.gethostbyname_ex(name));
        let by_address = || timed(|| lookup.gethostbyaddr(name));
        let fqdn = || timed(|| lookup.getfqdn(name));
        scope(|scope| {
            let other = (
                thread::start_in(scope, "by name", by_name),
                thread::start_in(scope, "by address", by_address),
                thread::start_in(scope, "fqdn", fqdn),
            );
            let addresses = timed(|| lookup.getaddrinfo(name, None, &hints));
            let others = (joined(other.0, by_name), joined(other.1, by_address), joined(other.2, fqdn));
            Self {
                took: [addresses.1, others.0.1, others.1.1, others.2.1],
                addresses: addresses.0,
                by_name: others.0.0,
                by_address: others.1.0,
                fqdn: others.2.0,
            }
        })
    }

    fn say_how_long(&self) {
        let questions = ["getaddrinfo", "gethostbyname_ex", "gethostbyaddr", "getfqdn"];
        for (question, took) in questions.iter().zip(self.took) {
            output::say(format_args!("* {:.4} s: {question}", took.as_secs_f64()));
        }
    }

    fn print(&self) -> io::Result<()> {
        match &self.addresses {
            Ok(found) => {
                for info in found {
                    row("getaddrinfo", format_args!("{} ({})", ip(info), info.family))?;
                }
            }
            Err(error) => row("getaddrinfo", failed(error))?,
        }
        print_entry("gethostbyname_ex", &self.by_name)?;
        print_entry("gethostbyaddr", &self.by_address)?;
        match &self.fqdn {
            Ok(name) => row("getfqdn", name),
            Err(error) => row("getfqdn", failed(error)),
        }
    }

    fn to_json(&self, name: &str) -> Value {
        let address = |info: &AddressInfo| json!({ "address": ip(info), "family": info.family.to_string() });
        let entry =
            |entry: &HostEntry| json!({ "name": entry.name, "aliases": entry.aliases, "addresses": entry.addresses });
        let addresses =
            self.addresses.as_ref().map(|found| json!({ "addresses": found.iter().map(address).collect::<Vec<_>>() }));
        json!({
            "asked": name,
            "getaddrinfo": addresses.unwrap_or_else(json_error),
            "gethostbyname_ex": self.by_name.as_ref().map(entry).unwrap_or_else(json_error),
            "gethostbyaddr": self.by_address.as_ref().map(entry).unwrap_or_else(json_error),
            "getfqdn": self.fqdn.as_ref().map(|name| json!({ "name": name })).unwrap_or_else(json_error),
        })
    }

    /// Success if there is an address at all.
    fn verdict(self) -> Result<(), Failure> {
        match (self.addresses, self.by_name) {
            (Ok(found), _) if !found.is_empty() => Ok(()),
            (_, Ok(entry)) if !entry.addresses.is_empty() => Ok(()),
            (Err(error), _) if error.is_timeout() => Err(Failure::Known(Code::LookupLimit, error)),
            (Err(error), _) => Err(Failure::Known(code_of(&error), error)),
            (Ok(_), _) => Err(Failure::Shown(Code::NotFound)),
        }
    }
}

/// What was answered, and how long that took.
fn timed<T>(ask: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let answer = ask();
    (answer, begun.elapsed())
}

/// What a thread was answered. Without a thread for it, the question is asked here, after the others. A lookup does not
/// panic; if it did, the panic goes on here.
fn joined<T>(asked: io::Result<ScopedJoinHandle<'_, T>>, ask: impl FnOnce() -> T) -> T {
    let Ok(asked) = asked else { return ask() };
    asked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn print_entry(question: &str, answer: &Result<HostEntry, Error>) -> io::Result<()> {
    let entry = match answer {
        Ok(entry) => entry,
        Err(error) => return row(question, failed(error)),
    };
    row(question, &entry.name)?;
    for alias in &entry.aliases {
        row("", format_args!("alias {alias}"))?;
    }
    entry.addresses.iter().try_for_each(|address| row("", format_args!("address {address}")))
}

fn row(question: &str, answer: impl Display) -> io::Result<()> {
    output::line(format_args!("{question:<17} {answer}"))
}

fn failed(error: &Error) -> String {
    format!("failed: {error}")
}

fn json_error(error: &Error) -> Value {
    json!({ "error": error.to_string(), "timed_out": error.is_timeout() })
}
