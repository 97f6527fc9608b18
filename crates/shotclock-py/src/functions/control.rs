//! Control messages as Python values; the classes that show them are the package's.

use std::ffi::c_int;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shotclock::unstable::control_message;
use shotclock::{ControlMessage, QueuedError, Timestamping};

use crate::ffi::arguments::Buffer;
use crate::ffi::capi::{PyExc_OverflowError, PyObject, variadic};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};

/// `_native.control_message(level, type, data)`: the name of the message's class, and its fields, in order; None for one that
/// has no class. Descriptors are numbers to it: it takes none.
pub(crate) unsafe extern "C" fn decoded(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    returned(decoded_checked(arguments))
}

fn decoded_checked(arguments: *mut PyObject) -> PyResult<Owned> {
    let (mut level, mut kind, mut data): (c_int, c_int, _) = (0, 0, Buffer::empty());
    let format = c"iiy*:ancillary".as_ptr();
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
    let parsed =
        unsafe { variadic!(PyArg_ParseTuple(arguments, format, &raw mut level, &raw mut kind, data.as_mut_ptr())) };
    if parsed == 0 {
        return Err(Raised);
    }
    let Some(value) = value(control_message(level, kind, data.bytes()))? else { return Ok(Owned::none()) };
    // SAFETY: all of them are alive.
    unsafe { Owned::tuple(value.iter().map(Owned::as_ptr)) }
}

/// The class's name, and the fields.
fn value(message: ControlMessage) -> PyResult<Option<Vec<Owned>>> {
    let (class, fields) = match message {
        ControlMessage::Credentials(who) => {
            ("Credentials", vec![Owned::int(who.pid)?, Owned::int(who.uid)?, Owned::int(who.gid)?])
        }
        ControlMessage::PacketInfo(by) => {
            let addresses = [by.local, by.destination].map(|address| Owned::text(&address.to_string()));
            let [local, destination] = addresses;
            ("PacketInfo", vec![Owned::int(by.interface)?, local?, destination?])
        }
        ControlMessage::PacketInfo6(by) => {
            ("PacketInfo6", vec![Owned::int(by.interface)?, Owned::text(&by.address.to_string())?])
        }
        ControlMessage::Ttl(hops) => ("Ttl", vec![Owned::int(hops)?]),
        ControlMessage::HopLimit(hops) => ("HopLimit", vec![Owned::int(hops)?]),
        ControlMessage::Tos(class) => ("Tos", vec![Owned::int(class.0)?]),
        ControlMessage::TrafficClass(class) => ("TrafficClass", vec![Owned::int(class.0)?]),
        ControlMessage::Timestamp(at) => ("Timestamp", vec![of_the_day(Some(at))?]),
        ControlMessage::Timestamping(times) => ("Timestamping", times_of(times)?),
        ControlMessage::GroSize(bytes) => ("GroSize", vec![Owned::int(bytes)?]),
        ControlMessage::GsoSize(bytes) => ("GsoSize", vec![Owned::int(bytes)?]),
        ControlMessage::TxTime(at) => ("TxTime", vec![span(Some(at))?]),
        ControlMessage::Error(error) => ("QueuedError", fields_of(&error)?),
        ControlMessage::Drops(count) => ("Drops", vec![Owned::int(count)?]),
        ControlMessage::OriginalDestination(address) => {
            let host = Owned::text(&address.ip().to_string())?;
            ("OriginalDestination", vec![host, Owned::int(address.port())?])
        }
        ControlMessage::Cut { level, kind, data } => {
            ("Cut", vec![Owned::int(level)?, Owned::int(kind)?, Owned::bytes(&data)?])
        }
        _ => return Ok(None),
    };
    let mut all = vec![Owned::text(class)?];
    all.extend(fields);
    Ok(Some(all))
}

fn times_of(times: Timestamping) -> PyResult<Vec<Owned>> {
    Ok(vec![of_the_day(times.software)?, of_the_day(times.transformed)?, span(times.hardware)?])
}

fn fields_of(error: &QueuedError) -> PyResult<Vec<Owned>> {
    let offender = error.offender.map_or_else(|| Ok(Owned::none()), |who| Owned::text(&who.ip().to_string()));
    Ok(vec![
        Owned::int(error.errno)?,
        Owned::int(error.origin)?,
        Owned::int(error.kind)?,
        Owned::int(error.code)?,
        Owned::int(error.info)?,
        Owned::int(error.data)?,
        offender?,
        Owned::text(&error.cause().to_string())?,
    ])
}

/// Nanoseconds since 1970, as time.time_ns() counts them; None if there is no time.
fn of_the_day(time: Option<SystemTime>) -> PyResult<Owned> {
    match time.map(|time| time.duration_since(UNIX_EPOCH)) {
        None => Ok(Owned::none()),
        Some(Ok(since)) => nanos(since.as_nanos().cast_signed()),
        Some(Err(before)) => nanos(-before.duration().as_nanos().cast_signed()),
    }
}

fn span(time: Option<Duration>) -> PyResult<Owned> {
    time.map_or_else(|| Ok(Owned::none()), |time| nanos(time.as_nanos().cast_signed()))
}

/// An int; OverflowError beyond 292 years.
fn nanos(nanos: i128) -> PyResult<Owned> {
    match i64::try_from(nanos) {
        Ok(nanos) => Owned::int(nanos),
        Err(_) => {
            let text = "the time is more than 292 years from its clock's beginning";
            // SAFETY: the exception lives for ever.
            Err(exception::raise_text(unsafe { PyExc_OverflowError }, text))
        }
    }
}
