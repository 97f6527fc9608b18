//! The ends of children, which ring a bell.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

use rustix::process::{WaitOptions, wait};

/// What a process does about the ends of its children.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Children {
    AwaitsThem,
    Ignored,
}

/// How a child ended.
pub(crate) enum End {
    Exited(u32, i32),
    Signaled(u32, i32),
}

/// What there is to hear of children.
pub(crate) enum Heard {
    End(End),
    /// No other has ended yet.
    NoneYet,
    /// There are none, nor can any come.
    AllOver,
}

static RINGER: AtomicI32 = AtomicI32::new(-1);

/// From now on each end of a child sends a byte to this socket, which has to stay open. Gives what this process did before.
pub(crate) fn ring_at_ends(ringer: &impl AsFd) -> Children {
    RINGER.store(ringer.as_fd().as_raw_fd(), SeqCst);
    // SAFETY: made of zeroes it is whole; the handler does only what handlers may.
    let before = unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = ring as *const () as usize;
        action.sa_flags = libc::SA_RESTART | libc::SA_NOCLDSTOP;
        let mut before: libc::sigaction = MaybeUninit::zeroed().assume_init();
        libc::sigaction(libc::SIGCHLD, &raw const action, &raw mut before);
        before.sa_sigaction
    };
    if before == libc::SIG_IGN { Children::Ignored } else { Children::AwaitsThem }
}

extern "C" fn ring(_: c_int) {
    // SAFETY: what is called may be called in handlers, and errno is put back. Where there is no room it has been rung already.
    unsafe {
        let errno = *libc::__errno_location();
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        libc::send(RINGER.load(SeqCst), ptr::from_ref(&b'.').cast(), 1, flags);
        *libc::__errno_location() = errno;
    }
}

/// The next end of a child that nobody has heard of yet.
pub(crate) fn next_end() -> Heard {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                let pid = pid.as_raw_nonzero().get().cast_unsigned();
                match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => return Heard::End(End::Exited(pid, code)),
                    (None, Some(signal)) => return Heard::End(End::Signaled(pid, signal)),
                    // Stopped, or going on.
                    (None, None) => {}
                }
            }
            Ok(None) => return Heard::NoneYet,
            Err(rustix::io::Errno::CHILD) => return Heard::AllOver,
            // A signal came in between.
            Err(_) => {}
        }
    }
}
