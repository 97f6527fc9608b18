//! Line by line: each is sent, and its answer awaited.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use shotclock::{Deadline, LINE_LIMIT, Result, Shutdown, Socket, SocketReader, Timed};

use super::input;
use super::report::Report;
use crate::exit::Failure;

/// The longest answer in a datagram.
const DATAGRAM: usize = 64 << 10;

/// Each line goes out with its end, and one line of answer is awaited.
pub(super) fn over_stream(
    socket: &Socket,
    texts: Option<&[OsString]>,
    report: &Report,
    total: Deadline,
) -> Result<(), Failure> {
    let view = socket.until(total);
    let mut answers = SocketReader::new(view)?;
    each_line(texts, total, |line| {
        if line.len() >= LINE_LIMIT {
            return Err(Failure::Other(format!("a line of {} bytes: expected less than {LINE_LIMIT}", line.len())));
        }
        view.sendall(&[line, b"\n"].concat())?;
        report.sent(line)?;
        let answer = answers.readline()?;
        if answer.is_empty() {
            return Err(Failure::Other("the server ended the connection instead of an answer".to_owned()));
        }
        report.received(&answer, true)
    })?;
    // The server may have gone first, which is fine: all was answered.
    let _gone = socket.shutdown(Shutdown::WRITE);
    Ok(())
}

/// Each line is a datagram, and one datagram of answer is awaited.
pub(super) fn over_datagrams(
    socket: &Socket,
    texts: Option<&[OsString]>,
    report: &Report,
    total: Deadline,
) -> Result<(), Failure> {
    let view = socket.until(total);
    each_line(texts, total, |line| {
        view.send(line)?;
        report.sent(line)?;
        report.received(&view.recv(DATAGRAM)?, false)
    })
}

/// Calls `each` with the lines of the texts, or of standard input, without their ends.
fn each_line(
    texts: Option<&[OsString]>,
    total: Deadline,
    mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if let Some(texts) = texts {
        return texts.iter().flat_map(|text| text.as_bytes().split(|byte| *byte == b'\n')).try_for_each(each);
    }
    let input = input::open()?;
    let mut lines = SocketReader::new(input.until(total))?;
    while let Some(line) = next_line(&mut lines)? {
        each(line.strip_suffix(b"\n").unwrap_or(&line))?;
    }
    Ok(())
}

fn next_line(lines: &mut SocketReader<Timed<'_>>) -> Result<Option<Vec<u8>>, Failure> {
    lines.set_line_limit(LINE_LIMIT);
    let line = lines.readline()?;
    Ok((!line.is_empty()).then_some(line))
}
