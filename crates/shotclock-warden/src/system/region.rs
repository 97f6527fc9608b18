//! Memory that is shared with the programs: which connections were ended, and which lookups.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{io, process, ptr};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use form::{BY_TOTAL, COOKIES, Form, NOTES, Note};

#[path = "../../preload/form.rs"]
mod form;

/// The warden's side of it.
pub(crate) struct Region {
    file: OwnedFd,
    form: &'static Form,
    /// How many notes were taken.
    taken: u64,
}

/// A lookup that a limit ended in a program.
pub(crate) struct Noted {
    pub(crate) pid: u32,
    /// The program's name: it may be over.
    pub(crate) program: String,
    pub(crate) name: String,
    pub(crate) lasted: Duration,
    /// Whether it was the total's end.
    pub(crate) by_total: bool,
}

impl Region {
    pub(crate) fn new() -> io::Result<Self> {
        let file = memfd_create("shotclock-run", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, size_of::<Form>() as u64)?;
        // SAFETY: a new mapping of a file that is as large.
        let form = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let mapped = libc::mmap(ptr::null_mut(), size_of::<Form>(), access, libc::MAP_SHARED, file.as_raw_fd(), 0);
            if mapped == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            &*mapped.cast::<Form>()
        };
        Ok(Self { file, form, taken: 0 })
    }

    /// Where programs find it, if they are in the same namespace of processes.
    pub(crate) fn path(&self) -> String {
        path(&self.file)
    }

    /// Says that a connection is about to be ended, so that the program sees it at once.
    pub(crate) fn ends(&self, cookie: u64) {
        let number = self.form.ended.load(Ordering::Relaxed);
        self.form.cookies[(number % COOKIES as u64) as usize].store(cookie, Ordering::Relaxed);
        self.form.ended.store(number + 1, Ordering::Release);
    }

    /// Takes that back: the connection could not be ended, and what befalls it later is not our doing. No cookie is zero.
    pub(crate) fn did_not_end(&self, cookie: u64) {
        let is_it = |slot: &&AtomicU64| slot.load(Ordering::Relaxed) == cookie;
        self.form.cookies.iter().filter(is_it).for_each(|slot| slot.store(0, Ordering::Release));
    }

    /// Takes the notes that came since the last time. Those that more than there is room for came after are lost.
    pub(crate) fn notes(&mut self) -> Vec<Noted> {
        let noted = self.form.noted.load(Ordering::Acquire);
        self.taken = self.taken.max(noted.saturating_sub(NOTES as u64));
        let mut notes = Vec::new();
        while self.taken < noted {
            let note = &self.form.notes[(self.taken % NOTES as u64) as usize];
            match note.ready.load(Ordering::Acquire) {
                // It is being written.
                ready if ready < self.taken + 1 => break,
                ready if ready == self.taken + 1 => notes.push(read(note)),
                _ => {}
            }
            self.taken += 1;
        }
        notes
    }
}

/// Reads a note that is whole.
fn read(note: &Note) -> Noted {
    let milliseconds = note.milliseconds.load(Ordering::Relaxed);
    let (by_total, lasted) = (milliseconds & BY_TOTAL != 0, u64::from(milliseconds & !BY_TOTAL));
    let (pid, lasted) = (note.pid.load(Ordering::Relaxed), Duration::from_millis(lasted));
    Noted { pid, program: text(&note.program), name: text(&note.name), lasted, by_total }
}

/// A text up to its end. A program may write what it likes there.
fn text(words: &[AtomicU64]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).chars().filter(|each| !each.is_control()).collect()
}

fn path(file: &OwnedFd) -> String {
    format!("/proc/{}/fd/{}", process::id(), file.as_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_could_not_be_ended_is_not_said_to_be() {
        let region = Region::new().unwrap();
        [5, 6, 7].iter().for_each(|cookie| region.ends(*cookie));
        region.did_not_end(6);
        let said: Vec<u64> = region.form.cookies[..4].iter().map(|slot| slot.load(Ordering::Relaxed)).collect();
        assert_eq!(said, [5, 0, 7, 0]);
    }

    #[test]
    fn notes_are_taken_once_and_the_oldest_are_lost() {
        let mut region = Region::new().unwrap();
        assert!(region.notes().is_empty());
        let write = |region: &Region, number: u64| {
            let note = &region.form.notes[(number % NOTES as u64) as usize];
            note.name[0].store(u64::from_ne_bytes(*b"a\x1bb.tes\0"), Ordering::Relaxed);
            note.program[0].store(u64::from_ne_bytes(*b"curl\0\0\0\0"), Ordering::Relaxed);
            note.milliseconds.store(1500 | BY_TOTAL, Ordering::Relaxed);
            note.pid.store(7, Ordering::Relaxed);
            note.ready.store(number + 1, Ordering::Release);
            region.form.noted.store(number + 1, Ordering::Release);
        };
        write(&region, 0);
        let [noted] = &region.notes()[..] else { panic!("one note") };
        assert_eq!((noted.pid, noted.program.as_str(), noted.name.as_str()), (7, "curl", "ab.tes"));
        assert_eq!((noted.lasted, noted.by_total), (Duration::from_millis(1500), true));
        assert!(region.notes().is_empty());
        (1..200).for_each(|number| write(&region, number));
        assert_eq!(region.notes().len(), NOTES);
        region.form.noted.store(201, Ordering::Release);
        assert!(region.notes().is_empty(), "it is being written");
        write(&region, 200);
        assert_eq!(region.notes().len(), 1);
    }
}
