//! Everything that can end a wait: [`Limit`].

use super::ambient;
use super::cancel::Cancellers;
use super::gate::Gate;
use super::operation::Moves;
use super::policy::PolicyState;
use crate::deadline::{Deadline, Timeout};
use crate::error::LimitKind;

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
    pub policy: Option<&'c PolicyState>,
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
        !self.is_bounded() && self.cancellers.is_empty() && !ambient::cancels()
    }

    /// Whether time can end a wait: a timeout, a deadline, an idle limit, a policy, a scope of this thread.
    pub(crate) fn is_bounded(&self) -> bool {
        let by_itself = self.timeout != Timeout::NEVER || self.deadline != Deadline::NEVER || !self.is_absolute();
        by_itself || ambient::bounds()
    }

    /// Whether the moment of its end is known when a wait begins, because bytes that move do not put it off.
    #[inline]
    pub(super) fn is_absolute(&self) -> bool {
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
    pub(super) fn comes_first(&self) -> bool {
        let unannounced = self.gate.is_none() && self.policy.is_some();
        self.deadline != Deadline::NEVER || !self.cancellers.is_empty() || unannounced
    }

    /// The policy, if it concerns an operation that moves bytes in this way.
    pub(super) fn policy_for(&self, moves: Moves) -> Option<&PolicyState> {
        self.policy.filter(|_| moves != Moves::Nothing)
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.gate.is_some_and(Gate::is_closed)
    }

    pub(super) fn is_cancelled(&self) -> bool {
        !self.cancellers.is_empty() && self.cancellers.is_cancelled()
    }

    /// The earliest end, and its name. A non-blocking socket never waits, so it has no end, not even a scope's.
    pub(super) fn end(&self, started: Deadline) -> (Deadline, LimitKind) {
        if self.timeout == Timeout::ZERO {
            return (Deadline::NEVER, self.deadline_kind);
        }
        let mut end = (self.deadline, self.deadline_kind);
        let by_timeout = started.plus(self.timeout);
        if by_timeout < end.0 {
            end = (by_timeout, LimitKind::SocketTimeout(self.timeout));
        }
        ambient::end().filter(|ambient| ambient.0 < end.0).unwrap_or(end)
    }

    /// The earliest of three: the call's own end, which is given; that of idle limits, which each byte puts off; and a
    /// policy's. `idle_since` is when the call has last moved something, if it is about to wait: a call that need not
    /// wait is not idle.
    #[cold]
    pub(super) fn end_by_now(
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
        let of_policy = policy.zip(idle_since).map(|(state, moved)| state.end_of_wait(moves, moved));
        let others = [of_call, of_policy, policy.map(PolicyState::end)].into_iter().flatten();
        others.fold(end, |first, other| if other.0 < first.0 { other } else { first })
    }
}
