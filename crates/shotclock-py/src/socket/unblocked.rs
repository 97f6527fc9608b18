//! O_NONBLOCK for the length of one try, for calls that have no flag of their own against waiting.
//!
//! The flag belongs to the open file, which copies, threads and other processes share. So no try trusts the flag after
//! a wait: each looks, sets it where it is missing, and puts back what it found, before it waits again. Tries under way
//! are in a list. By it, a try that ends while another is under way on the same file leaves the putting back to that
//! one; the last one leaves behind what the program has asked for meanwhile; and a plain call of another thread that
//! was told EAGAIN because of a try goes on, as if nothing had been.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicUsize, Ordering};

use shotclock::unstable::{Errno, syscall};

/// The entry of a try under way. Taken and left with the interpreter held, so it needs no lock.
struct Place {
    /// The number of the try that has it, or [`FREE`].
    turn: AtomicUsize,
    /// The descriptor of the try, or [`GONE`].
    number: AtomicI32,
    marks: AtomicU8,
}

/// The turn of a place that nobody has.
const FREE: usize = 0;
/// In the place of a descriptor that was closed or given away.
const GONE: RawFd = -1;

/// The file blocked before the try, and is to block again after it.
const BLOCKS: u8 = 1;
/// The try keeps the file to this process by a lock, or is about to.
const EXCLUDES: u8 = 2;
/// The try is one of the process that this one was forked from, in the middle of it. The parent puts the flag back.
const PARENTS: u8 = 4;

/// Places for a few tries, and the next shelf. Shelves are only ever added, so no place moves.
struct Shelf {
    places: [Place; 64],
    next: OnceLock<Box<Self>>,
}

static FIRST: Shelf = Shelf::new();

/// How many tries there are, so that nobody looks for them where there are none.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// How many tries there have been.
static TURNS: AtomicUsize = AtomicUsize::new(FREE);

/// A try that does not wait; what its file was is put back when this is dropped. Made and dropped with the interpreter
/// held.
pub(crate) struct Unblocked {
    turn: usize,
    place: &'static Place,
}

impl Unblocked {
    /// Begins a try on the number, of which nothing is changed yet.
    pub(crate) fn on(number: RawFd) -> Self {
        let turn = TURNS.load(Ordering::Relaxed).wrapping_add(1).max(FREE + 1);
        TURNS.store(turn, Ordering::Relaxed);
        let place = FIRST.free_place();
        place.number.store(number, Ordering::Relaxed);
        place.marks.store(0, Ordering::Relaxed);
        place.turn.store(turn, Ordering::Relaxed);
        COUNT.store(count() + 1, Ordering::Relaxed);
        Self { turn, place }
    }

    /// Keeps other processes' tries off the file as long as this one lasts. False if one of them is under way, which
    /// would put the flag back in the middle of ours. For files that block by themselves.
    pub(crate) fn exclude_others(&self, fd: BorrowedFd<'_>) -> bool {
        // Marked first: a try that ends meanwhile then leaves the lock to this one.
        self.place.mark(EXCLUDES);
        // Where the system has no such lock the try is made all the same.
        syscall::exclude_others(fd).unwrap_or(true)
    }

    /// Makes sure that the file does not block, right before the call, with the interpreter held or not. True if the
    /// file did block.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn make_sure(&self, fd: BorrowedFd<'_>) -> Result<bool, Errno> {
        let blocks = !syscall::is_nonblocking(fd)?;
        if blocks {
            // Marked first: a plain call that is told EAGAIN from here on then finds out why.
            self.place.mark(BLOCKS);
            syscall::set_nonblocking(fd, true)?;
        }
        Ok(blocks)
    }
}

impl Drop for Unblocked {
    fn drop(&mut self) {
        // Else this is a forked child, which has left the try to its parent.
        if self.place.turn.load(Ordering::Relaxed) == self.turn && !self.place.has(PARENTS) {
            self.place.end();
            self.place.turn.store(FREE, Ordering::Relaxed);
        }
    }
}

/// Sets whether the file blocks, as the program asks for it: at once, or at the end of the tries that are under way.
///
/// # Errors
/// The system's.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> Result<(), Errno> {
    if count() == 0 {
        return syscall::set_nonblocking(fd, nonblocking);
    }
    let mut is_left_to_one = false;
    for one in under_way().filter(|one| !one.has(PARENTS) && one.is_on_file_of(fd)) {
        one.unmark(BLOCKS);
        if !nonblocking && !is_left_to_one {
            one.mark(BLOCKS);
            is_left_to_one = true;
        }
    }
    if is_left_to_one { Ok(()) } else { syscall::set_nonblocking(fd, nonblocking) }
}

/// The number is about to be closed, or given away: what was changed of its file is put back now.
pub(crate) fn give_up(number: RawFd) {
    if count() != 0 {
        under_way().filter(|one| one.number() == number).for_each(Place::end);
    }
}

/// Taken before a plain call, to tell afterwards why it was told EAGAIN.
#[derive(Clone, Copy)]
pub(crate) struct Before {
    turns: usize,
    count: usize,
}

impl Before {
    #[inline]
    pub(crate) fn now() -> Self {
        Self { turns: TURNS.load(Ordering::Relaxed), count: count() }
    }

    /// Whether there has been a try since, on whatever file.
    #[inline]
    pub(crate) fn is_disturbed(self) -> bool {
        self.count != 0 || self.turns != TURNS.load(Ordering::Relaxed)
    }

    /// Whether a try of another thread on the file, made since, explains why a plain call was told EAGAIN. Else the
    /// program itself has made the file non-blocking, or a timeout in the system has passed.
    #[cold]
    pub(crate) fn was_in_the_way_of(self, fd: BorrowedFd<'_>) -> bool {
        if !self.is_disturbed() {
            return false;
        }
        match syscall::is_nonblocking(fd) {
            Ok(true) => under_way().any(|one| one.has(BLOCKS) && one.is_on_file_of(fd)),
            Ok(false) => {
                // The parent has put it back.
                under_way().filter(|one| one.has(PARENTS) && one.is_on_file_of(fd)).for_each(Place::forget);
                !has_limit(fd)
            }
            Err(_) => false,
        }
    }
}

/// Whether another process's try on the file, over or under way, explains why a plain call was told EAGAIN. Else the
/// program itself has made the file non-blocking, or a timeout in the system has passed.
#[cold]
pub(crate) fn is_anothers(fd: BorrowedFd<'_>) -> bool {
    match syscall::is_nonblocking(fd) {
        Ok(false) => !has_limit(fd),
        Ok(true) => {
            let is_anothers = syscall::exclude_others(fd) == Ok(false);
            if !is_anothers && !under_way().any(|one| one.has(EXCLUDES) && one.is_on_file_of(fd)) {
                // The lock was taken only to see whether another process has it.
                let _ = syscall::share(fd);
            }
            is_anothers
        }
        Err(_) => false,
    }
}

/// In a forked child: tries under way are the parent's, which puts back what they have changed.
pub(crate) fn forget_after_fork() {
    for one in under_way() {
        if one.has(BLOCKS) { one.mark(PARENTS) } else { one.forget() }
    }
}

impl Shelf {
    const fn new() -> Self {
        Self { places: [const { Place::free() }; 64], next: OnceLock::new() }
    }

    fn free_place(&self) -> &Place {
        let is_free = |place: &&Place| place.turn.load(Ordering::Relaxed) == FREE;
        self.places.iter().find(is_free).unwrap_or_else(|| self.next.get_or_init(|| Box::new(Self::new())).free_place())
    }
}

impl Place {
    const fn free() -> Self {
        Self { turn: AtomicUsize::new(FREE), number: AtomicI32::new(GONE), marks: AtomicU8::new(0) }
    }

    fn number(&self) -> RawFd {
        self.number.load(Ordering::Relaxed)
    }

    fn has(&self, mark: u8) -> bool {
        self.marks.load(Ordering::SeqCst) & mark != 0
    }

    fn mark(&self, mark: u8) {
        self.marks.fetch_or(mark, Ordering::SeqCst);
    }

    fn unmark(&self, mark: u8) {
        self.marks.fetch_and(!mark, Ordering::SeqCst);
    }

    /// Whether a try is noted here that has not ended.
    fn is_under_way(&self) -> bool {
        self.turn.load(Ordering::Relaxed) != FREE && self.number() != GONE
    }

    fn is_on_file_of(&self, fd: BorrowedFd<'_>) -> bool {
        is_same_file(self.number(), fd)
    }

    /// Frees the place of a try that nobody will end.
    fn forget(&self) {
        self.number.store(GONE, Ordering::Relaxed);
        self.turn.store(FREE, Ordering::Relaxed);
        COUNT.store(count() - 1, Ordering::Relaxed);
    }

    /// Puts back what the try has changed, or leaves it to another that is under way.
    fn end(&self) {
        let number = self.number.swap(GONE, Ordering::Relaxed);
        if number == GONE {
            return;
        }
        COUNT.store(count() - 1, Ordering::Relaxed);
        let marks = self.marks.load(Ordering::SeqCst);
        if marks == 0 || marks & PARENTS != 0 {
            return;
        }
        // SAFETY: not negative; the program's socket has it, or had it a moment ago, with the interpreter held since.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        if let Some(other) = under_way().find(|one| !one.has(PARENTS) && one.is_on_file_of(fd)) {
            return other.mark(marks);
        }
        if marks & BLOCKS != 0 {
            // It cannot fail on an open descriptor.
            let _ = syscall::set_nonblocking(fd, false);
        }
        if marks & EXCLUDES != 0 {
            // This ends no lock of another process's.
            let _ = syscall::share(fd);
        }
    }
}

fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// The tries that have not ended. Nothing is looked at beyond the last of them.
fn under_way() -> impl Iterator<Item = &'static Place> {
    let shelves = std::iter::successors(Some(&FIRST), |shelf| shelf.next.get().map(Box::as_ref));
    shelves.flat_map(|shelf| &shelf.places).filter(|place| place.is_under_way()).take(count())
}

fn is_same_file(number: RawFd, fd: BorrowedFd<'_>) -> bool {
    // SAFETY: not negative; nothing is done with it but to look.
    let other = unsafe { BorrowedFd::borrow_raw(number) };
    number == fd.as_raw_fd()
        || matches!((syscall::inode(other), syscall::inode(fd)), (Ok(one), Ok(other)) if one == other)
}

/// Whether the file has a limit in the system (SO_RCVTIMEO, SO_SNDTIMEO), which ends calls by EAGAIN.
fn has_limit(fd: BorrowedFd<'_>) -> bool {
    [false, true].into_iter().any(|sends| matches!(syscall::own_limit(fd, sends), Ok(Some(_))))
}
