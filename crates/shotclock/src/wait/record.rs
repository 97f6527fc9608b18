//! What waits now: each thread has a slot, in which a call says what it waits for, right before it does so.
//!
//! A slot is written by its own thread alone, so its lock is free but for the moment in which somebody looks. There are as
//! many as threads that have waited and not ended. A forked child begins without any: its own thread's is made anew, and
//! the locks that other threads may have held are never touched again.

use std::cell::RefCell;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::deadline::Deadline;
use crate::error::LimitKind;
use crate::sys::fork::PerProcess;
use crate::sys::{RawHandle, thread};

/// What a call says of its wait.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is at: the name of the operation, or of a phase.
    pub what: &'static str,
    /// The first descriptor that it waits for.
    pub handle: Option<RawHandle>,
    /// What it is about where no descriptor tells: the name that is looked up, the address that is connected to.
    pub subject: Option<Arc<str>>,
    /// When the call began to wait.
    pub since: Deadline,
    /// When a limit ends it, and which; `NEVER` if none does.
    pub end: Deadline,
    /// Meaningless where the end is `NEVER`.
    pub limit: LimitKind,
}

impl Entry {
    /// Of a wait that no limit ends, which began then.
    pub fn endless(what: &'static str, handle: Option<RawHandle>, subject: Option<Arc<str>>, since: Deadline) -> Self {
        let (end, limit) = (Deadline::NEVER, LimitKind::CallDeadline);
        Self { what, handle, subject, since, end, limit }
    }
}

/// Whose slot it is.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    /// What pthread_self(3) calls it, by which Python knows it as well; 0 where there is no such thing.
    pub(crate) ident: usize,
    /// The system's number for it.
    pub(crate) number: u32,
    /// The name that Rust has for it.
    pub(crate) name: Option<Arc<str>>,
}

/// An entry that somebody has seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Who waits.
    pub(crate) thread: Thread,
    /// For what.
    pub(crate) entry: Entry,
    turn: u64,
    slot: Arc<Slot>,
}

impl Seen {
    /// Whether it is the same wait still: what was asked about its descriptor meanwhile was asked about the right one.
    pub(crate) fn stands(&self) -> bool {
        let now = self.slot.lock();
        now.turn == self.turn && now.entry.is_some()
    }
}

/// Says what this thread waits for, until the value is dropped; then what was said before, around it, counts again.
pub fn show(entry: Entry) -> Showing {
    Showing(put(Some(entry)))
}

/// An entry that stands.
#[must_use = "the entry stands as long as this lives"]
pub struct Showing(Option<Entry>);

impl Drop for Showing {
    fn drop(&mut self) {
        let _mine = put(self.0.take());
    }
}

/// All entries that stand now.
pub(crate) fn seen() -> Vec<Seen> {
    let slots: Vec<_> = TABLE.get().lock().iter().filter_map(Weak::upgrade).collect();
    slots.into_iter().filter_map(Slot::seen).collect()
}

#[derive(Debug)]
struct Slot {
    thread: Thread,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    /// How often something was said.
    turn: u64,
    entry: Option<Entry>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(self: Arc<Self>) -> Option<Seen> {
        let said = self.lock();
        let (turn, entry) = (said.turn, said.entry.clone());
        drop(said);
        entry.map(|entry| Seen { thread: self.thread.clone(), entry, turn, slot: self })
    }
}

/// The slots of this process.
struct Table(Mutex<Vec<Weak<Slot>>>);

impl Table {
    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the slot of this thread, and forgets those of threads that have ended whenever there is no more room.
    #[cold]
    fn enter(&self) -> Arc<Slot> {
        let name = std::thread::current().name().map(Arc::from);
        let (ident, number) = thread::own_names();
        let slot = Arc::new(Slot { thread: Thread { ident, number, name }, said: Mutex::default() });
        let mut slots = self.lock();
        if slots.len() == slots.capacity() {
            slots.retain(|slot| slot.strong_count() > 0);
        }
        slots.push(Arc::downgrade(&slot));
        slot
    }
}

static TABLE: PerProcess<Table> = PerProcess::new(|| Table(Mutex::default()), forget_table);

extern "C" fn forget_table() {
    TABLE.forget();
}

thread_local! {
    /// This thread's slot, and the table that it is in. None is left for the destructors of the thread's other values,
    /// whose waits nobody sees.
    static OWN: RefCell<Option<(&'static Table, Arc<Slot>)>> = const { RefCell::new(None) };
}

/// Puts an entry in this thread's slot, or nothing; gives what was there.
fn put(entry: Option<Entry>) -> Option<Entry> {
    let table = TABLE.get();
    let put = |own: &RefCell<Option<(&'static Table, Arc<Slot>)>>| {
        let mut own = own.borrow_mut();
        if !own.as_ref().is_some_and(|(of, _)| ptr::eq(*of, table)) {
            // Nothing to take back: the thread has said nothing, or has been forked in the middle of a wait.
            entry.as_ref()?;
            *own = Some((table, table.enter()));
        }
        let mut said = own.as_ref()?.1.lock();
        said.turn += 1;
        std::mem::replace(&mut said.entry, entry)
    };
    OWN.try_with(put).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Vec<&'static str> {
        let (ident, _) = thread::own_names();
        seen().into_iter().filter(|seen| seen.thread.ident == ident).map(|seen| seen.entry.what).collect()
    }

    #[test]
    fn a_wait_inside_of_another_hides_it_as_long_as_it_lasts() {
        let outer = show(Entry::endless("outer", None, None, Deadline::now()));
        assert_eq!(own(), ["outer"]);
        let inner = show(Entry::endless("inner", None, None, Deadline::now()));
        assert_eq!(own(), ["inner"]);
        drop(inner);
        assert_eq!(own(), ["outer"]);
        drop(outer);
        assert!(own().is_empty());
    }

    #[test]
    fn what_was_seen_stands_until_it_is_taken_back_or_said_again() {
        let showing = show(Entry::endless("first", Some(1), None, Deadline::now()));
        let (ident, _) = thread::own_names();
        let seen = seen().into_iter().find(|seen| seen.thread.ident == ident).unwrap();
        assert!(seen.stands());
        drop(showing);
        assert!(!seen.stands());
        let _again = show(Entry::endless("first", Some(1), None, Deadline::now()));
        assert!(!seen.stands());
    }

    #[test]
    fn threads_that_have_ended_take_no_room() {
        for _ in 0..200 {
            std::thread::spawn(|| drop(show(Entry::endless("gone", None, None, Deadline::now())))).join().unwrap();
        }
        assert!(TABLE.get().lock().len() < 150);
        assert!(!seen().iter().any(|seen| seen.entry.what == "gone"));
    }
}
