//! A pause between two calls, which a canceller and the thread's scopes end as they end a call.

use super::cancel::{Canceller, Cancellers};
use super::limit::Limit;
use super::operation::{Interest, Operation, Pause};
use super::run::run;
use crate::deadline::{Deadline, Timeout};
use crate::error::{LimitKind, Result};
use crate::sys::Readiness;

impl Canceller {
    /// Lets so long pass, unless it is cancelled meanwhile: the pause before another attempt, which a shutdown ends at once.
    /// Without a limit ([`Timeout::NEVER`], `None`) it waits for nothing but that.
    ///
    /// # Errors
    /// `is_cancelled()` once it is cancelled; `is_timeout()` if a deadline scope of the thread ends first.
    ///
    /// ```
    /// use shotclock::Canceller;
    /// use std::time::Duration;
    /// let shutdown = Canceller::new();
    /// shutdown.pause(Duration::from_millis(10))?;
    /// shutdown.cancel();
    /// assert!(shutdown.pause(Duration::from_secs(3600)).unwrap_err().is_cancelled());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "sleep")]
    pub fn pause(&self, time: impl Into<Timeout>) -> Result<()> {
        let limit = Limit { deadline: Deadline::after(time), cancellers: Cancellers::NONE.and(self), ..Limit::NONE };
        match run("pause", &mut Nothing, &limit) {
            Err(error) if error.limit() == Some(LimitKind::CallDeadline) => Ok(()),
            ended => ended,
        }
    }
}

/// What never happens.
struct Nothing;

impl Operation for Nothing {
    type Output = ();

    fn attempt(&mut self, _: Readiness) -> Result<(), Pause> {
        Err(Pause::WouldBlock)
    }

    fn interest<'s>(&'s self, _: &mut Interest<'s>) {}
}
