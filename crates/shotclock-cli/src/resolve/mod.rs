//! `shotclock resolve`: what the system's resolver knows of a name or an address, in time.

mod all;
mod arguments;
mod records;

use shotclock::Deadline;

use crate::failure::Failure;
pub(crate) use arguments::Arguments;

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let until = Deadline::after(arguments.timeout);
    match arguments.record {
        Some(record) => records::ask(record, arguments, until),
        None => all::ask(arguments, until),
    }
}
