//! The thread itself: when it starts, what it does all day, and when it ends. It takes no signals, and the process does not
//! wait for it: before a fork and before the interpreter ends it is stopped, and started anew when it is needed.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use shotclock::Deadline;
use shotclock::unstable::{deadline_nanos, spawn, stuck};

use crate::ffi::call::released;
use crate::ffi::capi::PyObject;
use crate::ffi::owned::{Owned, returned};
use crate::wait::chain;
use crate::wait::open_scopes::{self, Due, Orders, Table, Watcher};
use crate::watch::{context, look};

/// So long a fork, or the end of the interpreter, waits for it: it is about to look, or runs the program's own code, which
/// shows a warning.
const STOPPING: Duration = Duration::from_secs(1);

/// So often it is asked whether the system has forgotten a thread that has ended.
const LOOKS: usize = 10_000;

/// `_native.begin_watch()`: looks after scopes from now on. Gives None, or why connections of libraries in C cannot be ended.
pub(crate) unsafe extern "C" fn begin_watch(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let begin = || {
        if !context::is_proved() {
            return Owned::text("the interpreter's threads do not say what they are in as expected");
        }
        open_scopes::want(true, wake);
        stuck::reach_lookups();
        if stuck::is_known() { Ok(Owned::none()) } else { Owned::text("/proc does not say what threads sit in") }
    };
    returned(begin())
}

/// `_native.end_watch()`: looks after none from now on.
pub(crate) unsafe extern "C" fn end_watch(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    open_scopes::want(false, wake);
    returned(Ok(Owned::none()))
}

/// `_native.pause_watch()`: the thread ends, until something has to be looked after again: before a fork, so that the
/// process has no thread that the program knows nothing of.
pub(crate) unsafe extern "C" fn pause_watch(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    stop(open_scopes::table());
    returned(Ok(Owned::none()))
}

/// `_native.resume_watch()`: looks after what was entered before, as in the parent after a fork.
pub(crate) unsafe extern "C" fn resume_watch(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    open_scopes::resume();
    returned(Ok(Owned::none()))
}

/// `_native.watch_anew()`: in a forked child, looks after the scopes that the thread which has forked is in.
pub(crate) unsafe extern "C" fn watch_anew(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    returned(chain::watch_anew().map(|()| Owned::none()))
}

/// `_native.watcher()`: the system's number of the thread, 0 if there is none: for tests.
pub(crate) unsafe extern "C" fn watcher(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let number =
        thread_of(open_scopes::table()).as_ref().map_or(0, |watcher| watcher.orders.number.load(Ordering::Acquire));
    returned(Owned::int(number))
}

/// Starts the thread, or wakes it. Without a thread nothing is looked after: the system has none to give.
fn wake(table: &'static Table) {
    let mut thread = thread_of(table);
    if thread.is_some() {
        return table.alarm.ring();
    }
    let orders = Arc::new(Orders::default());
    let ours = Arc::clone(&orders);
    match spawn("shotclock-watch", move || run(table, &ours)) {
        Ok(handle) => *thread = Some(Watcher { handle, orders }),
        Err(_) => table.note_unwatched(),
    }
}

/// Ends the thread, and waits until the system knows it no more: what counts threads counts the program's alone.
fn stop(table: &'static Table) {
    let own = stuck::own_number();
    let Some(watcher) = thread_of(table).take_if(|watcher| watcher.orders.number.load(Ordering::Acquire) != own) else {
        return;
    };
    let Watcher { handle, orders } = watcher;
    orders.stop.store(true, Ordering::Release);
    table.alarm.ring();
    table.note_unwatched();
    released(|| {
        orders.ended.wait(deadline_nanos(Deadline::after(STOPPING)));
        if !orders.has_ended.load(Ordering::Acquire) {
            return;
        }
        let _panicked = handle.join();
        let number = orders.number.load(Ordering::Acquire);
        (0..LOOKS).take_while(|_| stuck::is_there(number)).for_each(|_| thread::yield_now());
    });
}

fn run(table: &'static Table, orders: &Orders) {
    orders.number.store(stuck::own_number(), Ordering::Release);
    while !orders.stop.load(Ordering::Acquire) {
        match table.due(deadline_nanos(Deadline::now())) {
            Due::At(moment) => table.alarm.wait(moment),
            Due::Look(late) => {
                late.iter().take_while(|_| !orders.stop.load(Ordering::Acquire)).for_each(look::look);
            }
        }
    }
    orders.has_ended.store(true, Ordering::Release);
    orders.ended.ring();
}

fn thread_of(table: &Table) -> MutexGuard<'_, Option<Watcher>> {
    table.thread.lock().unwrap_or_else(PoisonError::into_inner)
}
