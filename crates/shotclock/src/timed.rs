//! The one timed loop: [`drive`] and its cold half [`wait_out`], through which every operation of the project waits.

use std::convert::Infallible;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use smallvec::SmallVec;

use crate::cancel::{Canceller, Gate, Signal};
use crate::deadline::{Deadline, Timeout};
use crate::error::{Error, LimitKind, Reason};
use crate::scope;
use crate::sys::{self, Errno, PollFd, Readiness, wake};

/// Everything that can end a wait.
#[derive(Clone, Copy)]
pub struct Limit<'c> {
    /// The socket's timeout; it starts to run at the first would-block, for composite operations at their start.
    pub timeout: Timeout,
    /// The call's deadline; the clock is asked before each try, so that a peer that floods cannot outrun it. The scopes
    /// of the thread count beside it, and are no part of this value.
    pub deadline: Deadline,
    /// Whose deadline that is, for the error.
    pub deadline_kind: LimitKind,
    /// When a call of several waits began, if it did; `NEVER` if this wait is the whole call.
    pub since: Deadline,
    /// Whoever may cancel the call.
    pub canceller: Option<&'c Canceller>,
    /// The socket's gate, if its closing is to end the call.
    pub gate: Option<&'c Gate>,
}

impl Limit<'_> {
    /// No limit at all.
    pub const NONE: Limit<'static> = Limit {
        timeout: Timeout::NEVER,
        deadline: Deadline::NEVER,
        deadline_kind: LimitKind::CallDeadline,
        since: Deadline::NEVER,
        canceller: None,
        gate: None,
    };

    /// Whether nothing at all can end a wait, beside the closing of the socket.
    pub fn is_none(&self) -> bool {
        !self.is_bounded() && self.canceller.is_none()
    }

    /// Whether time can end a wait: a timeout, a deadline, a scope of this thread.
    pub(crate) fn is_bounded(&self) -> bool {
        self.timeout != Timeout::NEVER || self.deadline != Deadline::NEVER || scope::end().is_some()
    }

    /// The limit of a call of several waits that begins now: its timeout runs once, for all of them together.
    #[must_use]
    pub fn begun(mut self, now: Deadline) -> Self {
        if self.timeout != Timeout::ZERO {
            (self.deadline, self.deadline_kind) = self.end(now);
            self.timeout = Timeout::NEVER;
        }
        if self.since == Deadline::NEVER {
            self.since = now;
        }
        self
    }

    /// Whether the limit is to be looked at before anything is tried; closing and scopes aside.
    #[inline(always)]
    fn comes_first(&self) -> bool {
        self.deadline != Deadline::NEVER || self.canceller.is_some()
    }

    #[inline]
    fn is_closed(&self) -> bool {
        self.gate.is_some_and(Gate::is_closed)
    }

    fn is_cancelled(&self) -> bool {
        self.canceller.is_some_and(Canceller::is_cancelled)
    }

    /// The earliest end, and its name. A non-blocking socket never waits: no clock concerns it, that of a scope neither.
    fn end(&self, started: Deadline) -> (Deadline, LimitKind) {
        if self.timeout == Timeout::ZERO {
            return (Deadline::NEVER, self.deadline_kind);
        }
        let mut end = (self.deadline, self.deadline_kind);
        let by_timeout = started.plus(self.timeout);
        if by_timeout < end.0 {
            end = (by_timeout, LimitKind::SocketTimeout(self.timeout));
        }
        match scope::end() {
            Some((by_scope, scope)) if by_scope < end.0 => (by_scope, LimitKind::Scope(scope)),
            _ => end,
        }
    }
}

/// Why a try did not give a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It would have to wait.
    WouldBlock,
    /// It took all there was, and would have to wait for more: what woke it was no lie.
    Drained,
    /// It moved on: try again at once, if the limit allows.
    Progress,
    /// A signal interrupted it: try again at once, if the limit and the waiter allow.
    Interrupted,
    /// The system said no.
    Failed(Errno),
}

impl From<Errno> for Pause {
    #[inline]
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::AGAIN => Self::WouldBlock,
            Errno::INTR => Self::Interrupted,
            errno => Self::Failed(errno),
        }
    }
}

/// One thing to do, as a value: it can be tried, and it knows what to wait for.
pub trait Operation {
    /// What it gives when done.
    type Output;
    /// Whether it is made of many steps: then the timeout runs from its start, and bounds them all together.
    const COMPOSITE: bool = false;
    /// One try that never waits. `ready` is what the last wait saw, empty at the first try.
    fn attempt(&mut self, ready: Readiness) -> Result<Self::Output, Pause>;
    /// Names what to wait for. Asked only after a try that would have had to wait. Once a signal it names is set, a try
    /// must not say that it would have to wait: it would be tried again and again.
    fn interest<'s>(&'s self, wanted: &mut Interest<'s>);
}

/// What an operation waits for: any number of descriptors and signals, and a timer of its own.
#[derive(Default)]
pub struct Interest<'s> {
    fds: SmallVec<[(BorrowedFd<'s>, Readiness); 2]>,
    signals: SmallVec<[&'s Signal; 2]>,
    until: Option<Deadline>,
    gate: Option<&'s Gate>,
    backing_off: bool,
}

impl<'s> Interest<'s> {
    /// Wait until the descriptor is ready in one of these ways.
    pub fn readiness(&mut self, fd: BorrowedFd<'s>, ready: Readiness) {
        self.fds.push((fd, ready));
    }

    /// Wait until the signal is set.
    pub fn signal(&mut self, signal: &'s Signal) {
        self.signals.push(signal);
    }

    /// Wake up at this moment, whatever happens.
    pub fn timer(&mut self, at: Deadline) {
        self.until = Some(self.until.map_or(at, |until| until.min(at)));
    }

    /// Whether readiness has lied too often, so that this wait leaves the descriptors out (their bells still count).
    pub fn is_backing_off(&self) -> bool {
        self.backing_off
    }

    /// The keys of the bells that end the wait: the signals', and that of the socket's closing, which rings its gate. A
    /// wait without a gate has no bell for its descriptors: nobody would ring it.
    pub fn keys(&self) -> impl Iterator<Item = usize> {
        self.signals.iter().map(|signal| signal.key()).chain(self.gate.map(Gate::key))
    }

    /// Whether something happened that ends the wait before it begins. Ask with the bells in hand, or a ring is lost.
    pub fn is_called_off(&self) -> bool {
        self.signals.iter().any(|signal| signal.is_set()) || self.gate.is_some_and(Gate::is_closed)
    }

    /// The descriptors, with what they are waited for.
    pub fn descriptors(&self) -> &[(BorrowedFd<'s>, Readiness)] {
        &self.fds
    }
}

/// Why an operation ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop<I = Infallible> {
    /// It would have to wait, and the timeout is zero.
    WouldBlock,
    /// A limit passed.
    TimedOut {
        /// Which one.
        limit: LimitKind,
        /// How long the call had waited.
        elapsed: Duration,
    },
    /// A canceller ended it.
    Cancelled,
    /// The socket was closed.
    Closed,
    /// The system said no.
    System(Errno),
    /// The waiter broke in.
    Interrupt(I),
}

/// Whoever can wait: [`PollWaiter`], a script with its own clock in tests, another face's own.
pub trait Waiter {
    /// What may break in.
    type Interrupt;
    /// The time.
    fn now(&self) -> Deadline;
    /// It is `now`, or was a moment ago. Returns at readiness, at `until`, when a bell rings, or for no reason: [`wait_out`] copes with each alike.
    ///
    /// # Errors
    /// Its own interrupt, or the system's refusal to wait.
    fn wait(
        &mut self,
        wanted: &Interest<'_>,
        now: Deadline,
        until: Deadline,
    ) -> Result<Readiness, Stop<Self::Interrupt>>;

    /// A signal interrupted a try: the moment to let its handler run, and to break in.
    ///
    /// # Errors
    /// Its own interrupt.
    fn interrupted(&mut self) -> Result<(), Stop<Self::Interrupt>> {
        Ok(())
    }
}

/// Tries the operation, and waits and tries again until it is done or the limit passes.
///
/// With data there and neither deadline nor scope this is one try: no clock, no lock, one system call.
///
/// # Errors
/// Why it ended without a result.
#[inline]
pub fn drive<O: Operation, W: Waiter>(
    operation: &mut O,
    limit: &Limit<'_>,
    waiter: &mut W,
) -> Result<O::Output, Stop<W::Interrupt>> {
    match try_first(operation, limit) {
        Ok(output) => Ok(output),
        Err(pause) => wait_out(operation, limit, waiter, pause),
    }
}

/// The first try of [`drive`], for a caller that keeps what a wait needs out of the way of a call that need not wait.
/// What it says goes to [`wait_out`]; it is `Progress` where the limit is to be looked at before anything is tried.
#[inline(always)]
pub(crate) fn try_first<O: Operation>(operation: &mut O, limit: &Limit<'_>) -> Result<O::Output, Pause> {
    if O::COMPOSITE || is_closed_or_scoped(limit.gate) || limit.comes_first() {
        return Err(Pause::Progress);
    }
    operation.attempt(Readiness::empty())
}

/// Whether nothing may be tried before a closer look: the socket is closed, or some thread is in a scope. One branch for
/// both, in every call.
#[inline(always)]
pub(crate) fn is_closed_or_scoped(gate: Option<&Gate>) -> bool {
    gate.map_or(0, Gate::closed_bit) | scope::open_scopes() != 0
}

/// What [`drive`] does after the first try, which said `pause`; `Progress` if there was none.
///
/// # Errors
/// Why it ended without a result.
#[cold]
#[inline(never)]
pub fn wait_out<O: Operation, W: Waiter>(
    operation: &mut O,
    limit: &Limit<'_>,
    waiter: &mut W,
    pause: Pause,
) -> Result<O::Output, Stop<W::Interrupt>> {
    try_on(operation, limit, waiter, pause)
}

/// The one loop. It has two doors, each out of the way of the first try: [`wait_out`] and [`run`]'s.
#[inline(always)]
fn try_on<O: Operation, W: Waiter>(
    operation: &mut O,
    limit: &Limit<'_>,
    waiter: &mut W,
    mut pause: Pause,
) -> Result<O::Output, Stop<W::Interrupt>> {
    // Nothing was tried for fear of a scope, but those that are open are of other threads.
    let may_try = !(O::COMPOSITE || limit.comes_first() || limit.is_closed());
    if pause == Pause::Progress && may_try && scope::end().is_none() {
        match operation.attempt(Readiness::empty()) {
            Ok(output) => return Ok(output),
            Err(said) => pause = said,
        }
    }
    if let Pause::Failed(errno) = pause {
        return Err(failed(errno, limit));
    }
    let mut now = waiter.now();
    let (deadline, kind) = limit.end(now);
    let started = if limit.since == Deadline::NEVER { now } else { limit.since };
    let mut lies = Lies::default();
    loop {
        if limit.is_closed() {
            return Err(Stop::Closed);
        }
        if limit.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        if deadline != Deadline::NEVER && now >= deadline {
            if let LimitKind::Scope(scope) = kind {
                scope::expire(scope);
            }
            let elapsed = now.since(started).duration().unwrap_or(Duration::MAX);
            return Err(Stop::TimedOut { limit: kind, elapsed });
        }
        let mut ready = Readiness::empty();
        if pause == Pause::Interrupted {
            waiter.interrupted()?;
        }
        if matches!(pause, Pause::WouldBlock | Pause::Drained) {
            if limit.timeout == Timeout::ZERO {
                return Err(Stop::WouldBlock);
            }
            ready = wait_once(operation, limit, waiter, &lies, now, deadline)?;
        }
        match operation.attempt(ready) {
            Ok(output) => return Ok(output),
            Err(Pause::Failed(errno)) => return Err(failed(errno, limit)),
            Err(again) => pause = again,
        }
        let before = std::mem::replace(&mut now, waiter.now());
        lies.judge(matches!(pause, Pause::Progress | Pause::Drained), !ready.is_empty(), now.since(before));
    }
}

/// A bad descriptor is the doing of a close, if the socket was closed; else it is an error like any other.
fn failed<I>(errno: Errno, limit: &Limit<'_>) -> Stop<I> {
    if errno == Errno::BADF && limit.is_closed() { Stop::Closed } else { Stop::System(errno) }
}

fn wait_once<O: Operation, W: Waiter>(
    operation: &O,
    limit: &Limit<'_>,
    waiter: &mut W,
    lies: &Lies,
    now: Deadline,
    deadline: Deadline,
) -> Result<Readiness, Stop<W::Interrupt>> {
    let mut wanted = Interest::default();
    operation.interest(&mut wanted);
    if let Some(canceller) = limit.canceller {
        canceller.signals().for_each(|signal| wanted.signal(signal));
    }
    wanted.gate = limit.gate;
    if let Some(pause) = lies.pause() {
        wanted.backing_off = true;
        wanted.timer(now.plus(pause));
    }
    let until = wanted.until.map_or(deadline, |at| at.min(deadline));
    waiter.wait(&wanted, now, until)
}

/// Counts wake-ups that said "ready" while the try said "not yet": an AF_UNIX connect to a full backlog, a full
/// datagram queue, a pending error queue do so for ever. After three in a row the descriptor is left out for 1 ms, and
/// after each further one for 2, 4 .. 32 ms, so that such a wait burns no core.
#[derive(Default)]
struct Lies {
    count: u32,
    resting: bool,
}

impl Lies {
    const TOLERATED: u32 = 3;
    /// A wait that took this long was a wait, whatever came of it: a thousand of them in a second burn no core.
    const AT_ONCE: Timeout = Timeout::from_nanos(1_000_000);

    fn judge(&mut self, progressed: bool, ready: bool, waited: Timeout) {
        if progressed {
            *self = Self::default();
        } else if self.resting {
            self.resting = false;
        } else if ready && waited < Self::AT_ONCE {
            self.count = self.count.saturating_add(1);
            self.resting = self.count >= Self::TOLERATED;
        } else {
            self.count = 0;
        }
    }

    fn pause(&self) -> Option<Timeout> {
        let beyond = self.count.saturating_sub(Self::TOLERATED).min(5);
        self.resting.then(|| Timeout::from_nanos(1_000_000 << beyond))
    }
}

/// Waits by ppoll(2), with the bells of the gate and the signals beside the descriptors.
#[derive(Clone, Copy, Debug, Default)]
pub struct PollWaiter;

impl PollWaiter {
    /// How often a wait that could not get its bell (no descriptors left) looks for itself.
    const WITHOUT_A_BELL: Timeout = Timeout::from_nanos(50_000_000);
    /// Above this the kernel ends a wait up to 0.1 % late on purpose, to save wake-ups; below by its usual 50 us.
    const SLACK_GROWS: Timeout = Timeout::from_nanos(50_000_000);

    /// A little less than a long wait, so that its slack ends before its end; the loop waits for the rest, in a short one.
    fn without_slack(left: Timeout) -> Timeout {
        if left > Self::SLACK_GROWS { Timeout::from_nanos(left.nanos() - left.nanos() / 256) } else { left }
    }
}

impl Waiter for PollWaiter {
    type Interrupt = Infallible;

    fn now(&self) -> Deadline {
        Deadline::now()
    }

    fn wait(&mut self, wanted: &Interest<'_>, now: Deadline, mut until: Deadline) -> Result<Readiness, Stop> {
        let mut bells: SmallVec<[(usize, Option<wake::Bell>); 2]> = SmallVec::new();
        wanted.keys().for_each(|key| bells.push((key, wake::bell(key))));
        // Only now, with the bells in hand: what was set before this line is seen, what is set after it rings.
        if wanted.is_called_off() {
            return Ok(Readiness::empty());
        }
        let mut fds: SmallVec<[PollFd<'_>; 4]> = SmallVec::new();
        if !wanted.backing_off {
            wanted.fds.iter().for_each(|(fd, ready)| fds.push(PollFd::from_borrowed_fd(*fd, *ready)));
        }
        let own = fds.len();
        for (_, bell) in &bells {
            match bell {
                Some(bell) => fds.push(PollFd::from_borrowed_fd(bell.as_fd(), Readiness::IN)),
                None => until = until.min(now.plus(Self::WITHOUT_A_BELL)),
            }
        }
        let left = (until != Deadline::NEVER).then(|| Self::without_slack(until.since(now)));
        match sys::poll(&mut fds, left.map(Timeout::nanos)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Readiness::empty()),
            Err(errno) => return Err(Stop::System(errno)),
        }
        let (own, rung) = fds.split_at(own);
        let held = bells.iter().filter_map(|(key, bell)| Some((*key, bell.as_ref()?)));
        // Each bell by itself: to retire a silent one would lose its rings.
        for ((key, bell), _) in held.zip(rung).filter(|(_, fd)| !fd.revents().is_empty()) {
            wake::retire(key, bell);
        }
        Ok(own.iter().fold(Readiness::empty(), |all, fd| all | fd.revents()))
    }
}

/// Runs an operation under a limit with the poll waiter, and names it in the error.
#[inline]
pub(crate) fn run<O: Operation>(name: &'static str, operation: &mut O, limit: &Limit<'_>) -> Result<O::Output, Error> {
    try_first(operation, limit).or_else(|pause| run_on(name, operation, limit, pause))
}

/// What [`run`] does after a first try.
#[cold]
#[inline(never)]
fn run_on<O: Operation>(
    name: &'static str,
    operation: &mut O,
    limit: &Limit<'_>,
    pause: Pause,
) -> Result<O::Output, Error> {
    try_on(operation, limit, &mut PollWaiter, pause).map_err(|stop| Error::stopped(name, stop))
}

impl Error {
    #[cold]
    pub(crate) fn stopped(operation: &'static str, stop: Stop) -> Self {
        match stop {
            Stop::WouldBlock => Self::new(operation, Reason::WouldBlock),
            Stop::TimedOut { limit, elapsed } => Self::new(operation, Reason::TimedOut { limit, elapsed }),
            Stop::Cancelled => Self::new(operation, Reason::Cancelled),
            Stop::Closed => Self::new(operation, Reason::Closed),
            Stop::System(errno) => Self::system(operation, errno),
            Stop::Interrupt(never) => match never {},
        }
    }
}

#[cfg(test)]
#[path = "timed_tests.rs"]
mod tests;
