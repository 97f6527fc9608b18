//! O_NONBLOCK for the length of one try, for calls that have no flag of their own against waiting.
//!
//! The flag belongs to the open file, which copies, threads and other processes share. So nobody trusts it after a wait:
//! each try looks, sets it where it is missing, and puts back what it found, before it waits again. Who does so is in a
//! list: whoever ends while another is in the middle leaves the putting back to the other; what the program asks for
//! meanwhile is what the last one leaves behind; and a plain call of another thread that was told EAGAIN for it tries
//! again, which is none of its business.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shotclock::raw::{Errno, exact};

/// A try that needs O_NONBLOCK is under way.
struct Try {
    id: usize,
    number: RawFd,
    /// The file is to block again afterwards.
    blocks: bool,
    /// A thread of the parent's makes it, who forked in the middle: it is the parent who puts the flag back.
    is_parents: bool,
}

static TRIES: Mutex<Vec<Try>> = Mutex::new(Vec::new());

/// How many there are, so that nobody takes the lock where there is none.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// How often a file that blocks was made one that does not; the ids of tries, too.
static TURNS: AtomicUsize = AtomicUsize::new(0);

/// A file that does not block; what it was is put back when this is dropped. Made and dropped with the interpreter held,
/// for one try.
pub(crate) struct Unblocked {
    id: usize,
}

impl Unblocked {
    /// # Errors
    /// The system's.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        let mut all = all();
        let blocks = !exact::is_nonblocking(fd)?;
        if blocks {
            exact::set_nonblocking(fd, true)?;
        }
        let id = TURNS.fetch_add(1, Ordering::Relaxed);
        all.push(Try { id, number: fd.as_raw_fd(), blocks, is_parents: false });
        COUNT.store(all.len(), Ordering::Relaxed);
        Ok(Self { id })
    }
}

impl Drop for Unblocked {
    fn drop(&mut self) {
        let mut all = all();
        // Else a forked child goes on with a try that its parent began.
        let Some(index) = all.iter().position(|one| one.id == self.id && !one.is_parents) else { return };
        let ended = all.swap_remove(index);
        COUNT.store(all.len(), Ordering::Relaxed);
        leave(&mut all, &ended);
    }
}

/// Sets whether the file blocks, as the program asks for it: at once, or at the end of the tries that are under way.
///
/// # Errors
/// The system's.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> Result<(), Errno> {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return exact::set_nonblocking(fd, nonblocking);
    }
    let mut all = all();
    let mut waits = false;
    for one in all.iter_mut().filter(|one| !one.is_parents && is_same_file(one.number, fd)) {
        // The first of them answers for it.
        one.blocks = !nonblocking && !waits;
        waits |= one.blocks;
    }
    if waits { Ok(()) } else { exact::set_nonblocking(fd, nonblocking) }
}

/// The number is about to be closed, or given away: what was changed of its file is put back now.
pub(crate) fn give_up(number: RawFd) {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return;
    }
    let mut all = all();
    while let Some(index) = all.iter().position(|one| one.number == number) {
        let ended = all.swap_remove(index);
        leave(&mut all, &ended);
    }
    COUNT.store(all.len(), Ordering::Relaxed);
}

/// In a forked child: the threads that are in the middle are the parent's, and so is what they put back.
pub(crate) fn forget_after_fork() {
    let mut all = all();
    all.retain(|one| one.blocks);
    for one in all.iter_mut() {
        one.is_parents = true;
    }
    COUNT.store(all.len(), Ordering::Relaxed);
    TURNS.fetch_add(1, Ordering::Relaxed);
}

/// Puts back what a try has changed, or leaves it to another that is under way.
fn leave(all: &mut [Try], ended: &Try) {
    if !ended.blocks || ended.is_parents {
        return;
    }
    // SAFETY: not negative; the program's socket has it, or had it a moment ago, with the interpreter held since.
    let fd = unsafe { BorrowedFd::borrow_raw(ended.number) };
    match all.iter_mut().find(|one| !one.is_parents && is_same_file(one.number, fd)) {
        Some(other) => other.blocks = true,
        None => {
            // It cannot fail on an open descriptor.
            let _ = exact::set_nonblocking(fd, false);
        }
    }
}

fn is_same_file(number: RawFd, fd: BorrowedFd<'_>) -> bool {
    // SAFETY: not negative; nothing is done with it but to look.
    let other = unsafe { BorrowedFd::borrow_raw(number) };
    number == fd.as_raw_fd() || matches!((exact::inode(other), exact::inode(fd)), (Ok(one), Ok(other)) if one == other)
}

/// Taken with the interpreter held, and for a few instructions and looks at a file: fork finds it free.
fn all() -> MutexGuard<'static, Vec<Try>> {
    TRIES.lock().unwrap_or_else(PoisonError::into_inner)
}
