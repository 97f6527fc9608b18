//! Line by line: each is sent, and its answer awaited.

use std::ffi::OsString;

use shotclock::{Deadline, LINE_LIMIT, Socket, SocketReader, Timed, Timeout};

use super::report::Report;
use crate::failure::Failure;
use crate::input::Input;
use crate::system::bytes_of;
use crate::wire::{Lines, Wire};

/// The longest answer in a datagram.
const DATAGRAM: usize = 64 << 10;

/// Each line goes out with its end, and one line of answer is awaited.
pub(super) fn over_stream(
    wire: &Wire,
    texts: Option<&[OsString]>,
    timeout: Timeout,
    report: &Report,
    total: Deadline,
) -> Result<(), Failure> {
    let view = wire.socket().until(total);
    let mut answers = Lines::new(wire, timeout, total);
    let exchange = |line: &[u8]| {
        if line.len() >= LINE_LIMIT {
            return Err(Failure::Other(format!("a line of {} bytes: expected less than {LINE_LIMIT}", line.len())));
        }
        wire.sendall(view, &[line, b"\n"].concat())?;
        report.sent(line)?;
        let answer = answers.next()?;
        if answer.is_empty() {
            return Err(Failure::Other("the server ended the connection instead of an answer".to_owned()));
        }
        report.received(&answer, true)
    };
    match texts {
        Some(texts) => texts.iter().flat_map(|text| bytes_of(text).split(|byte| *byte == b'\n')).try_for_each(exchange),
        None => each_line_of_input(total, exchange),
    }?;
    // The server may have gone first, which is fine: all was answered.
    let _gone = wire.end(view);
    Ok(())
}

/// Each text, or each line of standard input, is a datagram, and one datagram of answer is awaited.
pub(super) fn over_datagrams(
    socket: &Socket,
    texts: Option<&[OsString]>,
    report: &Report,
    total: Deadline,
) -> Result<(), Failure> {
    let view = socket.until(total);
    let exchange = |data: &[u8]| {
        view.send(data)?;
        report.sent(data)?;
        report.received(&view.recv(DATAGRAM)?, false)
    };
    match texts {
        Some(texts) => texts.iter().map(|text| bytes_of(text)).try_for_each(exchange),
        None => each_line_of_input(total, exchange),
    }
}

/// Calls `each` with the lines of standard input, without their ends.
fn each_line_of_input(total: Deadline, mut each: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
    let input = Input::standard()?;
    let mut lines = SocketReader::new(input.socket().until(total))?;
    while let Some(line) = next_line(&mut lines)? {
        if !line.ends_with(b"\n") {
            // The last line, or what there is of it.
            input.check()?;
        }
        each(line.strip_suffix(b"\n").unwrap_or(&line))?;
    }
    input.check()
}

fn next_line(lines: &mut SocketReader<Timed<'_>>) -> Result<Option<Vec<u8>>, Failure> {
    lines.set_line_limit(LINE_LIMIT);
    let line = lines.readline()?;
    Ok((!line.is_empty()).then_some(line))
}
