//! One option, and what its value is as bytes.

use std::fmt;
use std::marker::PhantomData;

use crate::error::{Error, Result};

/// One option of a socket: its level and number, and the type of its value. Source: socket(7), ip(7), ipv6(7), tcp(7),
/// udp(7), unix(7).
///
/// The names are C's without their prefix. Where IPv4 and IPv6 both have an option of that name, IPv6's ends in 6:
/// `MULTICAST_LOOP` is IPv4's, `MULTICAST_LOOP6` is IPv6's.
///
/// The timeouts SO_RCVTIMEO and SO_SNDTIMEO are missing on purpose: they are up to an eighth late, begin anew at each
/// part, and are shared by every copy of the descriptor. Use `set_timeout`.
///
/// ```
/// use shotclock::{Family, Kind, Socket, SocketOption};
///
/// let socket = Socket::new(Family::INET, Kind::STREAM)?;
/// socket.setsockopt(SocketOption::REUSEADDR, true)?;
/// assert!(socket.getsockopt(SocketOption::REUSEADDR)?);
/// // One without a name here: SO_NO_CHECK.
/// let no_check = SocketOption::<i32>::new(1, 11);
/// socket.setsockopt(no_check, 1)?;
/// assert_eq!(socket.getsockopt(no_check)?, 1);
/// # Ok::<(), shotclock::Error>(())
/// ```
pub struct SocketOption<T> {
    /// The level: SOL_SOCKET, IPPROTO_TCP, ...
    pub level: i32,
    /// The option's number in that level.
    pub name: i32,
    /// C's name, where it has a name here.
    label: Option<&'static str>,
    /// The most bytes that the system takes of a value; it cuts longer ones off and says nothing.
    most: usize,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for SocketOption<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SocketOption<T> {}

impl<T> SocketOption<T> {
    /// The option of this level and number, with values of type `T`.
    pub const fn new(level: i32, name: i32) -> Self {
        Self { level, name, label: None, most: usize::MAX, value: PhantomData }
    }

    /// One that has a name here.
    pub(super) const fn known(level: i32, name: i32, label: &'static str) -> Self {
        Self { level, name, label: Some(label), most: usize::MAX, value: PhantomData }
    }

    /// The same, of values that are no longer than this.
    #[cfg_attr(
        not(any(target_os = "linux", target_os = "freebsd")),
        allow(dead_code, reason = "no option with a name is cut there")
    )]
    pub(super) const fn of_at_most(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }
}

/// `SO_MARK (option 36 of level 1)`, or without a name `option 36 of level 1`.
impl<T> fmt::Display for SocketOption<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.label {
            Some(label) => write!(f, "{label} (option {} of level {})", self.name, self.level),
            None => write!(f, "option {} of level {}", self.name, self.level),
        }
    }
}

impl<T> fmt::Debug for SocketOption<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A type that options can have as their value: numbers, text, bytes, and what this crate has types for. `Debug` is for
/// errors, which name the value.
///
/// ```
/// use shotclock::OptionValue;
/// use std::net::Ipv4Addr;
/// assert_eq!(true.encode(), 1_i32.to_ne_bytes());
/// assert_eq!(i32::decode(&7_i32.to_ne_bytes()), Some(7));
/// assert_eq!(i32::decode(&7_u64.to_ne_bytes()), None, "another number's bytes");
/// assert_eq!(Ipv4Addr::LOCALHOST.encode(), [127, 0, 0, 1]);
/// assert_eq!(String::decode(b"cubic\0\0\0").unwrap(), "cubic");
/// ```
pub trait OptionValue: Sized + fmt::Debug {
    /// The most bytes a value has.
    const SIZE: usize;
    /// The bytes setsockopt(2) takes.
    fn encode(&self) -> Vec<u8>;
    /// The value of the bytes getsockopt(2) gave, which may be a few more than [`SIZE`](Self::SIZE) where the option has
    /// more; `None` if they are no such value's.
    fn decode(bytes: &[u8]) -> Option<Self>;

    /// What is wrong with a value that the system would take for another one; none of most types.
    ///
    /// ```
    /// use shotclock::OptionValue;
    /// assert_eq!("lo\0eth0".to_owned().refusal().unwrap(), "a NUL would end it");
    /// assert_eq!(7_i32.refusal(), None);
    /// ```
    fn refusal(&self) -> Option<&'static str> {
        None
    }
}

/// So many bytes more than a value's are asked for, so that a longer value is seen to be one, and not cut.
pub(crate) const ROOM_FOR_MORE: usize = 8;

/// The value of an option's bytes, or an error that says how many there were.
pub(crate) fn decode<T: OptionValue>(option: SocketOption<T>, bytes: &[u8]) -> Result<T> {
    T::decode(bytes).ok_or_else(|| {
        let or_more = if bytes.len() == T::SIZE + ROOM_FOR_MORE { " or more" } else { "" };
        let text = format!("the value has {} bytes{or_more}: expected {}", bytes.len(), T::SIZE);
        Error::invalid("getsockopt", text).to(option)
    })
}

/// An error for a value that the system would not take as it is.
pub(crate) fn refuse<T: OptionValue>(option: SocketOption<T>, value: &T, bytes: usize) -> Result<()> {
    let problem = match value.refusal() {
        Some(problem) => problem.to_owned(),
        None if bytes > option.most => format!("it has {bytes} bytes: expected at most {}", option.most),
        None => return Ok(()),
    };
    Err(Error::invalid("setsockopt", format!("{value:?}: {problem}")).to(option))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_another_size_is_named() {
        let option = SocketOption::<i32>::known(6, 7, "TCP_SOMETHING");
        let error = decode(option, &[1, 2, 3]).unwrap_err().to_string();
        assert_eq!(error, "getsockopt TCP_SOMETHING (option 7 of level 6): the value has 3 bytes: expected 4");
        let error = decode(SocketOption::<u64>::new(6, 7), &[0; 16]).unwrap_err().to_string();
        assert_eq!(error, "getsockopt option 7 of level 6: the value has 16 bytes or more: expected 8");
        let error = refuse(SocketOption::<String>::new(1, 2).of_at_most(3), &"four".to_owned(), 4).unwrap_err();
        assert_eq!(error.to_string(), "setsockopt option 2 of level 1: \"four\": it has 4 bytes: expected at most 3");
    }
}
