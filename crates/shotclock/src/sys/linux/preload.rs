//! The library that `shotclock run` loads into programs, if it is in this one: lookups that a library in C waits for can be ended
//! by it, and calls on what was ended say ETIMEDOUT.
//!
//! Its side is `preload/face.rs` of the crate shotclock-warden, which keeps the order of these functions. Another form would
//! have another name.

use std::ffi::c_int;
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;

use rustix::net::sockopt::socket_cookie;

#[repr(C)]
struct Face {
    ask_all_apart: extern "C" fn(),
    is_in_lookup: extern "C" fn(u32) -> c_int,
    end_lookup: extern "C" fn(u32) -> c_int,
    ends: extern "C" fn(u64),
    did_not_end: extern "C" fn(u64),
}

/// Looked for once: nobody loads it later.
fn face() -> Option<&'static Face> {
    static FACE: OnceLock<Option<&Face>> = OnceLock::new();
    *FACE.get_or_init(|| {
        // SAFETY: a name that ends. What has this name is of this form, and is never unloaded.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"shotclock_preload_1".as_ptr()).cast::<Face>().as_ref() }
    })
}

/// Whether it is there.
pub(super) fn is_there() -> bool {
    face().is_some()
}

/// Has every lookup asked for so that it can be ended, those without a limit too. Says whether the library is there.
pub(super) fn reach_lookups() -> bool {
    face().map(|face| (face.ask_all_apart)()).is_some()
}

/// Whether the thread waits for a lookup.
pub(super) fn is_in_lookup(thread: u32) -> bool {
    face().is_some_and(|face| (face.is_in_lookup)(thread) != 0)
}

/// Ends the lookup that the thread waits for; says whether there was one.
pub(super) fn end_lookup(thread: u32) -> bool {
    face().is_some_and(|face| (face.end_lookup)(thread) != 0)
}

/// Ends a connection by `end`, which says whether it did; what fails on it from then on fails by ETIMEDOUT.
pub(super) fn ended(socket: BorrowedFd<'_>, end: impl FnOnce() -> bool) -> bool {
    let Some((face, cookie)) = face().zip(socket_cookie(socket).ok()) else { return end() };
    // Before it: the thread wakes at once.
    (face.ends)(cookie);
    let has_ended = end();
    if !has_ended {
        (face.did_not_end)(cookie);
    }
    has_ended
}
