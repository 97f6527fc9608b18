//! The scopes whose end is looked after: those that bound all there is, C libraries' connections too; and blocks under
//! cancellers, which are over once somebody cancels. A thread of ours, the watcher, is woken when one of them is over and its
//! thread has not left it. This is what it knows of them; what it does then stands above.
//!
//! A scope is entered and left with the interpreter held, and that costs a look at this table each. As long as the watcher is
//! to wake at a moment that is early enough nobody wakes it, so a stream of scopes that end in time wakes it once in the
//! length of one.

use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use shotclock::Deadline;
use shotclock::unstable::stuck::Turns;
use shotclock::unstable::{Alarm, PerProcess, deadline_nanos, interrupt, stuck};

use crate::ffi::capi::PyObject;

/// The most scopes that are known at a time. Those beyond are not looked after.
const MOST: usize = 1 << 16;

/// So long after its end a scope is looked at first, in nanoseconds: what ends by itself has ended by then.
const FIRST_LOOK: u64 = 20_000_000;

/// The same of a block that was cancelled: as late as its waits in the interpreter's functions may hear of it.
const FIRST_LOOK_CANCELLED: u64 = 10_000_000;

/// The end of a block under a canceller that nobody has used.
pub(crate) const NOT_YET: u64 = u64::MAX;

/// Pauses between looks, in nanoseconds: the first, and the longest. Each is half as long again as the one before.
const FIRST_PAUSE: u64 = 10_000_000;
const LONGEST_PAUSE: u64 = 500_000_000;

/// So long after its end a scope that cannot hold says so, in nanoseconds.
pub(crate) const WARNING: u64 = 200_000_000;

/// Whether any scope is to be looked after.
static IS_WANTED: AtomicBool = AtomicBool::new(false);

/// What starts the watcher, or wakes it.
static WAKE: OnceLock<fn(&'static Table)> = OnceLock::new();

/// Whether scopes are looked after from now on. What does it is started by `wake`, with the interpreter held.
pub(crate) fn want(is_wanted: bool, wake: fn(&'static Table)) {
    let _known = WAKE.set(wake);
    IS_WANTED.store(is_wanted, Ordering::Relaxed);
}

/// Whether scopes are looked after now.
pub(crate) fn is_wanted() -> bool {
    IS_WANTED.load(Ordering::Relaxed)
}

thread_local! {
    /// Whether this thread is in a fork of the interpreter's, which counts threads when all else is done.
    static IN_FORK: Cell<bool> = const { Cell::new(false) };
}

/// Makes a fork of the interpreter's own, after which the watcher begins anew: only then nobody counts threads any more.
pub(crate) fn across_fork<T>(fork: impl FnOnce() -> T) -> T {
    IN_FORK.set(true);
    let outcome = fork();
    IN_FORK.set(false);
    resume();
    outcome
}

/// Looks after what was entered before, as in the parent after a fork.
pub(crate) fn resume() {
    let table = table();
    if !IN_FORK.get()
        && is_wanted()
        && !table.is_empty()
        && let Some(wake) = WAKE.get()
    {
        wake(table);
    }
}

/// By what an entry is found: its place, and which of all that have been there it is.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Key {
    turn: u64,
    place: usize,
}

/// A thread, as far as the watcher knows it.
pub(crate) struct Seat {
    /// By which the interpreter knows it.
    pub(crate) ident: usize,
    /// By which the system does.
    pub(crate) number: u32,
    /// How many calls of functions that are hooked it is inside of: these end by themselves.
    inside: AtomicU32,
    /// Whether it has ended: both names may be another thread's by now.
    has_ended: AtomicBool,
}

/// A scope that was entered and not left.
struct Entry {
    turn: u64,
    end: u64,
    /// When it is looked at next, and the pause after that.
    next: u64,
    pause: u64,
    /// Whether it has not said yet that it cannot hold, and may.
    may_warn: bool,
    /// When it was first looked at, in nanoseconds, and what its thread had had of the machine by then.
    first_seen: Option<(u64, Option<Turns>)>,
    /// Borrowed: who gives its link up leaves it before, with the interpreter held.
    link: *mut PyObject,
    /// The canceller by which it ends, which the link keeps alive; or null.
    canceller: *mut PyObject,
    seat: Arc<Seat>,
}

// SAFETY: nothing is done with the link but by who holds the interpreter.
unsafe impl Send for Entry {}

/// A scope that is over and not left.
pub(crate) struct Late {
    pub(crate) key: Key,
    pub(crate) end: u64,
    pub(crate) may_warn: bool,
    /// Alive as long as the interpreter is held and the entry stands.
    pub(crate) link: *mut PyObject,
    pub(crate) seat: Arc<Seat>,
}

/// What the watcher has to do.
pub(crate) enum Due {
    /// To look at these.
    Look(Vec<Late>),
    /// To wait until a moment, in nanoseconds.
    At(u64),
}

/// The scopes of this process that were entered and not left, and their watcher.
pub(crate) struct Table {
    entries: Mutex<Entries>,
    /// Wakes the watcher.
    pub(crate) alarm: Alarm,
    /// The watcher, if there is one.
    pub(crate) thread: Mutex<Option<Watcher>>,
}

/// A watcher that runs.
pub(crate) struct Watcher {
    pub(crate) handle: std::thread::JoinHandle<()>,
    pub(crate) orders: Arc<Orders>,
}

/// What a watcher is told, and tells.
#[derive(Default)]
pub(crate) struct Orders {
    /// It is to end.
    pub(crate) stop: AtomicBool,
    /// It has ended, and says so.
    pub(crate) has_ended: AtomicBool,
    pub(crate) ended: Alarm,
    /// By which the system knows it; 0 before it runs.
    pub(crate) number: AtomicU32,
}

#[derive(Default)]
struct Entries {
    places: Vec<Option<Entry>>,
    free: Vec<usize>,
    turns: u64,
    /// When the watcher wakes by itself; 0 while it is awake.
    wakes: Option<u64>,
}

static TABLE: PerProcess<Table> = PerProcess::new(Table::new, forget);

/// A forked child has none of the other threads, nor the watcher.
extern "C" fn forget() {
    TABLE.forget();
}

/// A thread's own seat; gone with it.
struct Own {
    of: &'static Table,
    seat: Arc<Seat>,
}

impl Drop for Own {
    fn drop(&mut self) {
        SEAT.set(ptr::null());
        self.seat.has_ended.store(true, Ordering::Release);
    }
}

thread_local! {
    /// This thread's, and the table of the process in which it was made.
    static OWN: RefCell<Option<Own>> = const { RefCell::new(None) };

    /// This thread's seat, for who is quick; null before there is one, and once it is given up.
    static SEAT: Cell<*const Seat> = const { Cell::new(ptr::null()) };
}

/// The table of this process.
pub(crate) fn table() -> &'static Table {
    TABLE.get()
}

impl Key {
    /// Of what was not entered.
    pub(crate) const NONE: Self = Self { turn: 0, place: 0 };
}

/// Looks after a scope from now on, which this thread has entered; its end is in nanoseconds. Of one under a canceller, which
/// is null else, the end is told by [`cancelled`]. The link must leave before it is freed.
#[inline]
pub(crate) fn enter(link: *mut PyObject, canceller: *mut PyObject, end: u64, may_warn: bool) -> Key {
    if !is_wanted() {
        return Key::NONE;
    }
    let table = table();
    let Some(seat) = Seat::own(table) else { return Key::NONE };
    let next = end.saturating_add(FIRST_LOOK);
    let mut entries = table.lock();
    let place = match entries.free.pop() {
        Some(place) => place,
        None if entries.places.len() >= MOST => return Key::NONE,
        None => {
            entries.places.push(None);
            entries.places.len() - 1
        }
    };
    entries.turns += 1;
    let turn = entries.turns;
    entries.places[place] =
        Some(Entry { turn, end, next, pause: FIRST_PAUSE, may_warn, first_seen: None, link, canceller, seat });
    // What has no end yet wakes nobody.
    let is_first = next < entries.wakes.unwrap_or(NOT_YET);
    if is_first {
        entries.wakes = Some(next);
    }
    drop(entries);
    if is_first && let Some(wake) = WAKE.get() {
        wake(table);
    }
    Key { turn, place }
}

/// The blocks under this canceller are over.
pub(crate) fn cancelled(canceller: *mut PyObject) {
    if !is_wanted() {
        return;
    }
    let table = table();
    let now = deadline_nanos(Deadline::now());
    let mut entries = table.lock();
    let mut is_any = false;
    for entry in entries.places.iter_mut().flatten() {
        if entry.canceller == canceller && entry.end == NOT_YET {
            (entry.end, entry.next, is_any) = (now, now.saturating_add(FIRST_LOOK_CANCELLED), true);
        }
    }
    drop(entries);
    if is_any && let Some(wake) = WAKE.get() {
        wake(table);
    }
}

/// The scope is left, or nobody reaches it any more.
#[inline]
pub(crate) fn leave(key: Key) {
    if key.turn == 0 {
        return;
    }
    let mut entries = table().lock();
    let left = entries.take(key);
    drop(entries);
    // The last of a thread that has ended, at times.
    drop(left);
}

/// All scopes are left.
pub(crate) fn leave_all() {
    let left = {
        let mut entries = table().lock();
        entries.free.clear();
        std::mem::take(&mut entries.places)
    };
    drop(left);
}

/// This thread is in a function that is hooked, until the value is dropped: what it waits for there ends by itself, and is
/// no library's own.
pub(crate) struct Inside(*const Seat);

impl Inside {
    #[inline]
    pub(crate) fn enter() -> Self {
        let inside = Self(SEAT.get());
        inside.count(1);
        inside
    }

    #[inline]
    fn count(&self, change: u32) {
        // SAFETY: a seat outlives all calls of its thread, since the thread gives it up when it ends, and otherwise never.
        if let Some(seat) = unsafe { self.0.as_ref() } {
            // Only its own thread counts, so nothing comes between the two.
            seat.inside.store(seat.inside.load(Ordering::Relaxed).wrapping_add(change), Ordering::Relaxed);
        }
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        self.count(u32::MAX);
    }
}

impl Seat {
    fn own(table: &'static Table) -> Option<Arc<Self>> {
        let own = |own: &RefCell<Option<Own>>| {
            let mut own = own.borrow_mut();
            // In a forked child the thread has another number.
            if let Some(own) = own.as_ref().filter(|own| ptr::eq(own.of, table)) {
                return Arc::clone(&own.seat);
            }
            let (ident, number) = (interrupt::own_id(), stuck::own_number());
            let (inside, has_ended) = (AtomicU32::new(0), AtomicBool::new(false));
            let seat = Arc::new(Self { ident, number, inside, has_ended });
            SEAT.set(Arc::as_ptr(&seat));
            // One from before a fork is kept for ever: the call that forked may be inside of it.
            std::mem::forget(own.replace(Own { of: table, seat: Arc::clone(&seat) }));
            seat
        };
        // None for the destructors of the thread's other values.
        OWN.try_with(own).ok()
    }

    /// Whether it has ended, or is about to.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Whether it is in a function that is hooked.
    pub(crate) fn is_inside(&self) -> bool {
        self.inside.load(Ordering::Relaxed) != 0
    }
}

impl Table {
    fn new() -> Self {
        Self { entries: Mutex::default(), alarm: Alarm::default(), thread: Mutex::default() }
    }

    /// What there is to do now. A scope that is to be looked at will be looked at again after a pause.
    pub(crate) fn due(&self, now: u64) -> Due {
        let mut entries = self.lock();
        let (mut late, mut wakes) = (Vec::new(), u64::MAX);
        for (place, entry) in entries.places.iter_mut().enumerate() {
            let Some(entry) = entry else { continue };
            if entry.next <= now {
                late.push(entry.is_late(place, now));
            }
            wakes = wakes.min(entry.next);
        }
        // Awake as it is it need not be woken.
        entries.wakes = Some(if late.is_empty() { wakes } else { 0 });
        if late.is_empty() { Due::At(wakes) } else { Due::Look(late) }
    }

    /// Whether the scope has not been left: the link is alive then as long as the interpreter is held.
    pub(crate) fn stands(&self, key: Key) -> bool {
        self.lock().get(key).is_some()
    }

    /// A connection was ended in it, and whoever waited for it may try again: it is looked at soon.
    pub(crate) fn note_ended(&self, key: Key, now: u64) {
        if let Some(entry) = self.lock().get(key) {
            (entry.next, entry.pause) = (now.saturating_add(FIRST_PAUSE), FIRST_PAUSE);
        }
    }

    /// When it is to say that it cannot hold: not for what the machine did meanwhile, since its thread could not run, or
    /// nobody had looked yet.
    pub(crate) fn says_so(&self, key: Key, now: u64, turns: Option<Turns>) -> u64 {
        let mut entries = self.lock();
        let Some(entry) = entries.get(key) else { return NOT_YET };
        let (seen, before) = *entry.first_seen.get_or_insert((now, turns));
        let kept = turns.zip(before).map_or(0, |(turns, before)| turns.kept_from(before, now.saturating_sub(seen)));
        let unseen = seen.saturating_sub(entry.end.saturating_add(FIRST_LOOK));
        let says_so = entry.end.saturating_add(WARNING + unseen + kept);
        if now < says_so {
            entry.next = entry.next.min(says_so);
        }
        says_so
    }

    /// It has said that it cannot hold.
    pub(crate) fn note_warned(&self, key: Key) {
        if let Some(entry) = self.lock().get(key) {
            entry.may_warn = false;
        }
    }

    /// Nobody looks, from now on, until somebody has to.
    pub(crate) fn note_unwatched(&self) {
        self.lock().wakes = None;
    }

    /// Whether there is anything to look after, some day.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().places.iter().flatten().all(|entry| entry.next == NOT_YET)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn get(&mut self, key: Key) -> Option<&mut Entry> {
        self.places.get_mut(key.place)?.as_mut().filter(|entry| entry.turn == key.turn)
    }

    fn take(&mut self, key: Key) -> Option<Entry> {
        self.get(key)?;
        self.free.push(key.place);
        self.places[key.place].take()
    }
}

impl Entry {
    fn is_late(&mut self, place: usize, now: u64) -> Late {
        self.next = now.saturating_add(self.pause);
        self.pause = (self.pause + self.pause / 2).min(LONGEST_PAUSE);
        let key = Key { turn: self.turn, place };
        Late { key, end: self.end, may_warn: self.may_warn, link: self.link, seat: Arc::clone(&self.seat) }
    }
}
