//! What is taken from the interpreter's own `_socket`, once, before anything of ours is used.

use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::OnceLock;

use shotclock::{Family, Kind, MessageFlags};

use crate::ffi::call::{call, call_with};
use crate::ffi::capi::{
    Py_None, PyDict_Copy, PyDict_GetItemString, PyExc_SystemError, PyLong_AsSize_t, PyModule_GetDict, PyObject,
    PyObject_GetAttrString, PyObject_HasAttrString, PyTuple_GetItem, PyType_Check, PyTypeObject,
    PyUnicode_AsUTF8AndSize, variadic,
};
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};

/// The interpreter's own objects, which live as long as the process.
pub(crate) struct Stock {
    /// `_socket`.
    pub(crate) module: *mut PyObject,
    /// `_socket.socket`.
    pub(crate) socket: *mut PyTypeObject,
    /// How large its objects are, without what subclasses add.
    pub(crate) size: usize,
    /// `socket.gaierror`.
    pub(crate) gaierror: *mut PyObject,
    /// `socket.herror`.
    pub(crate) herror: *mut PyObject,
    /// Whether it was built with the headers of Bluetooth.
    pub(crate) has_bluetooth: bool,
    /// Whether it knows channels and kinds of addresses there, which came together with their constants.
    pub(crate) has_bluetooth_channels: bool,
    /// The module's members by name, as they were: later, functions of ours may have taken the place of its own.
    members: *mut PyObject,
    /// Methods of the type, looked up once: each lookup under a new name object would stay in the interpreter's method
    /// cache.
    new: *mut PyObject,
    getdefaulttimeout: *mut PyObject,
    settimeout: *mut PyObject,
    setblocking: *mut PyObject,
}

/// A method of the interpreter's own type, to take an argument apart with.
#[derive(Clone, Copy)]
pub(crate) enum StockMethod {
    Settimeout,
    Setblocking,
}

// SAFETY: the objects are used with the interpreter held, and the references are never given back.
unsafe impl Send for Stock {}
// SAFETY: as above.
unsafe impl Sync for Stock {}

static STOCK: OnceLock<Stock> = OnceLock::new();

/// Keeps what is needed of the module. The first call counts.
pub(crate) fn prepare(module: *mut PyObject) -> PyResult<()> {
    if STOCK.get().is_some() {
        return Ok(());
    }
    // SAFETY: the interpreter is held, the module alive.
    let stock = unsafe {
        let socket = attribute(module, c"socket")?;
        if PyType_Check(socket.as_ptr()) == 0 {
            return Err(exception::type_error("_socket.socket is not a type"));
        }
        let method = |name| attribute(socket.as_ptr(), name).map(Owned::into_ptr);
        let (new, settimeout, setblocking) = (method(c"__new__")?, method(c"settimeout")?, method(c"setblocking")?);
        Stock {
            module: Owned::borrowed(module).into_ptr(),
            size: PyLong_AsSize_t(attribute(socket.as_ptr(), c"__basicsize__")?.as_ptr()),
            socket: socket.into_ptr().cast(),
            gaierror: attribute(module, c"gaierror")?.into_ptr(),
            herror: attribute(module, c"herror")?.into_ptr(),
            has_bluetooth: PyObject_HasAttrString(module, c"AF_BLUETOOTH".as_ptr()) != 0,
            has_bluetooth_channels: PyObject_HasAttrString(module, c"HCI_CHANNEL_RAW".as_ptr()) != 0,
            members: Owned::new(PyDict_Copy(PyModule_GetDict(module)))?.into_ptr(),
            new,
            getdefaulttimeout: attribute(module, c"getdefaulttimeout")?.into_ptr(),
            settimeout,
            setblocking,
        }
    };
    // If another thread was quicker, what it keeps is the same objects.
    let _ = STOCK.set(stock);
    Ok(())
}

/// The interpreter's own objects.
///
/// # Errors
/// SystemError before `prepare`, which is the first call of all.
pub(crate) fn stock() -> PyResult<&'static Stock> {
    // SAFETY: a static of the interpreter.
    STOCK.get().ok_or_else(|| exception::raise(unsafe { PyExc_SystemError }, c"shotclock is not prepared"))
}

impl Stock {
    /// A new object of the interpreter's own type, without a descriptor.
    pub(crate) fn new_socket(&self) -> PyResult<Owned> {
        // SAFETY: the type is alive.
        unsafe { self.new_of(self.socket) }
    }

    /// A new object of a class of the interpreter's own sockets, made by that type's `__new__` alone: without a descriptor.
    ///
    /// # Safety
    /// The class must be alive.
    pub(crate) unsafe fn new_of(&self, class: *mut PyTypeObject) -> PyResult<Owned> {
        // SAFETY: the interpreter is held; the class is alive by the caller's promise.
        unsafe { call_with(self.new, [class.cast()]) }
    }

    /// The timeout that new sockets of the interpreter's own begin with: seconds, or None.
    pub(crate) fn default_timeout(&self) -> PyResult<Owned> {
        // SAFETY: the interpreter is held, the function alive.
        unsafe { call_with(self.getdefaulttimeout, []) }
    }

    /// A method of the interpreter's own type, of those kept here, called for one of its objects with one argument.
    pub(crate) fn call_method(&self, method: StockMethod, socket: &Owned, argument: *mut PyObject) -> PyResult<Owned> {
        let method = match method {
            StockMethod::Settimeout => self.settimeout,
            StockMethod::Setblocking => self.setblocking,
        };
        // SAFETY: as in `new_socket`.
        unsafe {
            let end = ptr::null_mut::<PyObject>();
            Owned::new(variadic!(PyObject_CallFunctionObjArgs(method, socket.as_ptr(), argument, end)))
        }
    }

    /// The interpreter's own function of that name, called. It refuses bad arguments in the words of its version.
    pub(crate) fn call(&self, name: &CStr, arguments: *mut PyObject, keywords: *mut PyObject) -> PyResult<Owned> {
        // SAFETY: the interpreter is held; the arguments are a live tuple, the keywords a live dict or null.
        unsafe { call(self.function(name)?.as_ptr(), arguments, keywords) }
    }

    /// `call` with one argument.
    pub(crate) fn call_with(&self, name: &CStr, argument: *mut PyObject) -> PyResult<Owned> {
        let (function, end) = (self.function(name)?, ptr::null_mut::<PyObject>());
        // SAFETY: the interpreter is held; the argument is alive, and the null ends the list.
        Owned::new(unsafe { variadic!(PyObject_CallFunctionObjArgs(function.as_ptr(), argument, end)) })
    }

    /// Has the interpreter's own receive a datagram that does not fit, with MSG_TRUNC: some versions give an object of the
    /// datagram's length, others raise. Those that do not are asked once.
    pub(crate) fn receive_more_than_fits(&self) -> PyResult<()> {
        static GIVES: OnceLock<()> = OnceLock::new();
        if GIVES.get().is_some() {
            return Ok(());
        }
        let numbers = (Family::UNIX.0, Kind::DGRAM.0, MessageFlags::TRUNC.0);
        // SAFETY: the interpreter is held and the objects are alive; the formats' types are those of the arguments.
        unsafe {
            let arguments = Owned::new(variadic!(Py_BuildValue(c"(ii)".as_ptr(), numbers.0, numbers.1)))?;
            let pair = self.call(c"socketpair", arguments.as_ptr(), ptr::null_mut())?;
            let (one, other) = (PyTuple_GetItem(pair.as_ptr(), 0), PyTuple_GetItem(pair.as_ptr(), 1));
            let (send, receive) = (attribute(one, c"send")?, attribute(other, c"recv")?);
            let sent = Owned::new(variadic!(Py_BuildValue(c"(y)".as_ptr(), c"two".as_ptr())))?;
            call(send.as_ptr(), sent.as_ptr(), ptr::null_mut())?;
            let arguments = Owned::new(variadic!(Py_BuildValue(c"(ii)".as_ptr(), 1, numbers.2)))?;
            let received = call(receive.as_ptr(), arguments.as_ptr(), ptr::null_mut()).map(drop);
            for end in [one, other] {
                call(attribute(end, c"close")?.as_ptr(), Owned::tuple(std::iter::empty())?.as_ptr(), ptr::null_mut())?;
            }
            received?;
        }
        GIVES.get_or_init(|| ());
        Ok(())
    }

    fn function(&self, name: &CStr) -> PyResult<Owned> {
        // SAFETY: the interpreter is held, the dict is alive, and lends what it holds.
        unsafe {
            let function = PyDict_GetItemString(self.members, name.as_ptr());
            if function.is_null() {
                return Err(exception::raise(PyExc_SystemError, c"_socket lacks a function"));
            }
            Ok(Owned::borrowed(function))
        }
    }

    /// The documentation of the type, signature included.
    pub(crate) fn type_documentation(&self) -> PyResult<CString> {
        self.documentation(self.module, c"socket")
    }

    /// The documentation of one of the module's or the type's own functions as C has it, signature included.
    pub(crate) fn documentation(&self, of: *mut PyObject, name: &CStr) -> PyResult<CString> {
        let function = attribute(of, name)?;
        let doc = documentation(of, name)?;
        let signature = text(&attribute(function.as_ptr(), c"__text_signature__")?)?;
        let whole = match signature {
            Some(signature) => format!("{}{signature}\n--\n\n{doc}", name.to_string_lossy()),
            None => doc,
        };
        Ok(CString::new(whole).unwrap_or_default())
    }
}

/// The text of the documentation of an attribute; empty where there is none.
pub(crate) fn documentation(of: *mut PyObject, name: &CStr) -> PyResult<String> {
    Ok(text(&attribute(attribute(of, name)?.as_ptr(), c"__doc__")?)?.unwrap_or_default())
}

fn attribute(object: *mut PyObject, name: &CStr) -> PyResult<Owned> {
    // SAFETY: the interpreter is held, the object alive.
    Owned::new(unsafe { PyObject_GetAttrString(object, name.as_ptr()) })
}

/// A str's text; `None` for None.
fn text(object: &Owned) -> PyResult<Option<String>> {
    let mut len = 0;
    // SAFETY: the interpreter is held and the object alive; the bytes are the object's own, and copied at once.
    unsafe {
        if object.as_ptr() == Py_None() {
            return Ok(None);
        }
        let start = PyUnicode_AsUTF8AndSize(object.as_ptr(), &raw mut len);
        if start.is_null() {
            return Err(Raised);
        }
        let bytes = std::slice::from_raw_parts(start.cast::<u8>(), usize::try_from(len).unwrap_or(0));
        Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
    }
}
