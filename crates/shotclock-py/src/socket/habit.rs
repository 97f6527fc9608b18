//! What calls on a number have met, so that the next one begins in the cheaper way. Only time depends on it: if the
//! number is another socket's by now, what is remembered is wrong for a few calls and then forgotten.

use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};

use shotclock::unstable::syscall;

/// Numbers share a place if they differ by a multiple of this.
const PLACES: usize = 4096;

/// After so many receives in a row that had to wait, the next one waits first. Not after one: the receive of a
/// message's second half would pay for the wait for the first.
const WAITS: u8 = 2;
/// When a wait ends while some thread sends, it is looked whether that thread sends to the waiter. After so many times
/// that it did not, the sender's peer is taken to be in another process.
const STRANGERS: u8 = 8;
/// The peer is known to be waited on in this process.
const HERE: u8 = u8::MAX;

static RECEIVES: [AtomicU8; PLACES] = [const { AtomicU8::new(0) }; PLACES];
static SENDS: [AtomicU8; PLACES] = [const { AtomicU8::new(0) }; PLACES];

/// Numbers whose file was found to block where a try needed it not to.
static CONTESTED: [AtomicBool; PLACES] = [const { AtomicBool::new(false) }; PLACES];

/// The number on which a thread sends at this moment, with the interpreter held or not; negative if there is none.
static SENDING: AtomicI32 = AtomicI32::new(-1);

/// Whether a receive on the number is better begun with its wait: a try would find nothing, and cost a system call.
#[inline]
pub(crate) fn waits_first(number: RawFd) -> bool {
    RECEIVES[place(number)].load(Ordering::Relaxed) >= WAITS
}

/// A receive on the number has found nothing at its first try, or has waited without one.
pub(crate) fn had_to_wait(number: RawFd) {
    let seen = &RECEIVES[place(number)];
    seen.store(seen.load(Ordering::Relaxed).saturating_add(1).min(WAITS), Ordering::Relaxed);
}

/// A receive on the number would have found its bytes at once.
#[inline]
pub(crate) fn was_ready(number: RawFd) {
    let seen = &RECEIVES[place(number)];
    if seen.load(Ordering::Relaxed) != 0 {
        seen.store(0, Ordering::Relaxed);
    }
}

/// Whether a thread of this process waits for what is sent on the number: once woken it wants the interpreter at once.
#[inline]
pub(crate) fn wakes_this_process(number: RawFd) -> bool {
    SENDS[place(number)].load(Ordering::Relaxed) == HERE
}

/// Whether others make the number's file block between tries. `is_now`: this try has found it so.
#[inline]
pub(crate) fn is_contested(number: RawFd, is_now: bool) -> bool {
    let seen = &CONTESTED[place(number)];
    if is_now {
        seen.store(true, Ordering::Relaxed);
    }
    is_now || seen.load(Ordering::Relaxed)
}

/// Shows other threads, as long as the value lives, that this one sends on the number.
pub(crate) struct Sending;

impl Sending {
    #[inline]
    pub(crate) fn on(number: RawFd) -> Self {
        SENDING.store(number, Ordering::Relaxed);
        Self
    }
}

impl Drop for Sending {
    #[inline]
    fn drop(&mut self) {
        // This may remove what another thread has put there since, whose sending then goes unseen.
        SENDING.store(-1, Ordering::Relaxed);
    }
}

/// A wait on the number has ended while a thread of this process sends. If that sends to this very socket, this is
/// remembered: a sender that holds the interpreter while it wakes a thread has that wait again, for the interpreter.
#[inline]
pub(crate) fn woken(number: RawFd, fd: BorrowedFd<'_>) {
    let sender = SENDING.load(Ordering::Relaxed);
    if sender >= 0 && sender != number {
        compare(sender, number, fd);
    }
}

/// Forgets what is known of the number.
pub(crate) fn forget(number: RawFd) {
    if number >= 0 {
        RECEIVES[place(number)].store(0, Ordering::Relaxed);
        SENDS[place(number)].store(0, Ordering::Relaxed);
        CONTESTED[place(number)].store(false, Ordering::Relaxed);
    }
}

#[cold]
#[inline(never)]
fn compare(sender: RawFd, woken: RawFd, fd: BorrowedFd<'_>) {
    let seen = &SENDS[place(sender)];
    let strangers = seen.load(Ordering::Relaxed);
    if strangers >= STRANGERS {
        return;
    }
    // SAFETY: not negative. It may be closed by now, or be another file: then the names differ, which costs a little time.
    let sending = unsafe { BorrowedFd::borrow_raw(sender) };
    if is_peer(sending, fd) {
        seen.store(HERE, Ordering::Relaxed);
        SENDS[place(woken)].store(HERE, Ordering::Relaxed);
    } else {
        seen.store(strangers + 1, Ordering::Relaxed);
    }
}

/// Whether one is connected to the other, as far as names tell.
fn is_peer(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let (Ok(name), Ok(Some(peer))) = (syscall::getsockname(one), syscall::getpeername(other)) else { return false };
    name.as_bytes() == peer.as_bytes()
}

fn place(number: RawFd) -> usize {
    number.cast_unsigned() as usize % PLACES
}
