//! What a program is told, and has loaded, so that it sees what ended a connection, and so that its lookups end.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::Command;
use std::time::Duration;

use crate::event::{Event, Process};
use crate::limits::Limits;
use crate::system::{self, Loadable, Noted, Region};

/// The variable that the preload reads: see its `terms.rs`.
const TERMS: &str = "SHOTCLOCK_RUN";

/// The warden's side of what is loaded.
pub(crate) struct Loaded {
    region: Region,
    // The file that programs load it from, as long as there is a warden.
    _preload: Option<Loadable>,
}

impl Loaded {
    /// Has it loaded into the command, and all that it starts. `Err` says why it is not.
    pub(crate) fn into(command: &mut Command, limits: &Limits) -> Result<Option<Self>, String> {
        if !limits.preload {
            return Ok(None);
        }
        let failed = |error: io::Error| error.to_string();
        let region = Region::new().map_err(failed)?;
        let around = env::var(TERMS).ok();
        // Within another warden's program it is loaded already.
        let preload = if around.is_some() { None } else { Some(made()?) };
        if let Some(preload) = &preload {
            command.env("LD_PRELOAD", first(&preload.path(), env::var_os("LD_PRELOAD")));
            // Else programs that are instrumented by GCC do not start with anything loaded before its library.
            command.env("ASAN_OPTIONS", first("verify_asan_link_order=0", env::var_os("ASAN_OPTIONS")));
        }
        command.env(TERMS, terms(limits, around.as_deref(), &region.path(), system::now()));
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
        let event = |Noted { pid, program, name, lasted }| {
            let process = Process { pid, name: program };
            Event::LookupEnded { process, name, lasted }
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
fn terms(limits: &Limits, around: Option<&str>, region: &str, now: Duration) -> String {
    let mut words = around.unwrap_or_default().split(' ');
    let mut theirs = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let lookup = earlier(nanoseconds(limits.lookup_timeout.or(limits.timeout)), theirs());
    let datagram = earlier(nanoseconds(limits.timeout), theirs());
    let total = limits.total.and_then(|total| now.checked_add(total));
    let end = earlier(nanoseconds(total), theirs());
    let regions: Vec<&str> = std::iter::once(region).chain(words).collect();
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
        let now = Duration::from_nanos(1_000);
        assert_eq!(terms(&limits, None, "/r", now), "0 0 0 /r");
        limits.timeout = Some(Duration::from_nanos(50));
        limits.total = Some(Duration::from_nanos(9_000));
        assert_eq!(terms(&limits, None, "/r", now), "50 50 10000 /r");
        limits.lookup_timeout = Some(Duration::from_nanos(70));
        assert_eq!(terms(&limits, Some("60 0 20000 /a /b"), "/r", now), "60 50 10000 /r /a /b");
        limits.total = None;
        assert_eq!(terms(&limits, Some("0 40 20000 /a"), "/r", now), "70 40 20000 /r /a");
    }

    #[test]
    fn it_is_loaded_before_what_is_loaded_already() {
        assert_eq!(first("/ours", None), "/ours");
        assert_eq!(first("/ours", Some(OsString::new())), "/ours");
        assert_eq!(first("/ours", Some("/theirs".into())), "/ours:/theirs");
    }
}
