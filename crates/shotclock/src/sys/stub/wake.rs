//! Bells: there are none, so that whoever waits looks for itself.

use super::OwnedHandle;

pub(crate) type Bell = OwnedHandle;

pub(crate) fn slot_of(key: usize) -> usize {
    key % 64
}

pub(crate) fn bell(_key: usize) -> Option<Bell> {
    None
}

pub(crate) fn ring(_key: usize) {}

pub(crate) fn retire(_key: usize, _rung: &Bell) {}
