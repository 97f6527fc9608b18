//! Who waits on which descriptor, for sockets whose number goes back to the system when they are closed: Python's. A
//! close that finds nobody is a plain one. Else a dead descriptor is put over the number, the threads that wait are
//! woken by a signal, and the close waits until they have left: as long as one of them is in a system call, that holds
//! the open file, and with it the address. The last to leave closes the dead one: no number is used again under a
//! waiter.
//!
//! A signal, because a waiter may be in a plain system call, which no bell can wake. Nothing is lost on the way in: a
//! thread that has entered and not yet made its call finds the dead descriptor there; and those that have not left are
//! woken again and again.
//!
//! This file needs no interpreter: a Rust test program includes it as it is.

use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use shotclock::unstable::{
    Errno, Interest, Latch, Limit, Moves, Operation, Pause, PerProcess, PollWaiter, Readiness, drive, interrupt,
    syscall,
};
use shotclock::{Deadline, Shutdown};

/// The longest that a close waits for other threads to leave. They are woken, so that is a matter of scheduling; a
/// thread that blocks the signal stays.
const LEAVING: Duration = Duration::from_secs(1);

/// After so long those that have not left are woken again.
const AGAIN: Duration = Duration::from_millis(10);

/// This thread uses the descriptor of this number, and may wait on it, until the value is dropped.
///
/// A close first gives the socket another number, and then looks who is there. So a waiter first enters, and then asks
/// whether the number is still the socket's: one of the two sees the other.
pub(crate) struct Waiting {
    entry: Entry,
    /// It belongs to its thread.
    _thread: PhantomData<*const ()>,
}

/// Who has entered which number. Passed by value, so that it can stay in registers.
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
    pub(crate) fn on(number: RawFd) -> Self {
        let table = TABLE.get();
        let entry = Entry { table, slot: table.slot(number), number, thread: interrupt::own_id() };
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
        let mut crowd = self.table.crowd();
        let mut found = self.slot.load(Ordering::SeqCst);
        loop {
            let entered = if found == NOBODY { self.thread } else { found | CROWDED };
            match self.slot.compare_exchange(found, entered, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(NOBODY) => return,
                // The slot now says that there are others, so a thread that leaves takes the lock first, and finds this
                // entry.
                Ok(_) => return crowd.others.push(Other { number: self.number, thread: self.thread }),
                Err(changed) => found = changed,
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn leave_others_behind(self) {
        // A signal handler has forked in the middle of the wait: closing the number is the parent's business.
        if !ptr::eq(self.table, TABLE.get()) {
            return;
        }
        let mut crowd = self.table.crowd();
        // A slot with one of the marks is changed only under the lock.
        let found = self.slot.load(Ordering::SeqCst);
        let mut owner = found & !MARKS;
        let of_this = |other: &Other| other.number == self.number;
        let others = &mut crowd.others;
        if owner == self.thread {
            owner = others.iter().position(of_this).map_or(NOBODY, |next| others.swap_remove(next).thread);
        } else if let Some(own) = others.iter().position(|other| of_this(other) && other.thread == self.thread) {
            others.swap_remove(own);
        }
        let crowded = if others.iter().any(of_this) { CROWDED } else { 0 };
        let left = if owner == NOBODY { NOBODY } else { owner | crowded | found & CLOSED };
        self.slot.store(left, Ordering::SeqCst);
        let deserted = if found & CLOSED == 0 { None } else { crowd.deserted(self.number, owner) };
        drop(crowd);
        if owner == NOBODY && found & CLOSED != 0 {
            // The last to leave closes the number. Without the lock, since close(2) may linger. That a dead descriptor
            // cannot be closed well is nothing to report.
            let _ = syscall::close(self.number);
        }
        if let Some(deserted) = deserted {
            deserted.set();
        }
    }
}

/// How many threads use the number at this moment: for tests and benchmarks.
pub(crate) fn waiters(number: RawFd) -> usize {
    let table = TABLE.get();
    let crowd = table.crowd();
    let owner = table.slot_if_any(number).is_some_and(|slot| slot.load(Ordering::SeqCst) & !MARKS != NOBODY);
    usize::from(owner) + crowd.others.iter().filter(|other| other.number == number).count()
}

/// Closes a number that the caller answers for; where no other thread uses it, by close(2) alone. Threads that wait on
/// it are woken: their calls end with EBADF or EINTR, and they have left when this returns, after a second at most, or
/// when the limit ends. The number goes back to the system when the last has left.
///
/// A lingering connection does not linger here if somebody waits on it, or if `keeps` says so: then a copy of the
/// descriptor is given back, for the caller to close.
///
/// A thread that blocks the signals is not woken.
///
/// # Errors
/// The system's; EBADF if the number was closed under somebody who has not left yet.
pub(crate) fn close(number: RawFd, keeps: bool, limit: &Limit<'_>) -> Result<Option<OwnedFd>, Errno> {
    if number < 0 {
        return Err(Errno::BADF);
    }
    let table = TABLE.get();
    let slot = table.slot_if_any(number).filter(|slot| slot.load(Ordering::SeqCst) != NOBODY);
    if slot.is_none() && !keeps {
        return syscall::close(number).map(|()| None);
    }
    // SAFETY: not negative; the caller answers for it.
    let kept = kept_of(unsafe { BorrowedFd::borrow_raw(number) }, keeps);
    let closed = match slot {
        None => syscall::close(number),
        Some(slot) => table.close_under_waiters(slot, number, limit),
    };
    closed.map(|()| kept)
}

/// A copy of the descriptor, which keeps the connection from lingering when the number is closed; none where it would
/// not linger.
fn kept_of(fd: BorrowedFd<'_>, is_bounded: bool) -> Option<OwnedFd> {
    if !syscall::lingers(fd) {
        return None;
    }
    let copy = syscall::dup(fd).ok();
    if copy.is_none() && is_bounded {
        // No descriptor is left for a copy: the connection then ends in the background.
        let _not_ours_to_mend = syscall::linger_in_background(fd);
    }
    copy
}

/// What a slot holds where nobody waits. Else it holds the thread that came first (its pthread_self(3), an address),
/// and in that address's low bits the marks.
const NOBODY: usize = 0;
/// Mark: other threads use the number as well.
const CROWDED: usize = 1;
/// Mark: the number was closed while threads used it.
const CLOSED: usize = 2;
const MARKS: usize = CROWDED | CLOSED;

/// The waiters of this process.
struct Table {
    low: [AtomicUsize; LOW],
    high: [OnceLock<Box<[AtomicUsize]>>; SHELVES],
    crowd: Mutex<Crowd>,
}

/// What is known beside the slots.
#[derive(Default)]
struct Crowd {
    /// Those that found somebody in the slot; few, since two threads seldom wait on one socket.
    others: Vec<Other>,
    closers: Vec<Closer>,
}

/// A thread that has closed a number and waits until it is the only one that uses it.
struct Closer {
    number: RawFd,
    thread: usize,
    deserted: Arc<Latch>,
}

impl Crowd {
    /// The latch of the closer of this number, if no other thread uses it any more. `owner` is the thread in the slot.
    fn deserted(&mut self, number: RawFd, owner: usize) -> Option<Arc<Latch>> {
        let index = self.closers.iter().position(|closer| closer.number == number)?;
        let thread = self.closers[index].thread;
        let is_alone =
            (owner == NOBODY || owner == thread) && !self.others.iter().any(|other| other.is_of(number, thread));
        is_alone.then(|| self.closers.swap_remove(index).deserted)
    }
}

/// A thread that waits on a number beside the one in the slot.
struct Other {
    number: RawFd,
    thread: usize,
}

impl Other {
    /// Whether it uses that number, and is another thread than `but`.
    fn is_of(&self, number: RawFd, but: usize) -> bool {
        self.number == number && self.thread != but
    }
}

static TABLE: PerProcess<Table> = PerProcess::new(Table::new, forget_waiters);

/// In a forked child: the threads that waited are not there, and a lock that one of them held would never be free.
extern "C" fn forget_waiters() {
    TABLE.forget();
}

/// Numbers below this have their slots in one array.
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
        Self { low, high, crowd: Mutex::default() }
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

    /// The slot of any number; none where nobody has ever waited on one so high. Makes no room.
    fn slot_if_any(&self, number: RawFd) -> Option<&AtomicUsize> {
        let number = usize::try_from(number).ok()?;
        if number < LOW {
            return self.low.get(number);
        }
        let Place { shelf, index, .. } = Place::of(number);
        self.high[shelf].get()?.get(index)
    }

    #[cold]
    fn close_under_waiters(
        &'static self,
        slot: &'static AtomicUsize,
        number: RawFd,
        limit: &Limit<'_>,
    ) -> Result<(), Errno> {
        // The closer enters the number itself: then the number stays taken, and the last to leave closes it without the
        // lock.
        let inside = Waiting::on(number);
        let Some(mut desertion) = self.mark_closed(slot, &inside)? else {
            // They have left meanwhile.
            drop(inside);
            return syscall::close(number);
        };
        // SAFETY: not negative, and taken as long as this thread is in it.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        // Where no dead descriptor can be had, the threads are woken until they leave.
        let is_covered = syscall::cover(fd).is_ok();
        desertion.wake();
        let by_then = limit.deadline.min(Deadline::after(LEAVING));
        let stay = drive(&mut desertion, &Limit { deadline: by_then, ..*limit }, &mut PollWaiter).is_err();
        if stay && !is_covered {
            // Nothing else reaches those threads, nor the peer. All who share the connection lose it, too.
            let _may_not_be_connected = syscall::shutdown(fd, Shutdown::BOTH.0);
        }
        Ok(())
    }

    /// Marks the number closed under those that are in it; None if there is nobody but for the closer's own entry.
    fn mark_closed(&'static self, slot: &AtomicUsize, inside: &Waiting) -> Result<Option<Desertion>, Errno> {
        let mut crowd = self.crowd();
        let Entry { number, thread, .. } = inside.entry;
        // No thread can leave unseen now: with two or more inside, leaving takes the lock; else this thread is alone.
        let found = slot.load(Ordering::SeqCst);
        if found & CLOSED != 0 {
            return Err(Errno::BADF);
        }
        if found == thread {
            return Ok(None);
        }
        slot.store(found | CLOSED, Ordering::SeqCst);
        let deserted = Arc::new(Latch::default());
        crowd.closers.push(Closer { number, thread, deserted: Arc::clone(&deserted) });
        // If this thread itself is in a call on the number (a signal handler closes), that call is not waited for.
        if let Some(at_once) = crowd.deserted(number, found & !MARKS) {
            at_once.set();
        }
        Ok(Some(Desertion { table: self, number, thread, deserted }))
    }

    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends once no other thread uses the number, which was closed.
struct Desertion {
    table: &'static Table,
    number: RawFd,
    /// The thread that waits for that.
    thread: usize,
    deserted: Arc<Latch>,
}

impl Desertion {
    /// Wakes those that have not left.
    fn wake(&self) {
        let crowd = self.table.crowd();
        let owner = self.table.slot(self.number).load(Ordering::SeqCst) & !MARKS;
        let beside = crowd.others.iter().filter(|other| other.number == self.number).map(|other| other.thread);
        for thread in std::iter::once(owner).chain(beside).filter(|thread| ![NOBODY, self.thread].contains(thread)) {
            // SAFETY: it does not end before it has left, for which it needs the lock.
            let _then_it_is_not_woken = unsafe { interrupt::wake(thread) };
        }
    }
}

impl Operation for Desertion {
    type Output = ();

    fn attempt(&mut self, _: Readiness) -> Result<(), Pause> {
        if self.deserted.is_set() {
            return Ok(());
        }
        self.wake();
        Err(Pause::WouldBlock)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.latch(&self.deserted);
        wanted.timer(Deadline::after(AGAIN));
    }

    fn moves(&self) -> Moves {
        Moves::Nothing
    }
}

impl Drop for Desertion {
    fn drop(&mut self) {
        self.table.crowd().closers.retain(|closer| !Arc::ptr_eq(&closer.deserted, &self.deserted));
    }
}

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
        assert_eq!(close(RawFd::MAX, false, &Limit::NONE).map(|_| ()), Err(Errno::BADF));
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
