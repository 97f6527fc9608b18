//! Socket calls: those that all Unix systems share, and what Linux tells of a socket.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

use super::last_errno;
use crate::sys::address::AddressRoom;

pub(crate) use super::birth::{accept, socket, socketpair};
pub(crate) use super::bury::bury;
pub use super::calls::*;
pub(crate) use super::creation::{socket_of, socketpair_of};
pub use super::sendfile::sendfile_by;
pub(crate) use super::try_sendfile::sendfile;

/// One receive, and the sender's address, if the system gives one.
#[inline]
pub(crate) fn recvfrom(
    fd: BorrowedFd<'_>,
    into: &mut [u8],
    flags: i32,
    from: &mut AddressRoom,
) -> Result<usize, Errno> {
    recvfrom_with(fd, into, flags | libc::MSG_DONTWAIT, from)
}

/// recvfrom(2), not by the functions of that name, for the reasons that [`super::birth`]'s accept has.
#[inline]
pub(super) fn recvfrom_with(
    fd: BorrowedFd<'_>,
    into: &mut [u8],
    flags: i32,
    from: &mut AddressRoom,
) -> Result<usize, Errno> {
    let (number, room) = (fd.as_raw_fd(), into.len());
    // SAFETY: `into` is writable for its length; the system writes an address no longer than the place, and says how long it
    // is: nothing on a stream.
    unsafe {
        from.write_by(|place, len| {
            let received = libc::syscall(libc::SYS_recvfrom, number, into.as_mut_ptr(), room, flags, place, len);
            usize::try_from(received).map_err(|_| last_errno())
        })
    }
}

/// The family of the socket's addresses.
pub(crate) fn family(fd: BorrowedFd<'_>) -> Result<i32, Errno> {
    number(fd, libc::SO_DOMAIN)
}

/// The number of the socket's protocol.
pub(crate) fn protocol(fd: BorrowedFd<'_>) -> Result<i32, Errno> {
    number(fd, libc::SO_PROTOCOL)
}

/// Whether the peer's system has acknowledged all that was sent on a TCP connection.
pub(crate) fn is_acknowledged(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    // In `struct tcp_info` (linux/tcp.h): segments sent and not acknowledged, bytes not sent yet.
    const UNACKED: usize = 24;
    const NOTSENT_BYTES: usize = 144;
    let mut info = [0; 148];
    getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info)?;
    let is_zero = |at: usize| info[at..at + 4] == [0; 4];
    Ok(is_zero(UNACKED) && is_zero(NOTSENT_BYTES))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::mem::offset_of;
    use std::os::fd::AsFd;

    use super::*;
    pub(crate) use crate::sys::calls::tests::BETWEEN;

    #[test]
    fn a_filter_is_never_longer_than_the_room_for_it() {
        const PASS: libc::sock_filter = libc::sock_filter { code: 6, jt: 0, jf: 0, k: 0xffff };
        let mut filter = [PASS; 4];
        let (one, _other) = socketpair(libc::AF_UNIX, libc::SOCK_DGRAM, 0).unwrap();
        // A sock_fprog: the number of instructions, and where they are.
        let mut program = [0; size_of::<libc::sock_fprog>()];
        program[..2].copy_from_slice(&4_u16.to_ne_bytes());
        program[offset_of!(libc::sock_fprog, filter)..]
            .copy_from_slice(&filter.as_mut_ptr().expose_provenance().to_ne_bytes());
        setsockopt(one.as_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program).unwrap();
        let mut room = [7; 64];
        let (short, beyond) = room.split_at_mut(31);
        let ask = |room: &mut [u8]| getsockopt(one.as_fd(), libc::SOL_SOCKET, libc::SO_GET_FILTER, room);
        assert_eq!(ask(short), Err(Errno::INVAL));
        assert_eq!(ask(&mut short[..4]), Ok(0), "no room for one instruction is the question of how many there are");
        assert!(beyond.iter().all(|byte| *byte == 7));
        assert_eq!(ask(&mut room), Ok(32));
        assert_eq!(room[24..32], [6, 0, 0, 0, 255, 255, 0, 0]);
    }
}
