//! Messages that are taken from a file whole or not at all, and the file's buffer.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod peers;

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use peers::{LIMIT, PAIRS, times_out};
use shotclock::{Error, Kind, LimitKind, Result, Socket, SocketFile, SocketReader, Timeout, socketpair, with_deadline};

fn pair() -> (Socket, Socket) {
    socketpair(PAIRS, Kind::STREAM).unwrap()
}

/// A reply as Redis has it: `+text`, `$5` and so many bytes, or `*2` and so many replies.
#[derive(Clone, Debug, PartialEq)]
enum Reply {
    Text(String),
    Bytes(Vec<u8>),
    Array(Vec<Reply>),
}

fn reply(file: &mut SocketReader<&Socket>) -> Result<Reply> {
    file.take_whole(|file| {
        let line = String::from_utf8(file.readline()?).map_err(io::Error::other)?;
        let number = || line[1..].trim().parse::<usize>().map_err(io::Error::other);
        Ok(match line.chars().next() {
            Some('+') => Reply::Text(line[1..].trim().to_owned()),
            Some('$') => {
                let mut bytes = vec![0; number()? + 2];
                file.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Reply::Bytes(bytes)
            }
            Some('*') => Reply::Array((0..number()?).map(|_| reply(file)).collect::<Result<_>>()?),
            Some(other) => return Err(io::Error::other(format!("{other:?} begins no reply")).into()),
            None => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
        })
    })
}

#[test]
fn a_reply_that_timed_out_anywhere_begins_again_at_its_beginning() {
    let sent = b"*3\r\n$5\r\nfirst\r\n*1\r\n+second\r\n+third\r\n";
    let whole = Reply::Array(vec![
        Reply::Bytes(b"first".to_vec()),
        Reply::Array(vec![Reply::Text("second".to_owned())]),
        Reply::Text("third".to_owned()),
    ]);
    for cut in 0..sent.len() {
        let (ours, theirs) = pair();
        ours.set_timeout(Duration::from_millis(5));
        let mut file = ours.makefile_reader().unwrap();
        theirs.sendall(&sent[..cut]).unwrap();
        let error = reply(&mut file).unwrap_err();
        assert!(error.is_timeout(), "{cut}: {error}");
        assert_eq!(file.buffer(), &sent[..cut], "nothing of it was taken");
        theirs.sendall(&sent[cut..]).unwrap();
        theirs.sendall(b"+next\r\n").unwrap();
        ours.set_timeout(None);
        assert_eq!(reply(&mut file).unwrap(), whole, "{cut}");
        assert_eq!(reply(&mut file).unwrap(), Reply::Text("next".to_owned()));
    }
}

#[test]
fn a_message_has_one_limit_for_all_its_reads() {
    let (ours, theirs) = pair();
    ours.set_timeout(LIMIT);
    let mut file = ours.makefile_reader().unwrap();
    thread::scope(|threads| {
        // A drip that keeps each single read alive.
        let stop = shotclock::Canceller::new();
        let theirs = &theirs;
        threads.spawn({
            let stop = stop.clone();
            move || while stop.pause(LIMIT / 6).is_ok() && theirs.sendall(b"+\n").is_ok() {}
        });
        let lines = |file: &mut SocketReader<&Socket>| -> Result<()> {
            loop {
                file.readline()?;
            }
        };
        let error = times_out(LIMIT, || file.take_whole(lines));
        assert_eq!(error.limit(), Some(LimitKind::SocketTimeout(LIMIT.into())), "{error}");
        let scoped = times_out(LIMIT, || {
            with_deadline(LIMIT, || {
                ours.set_timeout(None);
                file.take_whole(lines)
            })
        });
        assert!(scoped.scope().is_some(), "{scoped}");
        stop.cancel();
    });
    // After it each call has its own again.
    ours.set_timeout(LIMIT);
    file.consume(usize::MAX);
    times_out(LIMIT, || file.take_whole(|file| file.readline()));
    ours.set_timeout(Timeout::ZERO);
    assert!(file.take_whole(|file| file.readline()).unwrap_err().is_would_block());
}

#[test]
fn every_way_to_read_goes_back() {
    let (ours, theirs) = pair();
    let long = vec![b'x'; 30_000];
    let sent = [&b"a line\nskipped;until;"[..], &long, b"the end"].concat();
    theirs.sendall(&sent).unwrap();
    theirs.close().unwrap();
    let mut file = SocketFile::new(&ours).unwrap();
    for last in [false, true] {
        let taken: Result<(), Error> = file.take_whole(|file| {
            assert_eq!(file.readline()?, b"a line\n");
            assert_eq!(file.skip_until(b';')?, 8);
            let mut until = Vec::new();
            assert_eq!(file.read_until(b';', &mut until)?, 6);
            let mut first = [0; 3];
            assert_eq!((file.read(&mut first)?, &first), (3, b"xxx"));
            let mut most = vec![0; 20_000];
            file.read_exact(&mut most)?;
            let seen = file.fill_buf()?.len();
            file.consume(seen.min(1));
            assert_ne!(file.read(&mut vec![0; 9000])?, 0);
            let mut rest = Vec::new();
            file.read_to_end(&mut rest)?;
            assert!(rest.ends_with(b"the end"));
            if last { Ok(()) } else { Err(Error::other("mine", io::Error::other("no sense"))) }
        });
        assert_eq!(taken.is_ok(), last);
        assert!(file.buffer().is_empty() == last);
        if !last {
            assert_eq!(file.buffer(), sent, "all of it is there again");
        }
    }
    assert_eq!(file.readline().unwrap(), b"");
}

#[test]
fn a_panic_takes_nothing_and_a_part_may_fail_by_itself() {
    let (ours, theirs) = pair();
    theirs.sendall(b"one\ntwo\nthree\n").unwrap();
    let mut file = ours.makefile_reader().unwrap();
    assert_eq!(file.readline().unwrap(), b"one\n");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        file.take_whole(|file| -> Result<()> {
            file.readline()?;
            std::panic::resume_unwind(Box::new(()))
        })
    }));
    assert!(panicked.is_err() && file.buffer() == b"two\nthree\n");
    let lines = file.take_whole(|file| -> Result<_> {
        let first = file.readline()?;
        let refused: Result<()> = file.take_whole(|file| {
            assert_eq!(file.readline()?, b"three\n");
            Err(io::Error::other("another way").into())
        });
        assert!(refused.is_err());
        Ok([first, file.readline()?])
    });
    assert_eq!(lines.unwrap(), [b"two\n".to_vec(), b"three\n".to_vec()]);
    assert_eq!(file.buffer(), b"");
}

#[test]
fn a_message_without_end_is_refused() {
    let (ours, theirs) = pair();
    let mut file = ours.makefile_reader().unwrap();
    file.set_message_limit(100_000);
    file.set_line_limit(usize::MAX);
    let flood = thread::spawn(move || {
        let many = vec![b'x'; 10_000];
        while theirs.sendall(&many).is_ok() {}
    });
    type Take = fn(&mut SocketReader<&Socket>) -> io::Result<usize>;
    let ways: [Take; 5] = [
        |file| Ok(file.readline()?.len()),
        |file| file.read_until(b'\n', &mut Vec::new()),
        |file| file.skip_until(b'\n'),
        |file| file.read_exact(&mut vec![0; 1_000_000]).map(|()| 0),
        |file| loop {
            let len = file.fill_buf()?.len();
            file.consume(len);
        },
    ];
    for (number, way) in ways.into_iter().enumerate() {
        let begun = Instant::now();
        let error = file.take_whole(way).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{number}: {error}");
        assert!(error.to_string().contains("100000"), "{error}");
        assert!(file.buffer().len() < 300_000 && begun.elapsed() < Duration::from_secs(20));
    }
    let mut gathered = 0;
    let error = loop {
        match file.fill_more() {
            Ok(more) => gathered += more,
            Err(error) => break error,
        }
    };
    assert!(error.kind() == ErrorKind::InvalidData && gathered < 200_000, "{error}");
    drop(file);
    ours.close().unwrap();
    flood.join().unwrap();
}

#[test]
fn more_is_received_behind_what_is_there() {
    let (ours, theirs) = pair();
    let mut file = SocketFile::new(ours.within(Duration::from_secs(60))).unwrap();
    for byte in b"hello" {
        theirs.sendall(&[*byte]).unwrap();
        assert_eq!(file.fill_more().unwrap(), 1);
    }
    assert_eq!(file.buffer(), b"hello");
    file.consume(2);
    file.write_all(b"?").unwrap();
    file.flush().unwrap();
    assert_eq!(theirs.recv(9).unwrap(), b"?");
    theirs.close().unwrap();
    assert_eq!((file.fill_more().unwrap(), file.buffer()), (0, &b"llo"[..]));
    let (ours, _silent) = pair();
    let mut file = SocketReader::new(ours.within(LIMIT)).unwrap();
    assert_eq!(times_out(LIMIT, || file.fill_more()).operation(), "fill_more");
}
