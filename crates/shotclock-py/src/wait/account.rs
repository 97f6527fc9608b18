//! Keeping account of waits, while somebody asked for it: each call that has waited is entered in the ledger at its end, with
//! the interpreter held.

use std::cell::Cell;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shotclock::unstable::{PerProcess, Stop, address_of_number, deadline_nanos, interrupt};
use shotclock::{Deadline, Phase};

use crate::ffi::capi::{
    PyDict_GetItemString, PyDict_GetItemWithError, PyErr_Clear, PyImport_GetModuleDict, PyObject_GetAttrString,
};
use crate::ffi::exception::{Kept, is_raised};
use crate::ffi::owned::Owned;
use crate::ffi::raised::Raised;
use crate::socket::open;
use crate::wait::ledger::{Key, Ledger, NONE, Peer};
use crate::wait::line::{Caller, Spot, text_attribute};
use crate::wait::seen;

/// A plain call that takes fewer nanoseconds has not been asleep.
const AT_ONCE: u64 = 3_000;
/// Nor has one that sends, and may take that long to hand its bytes to the other end.
const TO_COPY: u64 = 50_000;
const SENDS: &str = Phase::Send.as_str();

/// So long a number is taken for the same connection's, unless something was closed meanwhile.
const STALE: Duration = Duration::from_millis(1);

/// So many of a thread's waits are kept, for the next that is for the same: a send and a receive, of two connections.
const PLACES: usize = 8;

/// How many numbers were closed.
static CLOSED: AtomicU32 = AtomicU32::new(0);

/// A call that may wait.
#[derive(Clone, Copy)]
pub(crate) struct Account(Option<Begun>);

#[derive(Clone, Copy)]
struct Begun {
    at: Deadline,
    /// How often the thread had waited before; none where it waits in a call of its own.
    waits: Option<u32>,
}

thread_local! {
    /// How often the thread has waited by a waiter.
    static WAITS: Cell<u32> = const { Cell::new(0) };
    /// Its number in the ledger, and which ledger that is.
    static NUMBER: Cell<(u64, u32)> = const { Cell::new((0, 0)) };
    static LAST: [Cell<Option<Last>>; PLACES] = const { [const { Cell::new(None) }; PLACES] };
}

/// Counts a wait by a waiter.
pub(super) fn count_wait() {
    WAITS.set(WAITS.get().wrapping_add(1));
}

impl Account {
    /// Of a call that begins now and waits, if it does, by a waiter of ours.
    #[inline]
    pub(crate) fn of_waits() -> Self {
        if open::is_watched() && is_kept() { Self::begun(Some(WAITS.get())) } else { Self(None) }
    }

    /// Of one that waits by itself.
    #[inline]
    pub(crate) fn of_plain() -> Self {
        if open::is_watched() && is_kept() { Self::begun(None) } else { Self(None) }
    }

    #[cold]
    fn begun(waits: Option<u32>) -> Self {
        Self(Some(Begun { at: Deadline::now(), waits }))
    }

    /// When it began; now, where no account is kept.
    pub(crate) fn began(self) -> Deadline {
        self.0.map_or_else(Deadline::now, |begun| begun.at)
    }

    /// Enters it, if it has waited. With the interpreter held; an exception that is set stays so.
    #[inline]
    pub(crate) fn end(
        self,
        what: &'static str,
        number: Option<RawFd>,
        subject: impl FnOnce() -> Option<String>,
        ended: &'static str,
    ) {
        if let Some(begun) = self.0 {
            begun.end(what, number, subject, ended);
        }
    }
}

impl Begun {
    #[cold]
    fn end(
        self,
        what: &'static str,
        number: Option<RawFd>,
        subject: impl FnOnce() -> Option<String>,
        ended: &'static str,
    ) {
        let now = Deadline::now();
        let has_waited = match self.waits {
            Some(waits) => waits != WAITS.get(),
            None => deadline_nanos(now) - deadline_nanos(self.at) >= if what == SENDS { TO_COPY } else { AT_ONCE },
        };
        if !has_waited {
            return;
        }
        let kept = is_raised().then(Kept::take);
        let caller = Caller::now();
        let of = Known { spot: caller.spot, what: what.as_ptr() as usize, ended: ended.as_ptr() as usize, number };
        if !enter_as_before(of, self.at, now) {
            enter(&caller, of, (what, number, ended), subject(), (self.at, now));
        }
        drop(caller);
        if let Some(kept) = kept {
            kept.restore();
        }
    }
}

/// By what a thread's wait is known to be as its last one, texts by their addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Known {
    spot: Spot,
    what: usize,
    ended: usize,
    number: Option<RawFd>,
}

impl Known {
    /// Where it is kept.
    fn place(self) -> usize {
        (self.what / 4 + self.spot.instruction()) % PLACES
    }
}

/// A thread's last wait, for which nobody need be asked again for a moment.
#[derive(Clone, Copy)]
struct Last {
    of: Known,
    /// When the ledger was begun, and how many numbers were closed by then.
    ledger: u64,
    closed: u32,
    until: Deadline,
    thread: u32,
    row: u32,
}

/// Enters a wait in the row of the thread's last one, if it is for the same.
fn enter_as_before(of: Known, from: Deadline, to: Deadline) -> bool {
    let Some(last) = LAST.with(|last| last[of.place()].get()).filter(|last| last.of == of) else { return false };
    if to >= last.until || last.closed != CLOSED.load(Ordering::Relaxed) {
        return false;
    }
    let mut ledger = LEDGER.get().lock();
    let Some(ledger) = ledger.as_mut().filter(|ledger| deadline_nanos(ledger.began) == last.ledger) else {
        return false;
    };
    ledger.enter(last.thread, last.row, from, to);
    true
}

/// Enters a wait of which nothing is known.
fn enter(
    caller: &Caller,
    of: Known,
    (what, number, ended): (&'static str, Option<RawFd>, &'static str),
    subject: Option<String>,
    (from, to): (Deadline, Deadline),
) {
    // The system is asked, and text made, before anything is locked; and nothing of Python's is called after.
    let is_known_by_number = subject.is_none();
    let closed = CLOSED.load(Ordering::Relaxed);
    let peer = match subject {
        Some(subject) => Some(Peer::Text(subject)),
        None => number.and_then(address_of_number).map(Peer::Address),
    };
    let name = if is_nameless() { name_of_thread() } else { None };
    let lines = (!LEDGER.get().knows(caller)).then(|| [caller.outer(), caller.inner()]);
    let mut ledger = LEDGER.get().lock();
    let Some(ledger) = ledger.as_mut() else { return };
    let place = ledger.places.enter(caller.spot, || lines.unwrap_or_default());
    let peer = peer.map_or(NONE, |peer| number_of(ledger, peer));
    let thread = thread_in(ledger, name);
    let row = ledger.row(Key { what, ended, peer, place });
    ledger.enter(thread, row, from, to);
    let until = to.plus(STALE.into());
    let last = Last { of, ledger: deadline_nanos(ledger.began), closed, until, thread, row };
    LAST.with(|places| places[of.place()].set(is_known_by_number.then_some(last)));
}

/// What was known of a number counts no more: it was closed.
#[inline]
pub(crate) fn note_closed() {
    if open::is_watched() {
        CLOSED.fetch_add(1, Ordering::Relaxed);
    }
}

/// How a call ended that went through the loop.
pub(crate) fn ended<T, I>(outcome: &Result<T, Stop<I>>) -> &'static str {
    match outcome {
        Ok(_) => "done",
        Err(Stop::TimedOut { limit, .. }) => seen::name_of(*limit),
        Err(Stop::Cancelled) => "cancelled",
        Err(Stop::Closed) => "closed",
        Err(Stop::Interrupt(_)) => "interrupted",
        Err(_) => "error",
    }
}

/// How one ended that has raised, or not.
pub(crate) fn ended_plainly(has_raised: bool) -> &'static str {
    if has_raised { "error" } else { "done" }
}

fn number_of(ledger: &mut Ledger, peer: Peer) -> u32 {
    if let Some(known) = ledger.peers.find(&peer) {
        return known;
    }
    let text = match &peer {
        Peer::Text(text) => text.clone(),
        Peer::Address(address) => address.to_string(),
    };
    ledger.peers.enter(peer, || text)
}

/// Whether this thread has no name in the ledger yet: it waits before it has one.
fn is_nameless() -> bool {
    let (of, number) = NUMBER.get();
    LEDGER.get().lock().as_ref().is_some_and(|ledger| of != deadline_nanos(ledger.began) || ledger.is_nameless(number))
}

fn thread_in(ledger: &mut Ledger, name: Option<String>) -> u32 {
    let generation = deadline_nanos(ledger.began);
    let (of, number) = NUMBER.get();
    if of == generation {
        ledger.name_thread(number, name);
        return number;
    }
    let number = ledger.thread(interrupt::own_id(), name);
    NUMBER.set((generation, number));
    number
}

/// The name that `threading` has for this thread, if anybody has imported that. No Python code runs for it.
fn name_of_thread() -> Option<String> {
    // SAFETY: the interpreter is held, the objects are alive, names end with a NUL; what fails is an error that goes no
    // further.
    unsafe {
        let name = (|| {
            // Not by PyImport_GetModule, which waits for an import under way: this call may be part of that.
            let threading = PyDict_GetItemString(PyImport_GetModuleDict(), c"threading".as_ptr());
            if threading.is_null() {
                return Err(Raised);
            }
            let active = Owned::new(PyObject_GetAttrString(threading, c"_active".as_ptr()))?;
            let ident = Owned::size(interrupt::own_id())?;
            let thread = PyDict_GetItemWithError(active.as_ptr(), ident.as_ptr());
            if thread.is_null() { Err(Raised) } else { text_attribute(&Owned::borrowed(thread), c"_name") }
        })();
        PyErr_Clear();
        name.ok()
    }
}

/// Whether there is a ledger.
static IS_KEPT: AtomicBool = AtomicBool::new(false);

fn is_kept() -> bool {
    IS_KEPT.load(Ordering::Relaxed)
}

/// Begins a ledger, or ends what there is.
pub(super) fn put(ledger: Option<Ledger>) {
    let is_kept = ledger.is_some();
    let before = std::mem::replace(&mut *LEDGER.get().lock(), ledger);
    IS_KEPT.store(is_kept, Ordering::Relaxed);
    drop(before);
}

/// The ledger of this process; a forked child keeps none.
pub(super) struct Book(Mutex<Option<Ledger>>);

impl Book {
    /// Never across a call of the interpreter's, in which other Python code might wait.
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Ledger>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn knows(&self, caller: &Caller) -> bool {
        self.lock().as_ref().is_none_or(|ledger| ledger.places.find(&caller.spot).is_some())
    }
}

pub(super) static LEDGER: PerProcess<Book> = PerProcess::new(|| Book(Mutex::new(None)), forget_ledger);

extern "C" fn forget_ledger() {
    IS_KEPT.store(false, Ordering::Relaxed);
    LEDGER.forget();
}
