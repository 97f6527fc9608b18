//! The descriptor of a call, lent for one try at a time.
//!
//! Whenever Python code runs, the program may close the socket, and its number may become that of another file. So the
//! descriptor is nothing that a call has: it is lent to each single try, after a look whether the socket still has the
//! number that the call began with. A try cannot keep it, since it does not know how long the loan lasts, and cannot
//! touch anything of Python's meanwhile, since no such thing is `Send`.

use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

use shotclock::unstable::{Errno, Interest, Moves, Operation, Pause, Readiness, syscall};
use shotclock::{Deadline, Timeout};

use crate::ffi::call::released;
use crate::socket::object::SocketRef;
use crate::socket::sole::SoleTry;
use crate::socket::unblocked::{Before, Unblocked};
use crate::socket::waiting::Waiting;
use crate::socket::{habit, unblocked};
use crate::wait::manner::{Manner, SMALL};

/// A socket, and the number that it had when a call on it began.
#[derive(Clone, Copy)]
pub(crate) struct Descriptor {
    socket: SocketRef,
    number: RawFd,
}

impl Descriptor {
    /// The descriptor for a call that begins now. If the socket is closed, every try says EBADF.
    #[inline]
    pub(crate) fn of(socket: SocketRef) -> Self {
        Self { socket, number: socket.number() }
    }

    /// Checks that the socket still has the number.
    ///
    /// # Errors
    /// EBADF, as of a closed socket.
    #[inline]
    pub(crate) fn check(self) -> Result<(), Errno> {
        if self.socket.has_number(self.number) { Ok(()) } else { Err(Errno::BADF) }
    }

    /// Makes one call of the system that does not wait, with the interpreter held.
    #[inline]
    pub(crate) fn held<T: Send, E: From<Errno> + Send>(
        self,
        call: impl FnOnce(BorrowedFd<'_>) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        self.check()?;
        call(self.lend(&()))
    }

    /// Makes one call of the system with the interpreter released. A close of the socket wakes it, if it waits, and its
    /// number is no other file's until it has ended.
    #[inline]
    pub(crate) fn released<T: Send, E: From<Errno> + Send>(
        self,
        call: impl FnOnce(BorrowedFd<'_>) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        if self.number < 0 {
            return Err(Errno::BADF.into());
        }
        let waiting = Waiting::on(self.number);
        // Checked after entering: a close from here on sees that the number is used.
        self.check()?;
        released(|| {
            let result = call(self.lend(&waiting));
            habit::woken(self.number, self.lend(&waiting));
            // Left before signal handlers run, since they may close the socket.
            drop(waiting);
            result
        })
    }

    /// Makes a call that gives the interpreter up by itself: otherwise as [`released`](Self::released).
    #[inline]
    pub(crate) fn counted<T, E: From<Errno>>(self, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if self.number < 0 {
            return Err(Errno::BADF.into());
        }
        let _waiting = Waiting::on(self.number);
        self.check()?;
        call()
    }

    /// Whether the file does not block, if it is as our own methods have left it.
    fn is_to_be_nonblocking(self) -> bool {
        self.socket.has_number(self.number) && self.socket.timeout_field() >= 0
    }

    /// Begins a try that only O_NONBLOCK keeps from waiting.
    pub(crate) fn unblocked(self) -> Unblocked {
        Unblocked::on(self.number)
    }

    /// Whether a plain call that was told EAGAIN since then was so because of a try of another thread.
    #[cold]
    pub(crate) fn was_unblocked_since(self, before: Before) -> bool {
        self.held(|fd| Ok::<_, Errno>(before.was_in_the_way_of(fd))).unwrap_or(false)
    }

    /// As [`was_unblocked_since`](Self::was_unblocked_since), of a try of another process: for a call that has no flag
    /// against waiting.
    #[cold]
    pub(crate) fn was_unblocked_elsewhere(self) -> bool {
        self.held(|fd| Ok::<_, Errno>(unblocked::is_anothers(fd))).unwrap_or(false)
    }

    /// Whether a plain call that was told EAGAIN was so because the socket has got a timeout since it began.
    #[cold]
    pub(crate) fn has_timeout_by_now(self) -> bool {
        self.socket.timeout() > 0
    }

    /// A wait on it has found that it need not wait.
    pub(crate) fn was_ready(self) {
        habit::was_ready(self.number);
    }

    /// Its number, for who only tells of it.
    pub(crate) fn number(self) -> RawFd {
        self.number
    }

    /// Names it as what is waited for. The waiter looks whether it is still the socket's.
    pub(crate) fn wait_for<'s>(&'s self, toward: Readiness, wanted: &mut Interest<'s>) {
        if self.check().is_ok() {
            wanted.readiness(self.lend(self), toward);
        }
    }

    /// For the core's race, which asks anew at each try; none once the number is no longer the socket's.
    pub(crate) fn for_a_try(&self) -> Option<BorrowedFd<'_>> {
        self.check().ok().map(|()| self.lend(self))
    }

    /// Lends the descriptor for as long as `loan` lasts.
    fn lend<L>(self, _loan: &L) -> BorrowedFd<'_> {
        // SAFETY: not negative, since the number was just found to be the socket's. Whose file it is beyond that is the
        // program's business (os.close), and never bad memory.
        unsafe { BorrowedFd::borrow_raw(self.number) }
    }
}

/// Something to do with a descriptor, as the loop tries it.
pub(crate) trait Attempt: Send {
    /// What it gives when done.
    type Output: Send;
    /// Whether it is made of many steps, all under one limit.
    const COMPOSITE: bool = false;
    /// Whether a flag of its own keeps a try from waiting. Else it is O_NONBLOCK, made sure of at each try.
    const HAS_FLAG: bool = true;

    /// One try; `ready` is what the last wait saw.
    fn attempt(&mut self, fd: BorrowedFd<'_>, ready: Readiness) -> Result<Self::Output, Pause>;

    /// Whether the next try may wait where the file blocks: as the flag says, but for one that only looks how it stands.
    fn may_block(&self) -> bool {
        !Self::HAS_FLAG
    }

    /// What it waits for.
    fn toward(&self) -> Readiness;

    /// Which way it moves bytes.
    fn moves(&self) -> Moves {
        if self.toward().contains(Readiness::OUT) { Moves::Out } else { Moves::In }
    }

    /// The system's own limit on a blocking call (SO_RCVTIMEO, SO_SNDTIMEO) is over. Gives what a blocking call would
    /// give then; or would-block, if the time begins anew.
    fn run_out(&mut self) -> Result<Self::Output, Pause> {
        Err(Pause::Failed(Errno::AGAIN))
    }

    /// After how long it is to be tried again, if readiness does not say all.
    fn looks_again(&self) -> Option<Duration> {
        None
    }

    /// What it is about, where the descriptor does not tell.
    fn subject(&self) -> Option<String> {
        None
    }

    /// About how many bytes a try moves. A few are moved with the interpreter held.
    fn bytes(&self) -> usize {
        usize::MAX
    }
}

/// An attempt that is one call of the system, which has no flag against waiting.
pub(crate) struct Call<F> {
    toward: Readiness,
    call: F,
}

impl<T: Send, F: FnMut(BorrowedFd<'_>) -> Result<T, Pause> + Send> Call<F> {
    /// `call` tries once. Would-block is waited out until the descriptor is ready in one of the ways of `toward`.
    pub(crate) fn new(toward: Readiness, call: F) -> Self {
        Self { toward, call }
    }
}

impl<T: Send, F: FnMut(BorrowedFd<'_>) -> Result<T, Pause> + Send> Attempt for Call<F> {
    type Output = T;
    const HAS_FLAG: bool = false;

    fn attempt(&mut self, fd: BorrowedFd<'_>, _: Readiness) -> Result<T, Pause> {
        (self.call)(fd)
    }

    fn toward(&self) -> Readiness {
        self.toward
    }
}

/// An attempt as an operation of the core's, on a descriptor that is lent to each try.
pub(crate) struct On<'a, A> {
    descriptor: Descriptor,
    attempt: &'a mut A,
    /// Whether tries are made with the interpreter released.
    releases: bool,
    /// Whether it is one plain call of the system, which may wait by itself.
    is_plain: bool,
    /// The socket's own limit, on a descriptor that would block by itself.
    own: Option<OwnLimit>,
    /// Another process was in the middle of a try on the file, which changes O_NONBLOCK.
    is_turned_away: bool,
    /// A plain call was cut short by a try of somebody else's, which does not wait.
    is_cut_short: bool,
}

/// How soon a call that was cut short is made again, if nothing announces more for it before.
const CUT_SHORT: Duration = Duration::from_millis(10);

/// How soon a call that was turned away comes back: the other process needs no more than a moment, and announces nothing.
const ANOTHERS_TRY: Duration = Duration::from_millis(1);

impl<'a, A: Attempt> On<'a, A> {
    /// An operation whose tries are made in this manner.
    pub(crate) fn new(descriptor: Descriptor, attempt: &'a mut A, manner: Manner) -> Self {
        let is_plain = manner == Manner::Plain;
        // It takes less time to move a little than to release the interpreter.
        let releases = is_plain || attempt.bytes() > SMALL;
        let own = (manner == Manner::Bounded).then_some(OwnLimit { length: Timeout::NEVER, end: None });
        Self { descriptor, attempt, releases, is_plain, own, is_turned_away: false, is_cut_short: false }
    }

    /// Begins with a wait instead of a try.
    pub(crate) fn begin(&mut self) {
        let toward = self.attempt.toward();
        if let Some(own) = &mut self.own {
            // If the socket is closed, the wait will say so.
            let _: Result<(), Errno> = self.descriptor.held(|fd| {
                own.end(fd, toward);
                Ok(())
            });
        }
    }

    fn once(&mut self, ready: Readiness) -> Result<A::Output, Pause> {
        // Without a limit of the socket's own the file does not block by itself, and no other process would put a flag
        // back.
        let (is_bounded, is_turned_away) = (self.own.is_some(), &mut self.is_turned_away);
        let sends = self.attempt.toward().contains(Readiness::OUT);
        let may_block = self.attempt.may_block();
        let (attempt, own) = (&mut *self.attempt, &mut self.own);
        let tries = |fd: BorrowedFd<'_>| match (attempt.attempt(fd, ready), own) {
            (Err(pause @ (Pause::WouldBlock | Pause::Drained)), Some(own)) => own.waits(fd, attempt, pause),
            (tried, _) => tried,
        };
        if !may_block || self.is_plain {
            return if self.releases { self.descriptor.released(tries) } else { self.descriptor.held(tries) };
        }
        let (unblocked, number) = (self.descriptor.unblocked(), self.descriptor.number);
        let is_to_be = self.descriptor.is_to_be_nonblocking();
        self.descriptor.released(|fd| {
            // Then O_NONBLOCK is what the timeout says: while this try is under way our own methods leave it so, and tell
            // nobody the number.
            if let Some(_sole) = is_to_be.then(|| SoleTry::on(number)).flatten() {
                return tries(fd);
            }
            *is_turned_away = is_bounded && !unblocked.exclude_others(fd);
            if *is_turned_away {
                return Err(Pause::WouldBlock);
            }
            let is_contested = habit::is_contested(number, unblocked.make_sure(fd)?);
            // Others may make the file block before the call. A connect or sendfile always guards against that; an
            // accept, which would pay two more system calls for it, only once it has been seen to happen.
            let _brief = if sends || is_contested { syscall::Brief::on(fd, sends) } else { None };
            tries(fd)
        })
    }
}

impl<A: Attempt> Operation for On<'_, A> {
    type Output = A::Output;
    const COMPOSITE: bool = A::COMPOSITE;

    fn attempt(&mut self, ready: Readiness) -> Result<A::Output, Pause> {
        let before = Before::now();
        let outcome = self.once(ready);
        let has_nothing = matches!(outcome, Err(Pause::Failed(Errno::AGAIN)));
        // It has moved a part of what it promises; a plain call ends with that, unless it was cut short.
        let has_part = matches!(outcome, Err(Pause::Drained));
        if !(self.is_plain && (has_nothing || has_part)) {
            return outcome;
        }
        self.is_cut_short = self.descriptor.was_unblocked_since(before);
        // A call that began without a timeout goes on without one.
        let goes_on = self.is_cut_short || has_nothing && self.descriptor.has_timeout_by_now();
        if goes_on || self.descriptor.was_unblocked_elsewhere() {
            Err(Pause::WouldBlock)
        } else if has_part {
            self.attempt.run_out()
        } else {
            outcome
        }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        if self.is_turned_away {
            wanted.timer(Deadline::after(ANOTHERS_TRY));
            return;
        }
        self.descriptor.wait_for(self.attempt.toward(), wanted);
        if self.is_cut_short {
            // Made again soon, since only the call itself keeps a limit that the system may have for it.
            wanted.timer(Deadline::after(CUT_SHORT));
        }
        if let Some(OwnLimit { end: Some(end), .. }) = self.own {
            wanted.timer(end);
        }
        if let Some(after) = self.attempt.looks_again() {
            wanted.timer(Deadline::after(after));
        }
    }

    fn subject(&self) -> Option<String> {
        self.attempt.subject()
    }

    fn moves(&self) -> Moves {
        self.attempt.moves()
    }
}

/// The limit that the system itself keeps for calls that block (SO_RCVTIMEO, SO_SNDTIMEO), kept where ours must not block.
#[derive(Clone, Copy)]
struct OwnLimit {
    length: Timeout,
    /// Known once the call is about to wait.
    end: Option<Deadline>,
}

impl OwnLimit {
    /// When the limit ends; asked of the system when the call is about to wait.
    fn end(&mut self, fd: BorrowedFd<'_>, toward: Readiness) -> Deadline {
        *self.end.get_or_insert_with(|| {
            let sends = toward.contains(Readiness::OUT);
            self.length = syscall::own_limit(fd, sends).ok().flatten().map_or(Timeout::NEVER, Timeout::from);
            if self.length == Timeout::NEVER { Deadline::NEVER } else { Deadline::now().plus(self.length) }
        })
    }

    /// The attempt would have to wait: lets it, unless this limit is over.
    fn waits<A: Attempt>(&mut self, fd: BorrowedFd<'_>, attempt: &mut A, pause: Pause) -> Result<A::Output, Pause> {
        let end = self.end(fd, attempt.toward());
        if end == Deadline::NEVER || Deadline::now() < end {
            return Err(pause);
        }
        let ended = attempt.run_out();
        if matches!(ended, Err(Pause::WouldBlock)) {
            self.end = Some(Deadline::now().plus(self.length));
            return Err(pause);
        }
        ended
    }
}
