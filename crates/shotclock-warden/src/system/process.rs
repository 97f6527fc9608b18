//! Processes, and the end of those beneath this one.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Signal, pidfd_getfd, pidfd_open, pidfd_send_signal, set_child_subreaper,
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

impl AsRawFd for Process {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
