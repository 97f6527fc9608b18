//! Handles of sockets and files, where std has none like a Unix system's: there are none.

use std::convert::Infallible;
use std::marker::PhantomData;

/// A handle as a number.
pub type RawHandle = i32;

/// A handle that somebody has.
#[derive(Debug)]
pub struct OwnedHandle(Infallible);

/// A handle that somebody lends.
#[derive(Clone, Copy, Debug)]
pub struct BorrowedHandle<'a> {
    never: Infallible,
    lender: PhantomData<&'a OwnedHandle>,
}

/// What has a handle to lend.
pub trait AsHandle {
    /// Lends it.
    fn as_fd(&self) -> BorrowedHandle<'_>;
}

/// What has a handle with a number.
pub trait AsRawHandle {
    /// The number.
    fn as_raw_fd(&self) -> RawHandle;
}

impl AsHandle for OwnedHandle {
    fn as_fd(&self) -> BorrowedHandle<'_> {
        match self.0 {}
    }
}

impl AsRawHandle for OwnedHandle {
    fn as_raw_fd(&self) -> RawHandle {
        match self.0 {}
    }
}

impl AsHandle for BorrowedHandle<'_> {
    fn as_fd(&self) -> BorrowedHandle<'_> {
        *self
    }
}

impl AsRawHandle for BorrowedHandle<'_> {
    fn as_raw_fd(&self) -> RawHandle {
        let _nobody_lends = self.lender;
        match self.never {}
    }
}

impl<T: AsHandle + ?Sized> AsHandle for &T {
    fn as_fd(&self) -> BorrowedHandle<'_> {
        (**self).as_fd()
    }
}
