//! Threads that take no signals.

use std::mem::MaybeUninit;
use std::ptr;
use std::thread::{Builder, JoinHandle};

/// This thread's two names: what pthread_self(3) gives, and the system's number.
pub(crate) fn own_names() -> (usize, u32) {
    // SAFETY: it has no preconditions.
    (unsafe { libc::pthread_self() as usize }, own_number())
}

/// It is asked of the kernel, since glibc has a function for it from 2.30 only.
#[cfg(target_os = "linux")]
fn own_number() -> u32 {
    // SAFETY: it has no preconditions. The system's numbers of threads are positive, and of 32 bits.
    unsafe { libc::syscall(libc::SYS_gettid) as u32 }
}

/// Source: pthread_getthreadid_np(3) of FreeBSD.
#[cfg(target_os = "freebsd")]
fn own_number() -> u32 {
    // SAFETY: as above.
    unsafe { libc::pthread_getthreadid_np().cast_unsigned() }
}

/// The lower half of the number, which counts from the system's start. Source: pthread_threadid_np in pthread.h of macOS.
#[cfg(target_os = "macos")]
fn own_number() -> u32 {
    let mut number = 0;
    // SAFETY: the number is ours to be written; 0 stands for the thread that asks.
    unsafe { libc::pthread_threadid_np(0, &raw mut number) };
    number as u32
}

/// Starts a detached thread in which every signal is blocked, so that handlers of the program never run on it.
pub(crate) fn spawn_detached(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    spawn(name, work).map(drop)
}

/// Starts a thread as [`spawn_detached`] does, and gives a handle to wait for its end. Threads that it starts take no
/// signals either.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    let mut everything = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are ours and large enough; sigfillset initialises the one, pthread_sigmask the other. A new
    // thread inherits the mask, so it is set around the spawn and put back after it.
    unsafe {
        libc::sigfillset(everything.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, everything.as_ptr(), before.as_mut_ptr());
    }
    let spawned = Builder::new().name(name.to_owned()).spawn(work);
    // SAFETY: `before` was filled by the call above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    spawned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_takes_no_signals_and_the_caller_keeps_its_own() {
        let blocked = || {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap().trim().to_owned();
            u64::from_str_radix(&mask, 16).unwrap()
        };
        let before = blocked();
        let (tell, told) = std::sync::mpsc::channel();
        spawn_detached("test", move || tell.send(blocked()).unwrap()).unwrap();
        let inside = told.recv().unwrap();
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGUSR1, libc::SIGCHLD, libc::SIGALRM] {
            assert_ne!(inside & (1 << (signal - 1)), 0, "signal {signal} is not blocked");
        }
        assert_eq!(blocked(), before);
    }
}
