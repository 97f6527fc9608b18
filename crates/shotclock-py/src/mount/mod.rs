//! What Python sees: the table of methods and functions, the type of our own, the module.

pub(crate) mod faults;
pub mod module;
pub(crate) mod own_type;
pub(crate) mod table;
