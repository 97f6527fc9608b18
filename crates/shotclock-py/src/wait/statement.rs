//! What the ledger says, for Python.

use shotclock::Deadline;
use shotclock::unstable::deadline_nanos;

use crate::ffi::arguments::Arguments;
use crate::ffi::capi::{Py_ssize_t, PyObject, PySequence_GetItem, PySequence_Size};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::open;
use crate::wait::account::{self, LEDGER};
use crate::wait::ledger::{BINS, FIRST, Key, Ledger, Slow, Sum, Timeline};
use crate::wait::line::{self, Library, Line, text_of};

/// `_native.keep_account(folders, packages)`: from now on, anew. The folders of the standard library, and the packages that
/// are no code of the program's either.
pub(crate) unsafe extern "C" fn keep_account(
    _: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    let keep = || {
        // SAFETY: the interpreter passes so many live objects.
        let [folders, packages] = unsafe { Arguments::new(arguments, count).exactly()? };
        line::know(Library { folders: texts(folders)?, packages: texts(packages)? });
        account::put(Some(Ledger::begun(Deadline::now())));
        open::set_watched(true);
        Ok(Owned::none())
    };
    returned(keep())
}

/// `_native.close_account()`: no more is entered, and what was is forgotten.
pub(crate) unsafe extern "C" fn close_account(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    account::put(None);
    returned(Ok(Owned::none()))
}

/// `_native.account()`: None where none is kept; else `(seconds since it began, the width of a bin in seconds, peers, places,
/// rows, threads, slowest)`. Peers and places are numbered from 2; 0 is none, 1 any other. Times are nanoseconds.
pub(crate) unsafe extern "C" fn account(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // Taken out, so that nothing is locked while the interpreter is called. What ends meanwhile is not entered.
    let Some(ledger) = LEDGER.get().lock().take() else { return returned(Ok(Owned::none())) };
    let statement = statement(&ledger);
    LEDGER.get().lock().get_or_insert(ledger);
    returned(statement)
}

fn statement(ledger: &Ledger) -> PyResult<Owned> {
    let lasted = deadline_nanos(Deadline::now()).saturating_sub(deadline_nanos(ledger.began));
    let row = |(key, sum): &(Key, Sum)| {
        let [what, ended, peer, place] = key_of(key)?;
        tuple(&[what, ended, peer, place, number(sum.count)?, number(sum.total)?, number(sum.longest)?])
    };
    let slow = |slow: &Slow| {
        let [what, ended, peer, place] = key_of(&slow.key)?;
        let (from, lasted, thread) = (number(slow.from)?, number(slow.lasted)?, Owned::int(slow.thread)?);
        tuple(&[from, lasted, thread, what, ended, peer, place])
    };
    tuple(&[
        number(lasted)?,
        number(ledger.width)?,
        Owned::list(ledger.peers.things.iter().map(|peer| Owned::text(peer)))?,
        Owned::list(ledger.places.things.iter().map(|[outer, inner]| tuple(&[line_of(outer)?, line_of(inner)?])))?,
        Owned::list(ledger.rows.iter().map(row))?,
        Owned::list(ledger.threads.iter().map(timeline))?,
        Owned::list(ledger.slowest.iter().map(slow))?,
        Owned::int(FIRST)?,
    ])
}

fn key_of(key: &Key) -> PyResult<[Owned; 4]> {
    Ok([Owned::text(key.what)?, Owned::text(key.ended)?, Owned::int(key.peer)?, Owned::int(key.place)?])
}

fn timeline(thread: &Timeline) -> PyResult<Owned> {
    let name = thread.name.as_deref().map_or_else(|| Ok(Owned::none()), Owned::text)?;
    let lane = |(what, bins): &(&str, Box<[u64; BINS]>)| {
        tuple(&[Owned::text(what)?, Owned::list(bins.iter().map(|bin| number(*bin)))?])
    };
    tuple(&[Owned::size(thread.ident)?, name, Owned::list(thread.lanes.iter().map(lane))?])
}

fn line_of(line: &Option<Line>) -> PyResult<Owned> {
    let Some(line) = line else { return Ok(Owned::none()) };
    tuple(&[Owned::text(&line.file)?, Owned::int(line.number)?, Owned::text(&line.function)?])
}

fn number(number: u64) -> PyResult<Owned> {
    Owned::size(number as usize)
}

fn tuple(items: &[Owned]) -> PyResult<Owned> {
    // SAFETY: all are alive.
    unsafe { Owned::tuple(items.iter().map(Owned::as_ptr)) }
}

/// The texts of a sequence.
fn texts(sequence: *mut PyObject) -> PyResult<Vec<String>> {
    // SAFETY: the interpreter is held, the object alive; what is no sequence is an error.
    let len = unsafe { PySequence_Size(sequence) };
    if len < 0 {
        return Err(Raised);
    }
    // SAFETY: as above.
    (0..len).map(|index| text_of(&Owned::new(unsafe { PySequence_GetItem(sequence, index) })?)).collect()
}
