//! Sockets as handles. No file can be put over a handle's number, as Unix systems close a socket that others still use: so
//! each counts the calls that are inside of the system with it, and whoever is the last one out of a closed one closes it.
//! No handle is closed under a call, and none is used after.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::windows::io::BorrowedHandle as BorrowedFile;
use std::os::windows::io::{
    AsRawSocket, AsSocket, BorrowedSocket, FromRawSocket, IntoRawSocket, OwnedSocket, RawSocket,
};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use super::wake::{Bell, Ring};
use super::{Errno, raw};

/// A handle as a number.
pub type RawHandle = RawSocket;

/// A socket that somebody has.
#[derive(Debug)]
pub struct OwnedHandle {
    raw: RawSocket,
    /// [`CLOSED`](Self::CLOSED), and how many calls are inside.
    users: AtomicU32,
    is_gone: AtomicBool,
    /// A connect has begun, and nobody was told how it ended.
    pub(super) is_connecting: AtomicBool,
    /// The handle by which the driver knows it, once that was asked for; else 0.
    pub(super) base: AtomicUsize,
}

impl OwnedHandle {
    const CLOSED: u32 = 1 << 31;

    /// # Safety
    /// The number must be that of an open socket, and nobody else's.
    pub(super) unsafe fn of_raw(raw: RawSocket) -> Self {
        Self {
            raw,
            users: AtomicU32::new(0),
            is_gone: AtomicBool::new(false),
            is_connecting: AtomicBool::new(false),
            base: AtomicUsize::new(0),
        }
    }

    fn enter(&self) -> Result<(), Errno> {
        if self.users.fetch_add(1, Ordering::AcqRel) & Self::CLOSED == 0 {
            return Ok(());
        }
        self.leave();
        Err(Errno::BADF)
    }

    fn leave(&self) {
        if self.users.fetch_sub(1, Ordering::AcqRel) == Self::CLOSED | 1 {
            self.end();
        }
    }

    /// From now on no call gets in; the last one out closes it, or this one if nobody is inside.
    pub(super) fn bury(&self) {
        if self.users.fetch_or(Self::CLOSED, Ordering::AcqRel) == 0 {
            self.end();
        }
    }

    /// Who comes late, and was refused, may be the last one out as well: it is closed once.
    fn end(&self) {
        if !self.is_gone.swap(true, Ordering::AcqRel) {
            raw::close(self.raw);
        }
    }
}

impl Drop for OwnedHandle {
    fn drop(&mut self) {
        self.end();
    }
}

/// A call inside of the system, with the number that it may use until this is dropped.
pub(super) struct InUse<'a> {
    pub(super) raw: RawSocket,
    owner: Option<&'a OwnedHandle>,
}

impl InUse<'_> {
    /// For Winsock's own calls.
    pub(super) fn socket(&self) -> usize {
        self.raw as usize
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        if let Some(owner) = self.owner {
            owner.leave();
        }
    }
}

/// A socket that somebody lends, a bell to be waited for, or a file to be read from.
#[derive(Clone, Copy, Debug)]
pub struct BorrowedHandle<'a>(Lent<'a>);

#[derive(Clone, Copy, Debug)]
enum Lent<'a> {
    Ours(&'a OwnedHandle),
    /// One that is closed by others, and not while it is lent.
    Theirs(BorrowedSocket<'a>),
    Bell(&'a Ring),
    File(BorrowedFile<'a>),
}

impl<'a> BorrowedHandle<'a> {
    pub(super) fn bell(self) -> Option<&'a Ring> {
        if let Lent::Bell(bell) = self.0 { Some(bell) } else { None }
    }

    pub(super) fn file(self) -> Option<BorrowedFile<'a>> {
        if let Lent::File(file) = self.0 { Some(file) } else { None }
    }

    /// What is known of it, if it is one of ours.
    pub(super) fn owner(self) -> Option<&'a OwnedHandle> {
        if let Lent::Ours(owner) = self.0 { Some(owner) } else { None }
    }

    /// Lets a call in.
    ///
    /// # Errors
    /// WSAENOTSOCK where it is closed.
    pub(super) fn enter(self) -> Result<InUse<'a>, Errno> {
        match self.0 {
            Lent::Ours(owner) => owner.enter().map(|()| InUse { raw: owner.raw, owner: Some(owner) }),
            Lent::Theirs(socket) => Ok(InUse { raw: socket.as_raw_socket(), owner: None }),
            Lent::Bell(_) | Lent::File(_) => Err(Errno::BADF),
        }
    }

    /// Ends what the number stands for, which then is no call's any more.
    pub(super) fn bury(self) {
        if let Lent::Ours(owner) = self.0 {
            owner.bury();
        }
    }
}

/// What has a socket to lend.
pub trait AsHandle {
    /// Lends it.
    fn as_fd(&self) -> BorrowedHandle<'_>;
}

/// What has a socket with a number.
pub trait AsRawHandle {
    /// The number.
    fn as_raw_fd(&self) -> RawHandle;
}

impl AsHandle for OwnedHandle {
    #[inline]
    fn as_fd(&self) -> BorrowedHandle<'_> {
        BorrowedHandle(Lent::Ours(self))
    }
}

impl AsHandle for BorrowedHandle<'_> {
    fn as_fd(&self) -> BorrowedHandle<'_> {
        *self
    }
}

impl AsRawHandle for OwnedHandle {
    fn as_raw_fd(&self) -> RawHandle {
        self.raw
    }
}

impl AsRawHandle for BorrowedHandle<'_> {
    fn as_raw_fd(&self) -> RawHandle {
        match self.0 {
            Lent::Ours(owner) => owner.raw,
            Lent::Theirs(socket) => socket.as_raw_socket(),
            Lent::Bell(_) | Lent::File(_) => raw::NOBODYS,
        }
    }
}

/// For what reads files at an offset.
impl AsHandle for File {
    fn as_fd(&self) -> BorrowedHandle<'_> {
        BorrowedHandle(Lent::File(std::os::windows::io::AsHandle::as_handle(self)))
    }
}

impl AsHandle for Bell {
    fn as_fd(&self) -> BorrowedHandle<'_> {
        BorrowedHandle(Lent::Bell(self))
    }
}

impl<T: AsHandle + ?Sized> AsHandle for &T {
    fn as_fd(&self) -> BorrowedHandle<'_> {
        (**self).as_fd()
    }
}

/// Std's types lend their sockets, and give them up.
macro_rules! of_std {
    ($($type:ty),*) => {$(
        impl AsHandle for $type {
            fn as_fd(&self) -> BorrowedHandle<'_> {
                BorrowedHandle(Lent::Theirs(self.as_socket()))
            }
        }

        impl From<$type> for OwnedHandle {
            fn from(theirs: $type) -> Self {
                Self::from(OwnedSocket::from(theirs))
            }
        }

        impl From<OwnedHandle> for $type {
            fn from(ours: OwnedHandle) -> Self {
                OwnedSocket::from(ours).into()
            }
        }
    )*};
}
of_std!(TcpStream, TcpListener, UdpSocket);

impl AsHandle for OwnedSocket {
    fn as_fd(&self) -> BorrowedHandle<'_> {
        BorrowedHandle(Lent::Theirs(self.as_socket()))
    }
}

impl AsHandle for BorrowedSocket<'_> {
    fn as_fd(&self) -> BorrowedHandle<'_> {
        BorrowedHandle(Lent::Theirs(*self))
    }
}

/// It is put into non-blocking mode for good: the calls have no flag of their own against waiting.
impl From<OwnedSocket> for OwnedHandle {
    fn from(theirs: OwnedSocket) -> Self {
        // SAFETY: the number was theirs alone, and is given up here.
        let ours = unsafe { Self::of_raw(theirs.into_raw_socket()) };
        let _what_is_no_socket_says_so_later = raw::set_nonblocking(ours.raw, true);
        ours
    }
}

/// One that was closed is a number that no socket has: each call says so.
impl From<OwnedHandle> for OwnedSocket {
    fn from(ours: OwnedHandle) -> Self {
        let ours = ManuallyDrop::new(ours);
        let number = if ours.is_gone.load(Ordering::Acquire) { raw::NOBODYS } else { ours.raw };
        // SAFETY: it is ours alone, nobody is inside while it is owned here, and `ours` does not close it.
        unsafe { Self::from_raw_socket(number) }
    }
}
