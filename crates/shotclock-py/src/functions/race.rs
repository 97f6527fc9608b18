//! `_native.race`, for `create_connection`: socket objects of the program's class in the core's race of attempts.

use std::ffi::c_longlong;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use shotclock::unstable::{
    ATTEMPT_DELAY, Entrants, Errno, Finish, LEAST_ATTEMPT_DELAY, Operation, Race, Readiness, Stop, Unfit, interleaved,
    is_shortage,
};
use shotclock::{Phase, SockAddr, Timeout};

use crate::address;
use crate::ffi::call::{call, call_method};
use crate::ffi::capi::{
    PyErr_Clear, PyErr_ExceptionMatches, PyExc_OSError, PyList_Append, PyLong_AsLong, PyObject, PyObject_GetAttrString,
    PySequence_GetItem, PySequence_Size, variadic,
};
use crate::ffi::exception;
use crate::ffi::exception::Kept;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::audit::audit;
use crate::socket::kinds::is_socket;
use crate::socket::object::SocketRef;
use crate::socket::{just_set, unblocked};
use crate::wait::expiry;
use crate::wait::expiry::{Expiry, Moved};
use crate::wait::lent::Descriptor;
use crate::wait::timing::{First, Timing};

/// `_native.race(infos, delay, prepare, failures)`: the first socket to be connected, or None. Only scopes and
/// cancellers bound it.
pub(crate) unsafe extern "C" fn race(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    returned(race_checked(arguments))
}

/// `_native.attempt_delays()`: the usual pause between two attempts and the shortest, in nanoseconds.
pub(crate) unsafe extern "C" fn attempt_delays(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let nanos = |delay: Timeout| Owned::size(delay.duration().map_or(0, |delay| delay.as_nanos() as usize));
    let pair = || {
        let (usual, least) = (nanos(ATTEMPT_DELAY)?, nanos(LEAST_ATTEMPT_DELAY)?);
        // SAFETY: both are alive.
        unsafe { Owned::tuple([usual.as_ptr(), least.as_ptr()].into_iter()) }
    };
    returned(pair())
}

fn race_checked(arguments: *mut PyObject) -> PyResult<Owned> {
    let (mut infos, mut delay) = (std::ptr::null_mut(), c_longlong::default());
    let (mut prepare, mut failures) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
    let parsed = unsafe {
        let (a, b, c, d) = (&raw mut infos, &raw mut delay, &raw mut prepare, &raw mut failures);
        variadic!(PyArg_ParseTuple(arguments, c"OLOO:race".as_ptr(), a, b, c, d))
    };
    if parsed == 0 {
        return Err(Raised);
    }
    let timing = Timing::of_scope(Phase::Connect)?;
    let pause = Duration::from_nanos(u64::try_from(delay).unwrap_or(0)).into();
    let candidates = interleaved(candidates(infos)?, |candidate| candidate.family);
    let mut race = Race::new(Program { prepare, timing: &timing }, candidates, pause);
    let ended = match timing.run_python(&mut race, First::Try) {
        Ok(Finish::Won(attempt)) => return attempt.win(),
        Ok(Finish::CalledOff(raised)) => return Err(raised),
        Ok(Finish::Lost) => Ok(Owned::none()),
        // Even where the budget was over from the start, what is known at once is told.
        Err(Stop::TimedOut { .. }) if !race.has_begun() && is_lost_at_once(&mut race) => Ok(Owned::none()),
        Err(stop @ Stop::TimedOut { limit, elapsed }) => {
            let text = Owned::text("timed out")?;
            let expiry = Expiry { phase: Phase::Connect.as_str(), limit, elapsed, moved: Moved::Nothing, scope: None };
            race.give_up(|_, _| exception::take(expiry::raise_timed_out(&text, &expiry)));
            Err(stop)
        }
        Err(stop) => return Err(timing.raise(stop)),
    };
    for failure in race.into_failures() {
        // SAFETY: the interpreter is held, the objects are alive; what is no list is an error.
        if unsafe { PyList_Append(failures, failure.as_ptr()) } != 0 {
            return Err(Raised);
        }
    }
    ended.map_err(|stop| timing.raise(stop))
}

/// After the end of time: makes the attempts that need not wait, and tells whether all have failed. One that connects
/// now is too late.
fn is_lost_at_once(race: &mut Race<Program<'_>>) -> bool {
    matches!(race.attempt(Readiness::empty()), Ok(Finish::Lost))
}

/// What getaddrinfo said of one address: `(family, type, proto, canonname, sockaddr)`.
struct Candidate {
    family: i64,
    info: Owned,
}

fn candidates(infos: *mut PyObject) -> PyResult<Vec<Candidate>> {
    // SAFETY: the interpreter is held and the object alive; what is no sequence is an error.
    let len = unsafe { PySequence_Size(infos) };
    let candidate = |index| {
        let info = item(infos, index)?;
        // SAFETY: alive; what is no int is an error.
        let family = unsafe { PyLong_AsLong(item(info.as_ptr(), 0)?.as_ptr()) };
        if exception::is_raised() { Err(Raised) } else { Ok(Candidate { family, info }) }
    };
    if len < 0 { Err(Raised) } else { (0..len).map(candidate).collect() }
}

/// Whether an OSError says that there was no descriptor or memory to spare, as there may be in a moment.
fn says_shortage(failure: &Owned) -> bool {
    // SAFETY: the interpreter is held and the exception alive; what has no number, or another object there, is an error
    // that goes no further.
    let number = unsafe {
        let number = Owned::new(PyObject_GetAttrString(failure.as_ptr(), c"errno".as_ptr()));
        let number = number.map_or(-1, |number| PyLong_AsLong(number.as_ptr()));
        PyErr_Clear();
        number
    };
    i32::try_from(number).is_ok_and(|number| is_shortage(Errno::from_raw_os_error(number)))
}

fn item(sequence: *mut PyObject, index: isize) -> PyResult<Owned> {
    // SAFETY: the interpreter is held and the object alive.
    Owned::new(unsafe { PySequence_GetItem(sequence, index) })
}

/// The program's own sockets, and its exceptions.
struct Program<'a> {
    /// Makes a socket for an entry of getaddrinfo's; borrowed from the arguments.
    prepare: *mut PyObject,
    timing: &'a Timing,
}

impl Entrants for Program<'_> {
    type Candidate = Candidate;
    type Socket = Attempt;
    /// A Python exception, as an object.
    type Failure = Owned;
    type Stop = Raised;

    fn prepare(&mut self, candidate: Candidate) -> Result<(Attempt, SockAddr), Unfit<Self>> {
        self.begin(&candidate.info).map_err(|raised| {
            // SAFETY: the interpreter is held and an exception is set; a static of the interpreter.
            if unsafe { PyErr_ExceptionMatches(PyExc_OSError) } == 0 {
                return Unfit::CalledOff(raised);
            }
            let failure = exception::take(raised);
            if says_shortage(&failure) { Unfit::Short(candidate, failure) } else { Unfit::Failed(failure) }
        })
    }

    fn descriptor(attempt: &Attempt) -> Option<BorrowedFd<'_>> {
        attempt.descriptor.for_a_try()
    }

    fn refused(&mut self, errno: Errno, _: &SockAddr) -> Owned {
        exception::take(self.timing.raise(Stop::System(errno)))
    }
}

impl Program<'_> {
    fn begin(&self, info: &Owned) -> PyResult<(Attempt, SockAddr)> {
        // SAFETY: the interpreter is held and the objects are alive; what the call gave is looked at before it is read.
        let attempt = unsafe {
            let made =
                call(self.prepare, Owned::tuple(std::iter::once(info.as_ptr()))?.as_ptr(), std::ptr::null_mut())?;
            if !is_socket(made.as_ptr())? {
                return Err(exception::type_error("race() takes a function that makes sockets"));
            }
            Attempt { descriptor: Descriptor::of(SocketRef::new(made.as_ptr())), object: Some(made) }
        };
        let (socket, sockaddr) = (attempt.socket(), item(info.as_ptr(), 4)?);
        let to = address::from_python(socket, self.timing, sockaddr.as_ptr(), "connect")?;
        audit(c"socket.connect", &[socket.as_object(), sockaddr.as_ptr()])?;
        // Else it may be what another socket's number was.
        let has_timeout = socket.timeout() > 0;
        if !(just_set::is_nonblocking(attempt.descriptor.number()) && has_timeout) {
            attempt.set_nonblocking(true)?;
        }
        Ok((attempt, to))
    }
}

/// A socket object that is closed unless it wins.
struct Attempt {
    object: Option<Owned>,
    descriptor: Descriptor,
}

impl Attempt {
    fn set_nonblocking(&self, nonblocking: bool) -> PyResult<()> {
        self.descriptor.held(|fd| unblocked::set_nonblocking(fd, nonblocking)).map_err(exception::raise_errno)
    }

    fn socket(&self) -> SocketRef {
        let object = self.object.as_ref().map_or(std::ptr::null_mut(), Owned::as_ptr);
        // SAFETY: a live object, which only `win` takes away, whose type `begin` has looked at.
        unsafe { SocketRef::new(object) }
    }

    /// The object, its descriptor set to block or not as its timeout asks for.
    fn win(mut self) -> PyResult<Owned> {
        if self.socket().timeout() < 0 {
            self.set_nonblocking(false)?;
        }
        self.object.take().ok_or(Raised)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            let kept = Kept::take();
            // Errors of its class are dropped: nobody else has the object.
            if call_method(&object, c"close").is_err() {
                // SAFETY: the interpreter is held wherever an attempt is.
                unsafe { PyErr_Clear() };
            }
            kept.restore();
        }
    }
}
