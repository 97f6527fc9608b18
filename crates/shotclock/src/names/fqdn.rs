//! `getfqdn`: a host's name with its domain, as well as it can be told in time.

use super::{Lookup, gethostname};
use crate::error::{Error, Reason, Result};

/// Finds a host's name with its domain, without a limit: see [`Lookup::getfqdn`], which is the one to prefer, since a
/// dead name server holds this one up for 10 s and more.
///
/// ```
/// assert_eq!(shotclock::getfqdn("0.0.0.0")?, shotclock::gethostname()?);
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// # Errors
/// As [`Lookup::getfqdn`].
pub fn getfqdn(name: &str) -> Result<String> {
    Lookup::new().getfqdn(name)
}

impl Lookup<'_> {
    /// Finds a host's name with its domain. `""` is this machine.
    ///
    /// Of the names that [`gethostbyaddr`](Self::gethostbyaddr) finds, main name first, it gives the first with a period
    /// in it; if there is none, or the lookup fails, or the limit passes, it gives `name` itself, or
    /// [`gethostname`](crate::gethostname)'s where `name` is `""`. The wildcards `0.0.0.0` and `::` stand for no host
    /// that could be looked up: they give `gethostname`'s at once. White space around `name` is ignored.
    ///
    /// This is the order that Python documents for `socket.getfqdn`. CPython's code differs in one case
    /// (python/cpython#106505): when the names found have no period, it gives the main one of them; here `name` comes
    /// back unchanged, as documented.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lookup = shotclock::Lookup::within(Duration::from_secs(2));
    /// assert!(lookup.getfqdn("localhost")?.starts_with("localhost"));
    /// // A limit that has passed is no error here.
    /// assert_eq!(shotclock::Lookup::within(Duration::ZERO).getfqdn("localhost")?, "localhost");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    ///
    /// # Errors
    /// Cancellation, and bad names: a NUL, more than 1024 bytes, letters beyond ASCII that cannot be converted.
    pub fn getfqdn(&self, name: &str) -> Result<String> {
        let name = name.trim();
        let own_name = matches!(name, "" | "0.0.0.0" | "::").then(gethostname).transpose()?;
        let asked = own_name.as_deref().unwrap_or(name);
        if asked.is_empty() || matches!(name, "0.0.0.0" | "::") {
            return Ok(asked.to_owned());
        }
        let found = match self.gethostbyaddr(asked) {
            Ok(entry) => std::iter::once(entry.name).chain(entry.aliases).find(|name| name.contains('.')),
            Err(error) if has_documented_answer(&error) => None,
            Err(error) => return Err(error.during("getfqdn")),
        };
        Ok(found.unwrap_or_else(|| asked.to_owned()))
    }
}

/// Whether the error only means that no name was found, or not in time.
fn has_documented_answer(error: &Error) -> bool {
    !matches!(
        error.reason(),
        Reason::Cancelled | Reason::Closed | Reason::Invalid(_) | Reason::Unsupported(_) | Reason::NoAnswer(_)
    )
}
