//! The pipes of the command: readers that do not read, input that does not come, ends or breaks, disks that are full.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod programs;

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use programs::{PATIENCE, Program, datagram_client, line, run, shotclock, text};
use serde_json::Value;
use shotclock::{Family, Kind, Shutdown, Socket, create_server};

/// What a pipe holds by default.
const PIPE: usize = 64 << 10;

/// A pipe in which there is no room: who writes to it waits for ever.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'.'; PIPE]).unwrap();
    (reader, writer)
}

/// Its exit code; it must end by itself.
#[track_caller]
fn code_of(child: &mut Child) -> i32 {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or_else(|| panic!("{status}"));
        }
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::yield_now();
    }
}

fn signal(child: &Child, name: &str) {
    // The shell's own: kill(1) is not everywhere.
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn fifo(name: &str) -> PathBuf {
    let fifo = folder("pipes").join(name);
    let _not_there = std::fs::remove_file(&fifo);
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fifo
}

/// A listener of the test's own, and its port.
fn listener() -> (Socket, u16) {
    let listener = create_server(([127, 0, 0, 1], 0)).unwrap();
    let port = listener.getsockname().unwrap().port().unwrap();
    (listener, port)
}

#[test]
fn a_server_serves_on_while_nobody_reads_what_it_tells() {
    const DATAGRAMS: usize = 25_000;
    for words in ["--json", ""] {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = line(&format!("serve udp --host 127.0.0.1 --port 0 --max-rate none {words}"));
        if words.is_empty() {
            command.stderr(writer)
        } else {
            command.stdout(writer)
        };
        let mut server = command.spawn().unwrap();
        drop(command);
        let mut told = BufReader::new(reader).lines().map_while(Result::ok);
        let first = told.next().unwrap();
        let address = first.split(['"', ' ']).find_map(|word| word.parse::<SocketAddr>().ok()).unwrap();

        let client = datagram_client(([127, 0, 0, 1], 0));
        client.connect(address).unwrap();
        for number in 0..DATAGRAMS {
            let data = number.to_le_bytes();
            client.send(&data).unwrap();
            assert_eq!(client.recv(10).unwrap(), data);
        }
        // Somebody reads again: each datagram has its line, or was counted.
        let (mut seen, mut dropped) = (0, 0);
        while seen + dropped < DATAGRAMS {
            let line = told.next().expect("there is more to be told");
            if line.contains("dropped") {
                let numbers: Vec<usize> =
                    line.split(|end: char| !end.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
                dropped += numbers[0];
            } else {
                seen += 1;
            }
        }
        assert!(dropped > 0 && seen + dropped == DATAGRAMS, "{seen} seen, {dropped} dropped");
        signal(&server, "TERM");
        assert_eq!(code_of(&mut server), 0);
    }
}

#[test]
fn one_interrupt_ends_a_server_and_a_peer_that_nobody_reads() {
    for words in ["serve both --host 127.0.0.1 --port 0", "faults stall"] {
        for name in ["TERM", "INT"] {
            for json in ["", "--json"] {
                let (_unread, full) = full_pipe();
                let mut command = line(&format!("{words} {json}"));
                command.stderr(full.try_clone().unwrap()).stdout(full);
                let mut child = command.spawn().unwrap();
                wait_for_signals_to_be_caught(&child);
                // Before it listens, an interrupt is no success.
                wait_until_it_listens(&child);
                let begun = Instant::now();
                signal(&child, name);
                assert_eq!(code_of(&mut child), 0, "{words} {json}");
                assert!(begun.elapsed() < Duration::from_secs(5), "{words} {json}: {:?}", begun.elapsed());
            }
        }
    }
}

/// An earlier signal would end it at once, without its code.
fn wait_for_signals_to_be_caught(child: &Child) {
    let begun = Instant::now();
    let status = || std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let caught = |status: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        u64::from_str_radix(&mask, 16).unwrap()
    };
    // SIGINT and SIGTERM, 2 and 15.
    while caught(&status()) & (1 << 1 | 1 << 14) != (1 << 1 | 1 << 14) {
        assert!(begun.elapsed() < PATIENCE, "it does not begin");
        std::thread::yield_now();
    }
}

/// Waits for a TCP socket of its that listens: it cannot say so where nobody reads.
fn wait_until_it_listens(child: &Child) {
    let begun = Instant::now();
    let folder = format!("/proc/{}", child.id());
    let listening = || {
        let table = std::fs::read_to_string(format!("{folder}/net/tcp")).unwrap();
        let files: Vec<String> = std::fs::read_dir(format!("{folder}/fd"))
            .unwrap()
            .filter_map(|entry| Some(std::fs::read_link(entry.ok()?.path()).ok()?.display().to_string()))
            .collect();
        // The state is the fourth word, 0A where it listens; the file's number the tenth.
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).any(|words| {
            words.get(3) == Some(&"0A")
                && words.get(9).is_some_and(|inode| files.contains(&format!("socket:[{inode}]")))
        })
    };
    while !listening() {
        assert!(begun.elapsed() < PATIENCE, "it does not listen");
        std::thread::yield_now();
    }
}

#[test]
fn the_end_of_a_peer_comes_whoever_reads() {
    let (_unread, full) = full_pipe();
    let mut command = line("faults flood --json --for 0.2");
    command.stderr(full.try_clone().unwrap()).stdout(full);
    assert_eq!(code_of(&mut command.spawn().unwrap()), 0);
}

#[test]
fn the_limit_of_the_whole_holds_while_nobody_reads() {
    let (_server, address) = Program::serve("tcp");
    let big = folder("pipes").join("big");
    std::fs::write(&big, vec![b'7'; 16 << 20]).unwrap();
    for words in ["--raw", "--json -", "--quiet -", "-"] {
        let lines = folder("pipes").join("lines");
        std::fs::write(&lines, b"a line\n".repeat(1_000_000)).unwrap();
        let input = if words == "--raw" { &big } else { &lines };
        let (_unread, full) = full_pipe();
        let mut command = line(&format!("send tcp 127.0.0.1 {} --total 1 {words}", address.port()));
        command.stdin(File::open(input).unwrap()).stdout(full);
        let begun = Instant::now();
        let mut child = command.spawn().unwrap();
        assert_eq!(code_of(&mut child), 13, "{words}");
        let elapsed = begun.elapsed();
        assert!(elapsed >= Duration::from_secs(1) && elapsed < Duration::from_secs(5), "{words}: {elapsed:?}");
    }
}

#[test]
fn what_nobody_reads_is_no_success() {
    for words in ["demo", "demo --json", "resolve localhost", "resolve localhost --json"] {
        let (_unread, full) = full_pipe();
        let mut child = line(words).stdout(full).spawn().unwrap();
        assert_eq!(code_of(&mut child), 1, "{words}");
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("standard output was not read"), "{words}: {said}");
    }
}

#[test]
fn talk_that_nobody_reads_holds_up_nothing() {
    let name = "x".repeat(64) + ".invalid";
    for (words, expected) in [(format!("resolve {name}"), 3), ("demo".to_owned(), 0)] {
        let (_unread, full) = full_pipe();
        assert_eq!(code_of(&mut line(&words).stderr(full).spawn().unwrap()), expected, "{words}");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let (_server, address) = Program::serve("both");
    let port = address.port();
    for words in [
        "help".to_owned(),
        "completions zsh".to_owned(),
        "demo".to_owned(),
        "resolve localhost".to_owned(),
        format!("send tcp 127.0.0.1 {port} x"),
        format!("send udp 127.0.0.1 {port} x --json"),
        "serve tcp --host 127.0.0.1 --port 0 --json".to_owned(),
        "faults stall --json".to_owned(),
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(code_of(&mut line(&words).stdout(full).spawn().unwrap()), 1, "{words}");
    }
    // Where talk goes is no matter.
    let full = File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(code_of(&mut line("resolve localhost").stderr(full).spawn().unwrap()), 0);
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let unwritable = File::open("/dev/null").unwrap();
    assert_eq!(code_of(&mut line("resolve localhost").stdout(unwritable).spawn().unwrap()), 1);
}

#[test]
fn all_goes_to_a_server_that_has_ended_its_own_data() {
    const ALL: usize = 20_000_000;
    let (listener, port) = listener();
    let mut child = line(&format!("send tcp 127.0.0.1 {port} --raw")).stdin(Stdio::piped()).spawn().unwrap();
    let (server, _) = listener.within(PATIENCE).accept().unwrap();
    server.shutdown(Shutdown::WRITE).unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(&vec![7; ALL]));
    let mut buffer = vec![0; 1 << 20];
    let mut came = 0;
    loop {
        match server.within(PATIENCE).recv_into(&mut buffer).unwrap() {
            0 => break,
            len => came += len,
        }
    }
    assert_eq!((code_of(&mut child), came), (0, ALL));
    writer.join().unwrap().unwrap();
}

#[test]
fn what_is_cut_off_is_no_success() {
    let (listener, port) = listener();
    let mut child = line(&format!("send tcp 127.0.0.1 {port} --raw")).stdin(Stdio::piped()).spawn().unwrap();
    let (server, _) = listener.within(PATIENCE).accept().unwrap();
    server.shutdown(Shutdown::WRITE).unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(&vec![7; 20_000_000]));
    server.recv_exact(&mut vec![0; 1 << 20]).unwrap();
    drop(server);
    assert_eq!(code_of(&mut child), 1);
    assert!(writer.join().unwrap().is_err());
}

#[test]
fn input_that_stays_silent_after_the_servers_end_has_a_limit() {
    let (listener, port) = listener();
    let mut command = line(&format!("send tcp 127.0.0.1 {port} --raw --timeout 0.2"));
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    drop(listener.within(PATIENCE).accept().unwrap());
    assert_eq!(code_of(&mut child), 12);
}

#[test]
fn input_that_breaks_is_a_failure_and_no_end_of_the_data() {
    // A descriptor that cannot be read, and one whose file cannot.
    let write_only = || File::create(folder("pipes").join("write-only")).unwrap();
    for broken in [File::open("/").unwrap(), write_only()] {
        let (listener, port) = listener();
        let mut child = line(&format!("send tcp 127.0.0.1 {port} --raw")).stdin(broken).spawn().unwrap();
        let (server, _) = listener.within(PATIENCE).accept().unwrap();
        assert_eq!(server.within(PATIENCE).recv(1).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(code_of(&mut child), 1);
    }
    let (_server, address) = Program::serve("both");
    for words in ["tcp {} --json -", "udp {} --json -", "udp {} --raw"] {
        let mut command = line(&format!("send {}", words.replace("{}", &format!("127.0.0.1 {}", address.port()))));
        let output = command.stdin(File::open("/").unwrap()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(text(&output.stderr).contains("standard input: Is a directory"), "{words}: {}", text(&output.stderr));
        if words.contains("json") {
            let last: Value = serde_json::from_str(text(&output.stdout).lines().last().unwrap()).unwrap();
            assert_eq!((&last["event"], &last["code"]), (&"error".into(), &1.into()), "{words}");
        }
    }
}

#[test]
fn content_that_does_not_come_has_a_limit_and_an_end() {
    for (words, name, expected) in [("--for 0.3", None, 1), ("", Some("TERM"), 130), ("", Some("INT"), 130)] {
        let fifo = fifo("content");
        let begun = Instant::now();
        let mut child = line(&format!("faults stall --content {} {words}", fifo.display())).spawn().unwrap();
        if let Some(name) = name {
            wait_for_signals_to_be_caught(&child);
            signal(&child, name);
        }
        assert_eq!(code_of(&mut child), expected, "{words}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}

#[test]
fn content_comes_from_a_pipe_too_and_no_more_than_is_sent() {
    let fifo = fifo("comes");
    let mut peer = Program::start(line(&format!("faults half-close --after 100 --content {}", fifo.display())));
    std::fs::write(&fifo, b"what comes").unwrap();
    let client = programs::connect(peer.address());
    assert_eq!(client.recv(100).unwrap(), b"what comes");
    // A file without an end is read as far as it may ever be sent.
    let (_endless, address) = {
        let mut peer = Program::start(line("faults half-close --after 9 --content /dev/zero --max-bytes 10"));
        let address = peer.address();
        (peer, address)
    };
    assert_eq!(programs::connect(address).recv(100).unwrap(), [0; 9]);
    let (output, code) = run("faults stall --content /");
    assert_eq!(code, 1);
    assert!(text(&output.stderr).contains("/: Is a directory"), "{}", text(&output.stderr));
}

#[test]
fn a_text_is_one_datagram_and_bytes_go_as_they_are() {
    let server = datagram_client(([127, 0, 0, 1], 0));
    let port = server.getsockname().unwrap().port().unwrap().to_string();
    let answer = |data: &[u8]| {
        let (came, from) = server.recvfrom(70_000).unwrap();
        assert_eq!(came, data);
        server.sendto(b"answer\n\0", from.unwrap()).unwrap();
    };
    let child = shotclock(["send", "udp", "127.0.0.1", &port, "--quiet", "a\nb"]).spawn().unwrap();
    answer(b"a\nb");
    assert_eq!(child.wait_with_output().unwrap().stdout, b"answer\n\0");

    let most = vec![b'\n'; 65_507];
    for data in [&b"a\n\0\xff\n"[..], b"", &most] {
        let mut command = shotclock(["send", "udp", "127.0.0.1", &port, "--raw"]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(data).unwrap();
        answer(data);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"answer\n\0"[..]));
    }
    let mut child = shotclock(["send", "udp", "127.0.0.1", &port, "--raw"]).stdin(Stdio::piped()).spawn().unwrap();
    let _closed_early = child.stdin.take().unwrap().write_all(&[0; 70_000]);
    assert_eq!(code_of(&mut child), 1);
}

#[test]
fn datagrams_at_once_go_together_and_all_answers_are_awaited() {
    let server = datagram_client(([127, 0, 0, 1], 0));
    let port = server.getsockname().unwrap().port().unwrap();
    let came = |count: usize| {
        let all: Vec<_> = (0..count).map(|_| server.recvfrom(70_000).unwrap()).collect();
        (all[0].1.unwrap(), all.into_iter().map(|(data, _)| String::from_utf8(data).unwrap()).collect::<Vec<_>>())
    };
    // None is answered before three have come.
    let words = format!("send udp 127.0.0.1 {port} --at-once 3 a bb c d");
    let child = line(&words).spawn().unwrap();
    let (from, texts) = came(3);
    assert_eq!(texts, ["a", "bb", "c"]);
    ["one", "", "three"].iter().for_each(|answer| server.sendto(answer.as_bytes(), from).map(drop).unwrap());
    assert_eq!(came(1), (from, vec!["d".to_owned()]));
    server.sendto(b"four", from).unwrap();
    let output = child.wait_with_output().unwrap();
    let expected = "Connected to server\nSent: a\nSent: bb\nSent: c\nReceived: one\nReceived: \nReceived: three\n\
        Sent: d\nReceived: four\n";
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), expected));

    // Lines that are there together; what has not come yet is not awaited.
    let words = format!("send udp 127.0.0.1 {port} --at-once 9 --quiet");
    let mut child = line(&words).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"1\n2\nth").unwrap();
    let (from, texts) = came(2);
    assert_eq!(texts, ["1", "2"]);
    ["uno", "dos"].iter().for_each(|answer| server.sendto(answer.as_bytes(), from).map(drop).unwrap());
    input.write_all(b"ree").unwrap();
    drop(input);
    assert_eq!(came(1), (from, vec!["three".to_owned()]));
    server.sendto(b"tres", from).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "unodostres"));
}

#[test]
fn what_went_at_once_is_told_when_a_limit_passes_or_one_is_too_long() {
    let server = datagram_client(([127, 0, 0, 1], 0));
    let port = server.getsockname().unwrap().port().unwrap();
    let child = line(&format!("send udp 127.0.0.1 {port} --at-once 8 --timeout 3 a b c")).spawn().unwrap();
    let from = (0..3).map(|_| server.recvfrom(10).unwrap().1.unwrap()).last().unwrap();
    server.sendto(b"A", from).unwrap();
    let output = child.wait_with_output().unwrap();
    let expected = "Connected to server\nSent: a\nSent: b\nSent: c\nReceived: A\n";
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(12), expected));
    assert!(text(&output.stderr).contains("timed out"), "{}", text(&output.stderr));

    // It goes alone, after what was before it has been answered.
    let port = port.to_string();
    let words = ["send", "udp", "127.0.0.1", &port, "--at-once", "8", "a", "b", &"x".repeat(70_000), "c"];
    let child = shotclock(words).spawn().unwrap();
    let from = (0..2).map(|_| server.recvfrom(10).unwrap().1.unwrap()).last().unwrap();
    ["A", "B"].iter().for_each(|answer| server.sendto(answer.as_bytes(), from).map(drop).unwrap());
    let output = child.wait_with_output().unwrap();
    let expected = "Connected to server\nSent: a\nSent: b\nReceived: A\nReceived: B\n";
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), expected));

    let (output, code) = run("send tcp 127.0.0.1 1 --at-once 2 x");
    assert!(code == 2 && text(&output.stderr).contains("--at-once: expected udp"), "{}", text(&output.stderr));
    assert_eq!(run("send udp 127.0.0.1 1 --at-once 65 x").1, 2);
}

#[test]
fn the_second_interrupt_ends_at_once() {
    let (mut server, address) = Program::serve("tcp --timeout none");
    let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
    client.within(PATIENCE).connect(address).unwrap();
    server.wait_for("Connected from");
    server.signal("TERM");
    server.wait_for("stopping, 1 connected");
    server.signal("INT");
    assert_eq!(server.exit().code(), Some(130));
}

#[test]
fn want_of_memory_is_an_error_and_no_panic() {
    for words in ["resolve localhost", "faults stall --for 0.01", "send tcp 127.0.0.1 1 --raw"] {
        for kilobytes in (8_000..20_000).step_by(500) {
            let limited = format!("ulimit -v {kilobytes}; exec {} {words}", env!("CARGO_BIN_EXE_shotclock"));
            let output = Command::new("sh").args(["-c", &limited]).stdin(Stdio::null()).output().unwrap();
            // A thread that has no memory for its signal stack ends with a panic of the standard library's own, which
            // nobody can turn into an error; the command goes on, or says why it cannot.
            let said = text(&output.stderr).replace("\n", " ");
            let panics =
                said.matches("panicked").count() - said.matches("failed to allocate an alternative stack").count();
            assert!(panics == 0 && output.status.code() != Some(101), "{limited}: {said}");
        }
    }
}
