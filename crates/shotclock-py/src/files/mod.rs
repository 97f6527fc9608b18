//! Files over sockets: socket.py's own, and those that survive a timeout.

pub(crate) mod at_once;
pub(crate) mod bound;
pub(crate) mod gate;
pub(crate) mod raw;
pub(crate) mod read_all;
pub(crate) mod reader;
pub(crate) mod receive;
pub(crate) mod recv_exact;
pub(crate) mod send;
pub(crate) mod socket_io;
pub(crate) mod store;
pub(crate) mod text;
pub(crate) mod text_writer;
pub(crate) mod tls_records;
pub(crate) mod writer;
