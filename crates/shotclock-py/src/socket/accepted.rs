//! What the last `_accept` on this thread gave to socket.py's own `accept`. What that does next is known: it makes an
//! object of the descriptor, and, if the listener has a timeout, makes it block. Both steps can do without asking the
//! system about a descriptor that was just made, because nobody else has its number yet: it is in a local variable of
//! `accept`. Any other caller of `_accept` may do with the number what it likes, so there everything is asked.

use std::cell::Cell;
use std::os::fd::RawFd;
use std::sync::{Mutex, PoisonError};

use crate::ffi::capi::{Py_DecRef, PyEval_GetFrame, PyFrame_GetCode, PyObject};
use crate::ffi::owned::{Owned, returned};

#[derive(Clone, Copy)]
struct Accepted {
    number: RawFd,
    /// socket.py will go on to `setblocking(True)`.
    to_be_blocking: bool,
}

thread_local! {
    static ACCEPTED: Cell<Option<Accepted>> = const { Cell::new(None) };
}

/// The code objects of `accept` in each socket.py there is, as addresses. They are kept alive for ever, so that no
/// other object gets the address.
static KNOWN: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// `_native.know_accept(code)`: the code of a socket.py's own `accept`.
pub(crate) unsafe extern "C" fn know_accept(_: *mut PyObject, code: *mut PyObject) -> *mut PyObject {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if !known.contains(&(code as usize)) {
        // SAFETY: the interpreter calls this with a live object; the reference is never given back.
        known.push(unsafe { Owned::borrowed(code) }.into_ptr() as usize);
    }
    returned(Ok(Owned::none()))
}

/// Remembers a descriptor that this thread has just accepted, if it is for socket.py's own `accept`.
pub(crate) fn remember(number: RawFd, to_be_blocking: bool) {
    ACCEPTED.set(is_for_socket_py().then_some(Accepted { number, to_be_blocking }));
}

/// Whether the descriptor is the one that this thread has just accepted, and nobody has asked yet.
pub(crate) fn was_just_accepted(number: RawFd) -> bool {
    let accepted = ACCEPTED.take().filter(|accepted| accepted.number == number);
    ACCEPTED.set(accepted.filter(|accepted| accepted.to_be_blocking));
    accepted.is_some()
}

/// Whether the descriptor is the one that this thread has just accepted, and socket.py's own `accept` makes it block
/// now: it blocks from birth, so nothing is to be done.
pub(crate) fn blocks_from_birth(number: RawFd) -> bool {
    let is_this = |accepted: Accepted| accepted.number == number && accepted.to_be_blocking;
    ACCEPTED.take().is_some_and(is_this) && is_for_socket_py()
}

/// Forgets the number, which goes back to the system or to the program: what it stands for next was not accepted here.
pub(crate) fn forget(number: RawFd) {
    ACCEPTED.set(ACCEPTED.take().filter(|accepted| accepted.number != number));
}

/// Whether the Python function that called is a socket.py's own `accept`.
fn is_for_socket_py() -> bool {
    // SAFETY: the interpreter is held; the frame is alive as long as this call from it, its code as long as it is.
    let code = unsafe {
        let frame = PyEval_GetFrame();
        if frame.is_null() {
            return false;
        }
        let code = PyFrame_GetCode(frame).cast::<PyObject>();
        Py_DecRef(code);
        code as usize
    };
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).contains(&code)
}
