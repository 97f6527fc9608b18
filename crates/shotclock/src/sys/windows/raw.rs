//! What is done to a socket by its number, before it is a handle of ours and after.

use std::os::windows::io::RawSocket;
use std::ptr;

use windows_sys::Win32::Foundation::{HANDLE, HANDLE_FLAG_INHERIT, SetHandleInformation};
use windows_sys::Win32::Networking::WinSock as w;

use super::Errno;

/// A number that no socket has: INVALID_SOCKET is no value of std's.
pub(super) const NOBODYS: RawSocket = RawSocket::MAX - 1;

/// What a call says that gives 0, or a length.
pub(super) fn counted(outcome: i32) -> Result<usize, Errno> {
    usize::try_from(outcome).map_err(|_| Errno::last())
}

/// FIONBIO.
pub(super) fn set_nonblocking(raw: RawSocket, nonblocking: bool) -> Result<(), Errno> {
    let mut on = u32::from(nonblocking);
    // SAFETY: it reads one number.
    counted(unsafe { w::ioctlsocket(raw as usize, w::FIONBIO, &mut on) }).map(drop)
}

/// Whether children get it.
pub(super) fn set_inheritable(raw: RawSocket, inheritable: bool) -> Result<(), Errno> {
    let flags = if inheritable { HANDLE_FLAG_INHERIT } else { 0 };
    // SAFETY: a socket is a handle of the system's like others.
    if unsafe { SetHandleInformation(raw as HANDLE, HANDLE_FLAG_INHERIT, flags) } == 0 {
        return Err(Errno::last_of_system());
    }
    Ok(())
}

/// A receive does not fail because the network has refused a datagram that was sent, whoever that was for. Source:
/// SIO_UDP_CONNRESET in Microsoft's reference; not seen to do anything under Wine.
pub(super) fn tell_of_no_refusals(raw: RawSocket) -> Result<(), Errno> {
    let (off, mut len) = (0_i32, 0);
    // SAFETY: it reads one number, and nothing is done behind the call.
    let failed = unsafe {
        let (value, size) = ((&raw const off).cast(), size_of_val(&off) as u32);
        let (code, none) = (w::SIO_UDP_CONNRESET, ptr::null_mut());
        w::WSAIoctl(raw as usize, code, value, size, none, 0, &mut len, ptr::null_mut(), None)
    };
    counted(failed).map(drop)
}

/// Closes it. One that lingers says "would block" in non-blocking mode, and is open still: then the close may wait, as
/// everywhere. Source: closesocket in Microsoft's reference.
pub(super) fn close(raw: RawSocket) {
    let socket = raw as usize;
    // SAFETY: the number is its owner's alone, who is done with it.
    unsafe {
        if w::closesocket(socket) != 0 && Errno::last() == Errno::AGAIN {
            w::ioctlsocket(socket, w::FIONBIO, &mut 0);
            w::closesocket(socket);
        }
    }
}
