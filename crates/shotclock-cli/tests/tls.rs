//! TLS in `serve` and `send`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "tls")]

mod programs;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use programs::{PATIENCE, Program, connect, line, run, text};
use shotclock::create_server;

/// A certificate for `localhost` and its key, in files.
fn certificate(name: &str) -> (PathBuf, PathBuf) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    // Each is its own authority, by a name of its own.
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    let made = parameters.self_signed(&key).unwrap();
    let pem = key.serialize_pem();
    let file = |end: &str| Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{end}"));
    let (certificate, key) = (file("pem"), file("key"));
    std::fs::write(&certificate, made.pem()).unwrap();
    std::fs::write(&key, pem).unwrap();
    (certificate, key)
}

fn serve(name: &str, words: &str) -> (Program, SocketAddr, String) {
    let (certificate, key) = certificate(name);
    let tls = format!("tcp --tls --cert {} --key {} {words}", certificate.display(), key.display());
    let (server, address) = Program::serve(&tls);
    (server, address, certificate.display().to_string())
}

#[test]
fn lines_go_there_and_back() {
    let (_server, address, ca) = serve("lines", "");
    let to = format!("send tcp localhost:{} -4 --tls", address.port());
    let (output, code) = run(&format!("{to} --ca {ca} -v one two"));
    let expected = "Connected to server\nSent: one\nReceived: one\nSent: two\nReceived: two\n";
    assert_eq!((code, text(&output.stdout).as_str()), (0, expected), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("TLS: TLSv1.3, TLS13_"), "{}", text(&output.stderr));
    assert_eq!(run(&format!("{to} --insecure hello")).1, 0);
}

#[test]
fn every_byte_comes_back_and_the_end_is_said() {
    let (mut server, address, ca) = serve("bytes", "");
    let words = format!("send tcp localhost:{} -4 --tls --ca {ca} --raw --total 20", address.port());
    let mut child = line(&words).stdin(Stdio::piped()).spawn().unwrap();
    let data: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 253) as u8).collect();
    let mut input = child.stdin.take().unwrap();
    let written = data.clone();
    let writer = std::thread::spawn(move || input.write_all(&written));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stdout == data, "{} bytes came back", output.stdout.len());
    assert!(!server.wait_for("Disconnected").contains("TLS"), "it ended as it should");
}

#[test]
fn whom_it_does_not_trust_it_does_not_talk_to() {
    let (mut server, address, ca) = serve("trust", "");
    let (other, key) = certificate("other");
    let port = address.port();
    for (words, said, hint) in [
        (format!("localhost:{port} -4 --ca {}", other.display()), "UnknownIssuer", "--insecure"),
        (format!("127.0.0.1:{port} --ca {ca}"), "not valid for name", "--server-name"),
    ] {
        let (output, code) = run(&format!("send tcp {words} --tls hello"));
        let shown = text(&output.stderr);
        assert!(code == 1 && shown.contains(said) && shown.contains(hint), "{words}: {code}: {shown}");
        server.wait_for("Disconnected");
    }
    assert_eq!(run(&format!("send tcp 127.0.0.1:{port} --tls --ca {ca} --server-name localhost hello")).1, 0);
    let (output, code) = run(&format!("serve --tls --cert {ca} --key {}", key.display()));
    assert!(code == 1 && text(&output.stderr).contains("other.key"), "{}", text(&output.stderr));
    let (output, code) = run(&format!("serve --tls --cert /dev/null --key {}", key.display()));
    let shown = text(&output.stderr);
    assert!(code == 1 && shown.contains("/dev/null: expected a certificate in PEM"), "{shown}");
}

#[test]
fn a_server_can_ask_for_the_clients_certificate() {
    let (ours, key) = certificate("client");
    let (_server, address, ca) = serve("asks", &format!("--ca {}", ours.display()));
    let to = format!("send tcp localhost:{} -4 --tls --ca {ca}", address.port());
    let own = format!("--cert {} --key {}", ours.display(), key.display());
    let (output, code) = run(&format!("{to} {own} hello"));
    assert_eq!(code, 0, "{}", text(&output.stderr));
    let (output, code) = run(&format!("{to} hello"));
    assert!(code == 1 && text(&output.stderr).contains("hint: the server asks"), "{}", text(&output.stderr));
}

#[test]
fn a_handshake_that_stalls_ends_in_time_on_both_sides() {
    let silent = create_server(([127, 0, 0, 1], 0)).unwrap();
    let port = silent.getsockname().unwrap().port().unwrap();
    for (limits, expected) in [("--connect-timeout 100ms", 11), ("--total 100ms", 13)] {
        let begun = Instant::now();
        let (output, code) = run(&format!("send tcp 127.0.0.1:{port} --tls --insecure {limits} hello"));
        assert_eq!(code, expected, "{}", text(&output.stderr));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    let (mut server, address, _) = serve("stalls", "--timeout 300ms");
    let drips = connect(address);
    let begun = Instant::now();
    // A handshake's beginning, byte by byte: each comes in time, the whole does not.
    let pause = shotclock::Canceller::new();
    while drips.sendall(&[22]).is_ok() && begun.elapsed() < PATIENCE {
        let _over = pause.pause(Duration::from_millis(50));
        if drips.with_flags(shotclock::MessageFlags::DONTWAIT).recv(100).is_ok() {
            break;
        }
    }
    server.wait_for("Disconnected");
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn who_speaks_no_tls_is_told_so() {
    let (_plain, address) = Program::serve("tcp");
    let (output, code) = run(&format!("send tcp {address} --tls --insecure --timeout 5 hello"));
    let said = text(&output.stderr);
    assert!(code == 1 && said.contains("hint: does the other side speak TLS"), "{code}: {said}");
}

#[test]
fn who_speaks_none_to_a_server_that_does_is_told_so() {
    let (_server, address, _) = serve("spoken", "");
    let (output, _) = run(&format!("send tcp {address} hello --timeout 5"));
    let said = text(&output.stderr);
    assert!(said.contains("hint: that answer is an alert of TLS"), "{said}");
}

#[test]
fn an_interrupt_drains_connections_under_tls() {
    let (mut server, address, ca) = serve("drains", "");
    let words = format!("send tcp localhost:{} -4 --tls --ca {ca} --total 20", address.port());
    let mut child = line(&words).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"hello\n").unwrap();
    server.wait_for("Connected");
    let mut answers = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("Received: hello\n") {
        std::io::BufRead::read_line(&mut answers, &mut seen).unwrap();
    }
    server.signal("INT");
    server.wait_for("stopping, 1 connected");
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(server.exit().code(), Some(0), "{:#?}", server.rest());
    assert_eq!(server.rest().last().unwrap(), "stopped");
}
