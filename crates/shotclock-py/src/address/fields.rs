//! Addresses as fields of bytes, and the errors for what makes no address.

use std::fmt::Display;

use shotclock::unstable::{Errno, numbers};
use shotclock::{Family, SockAddr};

use crate::ffi::capi::{PyErr_ExceptionMatches, PyExc_OverflowError, PyExc_TypeError, PyObject, PyTuple_Check};
use crate::ffi::exception;
use crate::ffi::owned::type_name;
use crate::ffi::raised::{PyResult, Raised};

pub(super) const QIPCRTR: Family = Family(numbers::AF_QIPCRTR);

/// The bytes of an address, with zeroes after its end.
pub(super) struct Fields(pub(super) [u8; SockAddr::CAPACITY]);

impl Fields {
    pub(super) fn of(address: &SockAddr) -> Self {
        let mut bytes = [0; SockAddr::CAPACITY];
        bytes[..address.as_bytes().len()].copy_from_slice(address.as_bytes());
        Self(bytes)
    }

    pub(super) fn array<const N: usize>(&self, start: usize) -> [u8; N] {
        let mut field = [0; N];
        field.copy_from_slice(&self.0[start..start + N]);
        field
    }

    pub(super) fn u8(&self, start: usize) -> u8 {
        self.0[start]
    }

    pub(super) fn u16(&self, start: usize) -> u16 {
        u16::from_ne_bytes(self.array(start))
    }

    /// In network order.
    pub(super) fn port(&self, start: usize) -> u16 {
        u16::from_be_bytes(self.array(start))
    }

    pub(super) fn u32(&self, start: usize) -> u32 {
        u32::from_ne_bytes(self.array(start))
    }
}

/// An address of `N` bytes: its family, and fields by where they begin; zeroes otherwise.
pub(super) fn build<const N: usize>(family: Family, fields: &[(usize, &[u8])]) -> PyResult<SockAddr> {
    let mut bytes = [0; N];
    // Families are small positive numbers.
    bytes[..2].copy_from_slice(&(family.0 as u16).to_ne_bytes());
    for (start, field) in fields {
        bytes[*start..start + field.len()].copy_from_slice(field);
    }
    of_bytes(&bytes)
}

pub(super) fn of_bytes(bytes: &[u8]) -> PyResult<SockAddr> {
    SockAddr::new(bytes).ok_or_else(|| exception::raise_errno(Errno::INVAL))
}

/// TypeError unless it is a tuple. `whose` is what the error begins with.
pub(super) fn require_tuple(address: *mut PyObject, whose: impl Display) -> PyResult<()> {
    // SAFETY: the interpreter is held and the object alive; the exception is a static of the interpreter.
    unsafe {
        if PyTuple_Check(address) != 0 {
            return Ok(());
        }
        let text = format!("{whose} address must be tuple, not {:.500}", type_name(address));
        Err(exception::raise_text(PyExc_TypeError, &text))
    }
}

/// Keeps what the parser raised, but an OverflowError gets the caller's words.
pub(super) fn out_of_range(text: impl Display) -> Raised {
    // SAFETY: the interpreter is held and an exception is set; a static of the interpreter.
    unsafe {
        if PyErr_ExceptionMatches(PyExc_OverflowError) == 0 {
            return Raised;
        }
    }
    overflow_error(text)
}

pub(super) fn overflow_error(text: impl Display) -> Raised {
    // SAFETY: a static of the interpreter.
    exception::raise_text(unsafe { PyExc_OverflowError }, &text.to_string())
}
