//! Functions of the module that look nothing up.

pub(crate) mod control;
pub(crate) mod descriptor;
pub(crate) mod interface;
pub(crate) mod order;
pub(crate) mod race;
