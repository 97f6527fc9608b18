//! TLS on the clock: `_ssl` tries and never waits, and the core waits between its tries.

use std::ffi::CStr;
use std::sync::OnceLock;

use pyo3_ffi::{
    Py_ssize_t, PyDict_Check, PyErr_Clear, PyErr_ExceptionMatches, PyImport_ImportModule, PyObject,
    PyObject_GetAttrString, PyTuple_Check, PyUnicode_Check, PyUnicode_CompareWithASCIIString,
};
use shotclock::Phase;
use shotclock::raw::{Interest, Moves, Operation, Pause, Readiness};

use crate::arguments::Arguments;
use crate::call::call;
use crate::errors::{self, Moved};
use crate::held::Hold;
use crate::interpreter::PyResult;
use crate::lent::Descriptor;
use crate::object::{Owned, SocketRef, returned};
use crate::own_type::is_socket;
use crate::timing::Timing;

/// `_native.call_tls(call, phase, message, sock, arguments, keywords)`: `call(*arguments, **keywords)`, tried until `_ssl`
/// no longer wants to read or write, for as long as the socket's timeout allows; then TimeoutError(message).
///
/// `arguments` begin with the socket itself.
pub(crate) unsafe extern "C" fn call_tls(
    _: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter passes so many live arguments.
    let arguments = unsafe { Arguments::new(arguments, count) };
    returned(call_checked(arguments))
}

/// `_native.forget_after_fork()`: for os.register_at_fork.
pub(crate) unsafe extern "C" fn forget_after_fork(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    crate::held::forget_after_fork();
    returned(Ok(Owned::none()))
}

fn call_checked(arguments: Arguments<'_>) -> PyResult<Owned> {
    let [callable, phase, message, me, positional, keywords] = arguments.exactly()?;
    let phase = phase_named(phase)?;
    // SAFETY: all are alive.
    unsafe {
        if PyTuple_Check(positional) == 0 || PyDict_Check(keywords) == 0 {
            return Err(errors::type_error("call_tls() takes a tuple and a dict"));
        }
    }
    // SAFETY: the objects are alive, and of the types that were checked.
    let plainly = || unsafe { call(callable, positional, keywords) };
    // SAFETY: the object is alive, and its type is looked at before it is read as a socket.
    let socket = unsafe { if is_socket(me)? { Some(SocketRef::new(me)) } else { None } };
    // Python's methods take any object that behaves as they expect.
    let Some(socket) = socket else { return plainly() };
    let Some(hold) = Hold::new(socket)? else { return plainly() };
    let mut tries = Tries {
        descriptor: Descriptor::of(socket),
        wanted: Wanted::get()?,
        toward: Readiness::IN,
        attempt: || hold.alone(plainly),
    };
    let timing = Timing::with_timeout(socket, hold.timeout, phase)?;
    // How much of a write went out OpenSSL does not tell.
    let moved = if phase == Phase::Send { Moved::Unknown } else { Moved::Nothing };
    // SAFETY: alive.
    let message = || Ok(unsafe { Owned::borrowed(message) });
    timing.run_python(&mut tries).map_err(|stop| timing.raise_as(stop, moved, message))?
}

/// What a TLS call is at.
fn phase_named(name: *mut PyObject) -> PyResult<Phase> {
    let known = [
        (c"recv", Phase::Recv),
        (c"send", Phase::Send),
        (c"handshake", Phase::Handshake),
        (c"shutdown", Phase::Shutdown),
    ];
    // SAFETY: the interpreter is held, the object is alive and a str before it is compared, the texts end with a NUL.
    let is_named = |text: &CStr| unsafe {
        PyUnicode_Check(name) != 0 && PyUnicode_CompareWithASCIIString(name, text.as_ptr()) == 0
    };
    let phase = known.into_iter().find(|(text, _)| is_named(text));
    phase.map(|(_, phase)| phase).ok_or_else(|| errors::value_error("call_tls() takes a phase of TLS"))
}

/// What `_ssl` raises when it would have to wait.
struct Wanted {
    read: *mut PyObject,
    write: *mut PyObject,
}

// SAFETY: exception types, which live as long as the process, compared with the interpreter held.
unsafe impl Send for Wanted {}
// SAFETY: as above.
unsafe impl Sync for Wanted {}

impl Wanted {
    fn get() -> PyResult<&'static Self> {
        static WANTED: OnceLock<Wanted> = OnceLock::new();
        if let Some(wanted) = WANTED.get() {
            return Ok(wanted);
        }
        // SAFETY: the interpreter is held; the names end with a NUL.
        let wanted = unsafe {
            let module = Owned::new(PyImport_ImportModule(c"_ssl".as_ptr()))?;
            let read = Owned::new(PyObject_GetAttrString(module.as_ptr(), c"SSLWantReadError".as_ptr()))?;
            let write = Owned::new(PyObject_GetAttrString(module.as_ptr(), c"SSLWantWriteError".as_ptr()))?;
            Self { read: read.into_ptr(), write: write.into_ptr() }
        };
        Ok(WANTED.get_or_init(|| wanted))
    }
}

/// A call into `_ssl`, tried with the interpreter held: it is Python's.
struct Tries<F> {
    descriptor: Descriptor,
    wanted: &'static Wanted,
    toward: Readiness,
    attempt: F,
}

impl<F: FnMut() -> PyResult<Owned>> Operation for Tries<F> {
    type Output = PyResult<Owned>;

    fn attempt(&mut self, _: Readiness) -> Result<PyResult<Owned>, Pause> {
        let outcome = (self.attempt)();
        if outcome.is_ok() {
            return Ok(outcome);
        }
        // SAFETY: an exception is set, the types are alive.
        self.toward = unsafe {
            if PyErr_ExceptionMatches(self.wanted.read) != 0 {
                Readiness::IN
            } else if PyErr_ExceptionMatches(self.wanted.write) != 0 {
                Readiness::OUT
            } else {
                return Ok(outcome);
            }
        };
        // SAFETY: as above.
        unsafe { PyErr_Clear() };
        // OpenSSL reads and writes until the system says that it would have to wait.
        Err(Pause::Drained)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        self.descriptor.wait_for(self.toward, wanted);
    }

    fn moves(&self) -> Moves {
        if self.toward == Readiness::OUT { Moves::Out } else { Moves::In }
    }
}
