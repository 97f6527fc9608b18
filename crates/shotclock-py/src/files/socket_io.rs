//! What `SocketIO`, the raw file of socket.py, gets in the place of its own: a write that tells what has moved, so that
//! the buffer above it sends no byte twice, and a `readall` whose end costs the same however much had come.
//!
//! To the buffers they are C functions: no signal handler runs between what the system has taken and the count of it.

use std::cell::RefCell;
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::ffi::arguments::Buffer;
use crate::ffi::call::call_method;
use crate::ffi::capi::{
    Py_None, PyExc_BlockingIOError, PyExc_OSError, PyObject, PyObject_GetAttrString, PyObject_SetAttrString,
};
use crate::ffi::capsule::{Content, capsule, content};
use crate::ffi::caught::Caught;
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::files::raw::{self, Name};
use crate::files::send::Way;
use crate::files::tls_records::RECORD;
use crate::files::{at_once, send};
use crate::socket::open;
use crate::wait::bounds::Bounds;

/// Whether a limit of ours has ever ended a write of a file: before that there is no state to look for.
static ANY_ENDED: AtomicBool = AtomicBool::new(false);

/// The attribute with an [`Ending`] in it, which the class has as None.
pub(crate) const ENDING: &CStr = c"_write_ending";

static WRITE_BY_SOCKET_PY: Name = Name::new(c"_write_by_socket_py");

/// What a raw file remembers of writes that were ended, for its next ones.
#[derive(Default)]
struct Ending {
    /// The exception by which a limit of ours has ended a write: from then on the file waits only within a scope or a
    /// canceller.
    by_limit: bool,
    /// The buffer's finalizer is at work: nobody can be told of errors, and nothing may wait.
    is_finalizing: bool,
    /// Of what a buffer is sending: how much has moved, and where in memory the rest begins.
    part: Option<(usize, usize)>,
    record: Record,
}

impl Ending {
    /// Notes that so much of these bytes has moved; the next write is to go on with the rest.
    fn add_part(&mut self, sent: usize, data: &[u8]) {
        self.part = Some((self.take_part(data) + sent, data.as_ptr().addr() + sent));
    }

    /// How much had moved before these bytes, if they are the rest of what an earlier write began with.
    fn take_part(&mut self, data: &[u8]) -> usize {
        self.part.take().filter(|&(_, at)| at == data.as_ptr().addr()).map_or(0, |(moved, _)| moved)
    }
}

/// Where TLS stands.
#[derive(Default)]
enum Record {
    /// Between two records.
    #[default]
    None,
    /// OpenSSL has begun this record, and wants the same bytes again to go on; given others, it would send the old ones
    /// in their place.
    Begun(Owned),
    /// A signal handler raised in the middle of a try: nobody knows what OpenSSL has sent.
    Unknown,
}

impl Content for RefCell<Ending> {
    const NAME: &'static CStr = c"shotclock.ending";
}

/// `SocketIO.write(b)`.
pub(crate) unsafe extern "C" fn write(me: *mut PyObject, data: *mut PyObject) -> *mut PyObject {
    // SAFETY: the descriptor has checked the type; both are alive for the call.
    let file = unsafe { Owned::borrowed(me) };
    if open::is_any_open() || ANY_ENDED.load(Ordering::Relaxed) {
        return returned(write_counted(&file, data));
    }
    returned(match at_once::sent(&file, data) {
        Ok(Some(sent)) => Owned::size(sent),
        // SAFETY: as above.
        Ok(None) => unsafe { raw::call_named(&file, &WRITE_BY_SOCKET_PY, data) },
        Err(raised) => Err(raised),
    })
}

/// `SocketIO._dealloc_warn(source)`, by which the interpreter's buffers say that it is their finalizer that closes them.
pub(crate) unsafe extern "C" fn dealloc_warn(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let note = || {
        if ANY_ENDED.load(Ordering::Relaxed) {
            // SAFETY: the descriptor has checked the type; it is alive for the call.
            let file = unsafe { Owned::borrowed(me) };
            with_ending(&file, |ending| ending.is_finalizing = true)?;
        }
        Ok(Owned::none())
    };
    returned(note())
}

fn write_counted(file: &Owned, data: *mut PyObject) -> PyResult<Owned> {
    call_method(file, c"_checkClosed")?;
    call_method(file, c"_checkWritable")?;
    let bytes = Buffer::of(data)?;
    let (waits, begun) = admits(file, bytes.bytes())?;
    // SAFETY: the file is alive.
    let sock = Owned::new(unsafe { PyObject_GetAttrString(file.as_ptr(), c"_sock".as_ptr()) })?;
    let sent = AtomicUsize::new(0);
    let way = Way::of(&sock)?;
    let outcome = match (&way, waits || Bounds::current()?.is_some()) {
        (Way::Plain(bound), true) => send::in_time(bound.socket(), bytes.bytes(), &sent),
        (Way::Plain(bound), false) => send::now(bound.socket(), bytes.bytes(), &sent),
        (_, false) => return Ok(Owned::none()),
        (Way::Tls(records), true) => records.send(bytes.bytes(), begun, &sent),
        (Way::Other, true) => send::by_method(&sock, data, &sent),
    };
    match outcome {
        Ok(()) => told_part(file, sent.load(Ordering::Relaxed), bytes.bytes()),
        Err(raised) => told_end(file, &Caught::new(raised), &way, sent.load(Ordering::Relaxed), bytes.bytes()),
    }
}

/// Whether a write of these bytes may wait where nothing bounds it, and how many of them are a record that TLS has begun;
/// an error where they would spoil that.
fn admits(file: &Owned, data: &[u8]) -> PyResult<(bool, usize)> {
    if !ANY_ENDED.load(Ordering::Relaxed) {
        return Ok((true, 0));
    }
    let (waits, begun) = with_ending(file, |ending| {
        let begun = match &ending.record {
            Record::None => Some(0),
            Record::Begun(record) => record.as_bytes().ok().filter(|record| data.starts_with(record)).map(<[u8]>::len),
            Record::Unknown => None,
        };
        (!ending.by_limit && !ending.is_finalizing, begun)
    })?
    .unwrap_or((true, Some(0)));
    if let Some(begun) = begun {
        return Ok((waits, begun));
    }
    let why = "a write over TLS has ended within a record, which other bytes would spoil: close the connection";
    Err(exception::os_error(why))
}

fn told_part(file: &Owned, sent: usize, data: &[u8]) -> PyResult<Owned> {
    if sent < data.len() {
        change_ending(file, |ending| ending.add_part(sent, data))?;
    } else if ANY_ENDED.load(Ordering::Relaxed) {
        with_ending(file, |ending| (ending.part, ending.record) = (None, Record::None))?;
    }
    Owned::size(sent)
}

/// If something has moved, gives how much, and has the next write raise the exception; else raises it now.
fn told_end(file: &Owned, error: &Caught, way: &Way, sent: usize, data: &[u8]) -> PyResult<Owned> {
    // SAFETY: statics of the interpreter.
    let (is_system_s, would_block) = unsafe { (error.is(PyExc_OSError), error.is(PyExc_BlockingIOError)) };
    let by_limit = error.is_by_limit();
    let rest = &data[sent.min(data.len())..];
    let mut before = 0;
    if by_limit || sent > 0 || matches!(way, Way::Tls(_)) {
        let record = match way {
            Way::Tls(records) if records.is_unsure.get() => Record::Unknown,
            Way::Tls(_) => Record::Begun(Owned::bytes(&rest[..rest.len().min(RECORD)])?),
            _ => Record::None,
        };
        change_ending(file, |ending| {
            ending.by_limit |= by_limit;
            let goes_on = sent == 0 && matches!((&ending.record, &record), (Record::Begun(_), Record::Begun(_)));
            // What was begun before, and has not gone, is offered as it was, with whatever behind it.
            if !goes_on {
                ending.record = record;
            }
            if sent > 0 && is_system_s {
                ending.add_part(sent, data);
            } else {
                before = ending.take_part(data);
            }
        })?;
    }
    if is_system_s && sent > 0 {
        return Owned::size(sent);
    }
    if would_block {
        return Ok(Owned::none());
    }
    error.add_sent(before);
    Err(error.raise())
}

/// Lets `look` see what the file remembers of writes that were ended, if there is anything.
fn with_ending<T>(file: &Owned, look: impl FnOnce(&mut Ending) -> T) -> PyResult<Option<T>> {
    // SAFETY: the interpreter is held and the objects alive; the content is looked at while the capsule is.
    unsafe {
        let known = Owned::new(PyObject_GetAttrString(file.as_ptr(), ENDING.as_ptr()))?;
        if known.as_ptr() == Py_None() {
            return Ok(None);
        }
        Ok(Some(look(&mut content::<RefCell<Ending>>(known.as_ptr())?.borrow_mut())))
    }
}

/// As [`with_ending`], and makes it where there is none yet.
fn change_ending(file: &Owned, change: impl FnOnce(&mut Ending)) -> PyResult<()> {
    ANY_ENDED.store(true, Ordering::Relaxed);
    let mut change = Some(change);
    let mut once = |ending: &mut Ending| change.take().map_or((), |change| change(ending));
    if with_ending(file, &mut once)?.is_none() {
        let mut ending = Ending::default();
        once(&mut ending);
        let made = capsule(RefCell::new(ending))?;
        // SAFETY: the interpreter is held, the objects are alive.
        if unsafe { PyObject_SetAttrString(file.as_ptr(), ENDING.as_ptr(), made.as_ptr()) } != 0 {
            return Err(Raised);
        }
    }
    Ok(())
}
