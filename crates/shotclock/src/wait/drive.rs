//! The one timed loop: [`drive`] and its cold half [`wait_out`], through which every operation of the project waits.

use std::convert::Infallible;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use smallvec::SmallVec;

use super::scope;
use crate::deadline::{Deadline, Timeout};
use crate::error::{Error, LimitKind, Reason};
use crate::sys::{self, Errno, PollFd, Readiness, wake};
use crate::wait::{Canceller, Cancellers, Gate, Moves, Signal, Watch};

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
    /// How long the call may wait without moving a byte.
    pub idle: Timeout,
    /// Whoever may cancel the call.
    pub cancellers: Cancellers<'c>,
    /// The socket's policy, which bounds what moves bytes.
    pub policy: Option<&'c Watch>,
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
        idle: Timeout::NEVER,
        cancellers: Cancellers::NONE,
        policy: None,
        gate: None,
    };

    /// Whether nothing at all can end a wait, beside the closing of the socket.
    pub fn is_none(&self) -> bool {
        !self.is_bounded() && self.cancellers.is_empty()
    }

    /// Whether time can end a wait: a timeout, a deadline, an idle limit, a policy, a scope of this thread.
    pub(crate) fn is_bounded(&self) -> bool {
        let by_itself = self.timeout != Timeout::NEVER || self.deadline != Deadline::NEVER || !self.is_absolute();
        by_itself || scope::end().is_some()
    }

    /// Whether its end is known once a wait begins: bytes that move put none off.
    #[inline]
    fn is_absolute(&self) -> bool {
        self.idle == Timeout::NEVER && self.policy.is_none()
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

    /// Whether the limit is to be looked at before anything is tried; scopes aside, and what the gate announces.
    #[inline(always)]
    fn comes_first(&self) -> bool {
        let unannounced = self.gate.is_none() && self.policy.is_some();
        self.deadline != Deadline::NEVER || !self.cancellers.is_empty() || unannounced
    }

    /// The policy, if it concerns an operation that moves bytes in this way.
    fn policy_for(&self, moves: Moves) -> Option<&Watch> {
        self.policy.filter(|_| moves != Moves::Nothing)
    }

    #[inline]
    fn is_closed(&self) -> bool {
        self.gate.is_some_and(Gate::is_closed)
    }

    fn is_cancelled(&self) -> bool {
        !self.cancellers.is_empty() && self.cancellers.is_cancelled()
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

    /// The earliest of the call's own end and of those that moving bytes puts off or a policy sets. `idle_since` is when
    /// the call has last moved something, if it is about to wait: what need not wait is not idle.
    #[cold]
    fn end_by_now(
        &self,
        end: (Deadline, LimitKind),
        moves: Moves,
        idle_since: Option<Deadline>,
    ) -> (Deadline, LimitKind) {
        if self.timeout == Timeout::ZERO {
            return end;
        }
        let policy = self.policy_for(moves);
        let of_call = idle_since.map(|moved| (moved.plus(self.idle), LimitKind::Idle(self.idle)));
        let of_policy = policy.zip(idle_since).map(|(watch, moved)| watch.end_of_wait(moves, moved));
        let others = [of_call, of_policy, policy.map(Watch::end)].into_iter().flatten();
        others.fold(end, |first, other| if other.0 < first.0 { other } else { first })
    }
}

/// Why a try did not give a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It would have to wait.
    WouldBlock,
    /// It took all there was, and would have to wait for more: what woke it was no lie, and something has moved.
    Drained,
    /// It moved some bytes: try again at once, if the limit allows.
    Progress,
    /// It moved nothing, and the next try may be another thing: try again at once, if the limit allows.
    Again,
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

/// What came of the first try of a call, which is made out of the way of all that a wait needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstTry {
    /// None was made: the limit is to be looked at before.
    NotMade,
    /// It gave no result, and this is why.
    Paused(Pause),
}

impl From<Pause> for FirstTry {
    #[inline]
    fn from(pause: Pause) -> Self {
        Self::Paused(pause)
    }
}

/// What kept the first system call of an operation from being the whole call: less than a [`FirstTry`] tells, so that
/// nothing has to be kept for it beside the call.
#[derive(Clone, Copy)]
pub(crate) enum FirstCall {
    /// None was made: the limit is to be looked at before.
    NotMade,
    /// The system said no.
    Failed(Errno),
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
    /// Whether it takes what comes, if anything: on a socket on which nothing was there lately it may wait before it tries.
    fn takes_what_comes(&self) -> bool {
        false
    }
    /// Which way it moves bytes, at this moment. What moves none is no business of a policy's.
    fn moves(&self) -> Moves {
        Moves::Nothing
    }
}

/// An operation whose try is one system call. Who makes the bare call has nothing else to keep until it is known that it
/// failed; what a failure comes to is asked then, out of the way.
pub(crate) trait OneCall: Operation {
    /// The system call, which never waits.
    fn call(&mut self) -> Result<Self::Output, Errno>;
    /// What its failure comes to, for a try after a wait that saw this.
    fn failed(&mut self, errno: Errno, ready: Readiness) -> Result<Self::Output, Pause>;
}

/// The whole try of an operation that is one call.
#[inline]
pub(crate) fn attempt_by_call<O: OneCall>(operation: &mut O, ready: Readiness) -> Result<O::Output, Pause> {
    operation.call().or_else(|errno| operation.failed(errno, ready))
}

/// What an operation waits for: any number of descriptors and signals, and a timer of its own.
#[derive(Default)]
pub struct Interest<'s> {
    fds: SmallVec<[(BorrowedFd<'s>, Readiness); 2]>,
    signals: SmallVec<[&'s Signal; 2]>,
    until: Option<Deadline>,
    gate: Option<&'s Gate>,
    left: Option<&'s Gate>,
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

    /// Wait until no call waits on the socket any more, which was closed.
    pub(crate) fn desertion(&mut self, gate: &'s Gate) {
        self.left = Some(gate);
    }

    /// Wake up at this moment, whatever happens.
    pub fn timer(&mut self, at: Deadline) {
        self.until = Some(self.until.map_or(at, |until| until.min(at)));
    }

    /// Whether readiness has lied too often, so that this wait leaves the descriptors out (their bells still count).
    pub fn is_backing_off(&self) -> bool {
        self.backing_off
    }

    /// Gives the keys of the bells that end the wait: the signals', and that of the socket's closing, which rings its gate.
    /// A wait without a gate has no bell for its descriptors: nobody would ring it.
    fn for_each_key(&self, mut take: impl FnMut(usize)) {
        self.signals.iter().for_each(|signal| take(signal.key()));
        if let Some(gate) = self.gate {
            take(gate.key());
        }
        if let Some(gate) = self.left {
            take(gate.key_of_desertion());
        }
    }

    /// Whether something happened that ends the wait before it begins. Ask with the bells in hand, or a ring is lost.
    fn is_called_off(&self) -> bool {
        let is_closed = self.gate.is_some_and(Gate::is_closed);
        is_closed || self.left.is_some_and(Gate::is_deserted) || self.signals.iter().any(|signal| signal.is_set())
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
    /// It was to have more cancellers than there is room for.
    TooManyCancellers,
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

    /// Some bytes have moved, and more are to: the same moment in a call of many steps.
    ///
    /// # Errors
    /// Its own interrupt.
    fn progressed(&mut self) -> Result<(), Stop<Self::Interrupt>> {
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
        Err(first) => wait_out(operation, limit, waiter, first),
    }
}

/// The first try of [`drive`], for a caller that keeps what a wait needs out of the way of a call that need not wait.
/// What came of it goes to [`wait_out`].
#[inline(always)]
pub(crate) fn try_first<O: Operation>(operation: &mut O, limit: &Limit<'_>) -> Result<O::Output, FirstTry> {
    if O::COMPOSITE || limit.comes_first() {
        return Err(FirstTry::NotMade);
    }
    try_unless_watched(operation, limit.gate)
}

/// The same for a call that has no limit but its socket's own timeout.
#[inline(always)]
pub(crate) fn try_unless_watched<O: Operation>(operation: &mut O, gate: Option<&Gate>) -> Result<O::Output, FirstTry> {
    if is_watched(gate, operation.takes_what_comes()) {
        return Err(FirstTry::NotMade);
    }
    operation.attempt(Readiness::empty()).map_err(FirstTry::Paused)
}

/// The first system call of an operation that is one, under the same conditions as the first try.
#[inline(always)]
pub(crate) fn call_first<O: OneCall>(operation: &mut O, limit: &Limit<'_>) -> Result<O::Output, FirstCall> {
    if limit.comes_first() { Err(FirstCall::NotMade) } else { call_unless_watched(operation, limit.gate) }
}

/// The same for a call that has no limit but its socket's own timeout.
#[inline(always)]
pub(crate) fn call_unless_watched<O: OneCall>(operation: &mut O, gate: Option<&Gate>) -> Result<O::Output, FirstCall> {
    if is_watched(gate, operation.takes_what_comes()) {
        return Err(FirstCall::NotMade);
    }
    operation.call().map_err(FirstCall::Failed)
}

/// Whether something is to be looked at before the first try: the socket is closed or has a policy, nothing was there
/// lately, or some thread is in a scope. One branch for all, in every call.
#[inline(always)]
fn is_watched(gate: Option<&Gate>, takes_what_comes: bool) -> bool {
    gate.map_or(0, |gate| gate.look_bits(takes_what_comes)) | scope::open_scopes() != 0
}

/// What [`drive`] does after the first try: the one loop.
///
/// # Errors
/// Why it ended without a result.
#[cold]
#[inline(never)]
pub fn wait_out<O: Operation, W: Waiter>(
    operation: &mut O,
    limit: &Limit<'_>,
    waiter: &mut W,
    first: impl Into<FirstTry>,
) -> Result<O::Output, Stop<W::Interrupt>> {
    let first = first.into();
    if first == FirstTry::NotMade && may_wait_first(operation, limit) {
        let now = waiter.now();
        if !looks_all_the_same(now) {
            // Who will have to wait does so before the first try, which saves that.
            return wait_and_try(operation, limit, waiter, Pause::WouldBlock, now);
        }
    }
    match try_after_all(operation, limit, first) {
        Ok(output) => {
            note_silence(operation, limit, false);
            Ok(output)
        }
        Err(Pause::Failed(errno)) => Err(failed(errno, limit)),
        Err(pause) => {
            let now = waiter.now();
            wait_and_try(operation, limit, waiter, pause, now)
        }
    }
}

/// The loop itself, after a pause that is no failure, and at this moment.
fn wait_and_try<O: Operation, W: Waiter>(
    operation: &mut O,
    limit: &Limit<'_>,
    waiter: &mut W,
    mut pause: Pause,
    mut now: Deadline,
) -> Result<O::Output, Stop<W::Interrupt>> {
    let watch = limit.policy_for(operation.moves());
    let end_of_call = limit.end(now);
    let started = if limit.since == Deadline::NEVER { now } else { limit.since };
    // What moves no bytes has been idle since its call began.
    let mut moved = if operation.moves() == Moves::Nothing { started } else { now };
    let (mut lies, mut looked, mut visit) = (Lies::default(), false, None);
    loop {
        let waits = matches!(pause, Pause::WouldBlock | Pause::Drained);
        let (deadline, kind) = if limit.is_absolute() {
            end_of_call
        } else {
            limit.end_by_now(end_of_call, operation.moves(), waits.then_some(moved))
        };
        if limit.is_closed() {
            return Err(Stop::Closed);
        }
        if limit.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        if limit.cancellers.are_too_many() {
            return Err(Stop::TooManyCancellers);
        }
        // Whose wait is over before it begins may still find what has come meanwhile.
        let may_look = !looked && waits && matches!(kind, LimitKind::FirstByte(_) | LimitKind::Idle(_));
        if deadline != Deadline::NEVER && now >= deadline && !may_look {
            if let LimitKind::Scope(scope) = kind {
                scope::expire(scope);
            }
            let elapsed = now.since(started).duration().unwrap_or(Duration::MAX);
            return Err(Stop::TimedOut { limit: kind, elapsed });
        }
        let mut ready = Readiness::empty();
        match pause {
            Pause::Interrupted => waiter.interrupted()?,
            Pause::Progress => waiter.progressed()?,
            _ => {}
        }
        if waits {
            if limit.timeout == Timeout::ZERO {
                return Err(Stop::WouldBlock);
            }
            // Counted until the call ends, so that whoever closes can wait for that.
            visit = visit.or_else(|| limit.gate.map(Gate::enter));
            ready = wait_once(operation, limit, waiter, &lies, now, deadline)?;
            looked = true;
            // A close that found no descriptor to put under the number has shut the connection down: a try would find that.
            if limit.is_closed() {
                return Err(Stop::Closed);
            }
        }
        match operation.attempt(ready) {
            Ok(output) => {
                if let Some(watch) = watch {
                    watch.note(operation.moves(), waiter.now());
                }
                note_silence(operation, limit, looked);
                return Ok(output);
            }
            Err(Pause::Failed(errno)) => return Err(failed(errno, limit)),
            Err(again) => pause = again,
        }
        let before = std::mem::replace(&mut now, waiter.now());
        // Drained without having been woken, it may have found nothing at all.
        if pause == Pause::Progress || pause == Pause::Drained && !ready.is_empty() {
            moved = now;
            if let Some(watch) = watch {
                watch.note(operation.moves(), now);
            }
        }
        let fruitful = matches!(pause, Pause::Progress | Pause::Drained | Pause::Again);
        lies.judge(fruitful, !ready.is_empty(), now.since(before));
    }
}

/// Whether nothing was there lately for who looked at once, so that this call waits first, if it may wait at all.
fn may_wait_first<O: Operation>(operation: &O, limit: &Limit<'_>) -> bool {
    let is_quiet = limit.gate.is_some_and(Gate::is_quiet) && operation.takes_what_comes();
    is_quiet && limit.timeout != Timeout::ZERO
}

/// Notes whether a call that is done had to wait.
fn note_silence<O: Operation>(operation: &O, limit: &Limit<'_>, had_to_wait: bool) {
    if let Some(gate) = limit.gate.filter(|_| operation.takes_what_comes()) {
        gate.set_quiet(had_to_wait);
    }
}

/// One in eight calls that may wait first looks all the same, by chance, so that a socket that is quiet no more is soon
/// known to be.
fn looks_all_the_same(now: Deadline) -> bool {
    (now.nanos() >> 4).is_multiple_of(8)
}

/// Makes a first try that was kept back for fear of a scope, where those that are open are of other threads.
fn try_after_all<O: Operation>(operation: &mut O, limit: &Limit<'_>, first: FirstTry) -> Result<O::Output, Pause> {
    if let FirstTry::Paused(pause) = first {
        return Err(pause);
    }
    let is_watched = limit.is_closed() || limit.policy_for(operation.moves()).is_some();
    if O::COMPOSITE || limit.comes_first() || is_watched || scope::end().is_some() {
        return Err(Pause::Again);
    }
    operation.attempt(Readiness::empty())
}

/// What fails on a socket that was closed is the doing of the close: a dead descriptor, or a connection shut down.
fn failed<I>(errno: Errno, limit: &Limit<'_>) -> Stop<I> {
    if limit.is_closed() { Stop::Closed } else { Stop::System(errno) }
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
    if !limit.cancellers.is_empty() {
        limit.cancellers.iter().flat_map(Canceller::signals).for_each(|signal| wanted.signal(signal));
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
        let _counted = Counted::on(&wanted.signals);
        let bells = bells(wanted);
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
        if rung.iter().any(|fd| !fd.revents().is_empty()) {
            retire(&bells, rung);
        }
        Ok(own.iter().fold(Readiness::empty(), |all, fd| all | fd.revents()))
    }
}

/// A waiter's signals, which know of it until this is dropped.
struct Counted<'w, 's>(&'w [&'s Signal]);

impl<'w, 's> Counted<'w, 's> {
    fn on(signals: &'w [&'s Signal]) -> Self {
        signals.iter().for_each(|signal| signal.enter());
        Self(signals)
    }
}

impl Drop for Counted<'_, '_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|signal| signal.leave());
    }
}

/// The bells of a wait, each once, with one of the keys that ring it. Keys share bells: a thousand of them are 64.
fn bells(wanted: &Interest<'_>) -> SmallVec<[(usize, Option<wake::Bell>); 2]> {
    let mut taken = 0_u64;
    let mut bells = SmallVec::new();
    wanted.for_each_key(|key| {
        let slot = 1 << wake::slot_of(key);
        if taken & slot == 0 {
            taken |= slot;
            bells.push((key, wake::bell(key)));
        }
    });
    bells
}

/// Throws away the bells that rang, each by itself: to retire a silent one would lose its rings.
#[cold]
fn retire(bells: &[(usize, Option<wake::Bell>)], polled: &[PollFd<'_>]) {
    let held = bells.iter().filter_map(|(key, bell)| Some((*key, bell.as_ref()?)));
    for ((key, bell), _) in held.zip(polled).filter(|(_, fd)| !fd.revents().is_empty()) {
        wake::retire(key, bell);
    }
}

/// Runs an operation under a limit with the poll waiter, and names it in the error.
#[inline]
pub(crate) fn run<O: Operation>(name: &'static str, operation: &mut O, limit: &Limit<'_>) -> Result<O::Output, Error> {
    try_first(operation, limit).or_else(|first| run_rest(name, operation, limit, first))
}

/// What [`run`] does after a first try.
#[cold]
#[inline(never)]
pub(crate) fn run_rest<O: Operation>(
    name: &'static str,
    operation: &mut O,
    limit: &Limit<'_>,
    first: FirstTry,
) -> Result<O::Output, Error> {
    wait_out(operation, limit, &mut PollWaiter, first).map_err(|stop| Error::stopped(name, stop))
}

/// What [`call_first`] leaves to do.
#[cold]
#[inline(never)]
pub(crate) fn run_on<O: OneCall>(
    name: &'static str,
    operation: &mut O,
    limit: &Limit<'_>,
    first: FirstCall,
) -> Result<O::Output, Error> {
    let tried = match first {
        FirstCall::NotMade => Err(FirstTry::NotMade),
        FirstCall::Failed(errno) => operation.failed(errno, Readiness::empty()).map_err(FirstTry::Paused),
    };
    let done = tried.or_else(|first| wait_out(operation, limit, &mut PollWaiter, first));
    done.map_err(|stop| Error::stopped(name, stop))
}

impl Error {
    #[cold]
    pub(crate) fn stopped(operation: &'static str, stop: Stop) -> Self {
        match stop {
            Stop::WouldBlock => Self::new(operation, Reason::WouldBlock),
            Stop::TimedOut { limit, elapsed } => Self::new(operation, Reason::TimedOut { limit, elapsed }),
            Stop::Cancelled => Self::new(operation, Reason::Cancelled),
            Stop::TooManyCancellers => {
                let most = Cancellers::MOST;
                Self::invalid(operation, format!("more than {most} cancellers: Canceller::any_of makes one of many"))
            }
            Stop::Closed => Self::new(operation, Reason::Closed),
            Stop::System(errno) => Self::system(operation, errno),
            Stop::Interrupt(never) => match never {},
        }
    }
}

#[cfg(test)]
#[path = "drive_tests.rs"]
mod tests;
