//! So many bytes of a stream under one limit. However much had come, its end takes no longer.

use std::ptr;

use shotclock::Phase;

use crate::ffi::arguments::Buffer;
use crate::ffi::capi::{Py_None, Py_ssize_t, PyObject, variadic};
use crate::ffi::caught::Caught;
use crate::ffi::exception;
use crate::ffi::exception::Kept;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::files::receive::ends_the_data;
use crate::files::store::Store;
use crate::files::tls_records::Records;
use crate::socket::kinds::is_socket;
use crate::socket::object::SocketRef;
use crate::wait::expiry::Moved;
use crate::wait::parts::Filling;
use crate::wait::timing::{First, Timing};

/// `_native.recv_exact(sock, tls, count, partial)`: `count` bytes, which begin with `partial`; fewer where the peer has
/// ended the data. Through `tls`, an object of `_ssl`'s, if it is one. An exception has what had come in `partial`.
pub(crate) unsafe extern "C" fn recv_exact(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    returned(checked(arguments))
}

fn checked(arguments: *mut PyObject) -> PyResult<Owned> {
    let (mut sock, mut tls, mut count, mut partial) = (ptr::null_mut(), ptr::null_mut(), 0, Buffer::empty());
    let format = c"OOny*:recv_exact".as_ptr();
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order. The type of the socket is
    // looked at before it is read as one; None lives for ever.
    unsafe {
        let count: *mut Py_ssize_t = &raw mut count;
        if variadic!(PyArg_ParseTuple(arguments, format, &raw mut sock, &raw mut tls, count, partial.as_mut_ptr())) == 0
        {
            return Err(Raised);
        }
        if !is_socket(sock)? {
            return Err(exception::type_error("recv_exact() takes a socket"));
        }
    }
    let count = usize::try_from(count).ok().filter(|count| partial.len() < *count);
    let count = count.ok_or_else(|| exception::value_error("recv_exact() takes a number beyond what is there"))?;
    let mut store = Store::default();
    let given = partial.bytes();
    store.room(count)?[..given.len()].copy_from_slice(given);
    store.add(given.len());
    drop(partial);
    // SAFETY: alive, and a socket.
    unsafe {
        if tls == Py_None() {
            plainly(SocketRef::new(sock), store, count)
        } else {
            over_tls(&Owned::borrowed(sock), &Records::by(Owned::borrowed(tls))?, store, count)
        }
    }
}

fn plainly(socket: SocketRef, mut store: Store, count: usize) -> PyResult<Owned> {
    let timing = Timing::of(socket, Phase::Recv)?;
    let missing = count - store.len();
    let mut filling = Filling::new(timing.manner(), &mut store.room(missing)?[..missing], 0);
    let outcome = timing.run(&mut filling, First::Try);
    let filled = filling.filled;
    store.add(filled);
    match outcome {
        Ok(_) => store.take(store.len()),
        Err(stop) => {
            // A handler's exception is set.
            let kept = Kept::take();
            let partial = store.show()?;
            kept.restore();
            Err(timing.raise_after_all(stop, Moved::Kept(&partial)))
        }
    }
}

fn over_tls(sock: &Owned, records: &Records, mut store: Store, count: usize) -> PyResult<Owned> {
    if let Err(raised) = records.receive(&mut store, count, count) {
        let error = Caught::new(raised);
        if !ends_the_data(sock, &error)? {
            // Without this nobody would know what had come.
            if !records.is_unsure.get() {
                error.set(c"partial", &store.show()?);
            }
            return Err(error.raise());
        }
    }
    store.take(store.len())
}
