//! Any stream, cut anywhere, with time-outs between the parts: the lines are those of the whole stream.
#![no_main]

use std::io::BufRead;

use libfuzzer_sys::fuzz_target;
use shotclock::{Family, Kind, Timeout, socketpair};

fuzz_target!(|parts: Vec<Vec<u8>>| {
    let (reading, writing) = socketpair(Family::UNIX, Kind::STREAM).expect("a pair of sockets");
    reading.set_timeout(Timeout::ZERO);
    let mut file = reading.makefile().expect("an open socket");
    let (mut sent, mut lines, mut line) = (Vec::new(), Vec::new(), Vec::new());
    // Small enough for the socket's buffer, so that no write waits.
    for part in parts.iter().take(64).map(|part| &part[..part.len().min(256)]) {
        writing.sendall(part).expect("room in the buffer");
        sent.extend_from_slice(part);
        while file.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            lines.push(std::mem::take(&mut line));
        }
        assert!(line.is_empty(), "an error took bytes along: {line:?}");
    }
    writing.close().expect("a first close");
    while file.read_until(b'\n', &mut line).expect("the end") > 0 {
        lines.push(std::mem::take(&mut line));
    }
    let whole: Vec<&[u8]> = sent.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines, whole);
});
