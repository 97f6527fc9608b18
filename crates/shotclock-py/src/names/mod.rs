//! Names: hosts, services and protocols. The core asks the system, with the interpreter released.

pub(crate) mod address_info;
pub(crate) mod host_name;
pub(crate) mod hosts;
pub(crate) mod services;
