//! How a call of the interpreter's waits: through the one loop, whatever it waits for.

use std::cell::{Cell, RefCell};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use shotclock::unstable::{Interest, Operation, Pause, Readiness, Stop, Waiter, deadline_nanos};
use shotclock::{Deadline, LimitKind};

use crate::ffi::call::check_signals;
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::wait::timing::{First, Timing};

/// The longest part of a wait that the interpreter's own function makes, in nanoseconds: a day.
const LONGEST: u64 = 86_400_000_000_000;

/// Parts of a wait that no bell of a canceller can end, in nanoseconds: the first, and the longest. Each is half as long
/// again as the one before.
const FIRST_PART: u64 = 2_000_000;
const LONGEST_PART: u64 = 20_000_000;

/// Pauses between tries of what can only be tried, in nanoseconds: the first, and the longest.
const FIRST_PAUSE: u64 = 1_000_000;
const LONGEST_PAUSE: u64 = 20_000_000;

/// How long the interpreter's own function is to wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// Not at all.
    Nothing,
    /// For so many nanoseconds.
    Nanos(u64),
    /// Until it is done.
    Forever,
}

/// One call that would have to wait.
pub(super) struct WaitingCall {
    timing: Timing,
    /// Whether the end of what is around it is none of its own business.
    is_quiet: bool,
}

impl WaitingCall {
    /// What a call is at, its own timeout in nanoseconds, and whether it is one of those that clean up.
    pub(super) fn new(what: &'static str, timeout: Option<u64>, cleans_up: bool) -> PyResult<Self> {
        Timing::of_wait(what, timeout, cleans_up).map(|timing| Self { timing, is_quiet: false })
    }

    /// One that ends with what is around it, as with its own timeout, and raises nothing of that.
    pub(super) fn quiet(what: &'static str, timeout: Option<u64>) -> PyResult<Self> {
        Timing::of_wait(what, timeout, false).map(|timing| Self { timing, is_quiet: true })
    }

    /// One that only its own timeout ends.
    pub(super) fn of_itself(what: &'static str, timeout: Option<u64>) -> Self {
        Self { timing: Timing::of_itself(what, timeout), is_quiet: true }
    }

    /// Whether what is around it has ended by now.
    pub(super) fn is_over(&self) -> bool {
        self.timing.is_over()
    }

    /// Waits by the interpreter's own function, which is called for parts of the wait and gives nothing until it is done;
    /// `None` at the end of the call's own timeout.
    ///
    /// # Errors
    /// What the function raised, or what is around the call.
    pub(super) fn by_parts(&self, call: impl FnMut(Part) -> PyResult<Option<Owned>>) -> PyResult<Option<Owned>> {
        let outcome = self.parts(call);
        self.ended(outcome)
    }

    /// The same, with `None` at the end of a limit around the call as well, for who asks afterwards.
    ///
    /// # Errors
    /// What the function raised, or the handler of a signal.
    pub(super) fn by_parts_quietly(
        &self,
        call: impl FnMut(Part) -> PyResult<Option<Owned>>,
    ) -> PyResult<Option<Owned>> {
        match self.parts(call) {
            Ok(done) => done.map(Some),
            Err(Stop::Interrupt(raised)) => Err(raised),
            Err(_) => Ok(None),
        }
    }

    fn parts(&self, call: impl FnMut(Part) -> PyResult<Option<Owned>>) -> Result<PyResult<Owned>, Stop<Raised>> {
        let by_parts = ByParts {
            call: RefCell::new(call),
            done: Cell::new(None),
            what: self.timing.phase(),
            part: Cell::new(if self.timing.is_cancellable() { FIRST_PART } else { LONGEST }),
            longest: if self.timing.is_cancellable() { LONGEST_PART } else { LONGEST },
        };
        self.timing.wait_out(&mut &by_parts, &mut &by_parts)
    }

    /// Waits until the descriptor is ready, and tries then; gives what `by_parts` gives.
    ///
    /// # Errors
    /// As there.
    pub(super) fn on(
        &self,
        fd: BorrowedFd<'_>,
        toward: Readiness,
        call: impl FnMut() -> PyResult<Option<Owned>>,
    ) -> PyResult<Option<Owned>> {
        self.run(&mut Tried { call, wanted: Wanted::Ready(fd, toward) })
    }

    /// As `on`, of a call that has moved so much: where that is anything, a signal ends it with nothing, and without an
    /// exception; its handler runs once the interpreter is back in Python code.
    ///
    /// # Errors
    /// As there.
    pub(super) fn on_after(
        &self,
        moved: usize,
        fd: BorrowedFd<'_>,
        toward: Readiness,
        call: impl FnMut() -> PyResult<Option<Owned>>,
    ) -> PyResult<Option<Owned>> {
        if moved == 0 {
            return self.on(fd, toward, call);
        }
        match self.timing.run_python_after(moved, &mut Tried { call, wanted: Wanted::Ready(fd, toward) }) {
            Err(Stop::Interrupt(Raised)) => Ok(None),
            outcome => self.ended(outcome),
        }
    }

    /// Tries again after pauses that grow; gives what `by_parts` gives.
    ///
    /// # Errors
    /// As there.
    pub(super) fn by_tries(&self, call: impl FnMut() -> PyResult<Option<Owned>>) -> PyResult<Option<Owned>> {
        self.run(&mut Tried { call, wanted: Wanted::Pause(Cell::new(FIRST_PAUSE)) })
    }

    /// Waits until the call's own timeout ends.
    ///
    /// # Errors
    /// As there.
    pub(super) fn for_nothing(&self) -> PyResult<()> {
        self.run(&mut Tried { call: || Ok(None), wanted: Wanted::Nothing }).map(|_| ())
    }

    /// Waits until a signal comes, and has its handler run.
    ///
    /// # Errors
    /// What the handler raised, or what is around the call.
    pub(super) fn for_a_signal(&self) -> PyResult<()> {
        let mut nothing = Tried { call: || Ok(None), wanted: Wanted::Nothing };
        match self.timing.wait_for_signal(&mut nothing) {
            Err(Stop::Interrupt(Raised)) if !exception::is_raised() => check_signals(),
            outcome => self.ended(outcome).map(|_| ()),
        }
    }

    /// Raises what has ended it by now, if anything has.
    pub(super) fn check(&self) -> PyResult<()> {
        self.by_parts(|_| Ok(Some(Owned::none()))).map(|_| ())
    }

    fn run<O: Operation<Output = PyResult<Owned>>>(&self, operation: &mut O) -> PyResult<Option<Owned>> {
        let outcome = self.timing.run_python(operation, First::Tried(Pause::WouldBlock));
        self.ended(outcome)
    }

    fn ended(&self, outcome: Result<PyResult<Owned>, Stop<Raised>>) -> PyResult<Option<Owned>> {
        match outcome {
            Ok(done) => done.map(Some),
            Err(Stop::TimedOut { limit: LimitKind::SocketTimeout(_), .. }) => Ok(None),
            Err(Stop::TimedOut { .. } | Stop::Cancelled) if self.is_quiet => Ok(None),
            Err(stop) => Err(self.timing.raise(stop)),
        }
    }
}

/// A wait that the interpreter's own function makes, in parts: what there is to try, and who waits, in one.
struct ByParts<F> {
    call: RefCell<F>,
    /// What the function gave or raised, once it has.
    done: Cell<Option<PyResult<Owned>>>,
    what: &'static str,
    /// How long the next part is, and the longest there may be, in nanoseconds.
    part: Cell<u64>,
    longest: u64,
}

impl<F: FnMut(Part) -> PyResult<Option<Owned>>> Operation for &ByParts<F> {
    type Output = PyResult<Owned>;

    fn attempt(&mut self, _: Readiness) -> Result<PyResult<Owned>, Pause> {
        self.done.take().ok_or(Pause::WouldBlock)
    }

    fn interest<'s>(&'s self, _: &mut Interest<'s>) {}
}

impl<F: FnMut(Part) -> PyResult<Option<Owned>>> Waiter for &ByParts<F> {
    type Interrupt = Raised;

    fn what(&self) -> &'static str {
        self.what
    }

    fn now(&self) -> Deadline {
        Deadline::now()
    }

    fn wait(&mut self, _: &Interest<'_>, now: Deadline, until: Deadline) -> Result<Readiness, Stop<Raised>> {
        // One that came between two parts interrupts neither.
        check_signals().map_err(Stop::Interrupt)?;
        let part = self.part.get();
        self.part.set((part + part / 2).min(self.longest));
        let part = match deadline_nanos(until).saturating_sub(deadline_nanos(now)) {
            0 => Part::Nothing,
            _ if until == Deadline::NEVER && part == LONGEST => Part::Forever,
            left => Part::Nanos(left.min(part)),
        };
        match (self.call.borrow_mut())(part) {
            Ok(None) => return Ok(Readiness::empty()),
            Ok(Some(done)) => self.done.set(Some(Ok(done))),
            Err(raised) => self.done.set(Some(Err(raised))),
        }
        Ok(Readiness::IN)
    }
}

/// What is tried each time that something has happened.
struct Tried<'f, F> {
    call: F,
    wanted: Wanted<'f>,
}

enum Wanted<'f> {
    /// The descriptor is ready.
    Ready(BorrowedFd<'f>, Readiness),
    /// A pause is over, and the next one is longer.
    Pause(Cell<u64>),
    /// Nothing happens, but the end of a limit.
    Nothing,
}

impl<F: FnMut() -> PyResult<Option<Owned>>> Operation for Tried<'_, F> {
    type Output = PyResult<Owned>;

    fn attempt(&mut self, _: Readiness) -> Result<PyResult<Owned>, Pause> {
        match (self.call)() {
            Ok(None) => Err(Pause::WouldBlock),
            Ok(Some(done)) => Ok(Ok(done)),
            Err(raised) => Ok(Err(raised)),
        }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        match &self.wanted {
            Wanted::Ready(fd, toward) => wanted.readiness(*fd, *toward),
            Wanted::Pause(pause) => {
                let now = pause.get();
                pause.set((now + now / 2).min(LONGEST_PAUSE));
                wanted.timer(Deadline::now().plus(Duration::from_nanos(now).into()));
            }
            Wanted::Nothing => {}
        }
    }
}
