//! `shotclock send`: the echo clients, for any server that answers.

mod arguments;
mod connect;
mod lines;
mod progress;
mod raw;
mod report;

use std::ffi::OsString;

use shotclock::Deadline;

use crate::arguments::Place;
use crate::failure::Failure;
use crate::output;
pub(crate) use arguments::Arguments;
use arguments::{Protocol, no_port};
use connect::{Limits, Service};
use report::Report;

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (to, texts) = arguments.addressed()?;
    if arguments.raw && texts.is_some() {
        let text = "--raw sends standard input: expected no TEXT";
        return Err(Failure::Usage(text.to_owned()));
    }
    let total = Deadline::after(arguments.total);
    let report = Report::new(arguments, total);
    let done = talk(arguments, &to, texts.as_deref(), &report, total);
    if let Err(failure) = &done {
        report.failed(failure);
    }
    done
}

fn talk(
    arguments: &Arguments,
    to: &Place,
    texts: Option<&[OsString]>,
    report: &Report,
    total: Deadline,
) -> Result<(), Failure> {
    let limits = Limits::begin(arguments.connect_timeout, total);
    let wire = match (to, arguments.protocol) {
        (Place::Local(address), _) => connect::local(arguments, address, limits, report)?,
        (Place::Host { host, port }, protocol) => {
            let port = port.as_ref().ok_or_else(|| no_port(host))?;
            let to = Service { host, port };
            if protocol == Protocol::Udp {
                let socket = connect::datagrams(arguments, &to, limits, report)?;
                socket.set_timeout(arguments.timeout);
                if arguments.raw {
                    return raw::over_datagrams(&socket, total);
                }
                report.connected(&socket.getpeername()?)?;
                lines::over_datagrams(&socket, texts, arguments.at_once.into(), report, total)?;
                return output::flush(total);
            }
            connect::stream(arguments, &to, limits, report)?
        }
    };
    wire.socket().set_timeout(arguments.timeout);
    if arguments.raw {
        return raw::over_stream(&wire, arguments.timeout, total, report);
    }
    report.connected(&wire.socket().getpeername()?)?;
    lines::over_stream(&wire, texts, arguments.timeout, report, total)?;
    output::flush(total)
}
