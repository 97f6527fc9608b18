//! `shotclock demo`, `send`, `resolve`, `completions`: what they print, and their exit codes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod programs;

use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use programs::{Program, connect, datagram_client, line, run, shotclock, text};
use shotclock::{Family, Kind, ServerBuilder, Socket, create_server};

/// A name that no resolver needs to ask anybody about: a label is too long.
fn no_name() -> String {
    "x".repeat(64) + ".invalid"
}

/// A TCP listener that nobody accepts from.
fn silent() -> (Socket, SocketAddr) {
    let listener = create_server(([127, 0, 0, 1], 0)).unwrap();
    let address = listener.getsockname().unwrap().as_inet().unwrap();
    (listener, address)
}

/// A listener whose queue is full, and the client that fills it.
fn full() -> ((Socket, Socket), SocketAddr) {
    let listener = ServerBuilder::new().backlog(0).listen(([127, 0, 0, 1], 0)).unwrap();
    let address = listener.getsockname().unwrap().as_inet().unwrap();
    let fills = connect(address);
    ((listener, fills), address)
}

#[test]
fn demo_shows_the_transcript_and_all_limits_hold() {
    let begun = Instant::now();
    let (output, code) = run("demo");
    let shown = text(&output.stdout);
    assert_eq!(code, 0, "{shown}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let transcript = "Connected to server\n\
        Sent: A few lines of data\nReceived: A few lines of data\n\
        Sent: to test the operation\nReceived: to test the operation\n\
        Sent: of both server and client.\nReceived: of both server and client.\n";
    assert_eq!(shown.matches(transcript).count(), 2, "one for TCP, one for UDP: {shown}");
    for operation in ["accept", "connect", "recv", "send", "recvfrom"] {
        let row = shown.lines().find(|line| line.split_whitespace().next() == Some(operation));
        let row = row.unwrap_or_else(|| panic!("no line for {operation}: {shown}"));
        assert!(row.contains(" held ") && row.contains("timed out"), "{row}");
    }
    let talk = text(&output.stderr);
    assert_eq!(talk.matches(": listening on 127.0.0.1:").count(), 2, "{talk}");
    assert_eq!(talk.matches("Datagram from 127.0.0.1:").count(), 3, "{talk}");
}

#[test]
fn demo_takes_another_port_if_its_own_is_taken() {
    // Another demonstration may have it at this moment, and give it back at the next.
    let taken = create_server(([127, 0, 0, 1], 8881));
    let (output, code) = run("demo --json");
    assert_eq!(code, 0, "{}", text(&output.stdout));
    let said = text(&output.stderr).starts_with("port 8881 is taken");
    assert!(said || taken.is_err(), "{}", text(&output.stderr));
    let events = events(&output.stdout);
    let waits: Vec<_> = events.iter().filter(|event| event["event"] == "wait").collect();
    assert_eq!(waits.len(), 5);
    assert!(waits.iter().all(|wait| wait["held"] == true && wait["elapsed"].as_f64() >= Some(0.25)), "{waits:?}");
    assert_eq!(events.last().unwrap()["held"], true);
}

fn events(stdout: &[u8]) -> Vec<serde_json::Value> {
    text(stdout).lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[test]
fn send_prints_the_transcript() {
    let (_server, address) = Program::serve("both");
    for protocol in ["tcp", "udp"] {
        let port = address.port().to_string();
        let output = shotclock(["send", protocol, "127.0.0.1", &port, "one line", "another"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let expected = "Connected to server\nSent: one line\nReceived: one line\nSent: another\nReceived: another\n";
        assert_eq!(text(&output.stdout), expected);
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn send_takes_standard_input_line_by_line() {
    let (_server, address) = Program::serve("both");
    for (protocol, expected) in [("tcp", "first\nsecond\n\nlast\n"), ("udp", "firstsecondlast")] {
        let mut command = line(&format!("send {protocol} 127.0.0.1 {} --quiet -", address.port()));
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"first\nsecond\n\nlast").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), expected), "{protocol}");
    }
}

#[test]
fn send_raw_brings_every_byte_back() {
    let (_server, address) = Program::serve("tcp");
    let mut command = line(&format!("send tcp 127.0.0.1 {} --raw --total 20", address.port()));
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let data: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 253) as u8).collect();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn({
        let data = data.clone();
        move || input.write_all(&data)
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stdout == data, "{} bytes came back", output.stdout.len());
}

#[test]
fn send_tells_events_as_json() {
    let (_server, address) = Program::serve("tcp");
    let (output, code) = run(&format!("send tcp 127.0.0.1 {} --json hello", address.port()));
    let events = events(&output.stdout);
    assert_eq!((code, events.len()), (0, 3));
    assert_eq!((&events[0]["event"], &events[0]["to"]), (&"connected".into(), &address.to_string().into()));
    assert_eq!(
        (&events[2]["event"], &events[2]["data"], &events[2]["bytes"]),
        (&"received".into(), &"hello".into(), &5.into())
    );
}

#[test]
fn each_limit_has_its_exit_code() {
    let (_listener, silent) = silent();
    let (_full, full) = full();
    let mute = datagram_client(([127, 0, 0, 1], 0));
    let mute = mute.getsockname().unwrap().port().unwrap();
    let (silent, full) = (silent.port(), full.port());
    for (words, expected) in [
        (format!("tcp localhost {silent} --connect-timeout 0.000000001 x"), 10),
        (format!("udp localhost {mute} --connect-timeout 0.000000001 x"), 10),
        (format!("tcp 127.0.0.1 {full} --connect-timeout 0.1 x"), 11),
        (format!("tcp 127.0.0.1 {full} --connect-timeout 10 --total 0.1 x"), 13),
        (format!("tcp 127.0.0.1 {silent} --timeout 0.1 x"), 12),
        (format!("tcp 127.0.0.1 {silent} --timeout 10 --total 0.1 x"), 13),
        (format!("udp 127.0.0.1 {mute} --timeout 0.1 x"), 12),
        (format!("udp 127.0.0.1 {mute} --timeout none --total 0.1 x"), 13),
        (format!("tcp 127.0.0.1 {silent} --timeout 0.1 --raw -"), 12),
    ] {
        let begun = Instant::now();
        let (output, code) = run(&format!("send {words}"));
        assert_eq!(code, expected, "{words}: {}", text(&output.stderr));
        assert!(begun.elapsed() < Duration::from_secs(5), "{words}: {:?}", begun.elapsed());
        assert!(text(&output.stderr).contains("timed out"), "{words}: {}", text(&output.stderr));
    }
}

#[test]
fn the_limit_of_the_whole_holds_while_standard_input_is_silent() {
    let (_server, address) = Program::serve("tcp");
    for mode in ["", "--raw"] {
        let mut command = line(&format!("send tcp 127.0.0.1 {} --total 0.1 {mode}", address.port()));
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let silent = child.stdin.take();
        assert_eq!(child.wait().unwrap().code(), Some(13), "{mode}");
        drop(silent);
    }
}

#[test]
fn who_is_not_there_has_an_exit_code() {
    // Bound, so that nobody else gets the port, but not listening.
    let nobody = Socket::new(Family::INET, Kind::STREAM).unwrap();
    nobody.bind(([127, 0, 0, 1], 0)).unwrap();
    let port = nobody.getsockname().unwrap().port().unwrap();
    let no_name = no_name();
    for (words, expected) in [
        (format!("send tcp 127.0.0.1 {port} x"), 4),
        (format!("send tcp {no_name} 1 x"), 3),
        (format!("send udp {no_name} 1 x"), 3),
        (format!("resolve {no_name}"), 3),
        ("resolve localhost --timeout 0.000000001".to_owned(), 10),
        ("resolve".to_owned(), 2),
        ("send udp 127.0.0.1 1 --raw text".to_owned(), 2),
        ("serve --port 70000".to_owned(), 2),
    ] {
        let (output, code) = run(&words);
        assert_eq!(code, expected, "{words}: {}", text(&output.stderr));
        assert!(!output.stderr.is_empty(), "{words}");
    }
}

#[test]
fn a_server_that_ends_instead_of_an_answer_is_a_failure() {
    let (listener, address) = silent();
    let peer =
        std::thread::spawn(move || listener.within(programs::PATIENCE).accept().map(|(socket, _)| socket.recv(10)));
    let (output, code) = run(&format!("send tcp 127.0.0.1 {} x --json", address.port()));
    peer.join().unwrap().unwrap().unwrap();
    assert_eq!(code, 1);
    let last = events(&output.stdout).pop().unwrap();
    assert_eq!((&last["event"], &last["code"]), (&"error".into(), &1.into()));
    assert!(text(&output.stderr).contains("ended the connection"), "{}", text(&output.stderr));
}

#[test]
fn resolve_answers_all_four() {
    let (output, code) = run("resolve localhost");
    let shown = text(&output.stdout);
    assert_eq!(code, 0, "{shown}");
    for start in ["getaddrinfo ", "gethostbyname_ex ", "gethostbyaddr ", "getfqdn "] {
        assert!(shown.lines().any(|line| line.starts_with(start)), "{start}: {shown}");
    }
    assert!(shown.contains("127.0.0.1 (AF_INET)") || shown.contains("::1 (AF_INET6)"), "{shown}");

    let (output, code) = run("resolve 127.0.0.1 --json");
    let answer = events(&output.stdout).pop().unwrap();
    assert_eq!((code, &answer["asked"]), (0, &"127.0.0.1".into()));
    assert_eq!(answer["getaddrinfo"]["addresses"][0]["address"], "127.0.0.1");
    assert_eq!(answer["gethostbyname_ex"]["addresses"][0], "127.0.0.1");
}

/// A name of letters beyond ASCII that no resolver needs to ask anybody about: what it stands for is an address.
#[test]
fn names_beyond_ascii_are_converted() {
    let (output, code) = run("resolve １２７.０.０.１");
    assert_eq!(code, 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(" 127.0.0.1"), "{}", text(&output.stdout));
}

#[test]
fn resolve_says_which_question_failed() {
    let (output, code) = run("resolve ::1 --json");
    let answer = events(&output.stdout).pop().unwrap();
    assert_eq!(code, 0, "it has an address");
    assert_eq!(answer["getaddrinfo"]["addresses"][0]["address"], "::1");
    assert!(answer["gethostbyname_ex"]["error"].is_string(), "IPv4 only: {answer}");
}

#[test]
fn a_broken_pipe_is_success() {
    let (_server, address) = Program::serve("tcp");
    for words in ["demo".to_owned(), "completions bash".to_owned(), format!("send tcp 127.0.0.1 {} x", address.port())]
    {
        let mut child = line(&words).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("panic"), "{words}");
    }
}

#[test]
fn help_and_completions_are_there() {
    let (output, code) = run("help");
    assert_eq!(code, 0);
    for exit_code in ["10  the limit", "11  the limit", "12  the limit", "13  the limit", "130  interrupted"] {
        assert!(text(&output.stdout).contains(exit_code), "{exit_code}");
    }
    for name in ["demo", "serve", "send", "resolve", "faults", "completions"] {
        let (output, _) = run(&format!("{name} --help"));
        assert!(text(&output.stdout).contains("Examples:\n  shotclock"), "{name}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let (output, code) = run(&format!("completions {shell}"));
        assert!(code == 0 && text(&output.stdout).contains("resolve"), "{shell}");
    }
}
