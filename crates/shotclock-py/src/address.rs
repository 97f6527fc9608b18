//! Addresses, Python's out of the system's and back: family by family, in CPython's forms and with its errors.

mod alg;
mod bluetooth;
mod inet;
mod interface;
mod numeric;
mod unix;

use std::fmt::Display;

use shotclock::raw::{Errno, numbers};
use shotclock::{Family, RawAddress};

pub(crate) use inet::resolve;

use crate::capi::{PyErr_ExceptionMatches, PyExc_OverflowError, PyExc_TypeError, PyObject, PyTuple_Check, variadic};
use crate::errors;
use crate::interpreter::{PyResult, Raised};
use crate::lent::Descriptor;
use crate::object::{Owned, SocketRef, type_name};
use crate::timing::Timing;

const QIPCRTR: Family = Family(numbers::AF_QIPCRTR);
const RDS: Family = Family(numbers::AF_RDS);

/// The system's address out of Python's, by the socket's family. A host's name is looked up, under the limit of the call
/// that needs it. `caller` is the function's name, for errors.
pub(crate) fn from_python(
    socket: SocketRef,
    timing: &Timing,
    address: *mut PyObject,
    caller: &str,
) -> PyResult<RawAddress> {
    match Family(socket.family()) {
        Family::UNIX => unix::encode(address),
        Family::INET | RDS => inet::encode_v4(timing, address, caller),
        Family::INET6 => inet::encode_v6(timing, address, caller),
        Family::NETLINK => numeric::encode_netlink(address, caller),
        QIPCRTR => numeric::encode_qipcrtr(address),
        Family::VSOCK => numeric::encode_vsock(address),
        Family::TIPC => numeric::encode_tipc(address, caller),
        Family::PACKET => interface::encode_packet(socket, address, caller),
        Family::CAN => interface::encode_can(socket, address, caller),
        Family::ALG => alg::encode(address, caller),
        Family::BLUETOOTH if bluetooth::is_known()? => bluetooth::encode(address, socket.protocol(), caller),
        _ => Err(errors::os_error(&format!("{caller}(): bad family"))),
    }
}

/// Python's address out of the system's; None if there is none. `protocol` is the socket's, which some families need.
pub(crate) fn to_python(address: Option<&RawAddress>, protocol: i32) -> PyResult<Owned> {
    decode(address, protocol, None)
}

/// The same for an address that a call on the socket gave, in whose network interfaces have their names.
pub(crate) fn to_python_on(socket: SocketRef, address: Option<&RawAddress>) -> PyResult<Owned> {
    decode(address, socket.protocol(), Some(Descriptor::of(socket)))
}

/// Refuses a socket whose addresses have no form in Python, as CPython does before it asks the system for one.
pub(crate) fn check_family(socket: SocketRef) -> PyResult<()> {
    match Family(socket.family()) {
        Family::UNIX | Family::INET | Family::INET6 | Family::NETLINK | Family::PACKET | Family::VSOCK => Ok(()),
        Family::CAN | Family::TIPC | Family::ALG | QIPCRTR | RDS => Ok(()),
        Family::BLUETOOTH if bluetooth::is_known()? => bluetooth::check_protocol(socket.protocol()),
        _ => Err(errors::os_error("getsockaddrlen: bad family")),
    }
}

fn decode(address: Option<&RawAddress>, protocol: i32, on: Option<Descriptor>) -> PyResult<Owned> {
    let Some(address) = address else {
        return Ok(Owned::none());
    };
    let fields = Fields::of(address);
    match Family(address.family()) {
        Family::UNIX => unix::decode(address),
        Family::INET => inet::decode_v4(&fields),
        Family::INET6 => inet::decode_v6(&fields),
        Family::NETLINK => numeric::decode_netlink(&fields),
        QIPCRTR => numeric::decode_qipcrtr(&fields),
        Family::VSOCK => numeric::decode_vsock(&fields),
        Family::TIPC => numeric::decode_tipc(&fields),
        Family::PACKET => interface::decode_packet(&fields, on),
        Family::CAN => interface::decode_can(&fields, protocol, on),
        Family::ALG => alg::decode(&fields),
        Family::BLUETOOTH if bluetooth::is_known()? => bluetooth::decode(&fields, protocol),
        family => unknown(family, &fields),
    }
}

/// `(family, bytes)`: as many bytes as a plain `struct sockaddr` has.
fn unknown(family: Family, fields: &Fields) -> PyResult<Owned> {
    let data = Owned::bytes(&fields.array::<14>(2))?;
    // SAFETY: the interpreter is held; the format's types are those of the arguments, "N" takes the reference over.
    Owned::new(unsafe { variadic!(Py_BuildValue(c"iN".as_ptr(), family.0, data.into_ptr())) })
}

/// The bytes of an address, with zeroes after its end.
struct Fields([u8; RawAddress::CAPACITY]);

impl Fields {
    fn of(address: &RawAddress) -> Self {
        let mut bytes = [0; RawAddress::CAPACITY];
        bytes[..address.as_bytes().len()].copy_from_slice(address.as_bytes());
        Self(bytes)
    }

    fn array<const N: usize>(&self, start: usize) -> [u8; N] {
        let mut field = [0; N];
        field.copy_from_slice(&self.0[start..start + N]);
        field
    }

    fn u8(&self, start: usize) -> u8 {
        self.0[start]
    }

    fn u16(&self, start: usize) -> u16 {
        u16::from_ne_bytes(self.array(start))
    }

    /// In network order.
    fn port(&self, start: usize) -> u16 {
        u16::from_be_bytes(self.array(start))
    }

    fn u32(&self, start: usize) -> u32 {
        u32::from_ne_bytes(self.array(start))
    }
}

/// An address of `N` bytes: its family, and fields by where they begin; zeroes otherwise.
fn build<const N: usize>(family: Family, fields: &[(usize, &[u8])]) -> PyResult<RawAddress> {
    let mut bytes = [0; N];
    // Families are small positive numbers.
    bytes[..2].copy_from_slice(&(family.0 as u16).to_ne_bytes());
    for (start, field) in fields {
        bytes[*start..start + field.len()].copy_from_slice(field);
    }
    of_bytes(&bytes)
}

fn of_bytes(bytes: &[u8]) -> PyResult<RawAddress> {
    RawAddress::new(bytes).ok_or_else(|| errors::raise_errno(Errno::INVAL))
}

/// TypeError unless it is a tuple. `whose` is what the error begins with.
fn require_tuple(address: *mut PyObject, whose: impl Display) -> PyResult<()> {
    // SAFETY: the interpreter is held and the object alive; the exception is a static of the interpreter.
    unsafe {
        if PyTuple_Check(address) != 0 {
            return Ok(());
        }
        let text = format!("{whose} address must be tuple, not {:.500}", type_name(address));
        Err(errors::raise_text(PyExc_TypeError, &text))
    }
}

/// What the parser raised; an OverflowError in the caller's words.
fn out_of_range(text: impl Display) -> Raised {
    // SAFETY: the interpreter is held and an exception is set; a static of the interpreter.
    unsafe {
        if PyErr_ExceptionMatches(PyExc_OverflowError) == 0 {
            return Raised;
        }
    }
    overflow_error(text)
}

fn overflow_error(text: impl Display) -> Raised {
    // SAFETY: a static of the interpreter.
    errors::raise_text(unsafe { PyExc_OverflowError }, &text.to_string())
}
