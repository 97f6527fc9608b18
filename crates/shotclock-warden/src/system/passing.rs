//! Signals that are passed on to a program, by a handler: a thread that waits for them takes longer to begin than many a
//! program is there.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::{io, ptr};

use super::{PASSED_ON, Process};

/// The descriptor of the program, or -1.
static PROGRAM: AtomicI32 = AtomicI32::new(-1);

/// What this process did about these signals before, and does again when this is dropped.
pub(crate) struct Passing {
    before: Vec<(c_int, libc::sigaction)>,
    // As long as the handler may use it.
    _program: Process,
}

impl Passing {
    /// Passes signals on to the program from now on.
    pub(crate) fn to(program: Process) -> io::Result<Self> {
        PROGRAM.store(program.as_raw_fd(), SeqCst);
        let mut passing = Self { before: Vec::with_capacity(PASSED_ON.len()), _program: program };
        for signal in PASSED_ON {
            // SAFETY: made of zeroes it is whole; the handler does only what handlers may.
            let before = unsafe {
                let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
                action.sa_sigaction = pass_on as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
                let mut before = MaybeUninit::zeroed();
                if libc::sigaction(signal, &raw const action, before.as_mut_ptr()) != 0 {
                    return Err(io::Error::last_os_error());
                }
                before.assume_init()
            };
            passing.before.push((signal, before));
        }
        Ok(passing)
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            // SAFETY: as the system gave it.
            unsafe { libc::sigaction(*signal, ptr::from_ref(before), ptr::null_mut()) };
        }
        PROGRAM.store(-1, SeqCst);
    }
}

extern "C" fn pass_on(signal: c_int, information: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: the system gives it. What is called may be called in handlers, and errno is put back.
    unsafe {
        let errno = *libc::__errno_location();
        let send = |signal: c_int| {
            let none = ptr::null::<libc::siginfo_t>();
            libc::syscall(libc::SYS_pidfd_send_signal, PROGRAM.load(SeqCst), signal, none, 0);
        };
        if (*information).si_code <= 0 {
            send(signal);
        } else if signal == libc::SIGHUP && libc::getsid(0) == libc::getpid() {
            // The terminal has gone, which is said to who leads its session alone, in two words. What else it sends goes to the
            // whole group.
            send(libc::SIGHUP);
            send(libc::SIGCONT);
        }
        *libc::__errno_location() = errno;
    }
}
