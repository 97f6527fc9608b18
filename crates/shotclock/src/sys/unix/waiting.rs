//! Who waits on which descriptor, for sockets whose number goes back to the system when they are closed: Python's. A
//! close that finds nobody is a plain one. Else a dead descriptor is put over the number, the threads that wait are
//! woken by a signal, and the last of them to leave closes the dead one: no number is used again under a waiter.
//!
//! A signal, because a waiter may be in a plain system call, which no bell can wake. Nothing is lost on the way in: a
//! thread that is counted and not yet in its call meets the dead descriptor there, and for one that is about to sleep
//! the signal is pending, with which it does not.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::io::Errno;

use super::fork::PerProcess;
use super::{exact, last_errno, socket};

/// This thread uses the descriptor of this number, and may wait on it, until the value is dropped.
///
/// Whoever closes looks who is there after it has given the socket another number. So a waiter enters first, and asks
/// then whether the number is still the socket's.
pub struct Waiting {
    entry: Entry,
    /// It belongs to its thread.
    _thread: PhantomData<*const ()>,
}

/// Who has entered which number. Handed on by value, so that it need not be in memory.
#[derive(Clone, Copy)]
struct Entry {
    table: &'static Table,
    slot: &'static AtomicUsize,
    number: RawFd,
    thread: usize,
}

impl Waiting {
    /// Enters this thread as one that uses the number, which is not negative.
    #[inline]
    pub fn on(number: RawFd) -> Self {
        let table = TABLE.get();
        let entry = Entry { table, slot: table.slot(number), number, thread: own_id() };
        if entry.slot.compare_exchange(NOBODY, entry.thread, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            entry.enter_beside_others();
        }
        Self { entry, _thread: PhantomData }
    }
}

impl Drop for Waiting {
    #[inline]
    fn drop(&mut self) {
        let entry = self.entry;
        if entry.slot.compare_exchange(entry.thread, NOBODY, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            entry.leave_others_behind();
        }
    }
}

impl Entry {
    #[cold]
    #[inline(never)]
    fn enter_beside_others(self) {
        let mut others = self.table.others();
        let mut found = self.slot.load(Ordering::SeqCst);
        loop {
            let entered = if found == NOBODY { self.thread } else { found | CROWDED };
            match self.slot.compare_exchange(found, entered, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(NOBODY) => return,
                // Whoever leaves now asks for the lock before, and finds it there.
                Ok(_) => return others.push(Other { number: self.number, thread: self.thread }),
                Err(changed) => found = changed,
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn leave_others_behind(self) {
        // A handler of signals has forked in the middle of a wait: the number's end is the parent's business.
        if !ptr::eq(self.table, TABLE.get()) {
            return;
        }
        // A closer signals under the lock: no signal of its comes after this thread has left.
        let mut others = self.table.others();
        // Only who holds the lock changes a slot with one of the marks.
        let found = self.slot.load(Ordering::SeqCst);
        let mut owner = found & !MARKS;
        let of_this = |other: &Other| other.number == self.number;
        if owner == self.thread {
            owner = others.iter().position(of_this).map_or(NOBODY, |next| others.swap_remove(next).thread);
        } else if let Some(own) = others.iter().position(|other| of_this(other) && other.thread == self.thread) {
            others.swap_remove(own);
        }
        if owner != NOBODY {
            let crowded = if others.iter().any(of_this) { CROWDED } else { 0 };
            self.slot.store(owner | crowded | found & CLOSED, Ordering::SeqCst);
            return;
        }
        if found & CLOSED != 0 {
            // The last one closes it. Of a dead descriptor there is nothing to report.
            let _ = exact::close(self.number);
        }
        self.slot.store(NOBODY, Ordering::SeqCst);
    }
}

/// How many threads use the number at this moment: for tests and benchmarks.
pub fn waiters(number: RawFd) -> usize {
    let table = TABLE.get();
    let others = table.others();
    let owner = table.slot_if_any(number).is_some_and(|slot| slot.load(Ordering::SeqCst) & !MARKS != NOBODY);
    usize::from(owner) + others.iter().filter(|other| other.number == number).count()
}

/// Closes a number that the caller answers for, and wakes the threads that wait on it: their calls end with EBADF or
/// EINTR, and the number goes back to the system when the last has left. Without any, close(2).
///
/// A thread that blocks the signal is not woken; nor is one that was on its way into a call while the process was out
/// of descriptors, if shutdown(2) does nothing for its kind of socket.
///
/// # Errors
/// The system's; EBADF if the number was closed under somebody who has not left yet.
pub fn close(number: RawFd) -> Result<(), Errno> {
    if number < 0 {
        return Err(Errno::BADF);
    }
    let table = TABLE.get();
    match table.slot_if_any(number).filter(|slot| slot.load(Ordering::SeqCst) != NOBODY) {
        None => exact::close(number),
        Some(slot) => table.close_under_waiters(slot, number),
    }
}

/// What a slot holds where nobody waits. Else it is the address by which the system knows the thread that was first, and
/// the marks, for which such an address has room.
const NOBODY: usize = 0;
/// There are other threads as well.
const CROWDED: usize = 1;
/// The number was closed under those that are in it.
const CLOSED: usize = 2;
const MARKS: usize = CROWDED | CLOSED;

/// What is in a slot for this thread.
#[inline]
fn own_id() -> usize {
    // SAFETY: it has no preconditions.
    let id = unsafe { libc::pthread_self() } as usize;
    debug_assert!(id & MARKS == 0 && id != NOBODY, "a thread's address is aligned");
    id
}

/// The waiters of this process.
struct Table {
    low: [AtomicUsize; LOW],
    high: [OnceLock<Box<[AtomicUsize]>>; SHELVES],
    /// Those that found somebody in the slot; few, since two threads seldom wait on one socket.
    others: Mutex<Vec<Other>>,
}

/// A thread that waits on a number beside the one in the slot.
struct Other {
    number: RawFd,
    thread: usize,
}

static TABLE: PerProcess<Table> = PerProcess::new(Table::new, forget_waiters);

/// The threads that waited are not there in a forked child, and nor is a lock that one of them had.
extern "C" fn forget_waiters() {
    TABLE.forget();
}

/// Up to here a number's slot is found at once.
const LOW: usize = 1024;
/// The slots of other numbers are kept on shelves, each as long as all before it, so that high numbers cost nothing where
/// there are none, and no slot ever moves.
const SHELVES: usize = 21;

/// Where a high number's slot is: on which shelf, how long that is, and where on it.
struct Place {
    shelf: usize,
    len: usize,
    index: usize,
}

impl Place {
    fn of(number: usize) -> Self {
        let shelf = (number / LOW).ilog2() as usize;
        let len = LOW << shelf;
        Self { shelf, len, index: number - len }
    }
}

impl Table {
    fn new() -> Self {
        let (low, high) = ([const { AtomicUsize::new(NOBODY) }; LOW], [const { OnceLock::new() }; SHELVES]);
        Self { low, high, others: Mutex::new(Vec::new()) }
    }

    /// The slot of a number that is in use.
    #[inline]
    fn slot(&self, number: RawFd) -> &AtomicUsize {
        let number = number.cast_unsigned() as usize;
        self.low.get(number).unwrap_or_else(|| self.high_slot(number))
    }

    #[cold]
    fn high_slot(&self, number: usize) -> &AtomicUsize {
        let Place { shelf, len, index } = Place::of(number);
        &self.high[shelf].get_or_init(|| (0..len).map(|_| AtomicUsize::new(NOBODY)).collect())[index]
    }

    /// The slot of any number, which need not be anybody's: for those that nobody has waited on it makes no room.
    fn slot_if_any(&self, number: RawFd) -> Option<&AtomicUsize> {
        let number = usize::try_from(number).ok()?;
        if number < LOW {
            return self.low.get(number);
        }
        let Place { shelf, index, .. } = Place::of(number);
        self.high[shelf].get()?.get(index)
    }

    #[cold]
    fn close_under_waiters(&'static self, slot: &'static AtomicUsize, number: RawFd) -> Result<(), Errno> {
        let others = self.others();
        let marked = slot.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |found| match found {
            NOBODY => None,
            found => Some(found | CLOSED),
        });
        let owner = match marked {
            // They have left meanwhile.
            Err(_) => return exact::close(number),
            Ok(found) if found & CLOSED != 0 => return Err(Errno::BADF),
            Ok(found) => found & !MARKS,
        };
        // From here on nobody leaves without the lock, so the number stays open.
        // SAFETY: not negative; the caller answers for it.
        let buried = socket::bury(unsafe { BorrowedFd::borrow_raw(number) });
        let signal = wake_signal();
        let beside = others.iter().filter(|other| other.number == number).map(|other| other.thread);
        for thread in std::iter::once(owner).chain(beside) {
            // SAFETY: the thread is there as long as it has not left.
            unsafe { libc::pthread_kill(thread as libc::pthread_t, signal) };
        }
        buried
    }

    fn others(&self) -> MutexGuard<'_, Vec<Other>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The signal that wakes a thread out of a system call, with a handler that does nothing.
///
/// The highest real-time signals but two are looked at first, since programs count from the other end, and those that
/// count from this one begin with the very last. One that the program has a use for is left alone, also if it finds it
/// later. Called under the lock.
fn wake_signal() -> c_int {
    static CHOSEN: AtomicI32 = AtomicI32::new(0);
    let disposition = |signal: c_int| {
        // SAFETY: all zeroes is a valid value of this plain C struct; the call writes it.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, ptr::null(), &raw mut action) == 0 {
                Ok(action.sa_sigaction)
            } else {
                Err(last_errno())
            }
        }
    };
    let ours = do_nothing as *const () as libc::sighandler_t;
    let before = CHOSEN.load(Ordering::Relaxed);
    if before != 0 && disposition(before) == Ok(ours) {
        return before;
    }
    let mut signals = (libc::SIGRTMIN()..=libc::SIGRTMAX() - 2).rev();
    let unused =
        signals.find(|signal| matches!(disposition(*signal), Ok(known) if known == libc::SIG_DFL || known == ours));
    // There are some thirty; a program that has a use for all of them has none for this.
    let Some(signal) = unused else { return 0 };
    // SAFETY: as above; the handler lives for ever and touches nothing. Without SA_RESTART, so that calls end.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ours;
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigaction(signal, &raw const action, ptr::null_mut());
    }
    CHOSEN.store(signal, Ordering::Relaxed);
    signal
}

extern "C" fn do_nothing(_signal: c_int) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_a_place_of_its_own() {
        let mut before = None;
        for number in (LOW..9000).chain(0x7fff_fff0..=0x7fff_ffff) {
            let Place { shelf, len, index } = Place::of(number);
            assert!(shelf < SHELVES && index < len, "{number}");
            assert_ne!(before.replace((shelf, index)), Some((shelf, index)), "{number}");
        }
    }

    #[test]
    fn a_number_that_is_nobody_s_takes_no_room() {
        assert_eq!(close(RawFd::MAX), Err(Errno::BADF));
        assert_eq!(waiters(RawFd::MAX), 0);
        assert!(TABLE.get().high.last().unwrap().get().is_none());
    }

    #[test]
    fn whoever_comes_later_stays_when_the_first_leaves() {
        let (number, other) = (2000, 1000);
        let first = Waiting::on(number);
        let elsewhere = Waiting::on(other);
        let (entered, leave) = (std::sync::Barrier::new(3), std::sync::Barrier::new(3));
        std::thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    let waiting = Waiting::on(number);
                    entered.wait();
                    leave.wait();
                    drop(waiting);
                });
            }
            entered.wait();
            assert_eq!((waiters(number), waiters(other)), (3, 1));
            drop(first);
            assert_eq!(waiters(number), 2);
            leave.wait();
        });
        assert_eq!((waiters(number), waiters(other)), (0, 1));
        drop(elsewhere);
        assert_eq!(waiters(other), 0);
    }
}
