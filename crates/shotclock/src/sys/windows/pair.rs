//! Pairs of connected sockets.

use std::ptr;

use windows_sys::Win32::Networking::WinSock as w;

use super::birth::{blocking, welcome};
use super::calls::{bind, connect_and_wait, getpeername, getsockname, listen, set_nonblocking};
use super::{AsHandle, Errno, OwnedHandle};
use crate::sys::address::SockAddr;

/// Two sockets that are connected over loopback, since the system makes no pairs. Both ends are checked, so that no stranger's
/// connection is taken for ours. It waits for nothing but the system: the connection goes into the listener's queue.
///
/// # Errors
/// WSAEAFNOSUPPORT for other families than those of IP.
pub(crate) fn socketpair(family: i32, kind: i32, protocol: i32) -> Result<(OwnedHandle, OwnedHandle), Errno> {
    let (one, other) = match kind {
        w::SOCK_STREAM => streams(family, protocol)?,
        w::SOCK_DGRAM => datagrams(family, protocol)?,
        _ => return Err(Errno::OPNOTSUPP),
    };
    set_nonblocking(one.as_fd(), true)?;
    set_nonblocking(other.as_fd(), true)?;
    Ok((one, other))
}

fn streams(family: i32, protocol: i32) -> Result<(OwnedHandle, OwnedHandle), Errno> {
    let listener = blocking(family, w::SOCK_STREAM, protocol)?;
    bind(listener.as_fd(), &loopback(family)?)?;
    listen(listener.as_fd(), 1)?;
    let address = getsockname(listener.as_fd())?;
    let one = blocking(family, w::SOCK_STREAM, protocol)?;
    connect_and_wait(one.as_fd(), &address)?;
    let ours = getsockname(one.as_fd())?;
    loop {
        let entered = listener.as_fd().enter()?;
        // SAFETY: nothing but a number; where the peer's address goes is not said.
        let accepted = unsafe { w::accept(entered.socket(), ptr::null_mut(), ptr::null_mut()) };
        let other = welcome(accepted)?;
        if getpeername(other.as_fd())? == Some(ours) {
            return Ok((one, other));
        }
    }
}

fn datagrams(family: i32, protocol: i32) -> Result<(OwnedHandle, OwnedHandle), Errno> {
    let (one, other) = (blocking(family, w::SOCK_DGRAM, protocol)?, blocking(family, w::SOCK_DGRAM, protocol)?);
    bind(one.as_fd(), &loopback(family)?)?;
    bind(other.as_fd(), &loopback(family)?)?;
    connect_and_wait(one.as_fd(), &getsockname(other.as_fd())?)?;
    connect_and_wait(other.as_fd(), &getsockname(one.as_fd())?)?;
    Ok((one, other))
}

/// This machine, at a port that the system chooses.
fn loopback(family: i32) -> Result<SockAddr, Errno> {
    let family = u16::try_from(family).map_err(|_| Errno::AFNOSUPPORT)?;
    let mut bytes = [0; 28];
    bytes[..2].copy_from_slice(&family.to_ne_bytes());
    match family {
        w::AF_INET => {
            bytes[4..8].copy_from_slice(&[127, 0, 0, 1]);
            Ok(SockAddr::from_prefix(&bytes, 16))
        }
        w::AF_INET6 => {
            bytes[23] = 1;
            Ok(SockAddr::from_prefix(&bytes, 28))
        }
        _ => Err(Errno::AFNOSUPPORT),
    }
}
