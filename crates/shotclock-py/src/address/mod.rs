//! Addresses, Python's out of the system's and back: family by family, in CPython's forms and with its errors.

mod alg;
mod bluetooth;
mod fields;
mod inet;
mod interface;
mod numeric;
mod unix;

use shotclock::unstable::numbers;
use shotclock::{Family, SockAddr};

use fields::{Fields, QIPCRTR};
pub(crate) use inet::resolve;

use crate::ffi::capi::{PyObject, variadic};
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::PyResult;
use crate::socket::object::SocketRef;
use crate::wait::lent::Descriptor;
use crate::wait::timing::Timing;

const RDS: Family = Family(numbers::AF_RDS);

/// The system's address out of Python's, by the socket's family. A host's name is looked up, under the limit of the call
/// that needs it. `caller` is the function's name, for errors.
pub(crate) fn from_python(
    socket: SocketRef,
    timing: &Timing,
    address: *mut PyObject,
    caller: &str,
) -> PyResult<SockAddr> {
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
        _ => Err(exception::os_error(&format!("{caller}(): bad family"))),
    }
}

/// Python's address out of the system's; None if there is none. `protocol` is the socket's, which some families need.
pub(crate) fn to_python(address: Option<&SockAddr>, protocol: i32) -> PyResult<Owned> {
    decode(address, protocol, None)
}

/// As [`to_python`], for an address that a call on this socket gave: interfaces are named in the socket's own network.
pub(crate) fn to_python_on(socket: SocketRef, address: Option<&SockAddr>) -> PyResult<Owned> {
    decode(address, socket.protocol(), Some(Descriptor::of(socket)))
}

/// Refuses a socket whose addresses have no form in Python, as CPython does before it asks the system for one.
pub(crate) fn check_family(socket: SocketRef) -> PyResult<()> {
    match Family(socket.family()) {
        Family::UNIX | Family::INET | Family::INET6 | Family::NETLINK | Family::PACKET | Family::VSOCK => Ok(()),
        Family::CAN | Family::TIPC | Family::ALG | QIPCRTR | RDS => Ok(()),
        Family::BLUETOOTH if bluetooth::is_known()? => bluetooth::check_protocol(socket.protocol()),
        _ => Err(exception::os_error("getsockaddrlen: bad family")),
    }
}

fn decode(address: Option<&SockAddr>, protocol: i32, on: Option<Descriptor>) -> PyResult<Owned> {
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
