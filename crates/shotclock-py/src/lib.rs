//! CPython's `_socket` in Rust: one table of methods, mounted on a type of our own and, as descriptors, on the
//! interpreter's own `socket.socket`. All waiting is the core's; this crate converts arguments, results and errors.
#![allow(unsafe_code, reason = "every line here speaks to the interpreter's C interface")]

mod ffi;
mod socket;
mod wait;

mod address;

mod files;
mod functions;
mod hooks;
mod methods;
mod names;
mod tls;
mod watch;

pub mod mount;
