//! Line by line: each is sent, and its answer awaited; of datagrams those that are there together.

use std::ffi::OsString;
use std::iter;

use shotclock::{Deadline, Error, LINE_LIMIT, Outgoing, RecvBatch, Socket, SocketReader, Timed, Timeout};

use super::report::Report;
use crate::failure::Failure;
use crate::input::Input;
use crate::system::bytes_of;
use crate::wire::{Lines, Wire};

/// The longest answer in a datagram.
const DATAGRAM: usize = 64 << 10;
/// So many bytes go out together at most, or a single datagram of more: a server that is slow has room for those.
const MOST_BYTES: usize = 65_507;

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
    let mut exchange = |line: &[u8]| {
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
        None => each_of_input(total, 1, |lines| lines.iter().try_for_each(|line| exchange(line))),
    }?;
    // The server may have gone first, which is fine: all was answered.
    let _gone = wire.end(view);
    Ok(())
}

/// Each text, or each line of standard input, is a datagram, and one datagram of answer is awaited: after each, or after
/// those that are there, up to `at_once`, for all of them.
pub(super) fn over_datagrams(
    socket: &Socket,
    texts: Option<&[OsString]>,
    at_once: usize,
    report: &Report,
    total: Deadline,
) -> Result<(), Failure> {
    let view = socket.until(total);
    let Some(texts) = texts else { return each_of_input(total, at_once, |lines| exchange(view, lines, report)) };
    let texts: Vec<&[u8]> = texts.iter().map(|text| bytes_of(text)).collect();
    let mut rest = texts.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(together(rest.iter().map(|text| text.len()), at_once));
        exchange(view, now, report)?;
        rest = later;
    }
    Ok(())
}

/// How many of these go out together: one at least.
fn together(lens: impl Iterator<Item = usize>, most: usize) -> usize {
    let sums = lens.scan(0, |bytes: &mut usize, len| {
        *bytes = bytes.saturating_add(len);
        Some(*bytes)
    });
    sums.take(most).take_while(|bytes| *bytes <= MOST_BYTES).count().max(1)
}

/// Sends these, and awaits as many answers. What went is told, whatever ends it.
fn exchange(view: Timed<'_>, all: &[&[u8]], report: &Report) -> Result<(), Failure> {
    if let [data] = all {
        view.send(data)?;
        report.sent(data)?;
        return report.received(&view.recv(DATAGRAM)?, false);
    }
    let outgoing: Vec<Outgoing<'_>> = all.iter().map(|data| Outgoing::from(*data)).collect();
    let sent = view.send_batch(&outgoing);
    let went = sent.as_ref().map_or_else(Error::datagrams_moved, |()| all.len());
    all[..went].iter().try_for_each(|data| report.sent(data))?;
    sent?;
    let mut missing = all.len();
    while missing > 0 {
        // No more than are awaited: what else comes is the answer to the next ones.
        let mut answers = RecvBatch::new(missing, DATAGRAM)?;
        missing -= view.recv_batch(&mut answers)?;
        answers.iter().try_for_each(|answer| report.received(answer.data(), false))?;
    }
    Ok(())
}

/// Calls `each` with the lines of standard input, without their ends: with as many as are there, up to `most`, at a time.
fn each_of_input(
    total: Deadline,
    most: usize,
    mut each: impl FnMut(&[&[u8]]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let input = Input::standard()?;
    let mut lines = SocketReader::new(input.socket().until(total))?;
    while let Some(first) = next_line(&mut lines, &input)? {
        let there = lines.buffer().split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let count = together(iter::once(first.len()).chain(there.map(|line| line.len() - 1)), most);
        let mut now = vec![first];
        while now.len() < count {
            now.extend(next_line(&mut lines, &input)?);
        }
        each(&now.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
    }
    input.check()
}

/// The next line, without its end.
fn next_line(lines: &mut SocketReader<Timed<'_>>, input: &Input) -> Result<Option<Vec<u8>>, Failure> {
    lines.set_line_limit(LINE_LIMIT);
    let mut line = lines.readline()?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.ends_with(b"\n") {
        line.pop();
    } else {
        // The last line, or what there is of it.
        input.check()?;
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_together_is_bounded_by_number_and_by_bytes() {
        let count = |lens: &[usize], most| together(lens.iter().copied(), most);
        assert_eq!(count(&[1; 100], 1), 1);
        assert_eq!(count(&[1; 100], 32), 32);
        assert_eq!(count(&[0, 3, 0], 32), 3);
        assert_eq!(count(&[MOST_BYTES - 1, 1, 1], 32), 2);
        assert_eq!(count(&[1, MOST_BYTES], 32), 1);
        assert_eq!(count(&[MOST_BYTES + 1, 1], 32), 1, "one that is too long goes alone, and is named");
    }
}
