//! Bells: a few wake-up descriptors for the whole process, shared by key and made on first need.
//!
//! A bell rings once and is thrown away, so nothing is ever drained and no ring can be lost or stale. Keys that share
//! a slot wake each other for nothing, which the timed loop copes with. No lock is held during a wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fork::PerProcess;
use crate::sys::bell::Ring;

/// What a waiter polls beside its own descriptors.
pub(crate) type Bell = Arc<Ring>;

/// The most wake-up descriptors the process ever keeps.
const SLOTS: usize = 64;

/// Which of the [`SLOTS`] a key's bell is in.
pub(crate) fn slot_of(key: usize) -> usize {
    // Addresses of latches are multiples of 16 or so: fold the higher bits in.
    (key ^ (key >> 6) ^ (key >> 12)) % SLOTS
}

type Bells = [Mutex<Option<Bell>>; SLOTS];

static BELLS: PerProcess<Bells> = PerProcess::new(|| [const { Mutex::new(None) }; SLOTS], forget_bells);

extern "C" fn forget_bells() {
    BELLS.forget();
}

/// The bell that `ring` with this key will ring next; `None` if the process is out of descriptors.
pub(crate) fn bell(key: usize) -> Option<Bell> {
    let mut slot = slot(key);
    if slot.is_none() {
        *slot = Ring::new().ok().map(Arc::new);
    }
    slot.clone()
}

/// Wakes whoever holds the bell of this key.
pub(crate) fn ring(key: usize) {
    let rung = slot(key).take();
    if let Some(bell) = rung {
        bell.ring();
    }
}

/// Throws away a rung bell that is still in its slot: another process rang it (a copy inherited before a fork).
pub(crate) fn retire(key: usize, rung: &Bell) {
    let mut slot = slot(key);
    if slot.as_ref().is_some_and(|bell| Arc::ptr_eq(bell, rung)) {
        *slot = None;
    }
}

fn slot(key: usize) -> MutexGuard<'static, Option<Bell>> {
    BELLS.get()[slot_of(key)].lock().unwrap_or_else(PoisonError::into_inner)
}
