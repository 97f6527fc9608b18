//! Who waits on which descriptor, for sockets whose number goes back to the system when they are closed: Python's. A
//! close that finds nobody is a plain one. Else a dead descriptor is put over the number, the threads that wait are
//! woken by a signal, and the last of them to leave closes the dead one: no number is used again under a waiter.
//!
//! A signal, because a waiter may be in a plain system call, which no bell can wake. Nothing is lost on the way in: a
//! thread that is counted and not yet in its call meets the dead descriptor there, and for one that is about to sleep
//! the signal is pending, with which it does not.

use std::cell::RefCell;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::io::Errno;

use super::fork::PerProcess;
use super::{exact, last_errno, socket};

/// This thread uses the descriptor of this number, and may wait on it, until the value is dropped.
///
/// Whoever closes reads the count after it has given the socket another number. So a waiter counts itself first, and
/// asks then whether the number is still the socket's.
pub struct Waiting {
    table: &'static Table,
    count: &'static AtomicU32,
    number: RawFd,
    /// It belongs to its thread.
    _thread: PhantomData<*const ()>,
}

impl Waiting {
    /// Counts this thread as one that uses the number, which is not negative.
    #[inline]
    pub fn on(number: RawFd) -> Self {
        let table = TABLE.get();
        let count = table.count(number);
        // The number first: whoever sees the count finds the thread.
        on_this_thread(table, |thread| thread.number.store(number, Ordering::Relaxed));
        count.fetch_add(1, Ordering::SeqCst);
        Self { table, count, number, _thread: PhantomData }
    }

    #[cold]
    #[inline(never)]
    fn leave_closed(&self) {
        // A handler of signals has forked in the middle of a wait: the number's end is the parent's business.
        if !ptr::eq(self.table, TABLE.get()) {
            return;
        }
        // The closer signals under the lock: no signal of its comes after this thread has left.
        drop(self.table.threads());
        // The last one closes it. Whoever is late, and counts itself between these lines, leaves by them as well.
        if self.count.compare_exchange(CLOSED, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            // Of a dead descriptor there is nothing to report.
            let _ = exact::close(self.number);
        }
    }
}

impl Drop for Waiting {
    #[inline]
    fn drop(&mut self) {
        // The number first again: a closer that still finds the thread has marked the count before this looks at it.
        on_this_thread(self.table, |thread| thread.number.store(NOWHERE, Ordering::Relaxed));
        if self.count.fetch_sub(1, Ordering::SeqCst) & CLOSED != 0 {
            self.leave_closed();
        }
    }
}

/// How many threads use the number at this moment: for tests and benchmarks.
pub fn waiters(number: RawFd) -> u32 {
    TABLE.get().count_if_any(number).map_or(0, |count| count.load(Ordering::SeqCst) & !CLOSED)
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
    match table.count_if_any(number).filter(|count| count.load(Ordering::SeqCst) != 0) {
        None => exact::close(number),
        Some(count) => table.close_under_waiters(count, number),
    }
}

/// Set in a count when the number was closed under those it counts.
const CLOSED: u32 = 1 << 31;
/// What a thread waits on that does not wait.
const NOWHERE: RawFd = -1;

/// The waiters of this process.
struct Table {
    counts: [OnceLock<Box<[AtomicU32]>>; SHELVES],
    threads: Mutex<Vec<Arc<Thread>>>,
}

/// A thread that has waited before, and may wait now.
struct Thread {
    id: libc::pthread_t,
    number: AtomicI32,
}

static TABLE: PerProcess<Table> = PerProcess::new(Table::new, forget_waiters);

/// The threads that waited are not there in a forked child, and nor is a lock that one of them had.
extern "C" fn forget_waiters() {
    TABLE.forget();
}

/// Counts are kept on shelves, each as long as all before it, so that high numbers cost nothing where there are none,
/// and no count ever moves.
const FIRST_SHELF: u32 = 64;
const SHELVES: usize = 26;

/// Where a number's count is: on which shelf, how long that is, and where on it.
struct Place {
    shelf: usize,
    len: u32,
    index: usize,
}

impl Place {
    #[inline]
    fn of(number: RawFd) -> Self {
        let number = number.cast_unsigned();
        let shelf = u32::BITS - (number / FIRST_SHELF).leading_zeros();
        let (first, len) =
            if shelf == 0 { (0, FIRST_SHELF) } else { (FIRST_SHELF << (shelf - 1), FIRST_SHELF << (shelf - 1)) };
        Self { shelf: shelf as usize, len, index: (number - first) as usize }
    }
}

impl Table {
    fn new() -> Self {
        Self { counts: [const { OnceLock::new() }; SHELVES], threads: Mutex::new(Vec::new()) }
    }

    /// The count of a number that is in use.
    #[inline]
    fn count(&self, number: RawFd) -> &AtomicU32 {
        let Place { shelf, len, index } = Place::of(number);
        &self.counts[shelf].get_or_init(|| (0..len).map(|_| AtomicU32::new(0)).collect())[index]
    }

    /// The count of any number, which need not be anybody's: for those that nobody has waited on it makes no room.
    fn count_if_any(&self, number: RawFd) -> Option<&AtomicU32> {
        let Place { shelf, index, .. } = Place::of(number);
        self.counts[shelf].get()?.get(index)
    }

    #[cold]
    fn close_under_waiters(&'static self, count: &'static AtomicU32, number: RawFd) -> Result<(), Errno> {
        // Counted itself until it has done, so that nobody closes the number before it is dead.
        let marked = count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| match count {
            0 => None,
            count => Some((count | CLOSED) + u32::from(count & CLOSED == 0)),
        });
        match marked {
            // They have left meanwhile.
            Err(_) => return exact::close(number),
            Ok(before) if before & CLOSED != 0 => return Err(Errno::BADF),
            Ok(_) => {}
        }
        let _counted = Waiting { table: self, count, number, _thread: PhantomData };
        // SAFETY: not negative; the caller answers for it, and as long as this is counted it stays open.
        let buried = socket::bury(unsafe { BorrowedFd::borrow_raw(number) });
        let threads = self.threads();
        let signal = wake_signal();
        for thread in threads.iter().filter(|thread| thread.number.load(Ordering::Relaxed) == number) {
            // SAFETY: threads take themselves off the list, under the lock, before they end.
            unsafe { libc::pthread_kill(thread.id, signal) };
        }
        drop(threads);
        buried
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Arc<Thread>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// This thread in the table of its process.
struct Listed {
    table: &'static Table,
    thread: Arc<Thread>,
}

thread_local! {
    static LISTED: RefCell<Option<Listed>> = const { RefCell::new(None) };
}

/// While the thread's own values are being destroyed it is in no list: then it cannot be woken, only counted.
#[inline]
fn on_this_thread(table: &'static Table, look: impl FnOnce(&Thread)) {
    let _ = LISTED.try_with(|listed| {
        let mut listed = listed.borrow_mut();
        match &*listed {
            Some(known) if ptr::eq(known.table, table) => look(&known.thread),
            // Its first wait, or its first in a forked child.
            _ => look(&listed.insert(Listed::new(table)).thread),
        }
    });
}

impl Listed {
    #[cold]
    fn new(table: &'static Table) -> Self {
        // SAFETY: it has no preconditions.
        let thread = Arc::new(Thread { id: unsafe { libc::pthread_self() }, number: AtomicI32::new(NOWHERE) });
        table.threads().push(Arc::clone(&thread));
        Self { table, thread }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        // Of the table of the parent, in a forked child, nobody will ever hear again, and its lock may be taken.
        if ptr::eq(self.table, TABLE.get()) {
            self.table.threads().retain(|thread| !Arc::ptr_eq(thread, &self.thread));
        }
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
        for number in (0..5000).chain(RawFd::MAX - 10..=RawFd::MAX) {
            let Place { shelf, len, index } = Place::of(number);
            assert!(shelf < SHELVES && index < len as usize, "{number}");
            assert_ne!(before.replace((shelf, index)), Some((shelf, index)), "{number}");
        }
    }

    #[test]
    fn a_number_that_is_nobody_s_takes_no_room() {
        assert_eq!(close(RawFd::MAX), Err(Errno::BADF));
        assert_eq!(waiters(RawFd::MAX), 0);
        assert!(TABLE.get().counts[Place::of(RawFd::MAX).shelf].get().is_none());
    }
}
