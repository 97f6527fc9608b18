//! What to wait for, as bits of our own.

use std::ops::{BitOr, BitOrAssign};

/// The ways in which a handle may be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness(u16);

impl Readiness {
    /// Something to be received.
    pub const IN: Self = Self(1);
    /// Urgent data.
    pub const PRI: Self = Self(2);
    /// Room to send.
    pub const OUT: Self = Self(4);
    /// An error.
    pub const ERR: Self = Self(8);
    /// The connection is over.
    pub const HUP: Self = Self(16);
    /// The peer sends no more.
    pub const RDHUP: Self = Self(32);

    /// None of them.
    pub const fn empty() -> Self {
        Self(0)
    }

    /// Whether it is none of them.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of the others are among these.
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether any of the others is among these.
    pub const fn intersects(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Adds the others, or takes them away.
    pub const fn set(&mut self, others: Self, are_there: bool) {
        self.0 = if are_there { self.0 | others.0 } else { self.0 & !others.0 };
    }

    /// These and the others.
    #[must_use]
    pub const fn union(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
}

impl BitOr for Readiness {
    type Output = Self;

    fn bitor(self, others: Self) -> Self {
        self.union(others)
    }
}

impl BitOrAssign for Readiness {
    fn bitor_assign(&mut self, others: Self) {
        *self = self.union(others);
    }
}
