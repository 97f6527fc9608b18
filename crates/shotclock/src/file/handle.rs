//! What a file can be over, and its share in the descriptor.

use std::sync::Arc;

use crate::error::{Error, Reason, Result};
use crate::socket::{SharedSocket, Socket, Timed};
use crate::sys::Errno;

/// What a buffered file can be over: `&Socket`, `Arc<Socket>`, `Socket`, [`SharedSocket`], or a view with its limit. Sealed.
pub trait SocketHandle: sealed::Sealed {
    #[doc(hidden)]
    fn timed(&self) -> Timed<'_>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Socket {}
    impl Sealed for &super::Socket {}
    impl Sealed for std::sync::Arc<super::Socket> {}
    impl Sealed for super::SharedSocket {}
    impl Sealed for super::Timed<'_> {}
}

impl SocketHandle for Socket {
    fn timed(&self) -> Timed<'_> {
        self.view()
    }
}

impl SocketHandle for &Socket {
    fn timed(&self) -> Timed<'_> {
        self.view()
    }
}

impl SocketHandle for Arc<Socket> {
    fn timed(&self) -> Timed<'_> {
        self.view()
    }
}

impl SocketHandle for SharedSocket {
    fn timed(&self) -> Timed<'_> {
        self.view()
    }
}

impl SocketHandle for Timed<'_> {
    fn timed(&self) -> Timed<'_> {
        *self
    }
}

/// A handle that counts as a user of the descriptor: the socket's `close` leaves it open until this is dropped.
#[derive(Debug)]
pub(super) struct FileShare<S: SocketHandle>(S);

impl<S: SocketHandle> FileShare<S> {
    pub(super) fn new(handle: S) -> Result<Self> {
        let entered = handle.timed().socket().gate().enter_file();
        match entered {
            Ok(()) => Ok(Self(handle)),
            Err(Errno::BADF) => Err(Error::new("makefile", Reason::Closed)),
            Err(errno) => Err(Error::system("makefile", errno)),
        }
    }

    /// What the file was made of.
    pub(super) fn handle(&self) -> &S {
        &self.0
    }

    /// The view the file works through. It outlives the socket's own closing.
    pub(super) fn view(&self) -> Timed<'_> {
        self.0.timed().for_file()
    }
}

impl<S: SocketHandle> Drop for FileShare<S> {
    fn drop(&mut self) {
        let view = self.0.timed();
        if view.socket().gate().leave_file() {
            let _nobody_to_tell = view.end_descriptor(None, false);
        }
    }
}
