//! The interpreter's C interface: references, exceptions, arguments, calls that may run Python code.

pub(crate) mod arguments;
pub(crate) mod call;
pub(crate) mod capi;
pub(crate) mod capsule;
pub(crate) mod caught;
pub(crate) mod exception;
pub(crate) mod frame;
pub(crate) mod once;
pub(crate) mod own_object;
pub(crate) mod owned;
pub(crate) mod raised;
