//! Waiting: what there is to do, what bounds it, and the one loop that tries and waits.

pub(crate) mod ambient;
pub(crate) mod backoff;
mod cancel;
mod drive;
mod first_try;
mod gate;
mod limit;
mod operation;
mod pause;
mod policy;
#[cfg(feature = "waits")]
pub(crate) mod record;
mod run;
mod scope;
mod stay;
mod stop;
mod waiter;

pub use cancel::{Canceller, Cancellers, Latch};
pub use drive::{drive, wait_out};
pub use first_try::FirstTry;
pub use gate::Gate;
pub use limit::Limit;
pub use operation::{Interest, Moves, Operation, Pause};
pub use policy::{PolicyState, ServerPolicy};
pub use scope::{
    DeadlineScope, Scope, open_scopes, remaining, shield, with_canceller, with_deadline, with_deadline_at,
};
pub use stop::Stop;
pub use waiter::{PollWaiter, Waiter};

pub(crate) use first_try::{FirstCall, call_first};
pub(crate) use gate::{Closing, Visit};
pub(crate) use operation::{OneCall, attempt_by_call};
pub(crate) use run::{run, run_on};
pub(crate) use scope::in_cancellers;
pub(crate) use stay::show_plainly;
