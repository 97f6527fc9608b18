//! Buffered files: no byte is lost to a timeout, and the connection ends with its last user.
#![cfg_attr(windows, allow(unused_imports, dead_code, reason = "what only Unix systems have is left out there"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod peers;

use std::io::{BufRead, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use peers::{LIMIT, PAIRS, fill, in_own_process, open_descriptors, tcp_pair, times_out};
use shotclock::{Family, Kind, LINE_LIMIT, Shutdown, Socket, SocketFile, SocketReader, SocketWriter, socketpair};

fn pair() -> (Socket, Socket) {
    socketpair(PAIRS, Kind::STREAM).unwrap()
}

#[test]
fn a_line_survives_any_number_of_timeouts() {
    let (one, other) = pair();
    other.set_timeout(LIMIT);
    let mut file = other.makefile().unwrap();
    for part in ["a li", "ne in", " parts"] {
        one.sendall(part.as_bytes()).unwrap();
        times_out(LIMIT, || file.readline());
    }
    let mut text = String::from("kept: ");
    assert_eq!(file.read_line(&mut text).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(text, "kept: ");
    one.sendall(b"\nnext\nun").unwrap();
    assert_eq!(file.read_line(&mut text).unwrap(), 16);
    assert_eq!(text, "kept: a line in parts\n");
    assert_eq!(file.readline().unwrap(), b"next\n");
    one.close().unwrap();
    assert_eq!(file.readline().unwrap(), b"un", "the rest without an end");
    assert_eq!(file.readline().unwrap(), b"");
}

#[test]
fn lines_and_other_delimiters_survive_too() {
    let (one, other) = pair();
    other.set_timeout(LIMIT);
    let mut reader = other.makefile_reader().unwrap();
    one.sendall(b"first\r\nsec").unwrap();
    {
        let mut lines = reader.by_ref().lines();
        assert_eq!(lines.next().unwrap().unwrap(), "first");
        assert_eq!(lines.next().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
        one.sendall(b"ond\n").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "second");
    }
    one.sendall(b"a;b").unwrap();
    let mut field = Vec::new();
    assert_eq!(reader.read_until(b';', &mut field).unwrap(), 2);
    assert!(reader.read_until(b';', &mut field).is_err());
    assert_eq!(field, b"a;");
    one.sendall(b"c;").unwrap();
    assert_eq!(reader.read_until(b';', &mut field).unwrap(), 3);
    assert_eq!(field, b"a;bc;");
}

#[test]
fn read_exact_gives_all_or_keeps_all() {
    let (one, other) = pair();
    other.set_timeout(LIMIT);
    let mut reader = other.makefile_reader().unwrap();
    for size in [10, 100_000] {
        let data: Vec<u8> = (0..size).map(|n| n as u8).collect();
        one.sendall(&data[..3]).unwrap();
        // A part in the buffer, a part from the socket, and no end.
        assert_eq!(reader.fill_buf().unwrap().len(), 3);
        one.sendall(&data[3..5]).unwrap();
        let mut into = vec![0; size];
        assert_eq!(reader.read_exact(&mut into).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(reader.read_exact(&mut into).unwrap_err().kind(), ErrorKind::TimedOut);
        one.sendall(&data[5..]).unwrap();
        reader.read_exact(&mut into).unwrap();
        assert!(into == data);
    }
    one.sendall(b"abc").unwrap();
    one.close().unwrap();
    assert_eq!(reader.read_exact(&mut [0; 4]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "abc", "and even now nothing is lost");
}

#[test]
fn a_line_has_a_limit() {
    let (one, other) = pair();
    let writer = thread::spawn(move || {
        one.sendall(&vec![b'x'; LINE_LIMIT - 1]).unwrap();
        one.sendall(b"\n").unwrap();
        one.sendall(&vec![b'y'; LINE_LIMIT]).unwrap();
        one.sendall(b"\n").unwrap();
        one
    });
    let mut reader = other.makefile_reader().unwrap();
    assert_eq!(reader.readline().unwrap().len(), LINE_LIMIT, "its end included");
    let error = reader.readline().unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidData && error.to_string().contains("65536"), "{error}");
    assert!(reader.readline().is_err(), "nothing was consumed");
    reader.set_line_limit(LINE_LIMIT + 1);
    assert_eq!(reader.readline().unwrap().len(), LINE_LIMIT + 1);
    reader.set_line_limit(0);
    assert!(reader.readline().is_err());
    drop(writer.join().unwrap());
}

#[test]
fn what_ends_with_another_delimiter_is_no_line() {
    let (one, other) = pair();
    let writer = thread::spawn(move || {
        one.sendall(&vec![b'x'; 3 * LINE_LIMIT]).unwrap();
        one.sendall(b";short;").unwrap();
        one.sendall(&vec![b'y'; 3 * LINE_LIMIT]).unwrap();
        one.close().unwrap();
    });
    let mut reader = other.makefile_reader().unwrap();
    reader.set_line_limit(8);
    let mut field = Vec::new();
    assert_eq!(reader.read_until(b';', &mut field).unwrap(), 3 * LINE_LIMIT + 1);
    let fields: Vec<_> = reader.by_ref().split(b';').map(|field| field.unwrap().len()).collect();
    assert_eq!(fields, [5, 3 * LINE_LIMIT], "neither has a limit");
    writer.join().unwrap();
}

#[cfg(unix)]
#[test]
fn a_line_that_is_too_long_is_skipped_without_memory() {
    if !in_own_process("a_line_that_is_too_long_is_skipped_without_memory") {
        return;
    }
    const LONG: usize = 48 << 20;
    let (one, other) = pair();
    let writer = thread::spawn(move || {
        let part = vec![b'x'; 1 << 20];
        (0..LONG / part.len()).for_each(|_| one.sendall(&part).unwrap());
        one.sendall(b"\nnext\n").unwrap();
        one
    });
    let most = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    };
    let mut reader = other.makefile_reader().unwrap();
    assert_eq!(reader.readline().unwrap_err().kind(), ErrorKind::InvalidData);
    let before = most();
    assert_eq!(reader.skip_until(b'\n').unwrap(), LONG + 1);
    assert!(most() < before + (16 << 20), "{} more bytes", most() - before);
    assert_eq!(reader.readline().unwrap(), b"next\n");
    drop(writer.join().unwrap());
}

#[test]
fn what_was_skipped_before_a_timeout_counts_in_the_end() {
    let (one, other) = pair();
    other.set_timeout(LIMIT);
    let mut reader = other.makefile_reader().unwrap();
    for _ in 0..2 {
        one.sendall(&[b'x'; 20_000]).unwrap();
        let error = times_out(LIMIT, || {
            let error = reader.skip_until(b'\n').unwrap_err();
            Err::<(), _>(*error.into_inner().unwrap().downcast::<shotclock::Error>().unwrap())
        });
        assert_eq!(error.bytes_moved(), 20_000);
    }
    one.sendall(b"\nab\n").unwrap();
    assert_eq!(reader.skip_until(b'\n').unwrap(), 40_001);
    assert_eq!(reader.skip_until(b'b').unwrap(), 2, "the count begins anew");
    one.sendall(b"z\n12").unwrap();
    assert_eq!(reader.readline().unwrap(), b"\n");
    let mut rest = [0; 2];
    reader.read_exact(&mut rest).unwrap();
    assert_eq!((&rest, reader.skip_until(b'\n').unwrap_err().kind()), (b"z\n", ErrorKind::TimedOut));
    assert_eq!(reader.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::TimedOut);
    one.sendall(b"x3\n").unwrap();
    assert_eq!(reader.read(&mut [0; 1]).unwrap(), 1);
    assert_eq!(reader.skip_until(b'\n').unwrap(), 2, "since something was read, that was another line");
}

#[test]
fn bytes_that_are_no_text_stay_in_the_file() {
    let (one, other) = pair();
    one.sendall(b"abc\xffdef").unwrap();
    one.close().unwrap();
    let mut file = other.makefile().unwrap();
    let mut text = String::from("kept");
    for _ in 0..2 {
        assert_eq!(file.read_to_string(&mut text).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(text, "kept");
    }
    assert_eq!(file.fill_buf().unwrap(), b"abc\xffdef");
    let mut bytes = Vec::new();
    assert_eq!(file.read_to_end(&mut bytes).unwrap(), 7);
    assert_eq!(bytes, b"abc\xffdef");
}

#[test]
fn a_writer_takes_all_the_pieces() {
    let (one, other) = tcp_pair();
    let mut writer = one.makefile_writer().unwrap();
    let pieces = [IoSlice::new(b""), IoSlice::new(b"head "), IoSlice::new(b"body "), IoSlice::new(b"end")];
    assert_eq!(writer.write_vectored(&pieces).unwrap(), 13);
    assert_eq!(writer.buffered(), 13);
    let (large, many) = ([b'x'; 6000], [b'y'; 10]);
    assert_eq!(writer.write_vectored(&[IoSlice::new(&large), IoSlice::new(&large)]).unwrap(), 12_000);
    assert_eq!(writer.buffered(), 0, "what does not fit goes out at once");
    assert_eq!(writer.write_vectored(&vec![IoSlice::new(&many); 2000]).unwrap(), 20_000);
    writer.close().unwrap();
    let mut received = vec![0; 13 + 12_000 + 20_000];
    other.recv_exact(&mut received).unwrap();
    assert!(received.starts_with(b"head body endxxx") && received.ends_with(b"yyy"));
}

#[test]
fn a_line_that_is_not_text_is_an_error() {
    let (one, other) = pair();
    one.sendall(b"\xff\xfe\ngood\n").unwrap();
    let mut reader = other.makefile_reader().unwrap();
    let mut text = String::from("before");
    let error = reader.read_line(&mut text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let inside = error.into_inner().unwrap().downcast::<std::string::FromUtf8Error>().unwrap();
    assert_eq!(inside.as_bytes(), b"\xff\xfe\n", "taken, and in the error");
    reader.read_line(&mut text).unwrap();
    assert_eq!(text, "beforegood\n");
}

#[test]
fn reads_in_pieces_large_and_small() {
    let (one, other) = pair();
    let data: Vec<u8> = (0..300_000_u32).map(|n| (n ^ (n >> 8)) as u8).collect();
    let sent = data.clone();
    let writer = thread::spawn(move || {
        let mut writer = SocketWriter::new(one).unwrap();
        for piece in sent.chunks(777) {
            writer.write_all(piece).unwrap();
        }
        writer.close().unwrap();
    });
    let mut reader = SocketReader::new(other).unwrap();
    let mut received = Vec::new();
    for size in [1, 10, 5000, 9000, 20_000].iter().cycle() {
        let mut piece = vec![0; *size];
        match reader.read(&mut piece).unwrap() {
            0 => break,
            n => received.extend_from_slice(&piece[..n]),
        }
    }
    assert!(received == data);
    assert_eq!(reader.read(&mut []).unwrap(), 0);
    writer.join().unwrap();
}

#[test]
fn a_write_timeout_keeps_the_rest() {
    let (one, other) = tcp_pair();
    one.set_timeout(LIMIT);
    let mut file = SocketFile::new(&one).unwrap();
    let data: Vec<u8> = (0..16_u32 << 20).map(|n| (n >> 3) as u8).collect();
    file.write_all(b"head ").unwrap();
    let error = file.write_all(&data).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let cause = error.get_ref().unwrap().downcast_ref::<shotclock::Error>().unwrap();
    let out = usize::try_from(cause.bytes_moved()).unwrap();
    assert!(out > 0 && cause.to_string().contains(&format!("after {out} bytes")), "{cause}");
    assert_eq!(file.buffered(), 5 + data.len() - out, "what did not go out waits");
    let reader = thread::spawn(move || {
        let mut received = Vec::new();
        (&other).read_to_end(&mut received).unwrap();
        received
    });
    one.set_timeout(Duration::from_secs(30));
    file.flush().unwrap();
    assert_eq!(file.buffered(), 0);
    file.close().unwrap();
    one.shutdown(Shutdown::WRITE).unwrap();
    let received = reader.join().unwrap();
    assert!(received[..5] == *b"head " && received[5..] == data, "each byte once, in order");
}

#[test]
fn write_takes_nothing_when_it_fails() {
    // Its queue has one size: a TCP connection's grows, and may take a part of what is written here.
    let (one, _never_reads) = pair();
    one.set_timeout(LIMIT);
    fill(&one);
    let mut writer = one.makefile_writer().unwrap();
    let mut taken = 0;
    let error = loop {
        match writer.write(&[7; 1000]) {
            Ok(n) => taken += n,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(writer.buffered(), taken);
    let begun = Instant::now();
    let error = writer.close().unwrap_err();
    assert!(error.is_timeout() && begun.elapsed() < Duration::from_secs(10), "{error}");
}

#[test]
fn a_dropped_writer_sends_what_it_has() {
    let (one, other) = pair();
    let mut writer = one.makefile_writer().unwrap();
    writer.write_all(b"last words").unwrap();
    assert!(other.within(LIMIT).recv(1).unwrap_err().is_timeout(), "not yet");
    drop(writer);
    assert_eq!(other.recv(100).unwrap(), b"last words");
}

#[test]
fn socket_and_file_close_independently() {
    if !in_own_process("socket_and_file_close_independently") {
        return;
    }
    let before = open_descriptors();
    // The socket first.
    let (one, other) = pair();
    let one = Arc::new(one);
    let mut reader = SocketReader::new(Arc::clone(&one)).unwrap();
    let mut writer = SocketWriter::new(Arc::clone(&one)).unwrap();
    one.close().unwrap();
    assert!(one.send(b"x").unwrap_err().is_closed());
    assert!(SocketReader::new(Arc::clone(&one)).unwrap_err().is_closed(), "no new file");
    other.sendall(b"question\n").unwrap();
    assert_eq!(reader.readline().unwrap(), b"question\n");
    reader.close();
    writer.write_all(b"answer\n").unwrap();
    writer.flush().unwrap();
    assert_eq!(other.recv(100).unwrap(), b"answer\n");
    assert!(other.within(LIMIT).recv(1).unwrap_err().is_timeout(), "the connection is still there");
    writer.close().unwrap();
    assert_eq!(other.recv(1).unwrap(), b"", "now it is gone, though the socket is still held");
    drop((one, other));

    // The file first.
    let (one, other) = pair();
    SocketFile::new(&one).unwrap().close().unwrap();
    one.sendall(b"x").unwrap();
    one.close().unwrap();
    assert_eq!(other.recv(9).unwrap(), b"x");
    assert_eq!(other.recv(9).unwrap(), b"");
    drop((one, other));

    // A file that owns its socket takes it along.
    let (one, other) = pair();
    drop(SocketFile::new(one).unwrap());
    assert_eq!(other.recv(1).unwrap(), b"");
    drop(other);
    assert_eq!(open_descriptors(), before);
}

#[test]
fn closing_wakes_a_waiter_though_a_file_keeps_the_descriptor() {
    let (one, _other) = pair();
    let one = Arc::new(one);
    let file = SocketReader::new(Arc::clone(&one)).unwrap();
    let waiter = Arc::clone(&one);
    let waits = thread::spawn(move || waiter.within(Duration::from_secs(20)).recv(1).unwrap_err());
    // Whichever comes first, the call or the closing: the answer is the same.
    one.close().unwrap();
    assert!(waits.join().unwrap().is_closed());
    file.close();
}

#[test]
fn a_file_over_a_view_keeps_the_views_limit() {
    let (one, other) = pair();
    let mut file = SocketFile::new(other.within(LIMIT)).unwrap();
    one.sendall(b"in time\nand").unwrap();
    assert_eq!(file.readline().unwrap(), b"in time\n");
    times_out(Duration::ZERO, || file.readline());
    assert_eq!(file.write_all(&[0; 9000]).unwrap_err().kind(), ErrorKind::TimedOut);
    drop(file);
    times_out(LIMIT, || other.within(LIMIT).recv(1));
}

#[test]
fn a_reading_and_a_writing_thread_each_have_a_file() {
    let (client, server) = tcp_pair();
    let echo = thread::spawn(move || {
        let mut file = SocketFile::new(server).unwrap();
        loop {
            let line = file.readline().unwrap();
            if line.is_empty() {
                return;
            }
            file.write_all(&line).unwrap();
            file.flush().unwrap();
        }
    });
    let client = Arc::new(client);
    let mut writer = SocketWriter::new(Arc::clone(&client)).unwrap();
    let writes = thread::spawn(move || {
        (0..2000).for_each(|n| writeln!(writer, "line {n}").unwrap());
        writer.close().unwrap();
    });
    let reader = SocketReader::new(Arc::clone(&client)).unwrap();
    let lines = reader.lines().take(2000).map(Result::unwrap);
    assert!(lines.enumerate().all(|(n, line)| line == format!("line {n}")));
    writes.join().unwrap();
    client.shutdown(Shutdown::WRITE).unwrap();
    echo.join().unwrap();
}

#[test]
fn text_and_skipped_lines_survive_a_timeout() {
    let (one, other) = pair();
    other.set_timeout(LIMIT);
    let mut file = other.makefile().unwrap();
    one.sendall(b"first li").unwrap();
    assert_eq!(file.skip_until(b'\n').unwrap_err().kind(), ErrorKind::TimedOut);
    one.sendall(b"ne\nh\xc3").unwrap();
    assert_eq!(file.skip_until(b'\n').unwrap(), 11);
    let mut text = String::from("kept: ");
    let begun = Instant::now();
    assert_eq!(file.read_to_string(&mut text).unwrap_err().kind(), ErrorKind::TimedOut, "in mid-character");
    assert!(begun.elapsed() >= LIMIT && text == "kept: ");
    one.sendall(b"\xa9").unwrap();
    one.close().unwrap();
    assert_eq!(file.read_to_string(&mut text).unwrap(), 3);
    assert_eq!(text, "kept: h\u{e9}");
}

#[test]
fn text_dripped_does_not_outlast_the_limit() {
    let (one, other) = pair();
    let drip = thread::spawn(move || {
        let silent = Socket::new(Family::INET, Kind::DGRAM).unwrap();
        while one.send(b"x").is_ok() {
            let _a_pause = silent.within(LIMIT / 3).recv(1);
        }
    });
    other.set_timeout(LIMIT * 3);
    let begun = Instant::now();
    assert!(other.makefile().unwrap().read_to_string(&mut String::new()).is_err());
    assert!(begun.elapsed() >= LIMIT * 3 && begun.elapsed() < LIMIT * 30);
    other.close().unwrap();
    drip.join().unwrap();
}

#[test]
fn formatted_text_is_taken_over_as_a_whole() {
    let (one, other) = tcp_pair();
    one.set_timeout(LIMIT);
    let mut writer = one.makefile_writer().unwrap();
    let big = "x".repeat(16 << 20);
    let end = "THE END\n";
    write!(writer, "{big}{end}").unwrap_err();
    let reader = thread::spawn(move || {
        let mut received = Vec::new();
        (&other).read_to_end(&mut received).unwrap();
        received
    });
    one.set_timeout(Duration::from_secs(30));
    writer.close().unwrap();
    one.shutdown(Shutdown::WRITE).unwrap();
    let received = reader.join().unwrap();
    assert!(received.len() == big.len() + 8 && received.ends_with(b"xTHE END\n"));
}

#[test]
fn what_is_written_after_a_discard_is_sent() {
    let (one, other) = tcp_pair();
    one.set_timeout(LIMIT);
    let mut writer = one.makefile_writer().unwrap();
    writer.write_all(&vec![7; 16 << 20]).unwrap_err();
    assert!(writer.discard() > 0);
    let reader = thread::spawn(move || {
        let mut received = Vec::new();
        (&other).read_to_end(&mut received).unwrap();
        received
    });
    one.set_timeout(Duration::from_secs(30));
    writer.write_all(b"fresh").unwrap();
    drop(writer);
    one.shutdown(Shutdown::WRITE).unwrap();
    assert!(reader.join().unwrap().ends_with(b"\x07fresh"));
}

#[test]
fn a_lingering_close_leaves_files_and_duplicates_alone() {
    let (one, other) = tcp_pair();
    one.set_timeout(Duration::from_secs(20));
    one.setsockopt(shotclock::SocketOption::LINGER, Some(Duration::from_secs(1))).unwrap();
    let copy = one.dup().unwrap();
    let mut writer = SocketWriter::new(&one).unwrap();
    writer.write_all(b"from the file").unwrap();
    one.close().unwrap();
    writer.flush().unwrap();
    copy.sendall(b", and the copy").unwrap();
    let mut received = [0; 27];
    other.recv_exact(&mut received).unwrap();
    assert_eq!(&received, b"from the file, and the copy");
}
