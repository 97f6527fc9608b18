//! SIGPIPE, for the calls that have no flag against it.

use std::mem::MaybeUninit;
use std::ptr;

use super::Errno;

/// Runs `call` with SIGPIPE blocked on this thread, and takes the one it raised, if it says EPIPE, off the queue. sendfile(2)
/// has no MSG_NOSIGNAL of its own.
pub(crate) fn without_sigpipe<T>(call: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    let mut pipe = MaybeUninit::<libc::sigset_t>::uninit();
    let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the sets are ours; each is filled by the call that first gets it.
    let was_pending = unsafe {
        libc::sigemptyset(pipe.as_mut_ptr());
        libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, pipe.as_ptr(), before.as_mut_ptr());
        libc::sigpending(pending.as_mut_ptr());
        libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1
    };
    let result = call();
    // SAFETY: as above; sigtimedwait with a zero time takes a pending signal or returns at once. One that was pending
    // before the call is not ours to take.
    unsafe {
        if !was_pending && matches!(result, Err(Errno::PIPE)) {
            let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            libc::sigtimedwait(pipe.as_ptr(), ptr::null_mut(), &now);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
    }
    result
}
