//! The methods of sockets.

pub(crate) mod adopt;
pub(crate) mod batch;
pub(crate) mod connection;
pub(crate) mod datagram;
pub(crate) mod message;
pub(crate) mod option;
pub(crate) mod readable;
pub(crate) mod sendfile;
pub(crate) mod state;
pub(crate) mod transfer;
