//! Waking a thread out of a system call, by a signal with a handler that does nothing.

use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use super::{Errno, last_errno};

/// This thread's pthread_self(3): an address, hence never 0, and even.
#[inline]
pub fn own_id() -> usize {
    // SAFETY: it has no preconditions.
    unsafe { libc::pthread_self() as usize }
}

/// Interrupts the system call that the thread is in: it ends with EINTR. A thread that is in none, or blocks the signals
/// used, is not disturbed.
///
/// A real-time signal does it. Where the system queues no more of them (RLIMIT_SIGPENDING), or the program handles them
/// all, SIGURG or SIGWINCH does it, which the system ignores where there is no handler; one that the program handles is
/// the program's.
///
/// # Errors
/// The system's; EINVAL if the program has a use for all these signals.
///
/// # Safety
/// The thread has not ended, and does not end meanwhile.
pub unsafe fn wake(thread: usize) -> Result<(), Errno> {
    let mut refused = Errno::INVAL;
    for signal in [unused_of_real_time(), unused_of(&UNSEEN)].into_iter().flatten() {
        // SAFETY: the thread is there, by the caller's promise.
        match unsafe { libc::pthread_kill(thread as libc::pthread_t, signal) } {
            0 => return Ok(()),
            errno => refused = Errno::from_raw_os_error(errno),
        }
    }
    Err(refused)
}

/// Signals that the system ignores where there is no handler. They are not queued, so there is always room for one.
const UNSEEN: [c_int; 2] = [libc::SIGURG, libc::SIGWINCH];

/// The highest real-time signals but two are looked at first, since programs count from the other end, and those that
/// count from this one begin with the very last. There are some thirty.
fn unused_of_real_time() -> Option<c_int> {
    static CHOSEN: AtomicI32 = AtomicI32::new(0);
    let before = CHOSEN.load(Ordering::Relaxed);
    if before != 0 && disposition(before) == Ok(ours()) {
        return Some(before);
    }
    let signals: Vec<c_int> = (libc::SIGRTMIN()..=libc::SIGRTMAX() - 2).rev().collect();
    let signal = unused_of(&signals)?;
    CHOSEN.store(signal, Ordering::Relaxed);
    Some(signal)
}

/// The first of these signals that the program does not handle; it gets our handler. If the program sets a handler of
/// its own later, that signal is no longer used.
fn unused_of(signals: &[c_int]) -> Option<c_int> {
    let is_free =
        |signal: &&c_int| matches!(disposition(**signal), Ok(known) if known == libc::SIG_DFL || known == ours());
    let signal = *signals.iter().find(is_free)?;
    // SAFETY: all zeroes is a valid value of this plain C struct; the handler lives for ever and touches nothing. Without
    // SA_RESTART, so that calls end.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ours();
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigaction(signal, &raw const action, ptr::null_mut());
    }
    Some(signal)
}

fn disposition(signal: c_int) -> Result<libc::sighandler_t, Errno> {
    // SAFETY: all zeroes is a valid value of this plain C struct; the call writes it.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, ptr::null(), &raw mut action) == 0 {
            Ok(action.sa_sigaction)
        } else {
            Err(last_errno())
        }
    }
}

fn ours() -> libc::sighandler_t {
    do_nothing as *const () as libc::sighandler_t
}

extern "C" fn do_nothing(_signal: c_int) {}
