//! O_NONBLOCK for the length of one try, for calls that have no flag of their own against waiting.
//!
//! The flag belongs to the open file, which copies, threads and other processes share. So nobody trusts it after a wait:
//! each try looks, sets it where it is missing, and puts back what it found, before it waits again. Who does so is in a
//! list: whoever ends while another is in the middle leaves the putting back to the other; what the program asks for
//! meanwhile is what the last one leaves behind; and a plain call of another thread that was told EAGAIN for it tries
//! again, which is none of its business.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicUsize, Ordering};

use shotclock::unstable::{Errno, syscall};

/// Where a try that needs O_NONBLOCK is noted. Taken and left with the interpreter held, so that there is no lock.
struct Place {
    /// Which try it is: a number of its own.
    turn: AtomicUsize,
    /// Whose file it is about.
    number: AtomicI32,
    marks: AtomicU8,
}

/// The turn of a place that nobody has.
const FREE: usize = 0;
/// The number of a try whose own one was closed or given away.
const GONE: RawFd = -1;

/// The file is to block again afterwards.
const BLOCKS: u8 = 1;
/// The file is kept to this process, or is about to be.
const EXCLUDES: u8 = 2;
/// A thread of the parent's makes it, who forked in the middle: it is the parent who puts the flag back.
const PARENTS: u8 = 4;

/// Places for so many tries at once, and where there are more of them. No place ever moves.
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

    /// Keeps the file to this process for as long as the try lasts; false where another process is in the middle of one,
    /// at whose end the flag goes. For files that block by themselves.
    pub(crate) fn exclude_others(&self, fd: BorrowedFd<'_>) -> bool {
        // Before it does: whoever ends meanwhile leaves it to this one.
        self.place.mark(EXCLUDES);
        // Where there is no such thing the try is made all the same.
        syscall::exclude_others(fd).unwrap_or(true)
    }

    /// Makes sure that the file does not block: right before the call, with the interpreter held or not. True if it did.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn make_sure(&self, fd: BorrowedFd<'_>) -> Result<bool, Errno> {
        let blocks = !syscall::is_nonblocking(fd)?;
        if blocks {
            // Before it does: whoever is told EAGAIN from here on finds out why.
            self.place.mark(BLOCKS);
            syscall::set_nonblocking(fd, true)?;
        }
        Ok(blocks)
    }
}

impl Drop for Unblocked {
    fn drop(&mut self) {
        // Else a forked child goes on with a try that its parent began.
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

/// What is to be known before a plain call is made, to tell afterwards why it was told EAGAIN.
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

    /// Whether a call on the file that was told EAGAIN since was so because of a try of another thread. Else it is the
    /// program's own doing, or that of a timeout in the system.
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

/// Whether a plain call on the file that was told EAGAIN was so because of another process's try, which is over, or is under
/// way. Else it is the program's own doing, or that of a timeout in the system.
#[cold]
pub(crate) fn is_anothers(fd: BorrowedFd<'_>) -> bool {
    match syscall::is_nonblocking(fd) {
        Ok(false) => !has_limit(fd),
        Ok(true) => {
            let is_anothers = syscall::exclude_others(fd) == Ok(false);
            if !is_anothers && !under_way().any(|one| one.has(EXCLUDES) && one.is_on_file_of(fd)) {
                // It was only asked for.
                let _ = syscall::share(fd);
            }
            is_anothers
        }
        Err(_) => false,
    }
}

/// In a forked child: the threads that are in the middle are the parent's, and so is what they put back.
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

    /// Nobody will end the try.
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
            // Of what another process keeps nothing changes.
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

/// Whether the system itself ends calls on the file, by EAGAIN.
fn has_limit(fd: BorrowedFd<'_>) -> bool {
    [false, true].into_iter().any(|sends| matches!(syscall::own_limit(fd, sends), Ok(Some(_))))
}
