//! Calls that move bytes. Most end with their first try, so that is made before anything is looked at but the socket's
//! timeout; and, while any scope or canceller is open, whether one bounds this call and is over.

use std::ffi::c_int;
use std::os::fd::BorrowedFd;

use shotclock::unstable::{Errno, Pause, Stop};
use shotclock::{Family, Kind, MessageFlags, Phase};

use crate::ffi::raised::{PyResult, Raised};
use crate::socket::habit;
use crate::socket::object::SocketRef;
use crate::socket::open;
use crate::socket::unblocked::Before;
use crate::wait::account::{Account, ended_plainly};
use crate::wait::bounds::Outlook;
use crate::wait::expiry::Moved;
use crate::wait::lent::Descriptor;
use crate::wait::manner::{Manner, SMALL};
use crate::wait::parts::{Beside, Receiving, Sending};
use crate::wait::timing::{First, Timing};
use crate::wait::{low_water, policy, told};

/// One call that moves bytes.
#[derive(Clone, Copy)]
pub(crate) struct Transfer {
    pub(crate) socket: SocketRef,
    /// [`Phase::Recv`] or [`Phase::Send`].
    pub(crate) phase: Phase,
    /// About how many bytes it may move.
    pub(crate) bytes: usize,
    /// The flags of the call.
    pub(crate) flags: c_int,
}

/// What has ended a call that receives, not raised yet, since only the caller has what had come.
pub(crate) struct Ended {
    timing: Timing,
    stop: Stop<Raised>,
    /// How many bytes had come.
    pub(crate) filled: usize,
}

impl Ended {
    /// Raises it, with what had come.
    pub(crate) fn raise(self: Box<Self>, partial: &[u8]) -> Raised {
        self.timing.raise_after(self.stop, Moved::Received(partial))
    }
}

impl Transfer {
    /// Receives. `part` does so once, into the room from that byte on, with those flags.
    #[inline(always)]
    pub(crate) fn receive<M: Beside>(
        self,
        mut part: impl FnMut(BorrowedFd<'_>, usize, c_int) -> Result<(usize, M), Errno> + Send,
    ) -> Result<(usize, M), Box<Ended>> {
        let number = self.socket.number();
        let waits_first = || self.flags == 0 && habit::waits_first(number) || low_water::waits_first(self.socket);
        if self.socket.timeout() > 0 && waits_first() {
            return self.receive_by_limits(Err(Some(Errno::AGAIN)), part);
        }
        let before = Before::now();
        match self.first_try::<false, _>(before, |fd, flags| part(fd, 0, flags)) {
            Ok(received) if received.0 < self.bytes && self.may_be_cut_short(before) => {
                self.receive_by_limits(Ok(received), part)
            }
            Ok(received) => {
                habit::was_ready(number);
                Ok(received)
            }
            Err(failed) => self.receive_on(Err(failed), part),
        }
    }

    /// As [`receive`](Self::receive), of a call that nothing but its socket's timeout bounds: gives what is there. `None`
    /// where that is nothing, or the call is one that begins with its wait or makes it in the system.
    pub(crate) fn receive_at_once(
        self,
        mut part: impl FnMut(BorrowedFd<'_>, usize, c_int) -> Result<(usize, ()), Errno> + Send,
    ) -> Result<Option<usize>, Box<Ended>> {
        let number = self.socket.number();
        if self.socket.timeout() <= 0 || habit::waits_first(number) || low_water::waits_first(self.socket) {
            return Ok(None);
        }
        match self.first_try::<false, _>(Before::now(), |fd, flags| part(fd, 0, flags)) {
            Ok((count, ())) => {
                habit::was_ready(number);
                Ok(Some(count))
            }
            Err(None | Some(Errno::AGAIN | Errno::INTR)) => Ok(None),
            // It is told once: the next try would find another one.
            failed => self.receive_on(failed, part).map(|(count, ())| Some(count)),
        }
    }

    /// As [`send`](Self::send), of a call that nothing but its socket's timeout bounds: `None` where nothing goes out at once,
    /// or the call waits in the system.
    pub(crate) fn send_at_once(
        self,
        mut part: impl FnMut(BorrowedFd<'_>, usize, c_int) -> Result<usize, Errno> + Send,
    ) -> PyResult<Option<usize>> {
        if self.socket.timeout() <= 0 {
            return Ok(None);
        }
        let before = Before::now();
        match self.first_try::<true, _>(before, |fd, flags| part(fd, 0, flags)) {
            Ok(sent) => Ok(Some(sent)),
            Err(None | Some(Errno::AGAIN | Errno::INTR)) => Ok(None),
            // As above.
            failed => self.send_on::<false>(before, failed, part).map(Some),
        }
    }

    #[cold]
    #[inline(never)]
    fn receive_on<M: Beside>(
        self,
        tried: Result<(usize, M), Option<Errno>>,
        mut part: impl FnMut(BorrowedFd<'_>, usize, c_int) -> Result<(usize, M), Errno> + Send,
    ) -> Result<(usize, M), Box<Ended>> {
        if matches!(tried, Err(None)) && self.is_to_be_told_of() {
            let before = Before::now();
            match self.told_try(before, |fd, flags| part(fd, 0, flags)) {
                Ok(received) if received.0 < self.bytes && self.may_be_cut_short(before) => {
                    return self.receive_by_limits(Ok(received), part);
                }
                Ok(received) => return Ok(received),
                Err(failed) => return self.receive_by_limits(Err(failed), part),
            }
        }
        self.receive_by_limits(tried, part)
    }

    #[cold]
    #[inline(never)]
    fn receive_by_limits<M: Beside>(
        self,
        tried: Result<(usize, M), Option<Errno>>,
        part: impl FnMut(BorrowedFd<'_>, usize, c_int) -> Result<(usize, M), Errno> + Send,
    ) -> Result<(usize, M), Box<Ended>> {
        let timing = match self.timing() {
            Ok(timing) => timing,
            Err(raised) => {
                let timing = Timing::without_limit(self.phase);
                return Err(Box::new(Ended { timing, stop: Stop::Interrupt(raised), filled: 0 }));
            }
        };
        let keeps_to_mark = matches!(timing.manner(), Manner::Plain | Manner::Bounded);
        let is_unmarked = match timing.manner() {
            Manner::Plain | Manner::Bounded => low_water::is_one(self.socket),
            Manner::Timed => !low_water::waits_first(self.socket),
            Manner::Once => true,
        };
        let receiving = Receiving::new(timing.manner(), self.bytes, self.flags, is_unmarked, part);
        let (mut receiving, first) = match tried {
            Ok(first) if keeps_to_mark => (receiving.after(first), First::Tried(Pause::Again)),
            Ok(first) => return Ok(first),
            Err(failed) => {
                if failed == Some(Errno::AGAIN) {
                    habit::had_to_wait(self.socket.number());
                }
                (receiving, after(&timing, failed))
            }
        };
        let outcome = timing.run(&mut receiving, first);
        let filled = receiving.filled;
        outcome.map_err(|stop| Box::new(Ended { timing, stop, filled }))
    }

    /// Sends. `part` does so once, from that byte on, with those flags. `ALL` goes on until nothing is left.
    #[inline(always)]
    pub(crate) fn send<const ALL: bool>(
        self,
        mut part: impl FnMut(BorrowedFd<'_>, usize, c_int) -> Result<usize, Errno> + Send,
    ) -> PyResult<usize> {
        let before = Before::now();
        match self.first_try::<true, _>(before, |fd, flags| part(fd, 0, flags)) {
            Ok(sent) if sent == self.bytes || !(ALL || open::is_any_open() || self.may_be_cut_short(before)) => {
                Ok(sent)
            }
            tried => self.send_on::<ALL>(before, tried, part),
        }
    }

    /// As [`send`](Self::send), for a call whose limit is already running, since it may have begun with a lookup.
    pub(crate) fn send_by(
        self,
        timing: &mut Timing,
        mut part: impl FnMut(BorrowedFd<'_>, usize, c_int) -> Result<usize, Errno> + Send,
    ) -> PyResult<usize> {
        let before = Before::now();
        // A lookup has taken part of the time: the limit is looked at before anything is tried.
        let tried = if timing.has_begun() {
            Err(None)
        } else {
            self.first_try::<true, _>(before, |fd, flags| part(fd, 0, flags))
        };
        if self.never_waits() {
            timing.never_wait();
        }
        self.send_on_by::<false>(timing, before, tried, part)
    }

    #[cold]
    #[inline(never)]
    fn send_on<const ALL: bool>(
        self,
        before: Before,
        mut tried: Result<usize, Option<Errno>>,
        mut part: impl FnMut(BorrowedFd<'_>, usize, c_int) -> Result<usize, Errno> + Send,
    ) -> PyResult<usize> {
        if tried == Err(None) && self.is_to_be_told_of() {
            tried = self.told_try(before, |fd, flags| part(fd, 0, flags));
            match tried {
                Ok(sent) if sent == self.bytes || !(ALL || self.may_be_cut_short(before)) => return Ok(sent),
                _ => {}
            }
        }
        self.send_on_by::<ALL>(&self.timing()?, before, tried, part)
    }

    fn send_on_by<const ALL: bool>(
        self,
        timing: &Timing,
        before: Before,
        tried: Result<usize, Option<Errno>>,
        part: impl FnMut(BorrowedFd<'_>, usize, c_int) -> Result<usize, Errno> + Send,
    ) -> PyResult<usize> {
        let connects = timing.manner() == Manner::Bounded && tried == Err(Some(Errno::INPROGRESS));
        let promises_all = match timing.manner() {
            Manner::Plain => self.may_be_cut_short(before),
            manner => manner == Manner::Bounded,
        };
        let (sent, first) = match tried {
            Err(_) if connects => (0, First::Tried(Pause::WouldBlock)),
            Ok(sent) if sent == self.bytes || !(ALL || promises_all) => return Ok(sent),
            Ok(sent) if ALL => (sent, First::Tried(Pause::Progress)),
            Ok(sent) => {
                (sent, First::Tried(if timing.manner() == Manner::Plain { Pause::Again } else { Pause::Drained }))
            }
            Err(failed) => (0, after(timing, failed)),
        };
        let mut sending = Sending::<_, ALL>::new(timing.manner(), self.bytes, sent, self.flags, part);
        sending.connects = connects;
        let outcome = timing.run(&mut sending, first);
        outcome.map_err(|stop| timing.raise_after(stop, Moved::Sent(sending.sent)))
    }

    /// The first try alone, of a call that sends or receives, with the flags that it is to have. Its error is None where it was not made: what bounds the
    /// call forbids it, or has to see it.
    #[inline(always)]
    fn first_try<const SENDS: bool, T: Send>(
        &self,
        before: Before,
        call: impl FnOnce(BorrowedFd<'_>, c_int) -> Result<T, Errno> + Send,
    ) -> Result<T, Option<Errno>> {
        // Read before anything is called, and by reference: so the compiler keeps them where they are.
        let Self { socket, bytes, flags, .. } = *self;
        let waits_for_ever = socket.timeout() < 0;
        let is_plain = if open::is_any_open() { self.is_plain().ok_or(None)? } else { waits_for_ever };
        let flags = if is_plain { flags } else { flags | MessageFlags::DONTWAIT.0 };
        let descriptor = Descriptor::of(socket);
        let (sends, number) = (SENDS && !is_plain, socket.number());
        let _sending = sends.then(|| habit::Sending::on(number));
        // A thread that waits for these bytes will want the interpreter as soon as they are there.
        let outcome = if is_plain || bytes > SMALL || sends && habit::wakes_this_process(number) {
            descriptor.released(|fd| call(fd, flags))
        } else {
            descriptor.held(|fd| call(fd, flags))
        };
        let was_in_the_way = |errno| is_plain && errno == Errno::AGAIN && descriptor.was_unblocked_since(before);
        outcome.map_err(|errno| if was_in_the_way(errno) { None } else { Some(errno) })
    }

    /// Whether the first try is a plain one, which was not made because somebody is to be told when it waits.
    fn is_to_be_told_of(self) -> bool {
        let is_plain = || self.socket.timeout() < 0 && !self.never_waits() && Outlook::now() == Outlook::Free;
        open::is_watched() && is_plain() && policy::of(self.socket).is_none()
    }

    /// That first try. It may wait in the system.
    #[cold]
    #[inline(never)]
    fn told_try<T: Send>(
        self,
        before: Before,
        call: impl FnOnce(BorrowedFd<'_>, c_int) -> Result<T, Errno> + Send,
    ) -> Result<T, Option<Errno>> {
        let (descriptor, flags, what) = (Descriptor::of(self.socket), self.flags, self.phase.as_str());
        let (number, account) = (Some(descriptor.number()), Account::of_plain());
        let shown = told::plainly(what, number, || None, account);
        let outcome = descriptor.released(|fd| call(fd, flags));
        drop(shown);
        let is_interrupted = matches!(outcome, Err(Errno::INTR));
        let ended = if is_interrupted { "interrupted" } else { ended_plainly(outcome.is_err()) };
        account.end(what, number, || None, ended);
        let was_in_the_way = |errno| errno == Errno::AGAIN && descriptor.was_unblocked_since(before);
        outcome.map_err(|errno| if was_in_the_way(errno) { None } else { Some(errno) })
    }

    /// Whether a plain call that has moved less than it could may have been cut short by a try of another thread,
    /// during which the file did not block; and whether it promises more than it has moved.
    #[inline]
    fn may_be_cut_short(self, before: Before) -> bool {
        before.is_disturbed() && self.is_cut_short(before)
    }

    #[cold]
    #[inline(never)]
    fn is_cut_short(self, before: Before) -> bool {
        let takes_less = || self.flags & MessageFlags::WAITALL.0 == 0 && low_water::is_one(self.socket);
        let is_plain = self.socket.timeout() < 0 && !self.never_waits();
        let promises_more = is_plain && (self.phase == Phase::Send || !takes_less());
        promises_more && Descriptor::of(self.socket).was_unblocked_since(before)
    }

    /// Whether the first try is one that may wait by itself, while anything bounds some call, which may be this one;
    /// `None` if it is not to be made. Asks no Python code.
    #[inline(never)]
    fn is_plain(&self) -> Option<bool> {
        let timeout = self.socket.timeout();
        if policy::of(self.socket).is_some() {
            return None;
        }
        // What never waits has no use for a limit.
        if timeout == 0 || self.never_waits() {
            return Some(false);
        }
        match Outlook::now() {
            Outlook::Over => None,
            // It may wait in the system, and somebody is to be told.
            Outlook::Free if timeout < 0 && open::is_watched() => None,
            Outlook::Free => Some(timeout < 0),
            // A call without a timeout may give what is there only if it promises no more than that.
            Outlook::Bounded => {
                let takes_less = || self.flags & MessageFlags::WAITALL.0 == 0 && low_water::is_one(self.socket);
                (timeout > 0 || self.phase == Phase::Send || takes_less()).then_some(false)
            }
        }
    }

    /// Its limit, and its bounds.
    fn timing(self) -> PyResult<Timing> {
        let timeout = if self.never_waits() { 0 } else { self.socket.timeout() };
        Timing::with_timeout(self.socket, timeout, self.phase)
    }

    /// Whether its flags keep it from waiting at all. With a timeout none do: the interpreter's own polls first,
    /// whatever the flags.
    fn never_waits(self) -> bool {
        let is = |flag: MessageFlags| self.flags & flag.0 != 0;
        if self.socket.timeout() >= 0 {
            return false;
        }
        if self.phase == Phase::Send {
            return is(MessageFlags::DONTWAIT);
        }
        // Where a family has urgent data or an error queue, receives of these never wait.
        let family = Family(self.socket.family());
        let has_errors = matches!(family, Family::INET | Family::INET6 | Family::PACKET | Family::CAN | Family::VSOCK);
        let has_urgent_data = self.socket.kind() == Kind::STREAM.0;
        is(MessageFlags::DONTWAIT)
            || is(MessageFlags::ERRQUEUE) && has_errors
            || is(MessageFlags::OOB) && has_urgent_data
    }
}

/// How a call goes on after a first try that has failed, or was not made.
fn after(timing: &Timing, failed: Option<Errno>) -> First {
    failed.map_or(First::Try, |errno| First::Tried(timing.manner().pause(errno)))
}
