//! What a warden loads into dynamically linked programs, so that they see what ended a connection, and lookups and
//! datagrams have limits as well.
//!
//! It ends no connection itself: the warden does. Here a call that failed looks whether the warden had a hand in it, and
//! says ETIMEDOUT then. A call that does not fail costs a jump more than without.
//!
//! It is compiled by itself, without std, since it lives in strangers' processes: it has no allocator, no panics, no locks of
//! its own, and needs of the C library what any of them has.

#![no_std]
#![allow(clippy::missing_safety_doc, clippy::too_many_arguments, reason = "the C library's functions, by their names")]

mod c;
mod datagram;
mod ended;
mod face;
mod form;
mod lookup;
mod place;
mod real;
mod region;
mod stream;
mod terms;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it has no preconditions.
    unsafe { c::abort() }
}

/// Runs before `main`, and before the program's own constructors where the loader can.
#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

extern "C" fn begin() {
    let errno = c::errno();
    real::resolve();
    terms::read();
    c::set_errno(errno);
}
