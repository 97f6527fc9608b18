//! Waiting: what there is to do, what bounds it, and the one loop that tries and waits.

mod cancel;
mod drive;
mod gate;
mod policy;
mod scope;

pub use cancel::{Canceller, Cancellers, Signal};
pub use drive::{FirstTry, Interest, Limit, Operation, Pause, PollWaiter, Stop, Waiter, drive, wait_out};
pub use gate::Gate;
pub use policy::{Moves, ServerPolicy, Watch};
pub use scope::{DeadlineScope, Scope, open_scopes, remaining, shield, with_deadline, with_deadline_at};

pub(crate) use drive::{
    FirstCall, OneCall, attempt_by_call, call_first, call_unless_watched, run, run_on, run_rest, try_unless_watched,
};
pub(crate) use gate::{Closing, Visit};
