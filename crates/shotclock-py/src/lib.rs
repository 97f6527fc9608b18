//! CPython's `_socket` in Rust: one table of methods, mounted on a type of our own and, as descriptors, on the
//! interpreter's own `socket.socket`. All waiting is the core's; this crate converts arguments, results and errors.
#![allow(unsafe_code, reason = "every line here speaks to the interpreter's C interface")]

mod address;
mod arguments;
mod around;
mod audit;
mod call;
mod canceller;
mod capsule;
mod caught;
mod chain;
mod connection;
mod datagram;
mod descriptor;
mod errors;
mod faults;
mod file_send;
mod first_try;
mod guard;
mod held;
mod interface;
mod interpreter;
mod lent;
mod link;
mod low_water;
mod message;
pub mod module;
mod names;
mod object;
mod once;
mod option;
mod order;
mod own_type;
mod policy;
mod race;
mod read_all;
mod readable;
mod sendfile;
mod socket_io;
mod state;
mod stock;
mod table;
mod timing;
mod tls;
mod transfer;
mod unblocked;
