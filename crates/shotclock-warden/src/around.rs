//! Limits that are around this process already, as its environment says it: those of other wardens, and the end of a Python
//! program.
//!
//! An environment may be older than what it speaks of, kept by who starts programs for others. So a warden counts only if it is
//! there.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::Command;
use std::time::Duration;

/// What the preload is told: see its `terms.rs`.
pub(crate) const TERMS: &str = "SHOTCLOCK_RUN";
/// What the loader loads first.
pub(crate) const LOADED: &str = "LD_PRELOAD";
/// When all is to be over, in nanoseconds of CLOCK_MONOTONIC. The Python package keeps to it, and hands it on.
const TOTAL_END: &str = "SHOTCLOCK_TOTAL_END";

/// What is around.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Around {
    /// Nanoseconds for a lookup, for a datagram, and of the end; zero where there is none.
    pub(crate) lookup: u64,
    pub(crate) datagram: u64,
    pub(crate) end: u64,
    /// The paths of the regions of the wardens that are there.
    pub(crate) regions: Vec<String>,
    /// Whether a preload of theirs is loaded into what is started from here.
    pub(crate) is_loaded: bool,
    /// What else is.
    pub(crate) loaded_by_others: OsString,
    /// The end of a Python program.
    pub(crate) program_end: Option<u64>,
}

impl Around {
    pub(crate) fn look() -> Self {
        let text = |name| env::var(name).unwrap_or_default();
        let loaded = env::var_os(LOADED).unwrap_or_default();
        Self::of(&text(TERMS), &loaded, &text(TOTAL_END), is_there)
    }

    fn of(terms: &str, loaded: &OsStr, total_end: &str, is_there: impl Fn(&str) -> bool) -> Self {
        let mut words = terms.split(' ');
        let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let (lookup, datagram, end) = (number(), number(), number());
        let regions: Vec<String> = words.filter(|path| is_there(path)).map(str::to_owned).collect();
        let entries = loaded.as_bytes().split(|byte| [b':', b' '].contains(byte)).filter(|entry| !entry.is_empty());
        let (ours, others): (Vec<&[u8]>, Vec<&[u8]>) = entries.partition(|entry| is_ours(entry));
        let is_loaded = ours.iter().any(|entry| str::from_utf8(entry).is_ok_and(&is_there));
        // That of a warden is its own to keep; or it was, and has gone with it.
        let program_end = total_end.parse().ok().filter(|moment| *moment != end);
        let around = Self { program_end, loaded_by_others: OsString::from_vec(others.join(&b':')), ..Self::default() };
        if regions.is_empty() {
            return around;
        }
        Self { lookup, datagram, end, regions, is_loaded, ..around }
    }

    /// When all beneath a new warden is to be over, by its own total or that of a Python program around.
    pub(crate) fn end_of(&self, total: Option<Duration>, now: Duration) -> Option<Duration> {
        let own = total.and_then(|total| now.checked_add(total));
        own.into_iter().chain(self.program_end.map(Duration::from_nanos)).min()
    }

    /// Tells a command what of this holds for it, and an end of its own. What does not hold any more it is not told.
    pub(crate) fn hand_on(&self, command: &mut Command, end: Option<Duration>) {
        let own = end.and_then(|end| u64::try_from(end.as_nanos()).ok());
        let theirs = Some(self.end).filter(|end| *end != 0);
        match own.into_iter().chain(theirs).min() {
            Some(end) => command.env(TOTAL_END, end.to_string()),
            None => command.env_remove(TOTAL_END),
        };
        if self.regions.is_empty() {
            command.env_remove(TERMS);
            if self.loaded_by_others.is_empty() {
                command.env_remove(LOADED);
            } else {
                command.env(LOADED, &self.loaded_by_others);
            }
        }
    }
}

/// Whether a warden's region or preload is there. By a path in `/proc` it is one in memory: another process may have the number of
/// a warden that is over, and any file in the place of its.
fn is_there(path: &str) -> bool {
    if path.starts_with("/proc/") {
        fs::read_link(path).is_ok_and(|file| file.as_os_str().as_bytes().starts_with(b"/memfd:shotclock-"))
    } else {
        fs::metadata(path).is_ok_and(|file| file.is_file())
    }
}

/// Whether that is a preload of a warden's.
fn is_ours(entry: &[u8]) -> bool {
    let in_folder = entry.starts_with(b"/tmp/shotclock-") && entry.ends_with(b"/preload.so");
    let mut parts = entry.split(|byte| *byte == b'/');
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let in_memory = [parts.next(), parts.next()] == [Some(&b""[..]), Some(b"proc")]
        && parts.next().is_some_and(is_number)
        && parts.next() == Some(b"fd")
        && parts.next().is_some_and(is_number)
        && parts.next().is_none();
    in_folder || in_memory
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(terms: &str, loaded: &str, total_end: &str, there: &[&str]) -> Around {
        Around::of(terms, OsStr::new(loaded), total_end, |path| there.contains(&path))
    }

    #[test]
    fn wardens_count_that_are_there() {
        let (terms, ours) = ("5 6 7 /proc/1/fd/3 /proc/2/fd/3", "/tmp/shotclock-0-1f/preload.so");
        let both = around(terms, ours, "7", &["/proc/1/fd/3", "/proc/2/fd/3", ours]);
        assert_eq!((both.lookup, both.datagram, both.end, both.is_loaded), (5, 6, 7, true));
        assert_eq!(both.regions, ["/proc/1/fd/3", "/proc/2/fd/3"]);
        let outer = around(terms, ours, "7", &["/proc/2/fd/3", ours]);
        assert_eq!((outer.regions.len(), outer.lookup, outer.is_loaded), (1, 5, true));
        let gone = around(terms, ours, "7", &[ours]);
        assert_eq!(gone, Around::default(), "also the end that it has handed on");
        assert_eq!(around("", "", "", &[]), Around::default());
        assert!(!around(terms, ours, "7", &["/proc/1/fd/3"]).is_loaded, "its file is gone");
        assert!(!around(terms, "", "7", &["/proc/1/fd/3"]).is_loaded, "somebody has taken it out");
    }

    #[test]
    fn a_file_that_another_process_has_in_its_place_is_no_warden() {
        let (file, own) = (fs::File::open("/proc/self/exe").unwrap(), std::process::id());
        let path = format!("/proc/{own}/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        let around = Around::of(&format!("5 6 7 {path}"), OsStr::new(&path), "7", is_there);
        assert_eq!(around, Around::default());
    }

    #[test]
    fn what_others_have_loaded_stays() {
        let loaded = "/proc/7/fd/9:libone.so /tmp/shotclock-x/preload.so:/lib/two.so";
        assert_eq!(around("", loaded, "", &[]).loaded_by_others, "libone.so:/lib/two.so");
        for others in ["/proc/7/fd/", "/proc/self/fd/9", "/proc/7/fd/9/x", "/tmp/shotclock-x/other.so", "preload.so"] {
            assert_eq!(around("", others, "", &[]).loaded_by_others, others);
        }
    }

    #[test]
    fn the_earlier_end_counts() {
        let nanos = Duration::from_nanos;
        let python = around("", "", "900", &[]);
        assert_eq!(python.end_of(None, nanos(100)), Some(nanos(900)));
        assert_eq!(python.end_of(Some(nanos(100)), nanos(100)), Some(nanos(200)));
        assert_eq!(python.end_of(Some(nanos(2000)), nanos(100)), Some(nanos(900)));
        // A warden's own is not this one's to keep.
        let warden = around("0 0 900 /r", "", "900", &["/r"]);
        assert_eq!((warden.end_of(None, nanos(100)), warden.end), (None, 900));
        assert_eq!(around("0 0 900 /r", "", "800", &["/r"]).end_of(None, nanos(100)), Some(nanos(800)));
    }
}
