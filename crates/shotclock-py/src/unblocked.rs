//! O_NONBLOCK for the length of one try, for calls that have no flag of their own against waiting.
//!
//! The flag belongs to the open file, which copies, threads and other processes share. So nobody trusts it after a wait:
//! each try looks, sets it where it is missing, and puts back what it found, before it waits again. Who does so is in a
//! list: whoever ends while another is in the middle leaves the putting back to the other; what the program asks for
//! meanwhile is what the last one leaves behind; and a plain call of another thread that was told EAGAIN for it tries
//! again, which is none of its business.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shotclock::raw::{Errno, exact};

/// A try that needs O_NONBLOCK is under way.
struct Try {
    id: usize,
    number: RawFd,
    /// The file is to block again afterwards.
    blocks: Arc<AtomicBool>,
    /// The file is kept to this process, or is about to be.
    excludes: Arc<AtomicBool>,
    /// A thread of the parent's makes it, who forked in the middle: it is the parent who puts the flag back.
    is_parents: bool,
}

static TRIES: Mutex<Vec<Try>> = Mutex::new(Vec::new());

/// How many there are, so that nobody takes the lock where there is none.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// How many tries there have been: their ids.
static TURNS: AtomicUsize = AtomicUsize::new(0);

/// A try that does not wait; what its file was is put back when this is dropped. Made and dropped with the interpreter
/// held.
pub(crate) struct Unblocked {
    id: usize,
    blocks: Arc<AtomicBool>,
    excludes: Arc<AtomicBool>,
}

impl Unblocked {
    /// Begins a try on the number, of which nothing is changed yet.
    pub(crate) fn on(number: RawFd) -> Self {
        let (id, blocks, excludes) = (TURNS.fetch_add(1, Ordering::Relaxed), Arc::default(), Arc::default());
        let mut all = all();
        all.push(Try { id, number, blocks: Arc::clone(&blocks), excludes: Arc::clone(&excludes), is_parents: false });
        COUNT.store(all.len(), Ordering::Relaxed);
        Self { id, blocks, excludes }
    }

    /// Keeps the file to this process for as long as the try lasts; false where another process is in the middle of one,
    /// at whose end the flag goes. For files that block by themselves.
    pub(crate) fn exclude_others(&self, fd: BorrowedFd<'_>) -> bool {
        // Before it does: whoever ends meanwhile leaves it to this one.
        self.excludes.store(true, Ordering::SeqCst);
        // Where there is no such thing the try is made all the same.
        exact::exclude_others(fd).unwrap_or(true)
    }

    /// Makes sure that the file does not block: right before the call, with the interpreter held or not.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn make_sure(&self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        if !exact::is_nonblocking(fd)? {
            // Before it does: whoever is told EAGAIN from here on finds out why.
            self.blocks.store(true, Ordering::SeqCst);
            exact::set_nonblocking(fd, true)?;
        }
        Ok(())
    }
}

impl Drop for Unblocked {
    fn drop(&mut self) {
        let mut all = all();
        // Else the number was given up; or a forked child goes on with a try that its parent began.
        let Some(index) = all.iter().position(|one| one.id == self.id && !one.is_parents) else { return };
        let ended = all.swap_remove(index);
        COUNT.store(all.len(), Ordering::Relaxed);
        leave(&all, &ended);
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
    let all = all();
    let mut is_left_to_one = false;
    for one in all.iter().filter(|one| !one.is_parents && is_same_file(one.number, fd)) {
        let blocks = !nonblocking && !is_left_to_one;
        one.blocks.store(blocks, Ordering::Relaxed);
        is_left_to_one |= blocks;
    }
    if is_left_to_one { Ok(()) } else { exact::set_nonblocking(fd, nonblocking) }
}

/// The number is about to be closed, or given away: what was changed of its file is put back now.
pub(crate) fn give_up(number: RawFd) {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return;
    }
    let mut all = all();
    while let Some(index) = all.iter().position(|one| one.number == number) {
        let ended = all.swap_remove(index);
        leave(&all, &ended);
    }
    COUNT.store(all.len(), Ordering::Relaxed);
}

/// What is to be known before a plain call is made, to tell afterwards why it was told EAGAIN.
#[derive(Clone, Copy)]
pub(crate) struct Before {
    turns: usize,
    count: usize,
}

impl Before {
    #[inline]
    pub(crate) fn now() -> Self {
        Self { turns: TURNS.load(Ordering::Relaxed), count: COUNT.load(Ordering::Relaxed) }
    }

    /// Whether a call on the file that was told EAGAIN since was so because of a try of another thread. Else it is the
    /// program's own doing, or that of a timeout in the system.
    #[cold]
    pub(crate) fn was_in_the_way_of(self, fd: BorrowedFd<'_>) -> bool {
        if self.count == 0 && self.turns == TURNS.load(Ordering::Relaxed) {
            return false;
        }
        let mut all = all();
        match exact::is_nonblocking(fd) {
            Ok(true) => all.iter().any(|one| one.blocks.load(Ordering::Relaxed) && is_same_file(one.number, fd)),
            Ok(false) => {
                all.retain(|one| !(one.is_parents && is_same_file(one.number, fd)));
                COUNT.store(all.len(), Ordering::Relaxed);
                !has_limit(fd)
            }
            Err(_) => false,
        }
    }
}

/// Whether a plain call on the file that was told EAGAIN was so because of another process's try, which is over, or is under
/// way. Else it is the program's own doing, or that of a timeout in the system.
#[cold]
pub(crate) fn is_anothers(fd: BorrowedFd<'_>) -> bool {
    match exact::is_nonblocking(fd) {
        Ok(false) => !has_limit(fd),
        Ok(true) => {
            let all = all();
            let is_anothers = exact::exclude_others(fd) == Ok(false);
            let is_ours = |one: &Try| one.excludes.load(Ordering::SeqCst) && is_same_file(one.number, fd);
            if !is_anothers && !all.iter().any(is_ours) {
                // It was only asked for.
                let _ = exact::share(fd);
            }
            is_anothers
        }
        Err(_) => false,
    }
}

/// In a forked child: the threads that are in the middle are the parent's, and so is what they put back.
pub(crate) fn forget_after_fork() {
    let mut all = all();
    all.retain(|one| one.blocks.load(Ordering::Relaxed));
    for one in all.iter_mut() {
        one.is_parents = true;
    }
    COUNT.store(all.len(), Ordering::Relaxed);
}

/// Puts back what a try has changed, or leaves it to another that is under way.
fn leave(all: &[Try], ended: &Try) {
    let (blocks, excludes) = (ended.blocks.load(Ordering::Relaxed), ended.excludes.load(Ordering::SeqCst));
    if !(blocks || excludes) || ended.is_parents {
        return;
    }
    // SAFETY: not negative; the program's socket has it, or had it a moment ago, with the interpreter held since.
    let fd = unsafe { BorrowedFd::borrow_raw(ended.number) };
    if let Some(other) = all.iter().find(|one| !one.is_parents && is_same_file(one.number, fd)) {
        other.blocks.fetch_or(blocks, Ordering::Relaxed);
        other.excludes.fetch_or(excludes, Ordering::SeqCst);
        return;
    }
    if blocks {
        // It cannot fail on an open descriptor.
        let _ = exact::set_nonblocking(fd, false);
    }
    if excludes {
        // Of what another process keeps nothing changes.
        let _ = exact::share(fd);
    }
}

fn is_same_file(number: RawFd, fd: BorrowedFd<'_>) -> bool {
    // SAFETY: not negative; nothing is done with it but to look.
    let other = unsafe { BorrowedFd::borrow_raw(number) };
    number == fd.as_raw_fd() || matches!((exact::inode(other), exact::inode(fd)), (Ok(one), Ok(other)) if one == other)
}

/// Whether the system itself ends calls on the file, by EAGAIN.
fn has_limit(fd: BorrowedFd<'_>) -> bool {
    [false, true].into_iter().any(|sends| matches!(exact::own_limit(fd, sends), Ok(Some(_))))
}

/// Taken with the interpreter held, and for a few instructions and looks at a file: fork finds it free.
fn all() -> MutexGuard<'static, Vec<Try>> {
    TRIES.lock().unwrap_or_else(PoisonError::into_inner)
}
