//! The form of the memory that a warden and the programs share: one file, compiled into both. All of it is zero at first.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// How many cookies and how many notes there is room for; the oldest give way.
pub(crate) const COOKIES: usize = 4096;
pub(crate) const NOTES: usize = 64;
/// How many bytes of a name are kept.
pub(crate) const NAME: usize = 104;
/// Says that the total ended a lookup, not a limit of its own.
pub(crate) const BY_TOTAL: u32 = 1 << 31;

/// What is shared.
#[repr(C)]
pub(crate) struct Form {
    /// How many connections the warden has ended, and the last of their cookies.
    pub(crate) ended: AtomicU64,
    pub(crate) cookies: [AtomicU64; COOKIES],
    /// How many notes the programs have begun, and the last of them.
    pub(crate) noted: AtomicU64,
    pub(crate) notes: [Note; NOTES],
}

/// A lookup that a limit ended in a program.
#[repr(C)]
pub(crate) struct Note {
    /// One more than its number, once it is whole.
    pub(crate) ready: AtomicU64,
    pub(crate) pid: AtomicU32,
    /// How long it lasted, below the bit `BY_TOTAL`.
    pub(crate) milliseconds: AtomicU32,
    pub(crate) program: [AtomicU64; 2],
    pub(crate) name: [AtomicU64; NAME / 8],
}
