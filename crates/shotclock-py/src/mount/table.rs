//! The tables of methods and functions, and the definitions the interpreter wants of them.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::sync::OnceLock;

use crate::ffi::capi::{
    METH_FASTCALL, METH_KEYWORDS, METH_NOARGS, METH_O, METH_VARARGS, PyCFunction, PyCFunctionFast,
    PyCFunctionWithKeywords, PyMethodDef, PyMethodDefPointer, PyObject, PyObject_HasAttrString,
};
use crate::ffi::raised::PyResult;
use crate::files::{at_once, read_all, socket_io};
use crate::functions::{descriptor, interface, order};
use crate::methods::{connection, datagram, message, option, state, transfer};
use crate::names::{address_info, host_name, hosts, services};
use crate::socket::stock::{documentation, stock};

/// One method or function.
pub(crate) struct Entry {
    name: &'static CStr,
    call: PyMethodDefPointer,
    flags: c_int,
    /// What is called where the interpreter's own has a signature: then it takes a vector, and refuses keywords in other
    /// words.
    with_signature: Option<PyCFunctionFast>,
}

/// Every method of socket objects.
pub(crate) const METHODS: [Entry; 28] = [
    none(c"_accept", connection::accept),
    one(c"bind", connection::bind),
    none(c"close", state::close),
    one(c"connect", connection::connect),
    one(c"connect_ex", connection::connect_ex),
    none(c"detach", state::detach),
    none(c"fileno", state::fileno),
    none(c"getblocking", state::getblocking),
    none(c"getpeername", connection::getpeername),
    none(c"getsockname", connection::getsockname),
    tuple(c"getsockopt", option::getsockopt),
    none(c"gettimeout", state::gettimeout),
    tuple(c"listen", connection::listen),
    fast(c"recv", transfer::recv),
    keywords(c"recv_into", transfer::recv_into),
    tuple(c"recvfrom", datagram::recvfrom),
    keywords(c"recvfrom_into", datagram::recvfrom_into),
    tuple(c"recvmsg", message::recvmsg),
    tuple(c"recvmsg_into", message::recvmsg_into),
    fast(c"send", transfer::send),
    fast(c"sendall", transfer::sendall),
    Entry { with_signature: Some(message::sendmsg_with_signature), ..tuple(c"sendmsg", message::sendmsg) },
    keywords(c"sendmsg_afalg", message::sendmsg_afalg),
    tuple(c"sendto", datagram::sendto),
    one(c"setblocking", state::setblocking),
    tuple(c"setsockopt", option::setsockopt),
    one(c"settimeout", state::settimeout),
    one(c"shutdown", connection::shutdown),
];

/// Every function of the module `_socket`.
pub(crate) const FUNCTIONS: [Entry; 28] = [
    tuple(c"CMSG_LEN", order::cmsg_len),
    tuple(c"CMSG_SPACE", order::cmsg_space),
    one(c"close", descriptor::close),
    one(c"dup", descriptor::dup),
    keywords(c"getaddrinfo", address_info::getaddrinfo),
    none(c"getdefaulttimeout", state::getdefaulttimeout),
    tuple(c"gethostbyaddr", hosts::gethostbyaddr),
    tuple(c"gethostbyname", hosts::gethostbyname),
    tuple(c"gethostbyname_ex", hosts::gethostbyname_ex),
    none(c"gethostname", host_name::gethostname),
    tuple(c"getnameinfo", address_info::getnameinfo),
    tuple(c"getprotobyname", services::getprotobyname),
    tuple(c"getservbyname", services::getservbyname),
    tuple(c"getservbyport", services::getservbyport),
    one(c"htonl", order::htonl),
    keywords(c"htons", order::htons),
    one(c"if_indextoname", interface::if_indextoname),
    none(c"if_nameindex", interface::if_nameindex),
    keywords(c"if_nametoindex", interface::if_nametoindex),
    keywords(c"inet_aton", order::inet_aton),
    keywords(c"inet_ntoa", order::inet_ntoa),
    tuple(c"inet_ntop", order::inet_ntop),
    tuple(c"inet_pton", order::inet_pton),
    one(c"ntohl", order::ntohl),
    keywords(c"ntohs", order::ntohs),
    one(c"setdefaulttimeout", state::setdefaulttimeout),
    tuple(c"sethostname", host_name::sethostname),
    tuple(c"socketpair", descriptor::socketpair),
];

/// What the raw file of socket.py gets in the place of its own.
pub(crate) const FILE_METHODS: [Entry; 4] = [
    one(c"readinto", at_once::readinto),
    one(c"write", socket_io::write),
    none(c"readall", read_all::readall),
    one(c"_dealloc_warn", socket_io::dealloc_warn),
];

/// How each of them is called, and what it does where socket.py has no method of the name.
const FILE_DOCS: [(&str, Option<&str>); 4] = [
    ("readinto($self, b, /)", None),
    ("write($self, b, /)", None),
    ("readall($self, /)", None),
    ("_dealloc_warn($self, source, /)", Some("The finalizer of a buffer above closes it.")),
];

/// What the interpreter wants of a table, with the empty definition that ends it. The interpreter keeps pointers into
/// it in every descriptor and function that it makes, and anybody may keep those: so it lives for ever.
#[derive(Clone, Copy)]
pub(crate) struct Definitions {
    first: *mut PyMethodDef,
    names: &'static [&'static CStr],
}

// SAFETY: definitions are written once, before they are shared, and only read afterwards.
unsafe impl Send for Definitions {}
// SAFETY: as above.
unsafe impl Sync for Definitions {}

impl Definitions {
    /// Of all methods, with the documentation of the interpreter's own.
    pub(crate) fn of_methods() -> PyResult<Self> {
        static MADE: OnceLock<Definitions> = OnceLock::new();
        let stock = stock()?;
        Self::once(&MADE, &METHODS, stock.socket.cast())
    }

    /// Of all functions.
    pub(crate) fn of_functions() -> PyResult<Self> {
        static MADE: OnceLock<Definitions> = OnceLock::new();
        Self::once(&MADE, &FUNCTIONS, stock()?.module)
    }

    /// Of the methods of the raw file, with the documentation of those that the class has.
    pub(crate) fn of_file_methods(class: *mut PyObject) -> PyResult<Self> {
        static MADE: OnceLock<Definitions> = OnceLock::new();
        if let Some(made) = MADE.get() {
            return Ok(*made);
        }
        let mut all = Vec::with_capacity(FILE_METHODS.len() + 1);
        for (entry, (signature, doc)) in FILE_METHODS.iter().zip(FILE_DOCS) {
            let doc = match doc {
                Some(doc) => doc.to_owned(),
                None => documentation(class, entry.name)?,
            };
            let whole = CString::new(format!("{signature}\n--\n\n{doc}")).unwrap_or_default();
            all.push(entry.define_as(whole.into_raw().cast_const()));
        }
        all.push(PyMethodDef::zeroed());
        let names = FILE_METHODS.map(|entry| entry.name).to_vec();
        Ok(*MADE.get_or_init(|| Self::kept(all, names)))
    }

    /// The C array.
    pub(crate) fn as_mut_ptr(self) -> *mut PyMethodDef {
        self.first
    }

    /// Each with its name.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'static CStr, *mut PyMethodDef)> {
        let first = self.first;
        self.names.iter().enumerate().map(move |(index, name)| (*name, first.wrapping_add(index)))
    }

    /// Those of these that `of` has: an interpreter that was built where the system's headers lack a kind of socket has no
    /// methods for it (`sendmsg_afalg`), and then none is put there.
    fn once(made: &OnceLock<Self>, entries: &'static [Entry], of: *mut PyObject) -> PyResult<Self> {
        if let Some(made) = made.get() {
            return Ok(*made);
        }
        let (mut all, mut names) = (Vec::with_capacity(entries.len() + 1), Vec::with_capacity(entries.len()));
        for entry in entries {
            // SAFETY: alive, and the name ends with a NUL.
            if unsafe { PyObject_HasAttrString(of, entry.name.as_ptr()) } != 0 {
                all.push(entry.define(of)?);
                names.push(entry.name);
            }
        }
        all.push(PyMethodDef::zeroed());
        Ok(*made.get_or_init(|| Self::kept(all, names)))
    }

    fn kept(all: Vec<PyMethodDef>, names: Vec<&'static CStr>) -> Self {
        Self { first: all.leak().as_mut_ptr(), names: names.leak() }
    }
}

impl Entry {
    fn define(&self, of: *mut PyObject) -> PyResult<PyMethodDef> {
        let doc = stock()?.documentation(of, self.name)?;
        let has_signature =
            doc.to_bytes().strip_prefix(self.name.to_bytes()).is_some_and(|rest| rest.starts_with(b"($"));
        let ml_doc = if doc.is_empty() { ptr::null() } else { doc.into_raw().cast_const() };
        let definition = self.define_as(ml_doc);
        Ok(match self.with_signature.filter(|_| has_signature) {
            Some(call) => {
                let ml_meth = PyMethodDefPointer { PyCFunctionFast: call };
                PyMethodDef { ml_meth, ml_flags: METH_FASTCALL, ..definition }
            }
            None => definition,
        })
    }

    fn define_as(&self, ml_doc: *const c_char) -> PyMethodDef {
        PyMethodDef { ml_name: self.name.as_ptr(), ml_meth: self.call, ml_flags: self.flags, ml_doc }
    }
}

/// Without arguments.
const fn none(name: &'static CStr, call: PyCFunction) -> Entry {
    Entry { name, call: PyMethodDefPointer { PyCFunction: call }, flags: METH_NOARGS, with_signature: None }
}

/// With one argument.
const fn one(name: &'static CStr, call: PyCFunction) -> Entry {
    Entry { name, call: PyMethodDefPointer { PyCFunction: call }, flags: METH_O, with_signature: None }
}

/// With a tuple of arguments.
const fn tuple(name: &'static CStr, call: PyCFunction) -> Entry {
    Entry { name, call: PyMethodDefPointer { PyCFunction: call }, flags: METH_VARARGS, with_signature: None }
}

/// With a tuple of arguments and a dict of keywords.
const fn keywords(name: &'static CStr, call: PyCFunctionWithKeywords) -> Entry {
    Entry {
        name,
        call: PyMethodDefPointer { PyCFunctionWithKeywords: call },
        flags: METH_VARARGS | METH_KEYWORDS,
        with_signature: None,
    }
}

/// With a vector of arguments.
const fn fast(name: &'static CStr, call: PyCFunctionFast) -> Entry {
    Entry { name, call: PyMethodDefPointer { PyCFunctionFast: call }, flags: METH_FASTCALL, with_signature: None }
}
