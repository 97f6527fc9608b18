//! Bells: a few for the whole process, shared by key and made on first need. A bell knows the events of the threads that wait
//! for it, and sets them all: so a wait is for one event, however many bells there are, and a bell is no handle.
//!
//! A bell rings once and is thrown away, so that no ring can be lost or stale. Keys that share a slot wake each other for
//! nothing, which the timed loop copes with. No lock is held during a wait.

use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::event::Event;

/// What a waiter waits for beside its own sockets.
pub(crate) type Bell = Arc<Ring>;

const SLOTS: usize = 64;

/// Which of the [`SLOTS`] a key's bell is in.
pub(crate) fn slot_of(key: usize) -> usize {
    // Addresses of latches are multiples of 16 or so: fold the higher bits in.
    (key ^ (key >> 6) ^ (key >> 12)) % SLOTS
}

static BELLS: [Mutex<Option<Bell>>; SLOTS] = [const { Mutex::new(None) }; SLOTS];

/// One bell.
#[derive(Debug, Default)]
pub struct Ring(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    has_rung: bool,
    waiters: Vec<Arc<Event>>,
}

impl Ring {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_rung(&self) -> bool {
        self.lock().has_rung
    }

    /// Has it set the event from now on; false if it has rung already.
    pub(super) fn enter(&self, event: &Arc<Event>) -> bool {
        let mut state = self.lock();
        state.waiters.push(Arc::clone(event));
        !state.has_rung
    }

    pub(super) fn leave(&self, event: &Arc<Event>) {
        let mut state = self.lock();
        if let Some(at) = state.waiters.iter().position(|waiter| ptr::eq(&**waiter, &**event)) {
            state.waiters.swap_remove(at);
        }
    }

    fn ring(&self) {
        let mut state = self.lock();
        state.has_rung = true;
        state.waiters.iter().for_each(|event| event.set());
    }
}

/// The bell that `ring` with this key will ring next: there is always one.
pub(crate) fn bell(key: usize) -> Option<Bell> {
    Some(Arc::clone(slot(key).get_or_insert_default()))
}

/// Wakes whoever holds the bell of this key.
pub(crate) fn ring(key: usize) {
    let rung = slot(key).take();
    if let Some(bell) = rung {
        bell.ring();
    }
}

/// Throws away a rung bell that is still in its slot, which none is here: no other process can ring it.
pub(crate) fn retire(_key: usize, _rung: &Bell) {}

fn slot(key: usize) -> MutexGuard<'static, Option<Bell>> {
    BELLS[slot_of(key)].lock().unwrap_or_else(PoisonError::into_inner)
}
