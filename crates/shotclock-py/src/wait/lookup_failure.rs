//! Why a lookup has no answer, as an exception.

use shotclock::unstable::{Failure, address_info_text, host_text};

use crate::ffi::capi::{PyExc_OSError, PyObject};
use crate::ffi::exception::{raise, raise_errno, raise_numbered};
use crate::ffi::raised::Raised;
use crate::socket::stock::{Stock, stock};

/// Raises why a lookup has no answer: gaierror, herror, or OSError where it is the system's error.
pub(crate) fn raise_lookup(failure: &Failure) -> Raised {
    raise_lookup_noting(failure, "")
}

/// As [`raise_lookup`], with a note after the resolver's words.
pub(crate) fn raise_lookup_noting(failure: &Failure, note: &str) -> Raised {
    let numbered = |kind: fn(&Stock) -> *mut PyObject, code: i32, text: &str| match stock() {
        Ok(stock) => raise_numbered(kind(stock), code, &format!("{text}{note}")),
        Err(raised) => raised,
    };
    match *failure {
        Failure::AddressInfo(_, Some(errno)) | Failure::System(errno) => raise_errno(errno),
        Failure::AddressInfo(code, None) => numbered(|stock| stock.gaierror, code, &address_info_text(code)),
        Failure::Host(code, _) => numbered(|stock| stock.herror, code, &host_text(code)),
        // SAFETY: a static of the interpreter.
        Failure::NotFound => raise(unsafe { PyExc_OSError }, c"not found"),
    }
}
