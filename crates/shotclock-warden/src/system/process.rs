//! Processes, and the end of those beneath this one.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Signal, WaitOptions, pidfd_getfd, pidfd_open, pidfd_send_signal,
    set_child_subreaper, wait,
};

/// A process by a descriptor, so that its number cannot come to stand for another.
pub(crate) struct Process(OwnedFd);

impl Process {
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
        Ok(Self(pidfd_open(pid, PidfdFlags::empty())?))
    }

    /// A descriptor of ours for the file behind its number.
    pub(super) fn take(&self, number: c_int) -> io::Result<OwnedFd> {
        Ok(pidfd_getfd(self.0.as_fd(), number, PidfdGetfdFlags::empty())?)
    }

    /// Sends a signal; numbers that are none are refused.
    pub(crate) fn send(&self, signal: c_int) -> io::Result<()> {
        let signal = Signal::from_named_raw(signal).ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        Ok(pidfd_send_signal(self.0.as_fd(), signal)?)
    }
}

/// From now on whatever loses its parent beneath this process becomes its child.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(set_child_subreaper(Pid::from_raw(std::process::id().cast_signed()))?)
}

/// How a child ended.
pub(crate) enum End {
    Exited(u32, i32),
    Signaled(u32, i32),
}

/// Waits for the next child that ends; `None` if there is none, nor can come.
pub(crate) fn wait_for_any() -> Option<End> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                let pid = pid.as_raw_nonzero().get().cast_unsigned();
                match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => return Some(End::Exited(pid, code)),
                    (None, Some(signal)) => return Some(End::Signaled(pid, signal)),
                    // Stopped, or going on.
                    (None, None) => {}
                }
            }
            Err(rustix::io::Errno::CHILD) => return None,
            // A signal came in between.
            _ => {}
        }
    }
}
