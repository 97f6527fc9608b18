//! Network interfaces where a socket lives, which may be another network than the process's: netdevice(7).

use std::ffi::{CStr, OsString, c_char};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::interface::{NAME_CAPACITY, to_os};
use super::{Errno, last_errno};

/// The index of the interface of this name where the socket lives: SIOCGIFINDEX.
pub(super) fn index_by(fd: BorrowedFd<'_>, name: &[u8]) -> Result<i32, Errno> {
    let mut request = empty_request();
    for (slot, byte) in request.ifr_name[..NAME_CAPACITY - 1].iter_mut().zip(name) {
        *slot = c_char::from_ne_bytes([*byte]);
    }
    // SAFETY: the request is an ifreq whose name ends with a NUL; the kernel reads and writes no more than that. On
    // success it has set the index.
    unsafe {
        if libc::ioctl(fd.as_raw_fd(), libc::SIOCGIFINDEX as libc::Ioctl, &mut request) < 0 {
            return Err(last_errno());
        }
        Ok(request.ifr_ifru.ifru_ifindex)
    }
}

/// The name of the interface of this index where the socket lives: SIOCGIFNAME.
pub(super) fn name_by(fd: BorrowedFd<'_>, index: i32) -> Result<OsString, Errno> {
    let mut request = empty_request();
    request.ifr_ifru.ifru_ifindex = index;
    // SAFETY: as in `index_by`, with the index set.
    if unsafe { libc::ioctl(fd.as_raw_fd(), libc::SIOCGIFNAME as libc::Ioctl, &mut request) } < 0 {
        return Err(last_errno());
    }
    let name = request.ifr_name.map(|letter| letter.to_ne_bytes()[0]);
    CStr::from_bytes_until_nul(&name).map(to_os).map_err(|_| Errno::NAMETOOLONG)
}

fn empty_request() -> libc::ifreq {
    // SAFETY: an ifreq is plain numbers and pointers, for which all zeroes is a value.
    unsafe { MaybeUninit::<libc::ifreq>::zeroed().assume_init() }
}
