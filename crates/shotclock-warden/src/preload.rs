//! What a program is told, and has loaded, so that it sees what ended a connection, and so that its lookups end.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::Command;
use std::time::Duration;

use crate::around::{Around, LOADED, TERMS};
use crate::event::{Event, LimitName, Process};
use crate::limits::Limits;
use crate::system::{Loadable, Noted, Region};

/// The warden's side of what is loaded.
pub(crate) struct Loaded {
    region: Region,
    // The file that programs load it from, as long as there is a warden.
    _preload: Option<Loadable>,
}

impl Loaded {
    /// Has it loaded into the command, and all that it starts, which ends then. `Err` says why it is not.
    pub(crate) fn into(
        command: &mut Command,
        limits: &Limits,
        around: &Around,
        end: Option<Duration>,
    ) -> Result<Option<Self>, String> {
        if !limits.preload {
            return Ok(None);
        }
        let failed = |error: io::Error| error.to_string();
        let region = Region::new().map_err(failed)?;
        // Within another warden's program it is loaded already.
        let preload = if around.is_loaded { None } else { Some(made()?) };
        if let Some(preload) = &preload {
            command.env(LOADED, first(&preload.path(), Some(around.loaded_by_others.clone())));
            // Else programs that are instrumented by GCC do not start with anything loaded before its library.
            command.env("ASAN_OPTIONS", first("verify_asan_link_order=0", env::var_os("ASAN_OPTIONS")));
        }
        command.env(TERMS, terms(limits, around, end, &region.path()));
        Ok(Some(Self { region, _preload: preload }))
    }

    /// Says that a connection is about to be ended.
    pub(crate) fn ends(&self, cookie: u64) {
        self.region.ends(cookie);
    }

    /// Says that it could not be ended.
    pub(crate) fn did_not_end(&self, cookie: u64) {
        self.region.did_not_end(cookie);
    }

    /// The lookups that ended since the last time.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        let event = |Noted { pid, program, name, lasted, by_total }| {
            let process = Process { pid, name: program };
            let limit = if by_total { LimitName::Total } else { LimitName::LookupTimeout };
            Event::LookupEnded { process, name, limit, lasted }
        };
        self.region.notes().into_iter().map(event).collect()
    }
}

fn made() -> Result<Loadable, String> {
    let made = Loadable::new().map_err(|error| format!("code cannot be run from /tmp, nor from memory: {error}"))?;
    made.ok_or_else(|| "there is no library for this system".to_owned())
}

fn first(ours: &str, theirs: Option<OsString>) -> OsString {
    let mut list = OsString::from(ours);
    if let Some(theirs) = theirs.filter(|theirs| !theirs.is_empty()) {
        list.push(":");
        list.push(theirs);
    }
    list
}

/// What the preload is to know, the earlier limit of each kind where there is a warden around.
fn terms(limits: &Limits, around: &Around, end: Option<Duration>, region: &str) -> String {
    let lookup = earlier(nanoseconds(limits.lookup_timeout.or(limits.timeout)), around.lookup);
    let datagram = earlier(nanoseconds(limits.timeout), around.datagram);
    let end = earlier(nanoseconds(end), around.end);
    let regions: Vec<&str> = std::iter::once(region).chain(around.regions.iter().map(String::as_str)).collect();
    format!("{lookup} {datagram} {end} {}", regions.join(" "))
}

/// Zero is no limit.
fn earlier(one: u64, other: u64) -> u64 {
    if one == 0 || other == 0 { one.max(other) } else { one.min(other) }
}

fn nanoseconds(limit: Option<Duration>) -> u64 {
    limit.and_then(|limit| u64::try_from(limit.as_nanos()).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_limit_of_two_wardens_holds() {
        let mut limits = Limits::default();
        let nanos = |nanos| Some(Duration::from_nanos(nanos));
        let around = |lookup, datagram, end, regions: &[&str]| {
            let regions = regions.iter().map(|region| (*region).to_owned()).collect();
            Around { lookup, datagram, end, regions, ..Around::default() }
        };
        assert_eq!(terms(&limits, &Around::default(), None, "/r"), "0 0 0 /r");
        limits.timeout = nanos(50);
        assert_eq!(terms(&limits, &Around::default(), nanos(10000), "/r"), "50 50 10000 /r");
        limits.lookup_timeout = nanos(70);
        let two = around(60, 0, 20_000, &["/a", "/b"]);
        assert_eq!(terms(&limits, &two, nanos(10_000), "/r"), "60 50 10000 /r /a /b");
        assert_eq!(terms(&limits, &around(0, 40, 20_000, &["/a"]), None, "/r"), "70 40 20000 /r /a");
    }

    #[test]
    fn it_is_loaded_before_what_is_loaded_already() {
        assert_eq!(first("/ours", None), "/ours");
        assert_eq!(first("/ours", Some(OsString::new())), "/ours");
        assert_eq!(first("/ours", Some("/theirs".into())), "/ours:/theirs");
    }
}
