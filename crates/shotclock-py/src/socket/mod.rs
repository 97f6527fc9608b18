//! Socket objects: their layout, what stands beside them, whose O_NONBLOCK is, who waits on which number.

pub(crate) mod accepted;
pub(crate) mod audit;
pub(crate) mod complaint;
pub(crate) mod habit;
pub(crate) mod in_ssl;
pub(crate) mod just_set;
pub(crate) mod kinds;
pub(crate) mod object;
pub(crate) mod open;
pub(crate) mod side_table;
pub(crate) mod sole;
pub(crate) mod stock;
pub(crate) mod unblocked;
pub(crate) mod waiting;
