//! New sockets: never waiting, and no child's. Whatever makes one begins Winsock before.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;

use windows_sys::Win32::Networking::WinSock as w;

use super::raw::{set_inheritable, set_nonblocking, tell_of_no_refusals};
use super::{AsRawHandle, Errno, OwnedHandle};

/// Has Winsock ready, for as long as the process lives. Cheap after the first time.
pub(super) fn begin() -> Result<(), Errno> {
    static BEGUN: OnceLock<i32> = OnceLock::new();
    let outcome = BEGUN.get_or_init(|| {
        let mut data = MaybeUninit::uninit();
        // SAFETY: there is room for what it tells, which nobody reads. Version 2.2 is the last.
        unsafe { w::WSAStartup(0x0202, data.as_mut_ptr()) }
    });
    if *outcome == 0 { Ok(()) } else { Err(Errno::of(*outcome)) }
}

pub(crate) fn socket(family: i32, kind: i32, protocol: i32) -> Result<OwnedHandle, Errno> {
    let made = blocking(family, kind, protocol)?;
    set_nonblocking(made.as_raw_fd(), true)?;
    Ok(made)
}

/// One that blocks still.
pub(super) fn blocking(family: i32, kind: i32, protocol: i32) -> Result<OwnedHandle, Errno> {
    begin()?;
    let flags = w::WSA_FLAG_OVERLAPPED | w::WSA_FLAG_NO_HANDLE_INHERIT;
    // SAFETY: plain numbers.
    let made = of_call(unsafe { w::WSASocketW(family, kind, protocol, ptr::null(), 0, flags) })?;
    if kind == w::SOCK_DGRAM {
        let _older_systems_have_no_such_switch = tell_of_no_refusals(made.as_raw_fd());
    }
    Ok(made)
}

/// What a call that makes a socket has given.
pub(super) fn of_call(made: w::SOCKET) -> Result<OwnedHandle, Errno> {
    if made == w::INVALID_SOCKET {
        return Err(Errno::last());
    }
    // SAFETY: just made, and nobody else's.
    Ok(unsafe { OwnedHandle::of_raw(made as u64) })
}

/// What accept(2) has given: it has all from its listener but that no child gets it.
pub(super) fn welcome(made: w::SOCKET) -> Result<OwnedHandle, Errno> {
    let made = of_call(made)?;
    set_nonblocking(made.as_raw_fd(), true)?;
    set_inheritable(made.as_raw_fd(), false)?;
    Ok(made)
}
