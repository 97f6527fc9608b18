//! The moment between the look at O_NONBLOCK and the call that relies on it. Whoever else has the file may have it block
//! in that moment; then the system's own limit for calls that block, SO_RCVTIMEO or SO_SNDTIMEO, has the call end soon.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::timeouts::Timeout;
use super::{Errno, creation};

/// How long a call waits that was not to wait at all. No program has a use for this odd number: so any process knows
/// such a limit as ours, whichever process has set it.
const LENGTH: Duration = Duration::from_millis(7);

/// Until this is dropped, a call on the file in one direction waits for a moment at most, should it come to wait.
///
/// A limit that the program has set in the system is left alone, and ends the call as well. Ours shortens nobody else's
/// call, unless somebody makes the file block in that very moment: on a file that does not block the system does not
/// look at it. So it is set after O_NONBLOCK is, and taken away before.
pub struct Brief<'a> {
    fd: BorrowedFd<'a>,
    which: Timeout,
}

impl<'a> Brief<'a> {
    /// Sets the limit; `None` if the program has one of its own there, or the file is no socket.
    #[cold]
    pub fn on(fd: BorrowedFd<'a>, sends: bool) -> Option<Self> {
        let (which, ours) = (direction(sends), as_told()?);
        // Another thread or process may have set one of ours there, which it will take away itself.
        let is_free = which.of(fd).is_ok_and(|limit| limit.is_none_or(|limit| limit == ours));
        (is_free && which.set(fd, Some(LENGTH)).is_ok()).then_some(Self { fd, which })
    }
}

impl Drop for Brief<'_> {
    fn drop(&mut self) {
        // Else the program has set a limit of its own meanwhile, or another thread has taken ours away.
        if is_ours(self.which.of(self.fd).ok().flatten()) {
            // As it was before, which cannot fail.
            let _ = self.which.set(self.fd, None);
        }
    }
}

/// How long the program lets blocking calls on the file wait.
pub(crate) fn own_limit(fd: BorrowedFd<'_>, sends: bool) -> Result<Option<Duration>, Errno> {
    Ok(direction(sends).of(fd)?.filter(|limit| !is_ours(Some(*limit))))
}

/// Makes an option's value say what the program has set: a limit of ours reads as none.
pub(super) fn hide(level: i32, name: i32, value: &mut [u8]) {
    if level != libc::SOL_SOCKET || !matches!(name, libc::SO_RCVTIMEO | libc::SO_SNDTIMEO) {
        return;
    }
    let Some(told) = as_told() else { return };
    let micros = libc::timeval { tv_sec: 0, tv_usec: told.as_micros() as _ }.tv_usec.to_ne_bytes();
    // A `struct timeval`, which is padded where the two numbers are of different lengths.
    let at = std::mem::offset_of!(libc::timeval, tv_usec);
    if value.len() == size_of::<libc::timeval>()
        && value[..at].iter().all(|byte| *byte == 0)
        && value[at..at + micros.len()] == micros
    {
        value.fill(0);
    }
}

fn direction(sends: bool) -> Timeout {
    if sends { Timeout::Send } else { Timeout::Receive }
}

fn is_ours(limit: Option<Duration>) -> bool {
    limit.is_some() && limit == as_told()
}

/// The length as the system tells it, which counts in ticks of its own; `None` where it cannot be found out now.
fn as_told() -> Option<Duration> {
    static MICROS: AtomicU64 = AtomicU64::new(0);
    let known = MICROS.load(Ordering::Relaxed);
    if known != 0 {
        return Some(Duration::from_micros(known));
    }
    let asked = creation::asked().ok()?;
    Timeout::Receive.set(asked.as_fd(), Some(LENGTH)).ok()?;
    let told = Timeout::Receive.of(asked.as_fd()).ok()??;
    MICROS.store(u64::try_from(told.as_micros()).ok()?, Ordering::Relaxed);
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket;

    #[test]
    fn what_the_program_has_set_stays_and_what_is_ours_goes() {
        let (one, _other) = socket::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0).unwrap();
        let fd = one.as_fd();
        let (brief, beside) = (Brief::on(fd, true).unwrap(), Brief::on(fd, true).unwrap());
        assert!(Timeout::Send.of(fd).unwrap().is_some_and(|limit| limit >= LENGTH));
        assert_eq!(own_limit(fd, true), Ok(None), "the program has set none");
        let mut told = [7; 16];
        assert_eq!(socket::getsockopt(fd, libc::SOL_SOCKET, libc::SO_SNDTIMEO, &mut told), Ok(16));
        assert_eq!(told, [0; 16], "and is told of none");
        drop(brief);
        drop(beside);
        assert_eq!(Timeout::Send.of(fd), Ok(None));

        let brief = Brief::on(fd, false).unwrap();
        let own = Some(Duration::from_secs(5));
        Timeout::Receive.set(fd, own).unwrap();
        assert!(Brief::on(fd, false).is_none(), "the program's own ends the call as well");
        drop(brief);
        assert_eq!(own_limit(fd, false), Ok(own));
    }
}
