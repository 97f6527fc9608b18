//! What bounds a call beside the socket's own timeout and policy: the scope that ends first, and the cancellers.

use std::ptr::NonNull;

use shotclock::unstable::{deadline_limit, deadline_nanos, file};
use shotclock::{Canceller, Deadline};

use crate::ffi::call::call_method;
use crate::ffi::capi::{Py_TYPE, PyErr_Clear, PyErr_SetObject, PyObject, PyObject_GetAttrString};
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::open;
use crate::wait::chain::Innermost;
use crate::wait::link::LinkRef;
use crate::wait::{canceller, chain, overdue};

/// For so many nanoseconds after a scope's end was first raised clean-up code may still wait: all of it together.
const GRACE: u64 = 50_000_000;

/// What a call waits for, as far as scopes and cancellers tell that apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Sockets and lookups: every scope and canceller bounds these.
    Sockets,
    /// Anything else: only some scopes and cancellers bound it, and the program's total only in the main thread, so
    /// that workers that wait for something to do do not die of it.
    Waits,
}

/// The scope that ends first, and all cancellers: of those that the thread or task is in when the call is made.
pub(crate) struct Bounds {
    scope: Option<Scope>,
    /// The innermost canceller, as Python's object. Where there are several, the rest is in `others`.
    first: Option<Owned>,
    others: Vec<Owned>,
    /// All cancellers in one.
    canceller: Option<Canceller>,
    /// Until when, in nanoseconds, those that were used leave this call alone, since it cleans up.
    spared_until: Option<u64>,
}

/// A deadline scope.
pub(crate) struct Scope {
    /// Its end, in nanoseconds of the system's monotonic clock.
    pub(crate) deadline: u64,
    /// Python's object.
    pub(crate) object: Owned,
}

/// What a call is told that would like to begin with its first try.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// Nothing.
    Free,
    /// It is bounded, and may go on now.
    Bounded,
    /// A scope has ended, or a canceller was used.
    Over,
}

impl Bounds {
    /// What bounds a call made now. Asks no Python code.
    #[inline]
    pub(crate) fn current() -> PyResult<Option<Self>> {
        if open::links() == 0 { Ok(None) } else { Self::ask(Reach::Sockets) }
    }

    /// What bounds a wait, made now, of something other than a socket.
    pub(crate) fn of_waits() -> PyResult<Option<Self>> {
        if open::links() == 0 { Ok(None) } else { Self::ask(Reach::Waits) }
    }

    /// Puts the scope's end off for a moment, if it was raised before, and the cancellers': for what cleans up.
    ///
    /// # Errors
    /// What reading the context raised.
    pub(crate) fn give_grace(&mut self) -> PyResult<()> {
        if self.canceller.as_ref().is_some_and(Canceller::is_cancelled) {
            self.spare()?;
        }
        self.put_off();
        Ok(())
    }

    /// Has cancellers that were used leave the call alone for as long as what cleans up may take: a moment from when that was
    /// first raised, or longer in an event loop.
    fn spare(&mut self) -> PyResult<()> {
        let innermost = chain::innermost()?;
        let mut until = u64::MAX;
        chain::in_force(innermost.as_ref().map(Innermost::link), |link| {
            // SAFETY: alive as its link is.
            let is_used = |canceller: NonNull<PyObject>| unsafe { canceller::core(canceller.as_ptr()) }.is_cancelled();
            if Reach::Waits.has(link) && link.canceller().is_some_and(is_used) {
                let after_first = link.first_raised().map_or(0, |first| first.saturating_add(GRACE));
                until = until.min(link.grace_until().unwrap_or(0).max(after_first));
            }
        });
        if until > deadline_nanos(Deadline::now()) {
            (self.canceller, self.spared_until) = (None, Some(until));
        }
        Ok(())
    }

    fn put_off(&mut self) {
        let Some(scope) = &mut self.scope else { return };
        // SAFETY: alive.
        let Ok(Some(link)) = (unsafe { LinkRef::of(scope.object.as_ptr()) }) else { return };
        if let Some(first) = link.first_raised() {
            scope.deadline = scope.deadline.max(first.saturating_add(GRACE));
        }
        // In an event loop that was ended, its clean-up.
        scope.deadline = scope.deadline.max(link.grace_until().unwrap_or(0));
    }

    fn ask(reach: Reach) -> PyResult<Option<Self>> {
        let innermost = chain::innermost()?;
        let (mut earliest, mut first, mut others): (Option<(u64, LinkRef)>, _, _) = (None, None, Vec::new());
        chain::in_force(innermost.as_ref().map(Innermost::link), |link| {
            if !reach.has(link) {
                return;
            }
            if let Some(canceller) = link.canceller() {
                // SAFETY: alive as its link is, for as long as that counts.
                let canceller = unsafe { Owned::borrowed(canceller.as_ptr()) };
                if first.is_none() { first = Some(canceller) } else { others.push(canceller) }
            } else if let Some(deadline) = link.deadline()
                && earliest.is_none_or(|(known, _)| deadline < known)
            {
                earliest = Some((deadline, link));
            }
        });
        if earliest.is_none() && first.is_none() {
            return Ok(None);
        }
        let scope = earliest.map(|(deadline, link)| Scope { deadline, object: link.owned() });
        let canceller = combined(first.as_ref(), &others);
        Ok(Some(Self { scope, first, others, canceller, spared_until: None }))
    }

    /// The scope that ends first.
    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// When the call ends for what is around it, in nanoseconds.
    pub(crate) fn end(&self) -> Option<u64> {
        self.scope.as_ref().map(|scope| scope.deadline).into_iter().chain(self.spared_until).min()
    }

    /// Whether that is for a canceller's sake.
    pub(crate) fn is_end_of_canceller(&self) -> bool {
        self.spared_until.is_some() && self.spared_until == self.end()
    }

    /// The canceller that stands for all.
    pub(crate) fn canceller(&self) -> Option<&Canceller> {
        self.canceller.as_ref()
    }

    /// Whether the scope has ended by now, or a canceller was used.
    pub(crate) fn is_over(&self) -> bool {
        self.canceller.as_ref().is_some_and(Canceller::is_cancelled)
            || self.scope.as_ref().is_some_and(|scope| deadline_nanos(Deadline::now()) >= scope.deadline)
    }

    /// The links that bound a wait of something other than a socket here, the innermost first: a list.
    pub(crate) fn links_of_waits() -> PyResult<Owned> {
        let innermost = chain::innermost()?;
        let mut links = Vec::new();
        chain::in_force(innermost.as_ref().map(Innermost::link), |link| {
            if Reach::Waits.has(link) {
                links.push(link.owned());
            }
        });
        Owned::list(links.into_iter().map(Ok))
    }

    /// Raises the exception of the innermost canceller that was used.
    pub(crate) fn raise_cancelled(&self) -> Raised {
        let raise = || {
            for canceller in self.first.iter().chain(&self.others) {
                if canceller::core_of(canceller).is_cancelled() {
                    let is_overdue = overdue::note_cancelled(canceller);
                    let error = call_method(canceller, if is_overdue { c"_overdue" } else { c"_error" })?;
                    // SAFETY: the interpreter is held, the exception and its type are alive.
                    unsafe { PyErr_SetObject(Py_TYPE(error.as_ptr()).cast(), error.as_ptr()) };
                    return Ok(());
                }
            }
            Err(exception::os_error("cancelled"))
        };
        let _: PyResult<()> = raise();
        Raised
    }
}

impl Reach {
    /// Whether a link bounds this.
    pub(crate) fn has(self, link: LinkRef) -> bool {
        self == Self::Sockets || link.bounds_waits() && (!chain::is_outermost(link) || file::is_main_thread())
    }
}

impl Outlook {
    /// The outlook of a call made now. Runs no Python code, and keeps nothing alive.
    pub(crate) fn now() -> Self {
        if open::links() == 0 {
            return Self::Free;
        }
        let Ok(innermost) = chain::innermost() else {
            // The call itself will ask again, and meet the error. SAFETY: the interpreter is held.
            unsafe { PyErr_Clear() };
            return Self::Over;
        };
        let (mut is_bounded, mut is_over, mut end) = (false, false, u64::MAX);
        chain::in_force(innermost.as_ref().map(Innermost::link), |link| {
            is_bounded = true;
            match link.canceller() {
                // SAFETY: alive as its link is.
                Some(canceller) => is_over |= unsafe { canceller::core(canceller.as_ptr()) }.is_cancelled(),
                None => end = end.min(link.deadline().unwrap_or(u64::MAX)),
            }
        });
        is_over = is_over || end != u64::MAX && Deadline::now() >= deadline_limit(None, end).deadline;
        match (is_over, is_bounded) {
            (true, _) => Self::Over,
            (false, true) => Self::Bounded,
            (false, false) => Self::Free,
        }
    }
}

impl Scope {
    /// Tells the scope that it has ended a call.
    pub(crate) fn expire(&self) -> PyResult<()> {
        // SAFETY: alive, and a link.
        if let Some(link) = unsafe { LinkRef::of(self.object.as_ptr())? } {
            link.expire();
        }
        Ok(())
    }

    /// What an exception has as `limit` where this scope has ended the call.
    pub(crate) fn name(&self) -> PyResult<Owned> {
        let object: *mut PyObject = self.object.as_ptr();
        // SAFETY: the interpreter is held, the object is alive, the name ends with a NUL.
        Owned::new(unsafe { PyObject_GetAttrString(object, c"_limit".as_ptr()) })
    }
}

fn combined(first: Option<&Owned>, others: &[Owned]) -> Option<Canceller> {
    let first = canceller::core_of(first?);
    if others.is_empty() {
        return Some(first.clone());
    }
    let cores: Vec<_> = std::iter::once(first).chain(others.iter().map(canceller::core_of)).cloned().collect();
    Some(Canceller::any_of(&cores))
}
