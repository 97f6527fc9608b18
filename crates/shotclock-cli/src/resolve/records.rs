//! One type of record alone, a line each.

use std::net::IpAddr;
use std::time::Instant;

use serde_json::json;
use shotclock::{AddressInfo, AddressInfoFlags, AddressInfoHints, Deadline, Error, Family, Kind, Lookup};

use super::arguments::{Arguments, Record};
use crate::failure::{Code, Failure, code_of};
use crate::output;

/// Asks, and prints what there is.
pub(super) fn ask(record: Record, arguments: &Arguments, until: Deadline) -> Result<(), Failure> {
    let Arguments { name, json, verbose, families, .. } = arguments;
    if record == Record::Ptr && name.parse::<IpAddr>().is_err() {
        return Err(Failure::Usage(format!("--type ptr asks for the name of an address: {name:?} is none")));
    }
    if record != Record::Cname && families.wanted() != Family::UNSPEC {
        return Err(Failure::Usage("--type says which kind of address: expected no -4 or -6".to_owned()));
    }
    let begun = Instant::now();
    let answer = record.answers(name, families.wanted(), &Lookup::until(until));
    if *verbose {
        output::say(format_args!("* {:.4} s: {}", begun.elapsed().as_secs_f64(), record.question()));
    }
    if *json {
        let error = answer.as_ref().err().map(ToString::to_string);
        let answers = answer.as_deref().unwrap_or_default();
        output::json(&json!({ "asked": name, "type": record.name(), "answers": answers, "error": error }))?;
    } else {
        answer.iter().flatten().try_for_each(|answer| output::line(format_args!("{answer}")))?;
    }
    output::delivered()?;
    match answer {
        Err(error) if error.is_timeout() => Err(Failure::Known(Code::LookupLimit, error)),
        Err(error) => Err(Failure::Known(code_of(&error), error)),
        Ok(answers) if answers.is_empty() => {
            Err(Failure::Said(Code::NotFound, format!("{name:?} has no {}", record.name())))
        }
        Ok(_) => Ok(()),
    }
}

impl Record {
    fn answers(self, name: &str, family: Family, lookup: &Lookup<'_>) -> Result<Vec<String>, Error> {
        let family = match self {
            Self::A => Family::INET,
            Self::Aaaa => Family::INET6,
            _ => family,
        };
        match self {
            Self::A | Self::Aaaa => {
                let hints = AddressInfoHints { family, kind: Kind::STREAM, ..AddressInfoHints::default() };
                let found = lookup.getaddrinfo(name, None, &hints)?;
                Ok(found.iter().map(ip).collect())
            }
            Self::Ptr => {
                let entry = lookup.gethostbyaddr(name)?;
                Ok(std::iter::once(entry.name).chain(entry.aliases).collect())
            }
            Self::Cname => {
                let flags = AddressInfoFlags::CANONNAME;
                let hints = AddressInfoHints { family, kind: Kind::STREAM, flags, ..AddressInfoHints::default() };
                let found = lookup.getaddrinfo(name, None, &hints)?;
                let names = found.into_iter().filter_map(|info| info.canonname);
                Ok(names.filter(|canonical| canonical != name).collect())
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::Aaaa => "aaaa",
            Self::Ptr => "ptr",
            Self::Cname => "cname",
        }
    }

    fn question(self) -> &'static str {
        if self == Self::Ptr { "gethostbyaddr" } else { "getaddrinfo" }
    }
}

/// The address without the port, which nobody asked for; with its scope, if it has one.
pub(super) fn ip(info: &AddressInfo) -> String {
    let shown = info.address.to_string();
    shown.rsplit_once(':').map_or(shown.as_str(), |(ip, _)| ip).trim_matches(['[', ']']).to_owned()
}
