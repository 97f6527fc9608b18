//! The links of the chain: a scope's end, a canceller's `with`, or a shield.

use std::ffi::{c_char, c_int};
use std::ptr::{self, NonNull};

use shotclock::Deadline;
use shotclock::unstable::deadline_nanos;

use crate::ffi::capi::{Py_TYPE, PyObject, PyType_IsSubtype, PyTypeObject};
use crate::ffi::once::Once;
use crate::ffi::owned::Owned;
use crate::ffi::raised::PyResult;
use crate::socket::open;
use crate::wait::open_scopes::{self, Key, NOT_YET};

/// The type `_native.Link`, once it is made.
pub(super) static TYPE: Once<PyTypeObject> = Once::new();

/// The end of a link that has none.
pub(super) const NEVER: i64 = i64::MAX;

/// It bounds nothing but sockets.
pub(super) const NO_WAITS: c_int = 0;
/// It also bounds whatever waits in functions of the interpreter's, and connections that a library in C waits for. A
/// number between the two bounds the first and not the second.
pub(super) const ALL_WAITS: c_int = 2;

/// The duration of a link whose end does not count from entering it.
pub(super) const NO_DURATION: i64 = -1;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    New,
    Open,
    Left,
}

/// A link. All of it is used with the interpreter held.
#[repr(C)]
pub(super) struct LinkObject {
    head: PyObject,
    /// Its end, in nanoseconds of the system's monotonic clock; [`NEVER`] for cancellers and shields.
    pub(super) deadline: i64,
    /// How long after entering the end is, or [`NO_DURATION`].
    pub(super) duration: i64,
    /// The canceller that it puts a block under, or null; a reference.
    pub(super) canceller: *mut PyObject,
    /// The next link outside of it, or null; a reference.
    pub(super) outer: *mut PyObject,
    /// When it was entered, as `open::generation` counts.
    pub(super) generation: u32,
    pub(super) state: State,
    /// Whether it has ended a call.
    pub(super) expired: c_char,
    /// Whether it is there to bound sockets, so that entering it looks whether it reaches them.
    pub(super) reaches: c_char,
    /// What it bounds beside sockets: [`NO_WAITS`] up to [`ALL_WAITS`].
    pub(super) waits: c_int,
    /// When its end was first raised, in nanoseconds of that clock; 0 if it was not.
    pub(super) first_raised: i64,
    /// The frame in which it was last raised, from the second time in a row on, or null; a reference. Not from the first: what
    /// a frame has, and those that called it, would live as long as the link.
    pub(super) frame: *mut PyObject,
    /// How often it was raised there in a row.
    pub(super) raised_there: u32,
    /// Where that frame is in memory.
    pub(super) raised_at: usize,
    /// Under which it is looked after.
    pub(super) watched: Key,
    /// Whether a connection was ended that a library in C waited for in it.
    pub(super) ended_connection: c_char,
    /// When it was entered, in nanoseconds of that clock.
    pub(super) entered: i64,
    /// Until when what cleans up may still wait although it is over, in nanoseconds of that clock; 0 if nobody was told so.
    pub(super) grace_until: i64,
    /// What knows of the runs of event loops that were ended for it, or for one outside of it; or null; a reference.
    pub(super) runs: *mut PyObject,
}

/// A link that somebody else keeps alive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkRef(NonNull<LinkObject>);

impl LinkRef {
    /// The object as a link; `None` if it is something else.
    ///
    /// # Safety
    /// `object` must be alive, and stay so for as long as this is used.
    pub(crate) unsafe fn of(object: *mut PyObject) -> PyResult<Option<Self>> {
        // Before the type is made there is no link.
        let Some(link_type) = TYPE.get() else { return Ok(None) };
        // SAFETY: alive, hence its type.
        let is_link = unsafe { PyType_IsSubtype(Py_TYPE(object), link_type) } != 0;
        // SAFETY: just looked at.
        Ok(if is_link { Some(unsafe { Self::new(object) }) } else { None })
    }

    /// # Safety
    /// `object` must be a live link, and stay so for as long as this is used.
    #[inline]
    pub(super) unsafe fn new(object: *mut PyObject) -> Self {
        // SAFETY: alive, hence not null.
        Self(unsafe { NonNull::new_unchecked(object.cast()) })
    }

    pub(crate) fn as_object(self) -> *mut PyObject {
        self.0.as_ptr().cast()
    }

    /// One more reference to it.
    pub(crate) fn owned(self) -> Owned {
        // SAFETY: alive.
        unsafe { Owned::borrowed(self.as_object()) }
    }

    /// Its end, if it is a scope, in nanoseconds.
    pub(crate) fn deadline(self) -> Option<u64> {
        let deadline = self.get().deadline;
        (deadline != NEVER).then(|| u64::try_from(deadline).unwrap_or(0))
    }

    /// The canceller's object, if it is a canceller's link.
    pub(crate) fn canceller(self) -> Option<NonNull<PyObject>> {
        NonNull::new(self.get().canceller)
    }

    /// Whether it hides what is outside of it.
    pub(crate) fn is_shield(self) -> bool {
        let link = self.get();
        link.deadline == NEVER && link.canceller.is_null()
    }

    /// Whether it bounds what waits in functions of the interpreter's, beside sockets.
    pub(crate) fn bounds_waits(self) -> bool {
        self.get().waits != NO_WAITS
    }

    /// Whether its end is the program's own business, not that of a call of ours which limits itself.
    pub(crate) fn is_of_program(self) -> bool {
        self.get().reaches != 0
    }

    /// When its end was first raised, in nanoseconds.
    pub(crate) fn first_raised(self) -> Option<u64> {
        u64::try_from(self.get().first_raised).ok().filter(|moment| *moment > 0)
    }

    /// Until when what cleans up may still wait, by who has put it off, in nanoseconds.
    pub(crate) fn grace_until(self) -> Option<u64> {
        u64::try_from(self.get().grace_until).ok().filter(|moment| *moment > 0)
    }

    /// Notes that its end is raised in this frame. Gives how often it was raised there in a row, and a reference to
    /// drop at the end: to drop it frees a frame, which may run code.
    pub(crate) fn note_raised(self, now: u64, frame: Option<Owned>) -> (u32, Option<Owned>) {
        // SAFETY: as in `expire`.
        let link = unsafe { &mut *self.0.as_ptr() };
        if link.first_raised == 0 {
            link.first_raised = i64::try_from(now).unwrap_or(NEVER);
        }
        let place = frame.as_ref().map_or(0, |frame| frame.as_ptr() as usize);
        let before = std::mem::replace(&mut link.raised_at, place);
        let was_here = place != 0 && before == place;
        link.raised_there = if was_here { link.raised_there.saturating_add(1) } else { 1 };
        // At the second time in a row it may be another one in the memory of the first. From then on it is kept, and a third
        // time is surely in the one of the second.
        let kept = frame.filter(|_| was_here).map_or(ptr::null_mut(), Owned::into_ptr);
        (link.raised_there, Owned::new(std::mem::replace(&mut link.frame, kept)).ok())
    }

    /// Takes away the frame in which its end was last raised.
    pub(crate) fn take_frame(self) -> Option<Owned> {
        // SAFETY: as in `expire`.
        Owned::new(unsafe { std::mem::replace(&mut (*self.0.as_ptr()).frame, ptr::null_mut()) }).ok()
    }

    /// What knows of the runs of event loops that were ended for it, if any was; it is told once.
    pub(crate) fn take_runs(self) -> Option<Owned> {
        // SAFETY: as in `expire`.
        let runs = unsafe { std::mem::replace(&mut (*self.0.as_ptr()).runs, ptr::null_mut()) };
        Owned::new(runs).ok()
    }

    /// Whether it was entered and not left. What was entered before the process left all (`chain::leave_all`) was left.
    pub(crate) fn is_open(self) -> bool {
        let link = self.get();
        link.state == State::Open && link.generation == open::generation()
    }

    /// Whether it was never entered.
    pub(crate) fn is_new(self) -> bool {
        self.get().state == State::New
    }

    /// The next link outside of it.
    pub(crate) fn outer(self) -> Option<Self> {
        NonNull::new(self.get().outer.cast()).map(Self)
    }

    /// Says that it has ended a call.
    pub(crate) fn expire(self) {
        // SAFETY: alive, the interpreter is held, and no reference into it lives on.
        unsafe { (*self.0.as_ptr()).expired = 1 };
    }

    /// Begins: its time runs, and `outer` is the link outside of it.
    pub(crate) fn open(self, outer: Option<Owned>) {
        // SAFETY: as in `expire`.
        let link = unsafe { &mut *self.0.as_ptr() };
        link.entered = i64::try_from(deadline_nanos(Deadline::now())).unwrap_or(NEVER);
        if link.duration >= 0 {
            link.deadline = link.entered.saturating_add(link.duration).min(NEVER - 1);
        }
        link.outer = outer.map_or(ptr::null_mut(), Owned::into_ptr);
        link.generation = open::generation();
        link.state = State::Open;
        open::count_opened();
        self.watch();
    }

    /// Has what goes on in this thread looked after once it is over, if it bounds all that waits.
    pub(crate) fn watch(self) {
        // SAFETY: as in `expire`.
        let link = unsafe { &mut *self.0.as_ptr() };
        open_scopes::leave(std::mem::replace(&mut link.watched, Key::NONE));
        if link.waits != ALL_WAITS {
            return;
        }
        let (object, canceller) = (self.as_object(), link.canceller);
        if !canceller.is_null() {
            link.watched = open_scopes::enter(object, canceller, NOT_YET, false);
        } else if self.is_of_program()
            && let Some(end) = self.deadline()
        {
            // One that is over from the beginning is there so that nothing waits: what else it does has no limit.
            link.watched = open_scopes::enter(object, canceller, end, link.duration != 0);
        }
    }

    /// Says that a connection was ended that a library in C waited for in it.
    pub(crate) fn note_ended_connection(self, now: u64) {
        self.expire();
        // SAFETY: as in `expire`.
        let link = unsafe { &mut *self.0.as_ptr() };
        link.ended_connection = 1;
        // The library will tell: from here on whoever cleans up has time.
        if link.first_raised == 0 {
            link.first_raised = i64::try_from(now).unwrap_or(NEVER);
        }
    }

    /// Whether a connection was ended that a library in C waited for in it.
    pub(crate) fn has_ended_connection(self) -> bool {
        self.get().ended_connection != 0
    }

    /// Ends; false if it had not begun, or had ended.
    pub(crate) fn close(self) -> bool {
        let was_open = self.is_open();
        if was_open {
            open::count_closed();
        }
        // SAFETY: as in `expire`.
        let link = unsafe { &mut *self.0.as_ptr() };
        if link.state == State::Open {
            link.state = State::Left;
        }
        open_scopes::leave(std::mem::replace(&mut link.watched, Key::NONE));
        was_open
    }

    pub(super) fn get(&self) -> &LinkObject {
        // SAFETY: alive, and the interpreter is held; who changes it keeps no reference.
        unsafe { self.0.as_ref() }
    }
}
