//! TLS on the clock: the calls of `_ssl`'s objects that wait are guarded, beneath all that ssl.py does with them.
//!
//! Where no limit of ours is in force a call goes straight to the interpreter's own, which waits by itself. Else `_ssl`
//! only tries, and the core waits between its tries. What is tried again is OpenSSL's call on the object that it began
//! with, whatever other threads have made of the socket since: it never goes on in plaintext.

use std::ffi::c_int;
use std::time::Duration;

use shotclock::Deadline;
use shotclock::unstable::{Errno, Interest, Moves, Operation, Pause, Readiness};

use crate::ffi::arguments::{Arguments, Buffer, int};
use crate::ffi::capi::{
    Py_ssize_t, PyErr_Clear, PyErr_ExceptionMatches, PyExc_BlockingIOError, PyExc_OSError, PyObject,
    PyObject_GetAttrString,
};
use crate::ffi::exception;
use crate::ffi::exception::Kept;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::PyResult;
use crate::socket::in_ssl::{SslTry, SslWait, Writer};
use crate::socket::kinds::is_socket;
use crate::socket::object::SocketRef;
use crate::socket::open;
use crate::socket::side_table::Half;
use crate::socket::{in_ssl, unblocked};
use crate::tls::guarded::Guarded;
use crate::tls::original::Passed;
use crate::tls::silence;
use crate::tls::silence::Room;
use crate::tls::tls_call::TlsCall;
use crate::wait::account::{Account, ended_plainly};
use crate::wait::expiry::Moved;
use crate::wait::lent::Descriptor;
use crate::wait::timing::{First, Timing};
use crate::wait::told;
use crate::wait::waiter::ready_now;

/// After how long a call looks again whether another one is still in its way: nobody tells it.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The same of a write whose turn has not come, at first: another write often ends soon.
const LOOK_SOON: Duration = Duration::from_millis(1);

/// So often it looks soon.
const SOON: u8 = 20;

/// The number in `_ssl`'s exception where it no longer knows what OpenSSL has said.
const INVALID_ERROR_CODE: c_int = 10;

/// A wait that took less has not waited: there was something to read.
const AT_ONCE: Duration = Duration::from_micros(5);

/// So often in a row an end of the connection that the system knows nothing of is taken for another thread's doing. OpenSSL
/// itself may have given the connection up: then it says so for ever.
const STRANGE_ENDS: u8 = 8;

/// The arguments where there is no call of the program's.
const NOTHING: Passed<'static> = Passed::Vector(Arguments::NONE);

/// What stands in the place of `_ssl`'s method, where that takes its arguments as a vector.
pub(crate) unsafe extern "C" fn guarded<const CALL: usize>(
    me: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter passes so many live arguments.
    let arguments = unsafe { Arguments::new(arguments, count) };
    let guard = |guarded| guard(guarded, TlsCall::ALL[CALL], me, Passed::Vector(arguments));
    returned(Guarded::by_object(me).and_then(guard))
}

/// As [`guarded`], where `_ssl`'s method takes its arguments as one object.
pub(crate) unsafe extern "C" fn guarded_plainly<const CALL: usize>(
    me: *mut PyObject,
    argument: *mut PyObject,
) -> *mut PyObject {
    let call = TlsCall::ALL[CALL];
    let guard = |guarded: &'static Guarded| guard(guarded, call, me, Passed::Plainly(guarded.plain(call)?, argument));
    returned(Guarded::by_object(me).and_then(guard))
}

/// Makes several of `_ssl`'s own calls on one of its objects as one call under one limit: repeats `attempt`, which
/// never waits, until it says that all is done.
pub(crate) fn in_time(
    guarded: &'static Guarded,
    me: *mut PyObject,
    call: TlsCall,
    mut attempt: impl FnMut() -> PyResult<bool>,
) -> PyResult<()> {
    let attempt = || attempt().map(|is_done| is_done.then(Owned::none));
    match Waits::of(guarded, me, call)? {
        Some(waits) => waits.in_tries(&waits.timing()?, NOTHING, attempt).map(drop),
        None => unnoticed(call, me, || until_given(attempt)).map(drop),
    }
}

/// `_native.forget_after_fork()`: for os.register_at_fork.
pub(crate) unsafe extern "C" fn forget_after_fork(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    in_ssl::forget_after_fork();
    unblocked::forget_after_fork();
    returned(Ok(Owned::none()))
}

#[inline]
fn guard(guarded: &'static Guarded, call: TlsCall, me: *mut PyObject, passed: Passed<'_>) -> PyResult<Owned> {
    let attempt = || guarded.call_original(call, me, passed);
    let Some(waits) = Waits::of(guarded, me, call)? else { return unnoticed(call, me, attempt) };
    if let Some(timing) = waits.timing_of_tries()? {
        return waits.in_tries(&timing, passed, || attempt().map(Some));
    }
    let Some(inside) = SslWait::of(waits.socket, call.half()) else { return unnoticed(call, me, attempt) };
    if waits.waits_for_its_turn() {
        drop(inside);
        return waits.in_tries(&waits.timing()?, passed, || attempt().map(Some));
    }
    let (what, number, account) = (call.phase().as_str(), Some(waits.descriptor.number()), Account::of_plain());
    let shown = told::plainly(what, number, || None, account);
    let outcome = waits.descriptor.counted(|| Ok(unnoticed(call, me, attempt))).map_err(exception::raise_errno)?;
    drop((inside, shown));
    account.end(what, number, || None, ended_plainly(outcome.is_err()));
    if outcome.is_ok() { outcome } else { waits.after_failure(outcome, passed, attempt) }
}

/// A call on a TLS socket that may wait.
struct Waits {
    guarded: &'static Guarded,
    /// `_ssl`'s object.
    me: *mut PyObject,
    call: TlsCall,
    /// The socket beneath, which the object of `_ssl`'s knows as its owner.
    socket: SocketRef,
    descriptor: Descriptor,
    _alive: Owned,
    /// The program's timeout, in nanoseconds; negative is none.
    timeout: i64,
}

impl Waits {
    /// `None` where the call is only to be tried: its timeout is 0, its bytes do not go by a socket, or this is a
    /// callback out of a try, for which the timeout reads 0.
    #[inline]
    fn of(guarded: &'static Guarded, me: *mut PyObject, call: TlsCall) -> PyResult<Option<Self>> {
        let owner = guarded.owner(me)?;
        // SAFETY: alive; the type is looked at before the object is read as a socket.
        let socket = unsafe {
            if !is_socket(owner.as_ptr())? {
                return Ok(None);
            }
            SocketRef::new(owner.as_ptr())
        };
        let timeout = socket.timeout();
        if timeout == 0 {
            return Ok(None);
        }
        Ok(Some(Self { guarded, me, call, socket, descriptor: Descriptor::of(socket), _alive: owner, timeout }))
    }

    /// How it waits; `None` where waiting is left to `_ssl`: without a timeout, and where no limit of ours is in force.
    ///
    /// With a timeout the file does not block, so that what OpenSSL does when it has to wait is seen from outside of it;
    /// and there it goes wrong where another thread is in the same object: it keeps what both want in one place. Tries
    /// are made one at a time.
    #[inline]
    fn timing_of_tries(&self) -> PyResult<Option<Timing>> {
        if self.timeout > 0 {
            return self.timing().map(Some);
        }
        if open::is_any_open() {
            let timing = self.timing()?;
            if timing.is_bounded() {
                return Ok(Some(timing));
            }
        }
        Ok(None)
    }

    /// Whether it writes, and OpenSSL is in the middle of another thread's write.
    #[inline]
    fn waits_for_its_turn(&self) -> bool {
        self.call.is_write() && in_ssl::is_other_writing(self.socket)
    }

    /// Goes on after a call in which `_ssl` waited by itself, and which has raised.
    #[cold]
    #[inline(never)]
    fn after_failure(
        &self,
        outcome: PyResult<Owned>,
        passed: Passed<'_>,
        attempt: impl Fn() -> PyResult<Owned>,
    ) -> PyResult<Owned> {
        if self.wanted_more().is_none() && !self.is_unknown() {
            return self.unless_closed(outcome);
        }
        // For another thread's try, which was under way, the timeout read 0, and `_ssl` did not wait. SAFETY: the
        // interpreter is held.
        unsafe { PyErr_Clear() };
        let _in_line = self.call.is_write().then(|| Writer::line_up(self.socket));
        self.in_tries(&self.timing()?, passed, || attempt().map(Some))
    }

    /// Tries until `_ssl` no longer wants to read or write, and something is given, and waits in between. What it reads
    /// from or writes to stays in place meanwhile.
    #[inline(never)]
    fn in_tries(
        &self,
        timing: &Timing,
        passed: Passed<'_>,
        attempt: impl FnMut() -> PyResult<Option<Owned>>,
    ) -> PyResult<Owned> {
        if in_ssl::is_by_this_thread(self.socket) {
            return unnoticed(self.call, self.me, || until_given(attempt));
        }
        let mut tries = Tries::new(self, self.call.buffer(passed), attempt);
        let first = tries.begin(passed);
        let outcome = timing.run_python(&mut tries, first);
        if self.call.half() != Half::Sending {
            match &outcome {
                Ok(Ok(result)) if self.call == TlsCall::Read => silence::note(self.me, tries.has_waited, result),
                Ok(_) => silence::forget(self.me),
                // No try of it has ended, so none has received the connection's end.
                Err(_) => {}
            }
        }
        // How much of a write went out OpenSSL does not tell.
        let moved = if self.call.is_write() { Moved::Unknown } else { Moved::Nothing };
        let text = || Owned::text(self.call.timed_out(tries.toward.unwrap_or(Readiness::IN)));
        outcome.map_err(|stop| timing.raise_as(stop, moved, text))?
    }

    fn timing(&self) -> PyResult<Timing> {
        Timing::with_timeout(self.socket, self.timeout, self.call.phase())
    }

    /// Which way `_ssl` would have had to wait, if that is what it raised.
    fn wanted_more(&self) -> Option<Readiness> {
        // SAFETY: the interpreter is held, the types are alive; an exception is set.
        unsafe {
            if PyErr_ExceptionMatches(self.guarded.want_read) != 0 {
                Some(Readiness::IN)
            } else {
                let wants_write = PyErr_ExceptionMatches(self.guarded.want_write) != 0;
                let is_no_end = || self.says_end() && !self.has_ended();
                let half = if self.call.half() == Half::Sending { Readiness::OUT } else { Readiness::IN };
                if wants_write { Some(Readiness::OUT) } else { is_no_end().then_some(half) }
            }
        }
    }

    /// Whether what `_ssl` raised is the connection's end; from 3.13 on it says EAGAIN instead, where that was the last error of
    /// the system's.
    fn says_end(&self) -> bool {
        // SAFETY: the interpreter is held, the types are alive; an exception is set.
        unsafe {
            PyErr_ExceptionMatches(self.guarded.end_of_file) != 0 || PyErr_ExceptionMatches(PyExc_BlockingIOError) != 0
        }
    }

    /// Whether `_ssl` raised that it does not know what OpenSSL has said: a call of a signal handler's on the same object
    /// had it forget that. Only the next try tells.
    #[cold]
    fn is_unknown(&self) -> bool {
        let base = self.guarded.error;
        // SAFETY: the interpreter is held, the types are alive; an exception is set.
        if unsafe { PyErr_ExceptionMatches(base) } == 0 {
            return false;
        }
        let raised = Kept::take_normalized();
        let number = raised.value().map_or(Ok(0), |error| {
            // SAFETY: the interpreter is held, the object is alive, the name ends with a NUL.
            int(unsafe { Owned::new(PyObject_GetAttrString(error, c"errno".as_ptr())) }?.as_ptr())
        });
        let number = number.map_err(exception::take).ok();
        raised.restore();
        number == Some(INVALID_ERROR_CODE)
    }

    /// Whether the connection has come to an end. OpenSSL takes a try that would have to wait for one where another thread
    /// begins to write meanwhile: it keeps what both want in one place.
    #[cold]
    fn has_ended(&self) -> bool {
        let ends = Readiness::RDHUP | Readiness::HUP | Readiness::ERR;
        let ended = self
            .descriptor
            .held::<bool, Errno>(|fd| Ok(ready_now(fd, ends).is_none_or(|ready| ready.intersects(ends))));
        ended.unwrap_or(true)
    }

    /// If the socket was closed under the call, replaces its OSError by EBADF.
    fn unless_closed<T>(&self, outcome: PyResult<T>) -> PyResult<T> {
        // SAFETY: the interpreter is held; a static of its.
        if outcome.is_err() && self.descriptor.check().is_err() && unsafe { PyErr_ExceptionMatches(PyExc_OSError) } != 0
        {
            // SAFETY: as above.
            unsafe { PyErr_Clear() };
            return Err(exception::raise_errno(Errno::BADF));
        }
        outcome
    }
}

fn until_given(mut attempt: impl FnMut() -> PyResult<Option<Owned>>) -> PyResult<Owned> {
    loop {
        if let Some(given) = attempt()? {
            return Ok(given);
        }
    }
}

/// A call into `_ssl`, tried with the interpreter held, since it is Python's.
struct Tries<'a, F> {
    waits: &'a Waits,
    /// What it waits for; `None` while another thread is in the way, in a call in which `_ssl` waits by itself.
    toward: Option<Readiness>,
    attempt: F,
    buffer: Option<*mut PyObject>,
    /// The memory that it reads from or writes to, kept in place once it has waited.
    kept: Option<Buffer>,
    /// Whether nothing was there at once.
    has_waited: bool,
    /// How many tries in a row have said that the connection has ended, or have not known what to say.
    ends: u8,
    /// Its place in the line, of a write that OpenSSL is in the middle of, or that waits for its turn.
    writer: Option<Writer>,
    /// How often its turn had not come.
    looks: u8,
    /// Set where it waits before its first try: a wait that ends before this moment was none.
    soon: Option<Deadline>,
}

impl<'a, F: FnMut() -> PyResult<Option<Owned>>> Tries<'a, F> {
    fn new(waits: &'a Waits, buffer: Option<*mut PyObject>, attempt: F) -> Self {
        let toward = Some(Readiness::IN);
        let (kept, has_waited, ends, writer, looks, soon) = (None, false, 0, None, 0, None);
        Self { waits, toward, attempt, buffer, kept, has_waited, ends, writer, looks, soon }
    }

    /// How it begins: with a wait, where the last read had to wait too, and a try would not end without one.
    fn begin(&mut self, passed: Passed<'_>) -> First {
        let Waits { call, guarded, me, socket, .. } = *self.waits;
        // Of a try that is under way nobody knows yet what it leaves to be read.
        if call != TlsCall::Read || in_ssl::is_in_the_way(socket, call.half()) || in_ssl::is_being_tried(socket) {
            return First::Try;
        }
        let Some(Room(buffer)) = silence::room_to_wait(guarded, me, passed) else { return First::Try };
        (self.kept, self.soon) = (buffer, Some(Deadline::after(AT_ONCE)));
        First::Tried(Pause::WouldBlock)
    }

    fn once(&mut self, _under_way: SslTry) -> Result<PyResult<Option<Owned>>, Errno> {
        let descriptor = self.waits.descriptor;
        let outcome = descriptor.counted(|| {
            let unblocked = descriptor.unblocked();
            descriptor.held(|fd| unblocked.make_sure(fd))?;
            Ok::<_, Errno>((self.attempt)())
        })?;
        Ok(self.waits.unless_closed(outcome))
    }

    /// Whether another thread's call has to go on before this one may be tried.
    fn is_to_let_others(&mut self) -> bool {
        let Waits { call, socket, .. } = *self.waits;
        let is_to_line_up = self.waits.waits_for_its_turn();
        if is_to_line_up {
            self.line_up();
            self.keep_buffer();
            self.looks = self.looks.saturating_add(1);
        }
        is_to_line_up || in_ssl::is_in_the_way(socket, call.half())
    }

    fn line_up(&mut self) {
        if self.writer.is_none() && self.waits.call.is_write() {
            self.writer = Writer::line_up(self.waits.socket);
        }
    }

    fn keep_buffer(&mut self) {
        if self.kept.is_none()
            && let Some(buffer) = self.buffer
        {
            self.kept = Buffer::of(buffer).ok();
            // SAFETY: the interpreter is held. `_ssl` says what is wrong with an object that is no buffer.
            unsafe { PyErr_Clear() };
        }
    }
}

impl<F: FnMut() -> PyResult<Option<Owned>>> Operation for Tries<'_, F> {
    type Output = PyResult<Owned>;

    fn attempt(&mut self, _: Readiness) -> Result<PyResult<Owned>, Pause> {
        // Looked at with the try begun: whose try it had to wait for may only now want to write again.
        let under_way = SslTry::of(self.waits.socket);
        if self.is_to_let_others() {
            self.toward = None;
            return Err(Pause::WouldBlock);
        }
        if let Some(soon) = self.soon.take() {
            self.has_waited = Deadline::now() >= soon;
        }
        let raised = match self.once(under_way).map_err(Pause::Failed)? {
            Ok(Some(given)) => return Ok(Ok(given)),
            Ok(None) => {
                self.writer = None;
                return Err(Pause::Progress);
            }
            Err(raised) => raised,
        };
        self.toward = self.waits.wanted_more();
        let is_unknown = self.toward.is_none() && self.waits.is_unknown();
        self.ends = if is_unknown || self.waits.says_end() { self.ends + 1 } else { 0 };
        if is_unknown && self.ends < STRANGE_ENDS {
            // SAFETY: the interpreter is held.
            unsafe { PyErr_Clear() };
            return Err(Pause::Again);
        }
        if self.toward.is_none() || self.ends >= STRANGE_ENDS {
            return Ok(Err(raised));
        }
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
        self.line_up();
        self.keep_buffer();
        self.has_waited = true;
        // OpenSSL reads and writes until the system says that it would have to wait; but an end was no try at all.
        Err(if self.ends > 0 { Pause::WouldBlock } else { Pause::Drained })
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        match self.toward {
            Some(toward) => self.waits.descriptor.wait_for(toward, wanted),
            None if (1..=SOON).contains(&self.looks) => wanted.timer(Deadline::after(LOOK_SOON)),
            None => wanted.timer(Deadline::after(LOOK_AGAIN)),
        }
    }

    fn moves(&self) -> Moves {
        if self.toward == Some(Readiness::OUT) { Moves::Out } else { Moves::In }
    }
}

/// Makes the call without a look at its result, so nothing is known of the object after it.
#[inline]
fn unnoticed(call: TlsCall, me: *mut PyObject, attempt: impl FnOnce() -> PyResult<Owned>) -> PyResult<Owned> {
    let outcome = attempt();
    if call.half() != Half::Sending {
        silence::forget(me);
    }
    outcome
}
