//! What a call says of itself once it waits: to whoever looks (feature `waits`), and to `tracing`. Nothing, in no time,
//! where neither feature is on.

#[cfg(any(feature = "waits", feature = "tracing"))]
use std::sync::Arc;

use super::operation::{Interest, Operation};
#[cfg(feature = "waits")]
use super::record::{self, Entry, Showing};
use super::stop::Stop;
use super::waiter::Waiter;
use crate::deadline::Deadline;
use crate::error::LimitKind;
#[cfg(any(feature = "waits", feature = "tracing"))]
use crate::sys::{AsRawHandle, RawHandle};

/// What stands while a thread waits: dropped after the wait.
#[cfg(feature = "waits")]
pub(crate) type Shown = Showing;
#[cfg(not(feature = "waits"))]
pub(crate) struct Shown;

/// A call's stay in the loop, from its first wait to its end.
#[derive(Default)]
pub(super) struct Stay {
    /// Asked for once, since it may be text to be made.
    #[cfg(any(feature = "waits", feature = "tracing"))]
    subject: Option<Option<Arc<str>>>,
    #[cfg(feature = "tracing")]
    span: Option<tracing::span::EnteredSpan>,
}

impl Stay {
    /// Says what is waited for, right before the wait.
    #[cfg_attr(not(feature = "waits"), allow(unused_variables))]
    #[inline(always)]
    pub(super) fn show<O: Operation, W: Waiter>(
        &mut self,
        (operation, waiter): (&O, &W),
        wanted: &Interest<'_>,
        since: Deadline,
        (end, limit): (Deadline, LimitKind),
    ) -> Shown {
        #[cfg(any(feature = "waits", feature = "tracing"))]
        let subject = self.subject.get_or_insert_with(|| operation.subject().map(Arc::from)).clone();
        #[cfg(feature = "tracing")]
        self.span.get_or_insert_with(|| span(waiter.what(), handle(wanted), subject.as_deref(), (end, limit)));
        #[cfg(feature = "waits")]
        return record::show(Entry { what: waiter.what(), handle: handle(wanted), subject, since, end, limit });
        #[cfg(not(feature = "waits"))]
        Shown
    }

    /// Notes how the call ended.
    #[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
    #[inline(always)]
    pub(super) fn note_end<T, I>(&self, outcome: &Result<T, Stop<I>>) {
        #[cfg(feature = "tracing")]
        if let Some(span) = &self.span {
            note_end(span, outcome);
        }
    }
}

/// Says that a call waits in one call of the system, without a limit.
#[cfg_attr(not(feature = "waits"), allow(unused_variables))]
#[inline(always)]
pub(crate) fn show_plainly(what: &'static str, subject: impl FnOnce() -> String) -> Shown {
    #[cfg(feature = "waits")]
    return record::show(Entry::endless(what, None, Some(subject().into()), Deadline::now()));
    #[cfg(not(feature = "waits"))]
    Shown
}

#[cfg(any(feature = "waits", feature = "tracing"))]
fn handle(wanted: &Interest<'_>) -> Option<RawHandle> {
    wanted.descriptors().first().map(|(handle, _)| handle.as_raw_fd())
}

/// A span for one wait, entered.
#[cfg(feature = "tracing")]
fn span(
    what: &'static str,
    handle: Option<RawHandle>,
    subject: Option<&str>,
    (end, limit): (Deadline, LimitKind),
) -> tracing::span::EnteredSpan {
    use tracing::field::{Empty, display};
    let limit = (end != Deadline::NEVER).then(|| display(limit));
    let span = tracing::debug_span!("wait", what, descriptor = handle, subject, limit, ended = Empty);
    span.entered()
}

#[cfg(feature = "tracing")]
fn note_end<T, I>(span: &tracing::Span, outcome: &Result<T, Stop<I>>) {
    let ended = match outcome {
        Ok(_) => "done",
        Err(Stop::TimedOut { .. }) => "timed out",
        Err(Stop::WouldBlock) => "would block",
        Err(Stop::Cancelled) => "cancelled",
        Err(Stop::Closed) => "closed",
        Err(Stop::Interrupt(_)) => "interrupted",
        Err(Stop::System(_) | Stop::TooManyCancellers) => "failed",
    };
    span.record("ended", ended);
}
