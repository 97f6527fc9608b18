//! Socket calls: new sockets, pairs of them, and what is done with them.

pub(crate) use super::birth::socket;
pub(crate) use super::calls::*;
pub(crate) use super::pair::socketpair;
