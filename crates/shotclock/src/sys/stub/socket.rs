//! Socket calls: no socket can be made, so that nothing else is ever asked of one.

use super::{AsHandle, BorrowedHandle, Errno, OwnedHandle, RawHandle};
use crate::sys::address::{AddressRoom, SockAddr};
use crate::sys::unfilled::Unfilled;

/// A handle whose calls do not wait.
#[derive(Clone, Copy)]
pub(crate) struct NonBlocking<'a>(BorrowedHandle<'a>);

impl<'a> NonBlocking<'a> {
    pub(crate) fn known(fd: BorrowedHandle<'a>) -> Self {
        Self(fd)
    }

    pub(crate) fn make_sure(fd: BorrowedHandle<'a>) -> Result<Self, Errno> {
        Ok(Self(fd))
    }
}

impl AsHandle for NonBlocking<'_> {
    fn as_fd(&self) -> BorrowedHandle<'_> {
        self.0
    }
}

/// There are no sockets.
pub(crate) fn names_of_number(_: RawHandle) -> Option<SockAddr> {
    None
}

/// Calls that answer "unsupported".
macro_rules! unsupported {
    ($(fn $name:ident($($argument:ty),*) -> $answer:ty;)*) => {
        $(
            pub(crate) fn $name($(_: $argument),*) -> Result<$answer, Errno> {
                Err(Errno::NOSYS)
            }
        )*
    };
}

unsupported! {
    fn socket(i32, i32, i32) -> OwnedHandle;
    fn socketpair(i32, i32, i32) -> (OwnedHandle, OwnedHandle);
    fn socket_of(i32, i32, i32) -> OwnedHandle;
    fn socketpair_of(i32, i32, i32) -> (OwnedHandle, OwnedHandle);
    fn bind(BorrowedHandle<'_>, &SockAddr) -> ();
    fn listen(BorrowedHandle<'_>, i32) -> ();
    fn accept(NonBlocking<'_>, &mut AddressRoom) -> OwnedHandle;
    fn connect(NonBlocking<'_>, &SockAddr) -> ();
    fn disconnect(BorrowedHandle<'_>) -> ();
    fn getsockname(BorrowedHandle<'_>) -> SockAddr;
    fn getpeername(BorrowedHandle<'_>) -> Option<SockAddr>;
    fn shutdown(BorrowedHandle<'_>, i32) -> ();
    fn bury(BorrowedHandle<'_>) -> ();
    fn dup(BorrowedHandle<'_>) -> OwnedHandle;
    fn recv(BorrowedHandle<'_>, &mut [u8], i32) -> usize;
    fn recvfrom(BorrowedHandle<'_>, &mut [u8], i32, &mut AddressRoom) -> usize;
    fn recv_unfilled(BorrowedHandle<'_>, &mut Unfilled<'_>, i32) -> ();
    fn send(BorrowedHandle<'_>, &[u8], i32) -> usize;
    fn sendto(BorrowedHandle<'_>, &[u8], i32, &SockAddr) -> usize;
    fn sendfile(NonBlocking<'_>, BorrowedHandle<'_>, &mut u64, usize) -> usize;
    fn pread(BorrowedHandle<'_>, &mut [u8], u64) -> usize;
    fn getsockopt(BorrowedHandle<'_>, i32, i32, &mut [u8]) -> usize;
    fn setsockopt(BorrowedHandle<'_>, i32, i32, &[u8]) -> ();
    fn attach_program(BorrowedHandle<'_>, i32, &[[u8; 8]]) -> ();
    fn take_error(BorrowedHandle<'_>) -> ();
    fn linger_in_background(BorrowedHandle<'_>) -> ();
    fn set_nonblocking(BorrowedHandle<'_>, bool) -> ();
    fn is_nonblocking(BorrowedHandle<'_>) -> bool;
    fn is_inheritable(BorrowedHandle<'_>) -> bool;
    fn set_inheritable(BorrowedHandle<'_>, bool) -> ();
    fn is_stream(BorrowedHandle<'_>) -> bool;
    fn family(BorrowedHandle<'_>) -> i32;
    fn protocol(BorrowedHandle<'_>) -> i32;
    fn is_acknowledged(BorrowedHandle<'_>) -> bool;
    fn check_is_socket(BorrowedHandle<'_>) -> ();
}

pub(crate) fn recvfrom_unfilled<A>(
    _fd: BorrowedHandle<'_>,
    _into: &mut Unfilled<'_>,
    _flags: i32,
    _read: impl FnOnce(&[u8]) -> Option<A>,
) -> Result<Option<A>, Errno> {
    Err(Errno::NOSYS)
}

pub(crate) fn lingers(_fd: BorrowedHandle<'_>) -> bool {
    false
}
