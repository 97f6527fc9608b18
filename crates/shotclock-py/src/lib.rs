//! Methods of CPython's socket objects in Rust, to be grafted onto the interpreter's own `socket.socket`. All waiting
//! is the core's; this crate converts arguments, results and errors.
#![allow(unsafe_code, reason = "every line here speaks to the interpreter's C interface")]

mod arguments;
mod errors;
mod interpreter;
pub mod module;
mod object;
mod table;
mod transfer;
