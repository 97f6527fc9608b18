//! macOS and FreeBSD: what they do otherwise than Linux. Nothing of this has run on either; it was compiled and linked for
//! them. What can be tried on Linux is tried there, by `--cfg shotclock_bsd`: then this room takes the place of `linux`.
//!
//! A function that rests on a manual alone names the page.

#[cfg_attr(target_os = "linux", path = "../linux/address_of_std.rs")]
pub(crate) mod address_of_std;
#[path = "../stub/batch.rs"]
pub(crate) mod batch;
#[cfg_attr(target_os = "freebsd", path = "../linux/bell.rs")]
pub(crate) mod bell;
#[cfg_attr(target_os = "freebsd", path = "../linux/birth.rs")]
mod birth;
#[path = "../linux/bury.rs"]
mod bury;
mod dead;
#[path = "../stub/file.rs"]
pub mod file;
#[path = "../stub/interrupt.rs"]
pub mod interrupt;
mod sendfile;
pub(crate) mod socket;
#[path = "../stub/stuck.rs"]
pub mod stuck;
#[path = "../stub/syscall.rs"]
pub mod syscall;
#[path = "../linux/try_sendfile.rs"]
mod try_sendfile;
#[path = "../stub/zero_copy.rs"]
pub(crate) mod zero_copy;

pub(crate) use super::unix::*;
pub use super::unix::{Errno, Readiness};
