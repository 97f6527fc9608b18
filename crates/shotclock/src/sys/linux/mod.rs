//! Linux, with the GNU C library or musl: what it shares with other Unix systems, and what only Linux has.

pub(crate) mod address_of_std;
pub(crate) mod batch;
pub(crate) mod bell;
mod birth;
mod bury;
mod dead;
pub mod file;
mod interface_of_socket;
pub mod interrupt;
mod preload;
mod sendfile;
pub(crate) mod socket;
pub mod stuck;
pub mod syscall;
mod try_sendfile;
pub(crate) mod zero_copy;

pub(crate) use super::unix::*;
pub use super::unix::{Errno, Readiness};
