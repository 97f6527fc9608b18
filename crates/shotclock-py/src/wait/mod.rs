//! How a call waits: its limits, the one way into the loop, and what ended it as an exception.

pub(crate) mod account;
pub(crate) mod bounds;
pub(crate) mod canceller;
pub(crate) mod chain;
pub(crate) mod expiry;
pub(crate) mod first_try;
pub(crate) mod ledger;
pub(crate) mod lent;
pub(crate) mod line;
pub(crate) mod link;
pub(crate) mod link_type;
pub(crate) mod lookup_failure;
pub(crate) mod lookup_limit;
pub(crate) mod low_water;
pub(crate) mod manner;
pub(crate) mod open_scopes;
pub(crate) mod overdue;
pub(crate) mod parts;
pub(crate) mod policy;
pub(crate) mod seen;
pub(crate) mod statement;
pub(crate) mod timing;
pub(crate) mod told;
pub(crate) mod waiter;
