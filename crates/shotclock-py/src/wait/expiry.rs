//! What an exception knows of the limit that ended its call, and of what had moved.

use std::ptr;
use std::time::Duration;

use shotclock::LimitKind;

use crate::ffi::capi::{PyErr_Clear, PyErr_SetObject, PyExc_TimeoutError, PyObject, variadic};
use crate::ffi::exception::{Kept, set};
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::wait::bounds::Scope;
use crate::wait::{overdue, policy};

/// How much of a call's data had moved when it ended.
#[derive(Clone, Copy)]
pub(crate) enum Moved<'a> {
    /// Nothing: the call moves all it does in one step.
    Nothing,
    /// So many bytes went out.
    Sent(usize),
    /// Nobody knows how many went out: OpenSSL does not tell.
    Unknown,
    /// These bytes had come.
    Received(&'a [u8]),
    /// These bytes had come, and are in an object.
    Kept(&'a Owned),
}

impl Moved<'_> {
    /// `sent`: an int, or None where nobody knows.
    fn sent(self) -> PyResult<Owned> {
        match self {
            Self::Sent(sent) => Owned::size(sent),
            Self::Unknown => Ok(Owned::none()),
            Self::Nothing | Self::Received(_) | Self::Kept(_) => Owned::size(0),
        }
    }

    /// `partial`: bytes.
    fn partial(self) -> PyResult<Owned> {
        match self {
            Self::Received(bytes) => Owned::bytes(bytes),
            // SAFETY: alive.
            Self::Kept(bytes) => Ok(unsafe { Owned::borrowed(bytes.as_ptr()) }),
            Self::Nothing | Self::Sent(_) | Self::Unknown => Owned::bytes(&[]),
        }
    }
}

/// Tells the exception that is set how much had moved, unless it takes no attributes.
pub(crate) fn annotate(moved: Moved<'_>) {
    let kept = Kept::take_normalized();
    if let Some(error) = kept.value() {
        let annotated = match moved {
            Moved::Nothing | Moved::Unknown => Ok(()),
            Moved::Sent(_) => moved.sent().and_then(|sent| set(error, c"sent", &sent)),
            Moved::Received(_) | Moved::Kept(_) => moved.partial().and_then(|partial| set(error, c"partial", &partial)),
        };
        if annotated.is_err() {
            // SAFETY: the interpreter is held.
            unsafe { PyErr_Clear() };
        }
    }
    kept.restore();
}

/// The end of a limit.
#[derive(Clone, Copy)]
pub(crate) struct Expiry<'a> {
    /// What the call was at.
    pub(crate) phase: &'static str,
    /// Which limit.
    pub(crate) limit: LimitKind,
    /// How long the call had waited.
    pub(crate) elapsed: Duration,
    /// How much had moved.
    pub(crate) moved: Moved<'a>,
    /// Whose end it is, if it is a scope's.
    pub(crate) scope: Option<&'a Scope>,
}

/// Raises `TimeoutError(text)`, without a number: text and arguments are CPython's. What there is to know stands in
/// attributes. Where a scope's end was swallowed again and again it is `Overdue(text)`.
pub(crate) fn raise_timed_out(text: &Owned, expiry: &Expiry<'_>) -> Raised {
    let make = || {
        // SAFETY: the interpreter is held; every argument is a live object or the null that ends the list.
        unsafe {
            let kind = if expiry.scope.is_some_and(|scope| overdue::note(&scope.object)) {
                overdue::exception()?
            } else {
                PyExc_TimeoutError
            };
            let none = ptr::null_mut::<PyObject>();
            let error = Owned::new(variadic!(PyObject_CallFunctionObjArgs(kind, text.as_ptr(), none)))?;
            expiry.describe(error.as_ptr())?;
            PyErr_SetObject(kind, error.as_ptr());
        }
        Ok(())
    };
    let _: PyResult<()> = make();
    Raised
}

impl Expiry<'_> {
    fn describe(&self, error: *mut PyObject) -> PyResult<()> {
        let others = || Owned::text(policy::name_of(self.limit).unwrap_or("timeout"));
        let limit = self.scope.map_or_else(others, Scope::name)?;
        set(error, c"phase", &Owned::text(self.phase)?)?;
        set(error, c"limit", &limit)?;
        set(error, c"elapsed", &Owned::float(self.elapsed.as_secs_f64())?)?;
        set(error, c"sent", &self.moved.sent()?)?;
        set(error, c"partial", &self.moved.partial()?)?;
        let Some(scope) = self.scope else { return Ok(()) };
        set(error, c"scope", &scope.object)?;
        // A note, which tracebacks print. The interpreter's own sockets know no scopes: there is nothing to be like. The
        // end of a socket's timeout has none, since to some tools a note is part of the text (pytest's `match`).
        let (phase, elapsed) = (self.phase, self.elapsed.as_secs_f64());
        let story = format!("{phase}: the deadline scope ended, after {elapsed:.3} s in this call");
        set(error, c"__notes__", &Owned::list([Owned::text(&story)])?)
    }
}
