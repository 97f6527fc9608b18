//! `shotclock resolve`: all that the system's resolver knows of a name or an address, in time.

use std::fmt::Display;
use std::io;
use std::thread::{ScopedJoinHandle, scope};

use serde_json::{Value, json};
use shotclock::{AddressInfo, AddressInfoHints, Deadline, Error, HostEntry, Kind, Lookup, Timeout};

use crate::arguments::{self, SECONDS};
use crate::failure::{Code, Failure, code_of};
use crate::output;
use crate::thread;

/// Ask the system's resolver all it knows of a name or an address
///
/// Four questions at once, under one limit: getaddrinfo, gethostbyname_ex (IPv4 only, with aliases), gethostbyaddr and
/// getfqdn. What is answered in time is printed, and each line that failed says why.
///
/// The exit code is 0 if the name has an address, 3 if it has none, 10 if none was found within the limit.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shotclock resolve localhost
  shotclock resolve 127.0.0.1 --json
  shotclock resolve example.org --timeout 0.5")]
pub(crate) struct Arguments {
    /// A host's name, or an address
    #[arg(value_name = "NAME|ADDRESS", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: String,
    /// How long all of it may take; 0 or none: for ever
    #[arg(long, value_name = SECONDS, default_value = "5", value_parser = arguments::limit, allow_hyphen_values = true)]
    timeout: Timeout,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let answers = Answers::ask(&arguments.name, Deadline::after(arguments.timeout));
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
}

impl Answers {
    /// Asks all four at once, so that one that hangs does not use up the others' time.
    fn ask(name: &str, deadline: Deadline) -> Self {
        let lookup = Lookup::until(deadline);
        let hints = AddressInfoHints { kind: Kind::STREAM, ..AddressInfoHints::default() };
        scope(|scope| {
            let by_name = thread::start_in(scope, "by name", || lookup.gethostbyname_ex(name));
            let by_address = thread::start_in(scope, "by address", || lookup.gethostbyaddr(name));
            let fqdn = thread::start_in(scope, "fqdn", || lookup.getfqdn(name));
            Self {
                addresses: lookup.getaddrinfo(name, None, &hints),
                by_name: joined(by_name, || lookup.gethostbyname_ex(name)),
                by_address: joined(by_address, || lookup.gethostbyaddr(name)),
                fqdn: joined(fqdn, || lookup.getfqdn(name)),
            }
        })
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

/// The address without the port, which nobody asked for; with its scope, if it has one.
fn ip(info: &AddressInfo) -> String {
    let shown = info.address.to_string();
    shown.rsplit_once(':').map_or(shown.as_str(), |(ip, _)| ip).trim_matches(['[', ']']).to_owned()
}

fn json_error(error: &Error) -> Value {
    json!({ "error": error.to_string(), "timed_out": error.is_timeout() })
}
