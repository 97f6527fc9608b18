//! What a call says of itself once it waits: to whoever looks (feature `waits`), and to `tracing`. Nothing, in no time,
//! where neither feature is on.

#[cfg(any(feature = "waits", feature = "tracing"))]
use std::sync::Arc;

use super::operation::{Interest, Operation};
#[cfg(feature = "waits")]
use super::record::{self, Entry, Showing};
use super::stop::Stop;
use super::waiter::Waiter;
#[cfg(feature = "tracing")]
use crate::addr::Address;
use crate::deadline::Deadline;
use crate::error::LimitKind;
#[cfg(feature = "tracing")]
use crate::sys::socket::names_of_number;
#[cfg(any(feature = "waits", feature = "tracing"))]
use crate::sys::{AsRawHandle, RawHandle};

/// What stands while a thread waits: dropped after the wait.
#[cfg(feature = "waits")]
pub(crate) type Shown = Showing;
#[cfg(not(feature = "waits"))]
pub(crate) struct Shown;

/// What stands while a thread waits in one call of the system.
pub(crate) struct ShownPlainly {
    _shown: Shown,
    #[cfg(feature = "tracing")]
    span: tracing::span::EnteredSpan,
}

#[cfg(feature = "tracing")]
impl Drop for ShownPlainly {
    fn drop(&mut self) {
        self.span.record("ended", "done");
    }
}

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
#[cfg_attr(not(any(feature = "waits", feature = "tracing")), allow(unused_variables))]
#[inline(always)]
pub(crate) fn show_plainly(what: &'static str, subject: impl FnOnce() -> String) -> ShownPlainly {
    #[cfg(any(feature = "waits", feature = "tracing"))]
    let subject: Arc<str> = subject().into();
    ShownPlainly {
        #[cfg(feature = "tracing")]
        span: span(what, None, Some(&subject), (Deadline::NEVER, LimitKind::CallDeadline)),
        #[cfg(feature = "waits")]
        _shown: record::show(Entry::endless(what, None, Some(subject), Deadline::now())),
        #[cfg(not(feature = "waits"))]
        _shown: Shown,
    }
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
    let span = tracing::debug_span!("wait", what, descriptor = handle, address = Empty, subject, limit, ended = Empty);
    // Asked for only where somebody listens.
    if let Some(address) = handle.filter(|_| !span.is_disabled()).and_then(address) {
        span.record("address", display(address));
    }
    span.entered()
}

/// The address of the other end of what has this number, or its own if it has no other end; none that has no name.
#[cfg(feature = "tracing")]
fn address(handle: RawHandle) -> Option<Address> {
    let address = Address::from_sockaddr(&names_of_number(handle)?);
    Some(address).filter(|address| !matches!(address, Address::Unix(name) if name.is_unnamed()))
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
