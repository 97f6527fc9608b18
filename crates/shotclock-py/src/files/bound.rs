//! Whether a method of a file's socket is ours, and which socket it works on.

use crate::ffi::capi::{PyCFunction_Check, PyCFunction_GetFunction, PyCFunction_GetSelf, PyObject};
use crate::ffi::owned::Owned;
use crate::socket::object::SocketRef;

/// A socket that a method in Rust is bound to: the file's own, or the one that an object of the program's stands for.
pub(crate) struct Bound(Owned);

impl Bound {
    /// The socket of a bound method, if that is the method in Rust whose function is at `address`.
    pub(crate) fn of(method: &Owned, address: usize) -> Option<Self> {
        let method: *mut PyObject = method.as_ptr();
        // SAFETY: the interpreter is held and the object alive. A function is read as one once it is known to be one.
        unsafe {
            let is_ours = PyCFunction_Check(method) != 0
                && PyCFunction_GetFunction(method).is_some_and(|call| (call as *const ()).addr() == address);
            // An object that hands its socket's methods out is no socket itself.
            is_ours.then(|| Self(Owned::borrowed(PyCFunction_GetSelf(method))))
        }
    }

    /// The socket, for as long as this is kept.
    pub(crate) fn socket(&self) -> SocketRef {
        // SAFETY: the interpreter binds a method of sockets to nothing else; alive, since it is kept.
        unsafe { SocketRef::new(self.0.as_ptr()) }
    }
}
