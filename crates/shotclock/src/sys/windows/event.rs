//! What a thread waits for: one event, which the driver and whoever rings set, and one timer. Each thread keeps its own.

use std::cell::OnceCell;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle as KernelObject, RawHandle};
use std::ptr;
use std::sync::Arc;

use windows_sys::Win32::Foundation::WAIT_FAILED;
use windows_sys::Win32::System::Threading as t;

use super::Errno;

/// An event that is set until one wait has seen it.
#[derive(Debug)]
pub(super) struct Event(KernelObject);

impl Event {
    fn new() -> Result<Self, Errno> {
        // SAFETY: no attributes and no name; a handle that it gives is new.
        owned(unsafe { t::CreateEventW(ptr::null(), 0, 0, ptr::null()) }).map(Self)
    }

    pub(super) fn raw(&self) -> RawHandle {
        self.0.as_raw_handle()
    }

    pub(super) fn set(&self) {
        // SAFETY: the handle is open, and an event's: nothing can go wrong.
        unsafe { t::SetEvent(self.raw()) };
    }

    pub(super) fn reset(&self) {
        // SAFETY: as above.
        unsafe { t::ResetEvent(self.raw()) };
    }

    /// Waits until it is set, without an end: for what is certain to come.
    pub(super) fn await_set(&self) {
        // SAFETY: as above.
        unsafe { t::WaitForSingleObject(self.raw(), t::INFINITE) };
    }
}

/// A thread's event and timer.
pub(super) struct Seat {
    pub(super) event: Arc<Event>,
    timer: KernelObject,
}

impl Seat {
    /// This thread's own; in the destructors of its other values, one for this wait.
    pub(super) fn with<T>(work: impl FnOnce(&Self) -> Result<T, Errno>) -> Result<T, Errno> {
        thread_local! {
            static OWN: OnceCell<Arc<Seat>> = const { OnceCell::new() };
        }
        let own = OWN.try_with(|own| match own.get() {
            Some(seat) => Ok(Arc::clone(seat)),
            None => Self::new().map(|seat| Arc::clone(own.get_or_init(|| Arc::new(seat)))),
        });
        match own {
            Ok(seat) => work(&*seat?),
            Err(_) => work(&Self::new()?),
        }
    }

    fn new() -> Result<Self, Errno> {
        Ok(Self { event: Arc::new(Event::new()?), timer: timer()? })
    }

    /// Waits until the event is set, and takes that away; for `nanos` at most, and never for less.
    pub(super) fn wait(&self, nanos: Option<u64>) -> Result<(), Errno> {
        let both = [self.event.raw(), self.timer.as_raw_handle()];
        if let Some(nanos) = nanos {
            // In steps of 100 ns, rounded up; a negative one is as seen from now.
            let due = -i64::try_from(nanos.div_ceil(100)).unwrap_or(i64::MAX);
            // SAFETY: the timer is ours, `due` is read at once, and there is no routine to be called.
            if unsafe { t::SetWaitableTimer(both[1], &raw const due, 0, None, ptr::null(), 0) } == 0 {
                return Err(Errno::last_of_system());
            }
        }
        let count = if nanos.is_some() { 2 } else { 1 };
        // SAFETY: as many handles as it says, all open for the length of the wait.
        match unsafe { t::WaitForMultipleObjects(count, both.as_ptr(), 0, t::INFINITE) } {
            WAIT_FAILED => Err(Errno::last_of_system()),
            _ => Ok(()),
        }
    }
}

/// A timer that is exact where the system has such (from Windows 10, version 1803 on): others end with the next tick of the
/// system's clock, up to 16 ms late. Source: CreateWaitableTimerExW in Microsoft's reference.
fn timer() -> Result<KernelObject, Errno> {
    // SAFETY: no attributes and no name; a handle that it gives is new.
    let made =
        |flags| owned(unsafe { t::CreateWaitableTimerExW(ptr::null(), ptr::null(), flags, t::TIMER_ALL_ACCESS) });
    made(t::CREATE_WAITABLE_TIMER_HIGH_RESOLUTION).or_else(|_| made(0))
}

fn owned(handle: RawHandle) -> Result<KernelObject, Errno> {
    if handle.is_null() {
        return Err(Errno::last_of_system());
    }
    // SAFETY: the call that gave it has made it for us alone.
    Ok(unsafe { KernelObject::from_raw_handle(handle) })
}
