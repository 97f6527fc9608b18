//! What code of ours in the same process finds here, by the name of one variable: the Python package, whose scopes end what
//! libraries in C wait for. Its side is `sys/linux/preload.rs` of the crate shotclock. The name has the version: whoever knows another one
//! finds nothing.

use core::ffi::c_int;

use crate::{ended, place};

/// Functions, in an order that stays.
#[repr(C)]
pub struct Face {
    ask_all_apart: extern "C" fn(),
    is_in_lookup: extern "C" fn(u32) -> c_int,
    end_lookup: extern "C" fn(u32) -> c_int,
    ends: extern "C" fn(u64),
    did_not_end: extern "C" fn(u64),
}

#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "a name of C's")]
pub static shotclock_preload_1: Face = Face { ask_all_apart, is_in_lookup, end_lookup, ends, did_not_end };

/// From now on lookups without a limit can be ended, too.
extern "C" fn ask_all_apart() {
    place::ask_all_apart();
}

/// Whether the thread waits for a lookup, by the system's number of the thread.
extern "C" fn is_in_lookup(thread: u32) -> c_int {
    c_int::from(place::is_waiting(thread))
}

/// Ends the lookup that the thread waits for, and says whether there was one.
extern "C" fn end_lookup(thread: u32) -> c_int {
    c_int::from(place::end(thread))
}

/// The connection is about to be ended: calls on it fail with ETIMEDOUT from then on.
extern "C" fn ends(cookie: u64) {
    ended::note(cookie);
}

/// It could not be ended.
extern "C" fn did_not_end(cookie: u64) {
    ended::take_back(cookie);
}
