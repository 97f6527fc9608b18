//! Who can wait: [`Waiter`], and [`PollWaiter`], which waits by the system's poll.

use std::convert::Infallible;

use smallvec::SmallVec;

use super::cancel::Latch;
use super::operation::Interest;
use super::stop::Stop;
use crate::deadline::{Deadline, Timeout};
use crate::sys::{self, AsHandle, Errno, PollFd, Readiness, wake};

/// Who can wait: [`PollWaiter`], a script with its own clock in tests, another face's own.
pub trait Waiter {
    /// What may break in.
    type Interrupt;
    /// What is waited for, in a word, for whoever looks at who waits: the name of the operation, or of a phase.
    fn what(&self) -> &'static str {
        "wait"
    }
    /// The time.
    fn now(&self) -> Deadline;
    /// Waits until a descriptor is ready, until `until`, or until a bell rings; it may also return for no reason, with
    /// which the loop copes. `now` is the time, or was a moment ago.
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

    /// A call of many steps has moved some bytes, and goes on: between two steps, too, handlers may run and break in.
    ///
    /// # Errors
    /// Its own interrupt.
    fn progressed(&mut self) -> Result<(), Stop<Self::Interrupt>> {
        Ok(())
    }
}

/// Waits by ppoll(2), with the bells of the gate and the latches beside the descriptors.
#[derive(Clone, Copy, Debug, Default)]
pub struct PollWaiter;

impl PollWaiter {
    /// A wait that could not get its bell (no descriptors left) looks for itself this often.
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

    fn wait(&mut self, wanted: &Interest<'_>, now: Deadline, until: Deadline) -> Result<Readiness, Stop> {
        self.wait_or_signal(wanted, now, until).map(|ready| ready.unwrap_or(Readiness::empty()))
    }
}

impl PollWaiter {
    /// As [`wait`](Waiter::wait), and tells a signal, by `None`, from what else ends a wait for no reason.
    ///
    /// # Errors
    /// The system's refusal to wait.
    pub fn wait_or_signal(
        &mut self,
        wanted: &Interest<'_>,
        now: Deadline,
        mut until: Deadline,
    ) -> Result<Option<Readiness>, Stop> {
        let _counted = Counted::on(&wanted.latches);
        let bells = bells(wanted);
        // Only now, with the bells in hand: what was set before this line is seen, what is set after it rings.
        if wanted.is_called_off() {
            return Ok(Some(Readiness::empty()));
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
            Err(Errno::INTR) => return Ok(None),
            Err(errno) => return Err(Stop::System(errno)),
        }
        let (own, rung) = fds.split_at(own);
        if rung.iter().any(|fd| !fd.revents().is_empty()) {
            retire(&bells, rung);
        }
        Ok(Some(own.iter().fold(Readiness::empty(), |all, fd| all | fd.revents())))
    }
}

/// A waiter's latches, which know of it until this is dropped.
struct Counted<'w, 's>(&'w [&'s Latch]);

impl<'w, 's> Counted<'w, 's> {
    fn on(latches: &'w [&'s Latch]) -> Self {
        latches.iter().for_each(|latch| latch.enter());
        Self(latches)
    }
}

impl Drop for Counted<'_, '_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|latch| latch.leave());
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
    let with_keys = bells.iter().filter_map(|(key, bell)| Some((*key, bell.as_ref()?)));
    for ((key, bell), _) in with_keys.zip(polled).filter(|(_, fd)| !fd.revents().is_empty()) {
        wake::retire(key, bell);
    }
}
