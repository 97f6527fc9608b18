//! How arguments are read, by all subcommands alike: values are checked here, and errors name the value and what was expected.

mod family;
mod number;
mod place;
mod time;

pub(crate) use family::Families;
pub(crate) use number::{Rate, count, rate, whole};
pub(crate) use place::{Place, Port, listening_port, port};
pub(crate) use time::{TIME, duration, limit};
