//! The example programs against programs of others, socat and nc; and those that need nobody, by themselves.
#![allow(clippy::unwrap_used, reason = "clippy lets only the test functions themselves unwrap")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use shotclock::{Family, Kind, Socket, SocketFile, SocketOption, create_connection};
use shotclock_faults::{Peer, PeerBuilder, StreamFault};

/// How long anything may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(20);

const LINES: [&str; 3] = ["A few lines of data", "to test the operation", "of both server and client."];

/// A running program, ended with the test. Its output is read while it runs, so that it never blocks on a full pipe.
struct Program {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: mpsc::Receiver<String>,
    stderr: mpsc::Receiver<String>,
}

impl Program {
    fn start(program: impl AsRef<OsStr>, arguments: &[&str]) -> Self {
        let name = program.as_ref().to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error} (`cargo build --examples` makes the examples)"));
        let stdin = child.stdin.take();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Self { name, child, stdin, stdout, stderr }
    }

    fn line(&self) -> String {
        let line = self.stdout.recv_timeout(PATIENCE);
        line.unwrap_or_else(|error| panic!("{}: no line of output: {error}", self.name))
    }

    /// The port after the last colon of the first talk that says "listening on".
    fn port(&self) -> String {
        loop {
            let talk = self.stderr.recv_timeout(PATIENCE);
            let talk = talk.unwrap_or_else(|error| panic!("{}: never listened: {error}", self.name));
            if talk.contains("listening on") {
                return talk.rsplit(':').next().unwrap().to_owned();
            }
        }
    }

    fn write(&mut self, data: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(data.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// All remaining lines of output and of talk, and how it ended.
    fn rest(&mut self) -> (Vec<String>, Vec<String>, ExitStatus) {
        let (output, talk) = (self.all(&self.stdout), self.all(&self.stderr));
        (output, talk, self.child.wait().unwrap())
    }

    fn all(&self, lines: &mpsc::Receiver<String>) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => all.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => return all,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("{}: still runs after {PATIENCE:?}", self.name),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(pipe: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    receiver
}

fn example(name: &str, arguments: &[&str]) -> Program {
    let own = std::env::current_exe().unwrap();
    let path: PathBuf = own.parent().unwrap().parent().unwrap().join("examples").join(name);
    Program::start(path, arguments)
}

/// Whether a program is there; says so if the test is skipped.
fn is_installed(program: &str, test: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !installed {
        println!("SKIP examples_with_others::{test}: {program} is not installed");
    }
    installed
}

/// The server echoes to a program of others that sends its standard input and shows what comes.
fn server_echoes(server: &str, greeting: &str, program: &str, arguments: &[&str]) -> Program {
    let server = example(server, &["127.0.0.1", "0"]);
    let port = server.port();
    let arguments: Vec<String> = arguments.iter().map(|word| word.replace("PORT", &port)).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut other = Program::start(program, &arguments);
    for line in LINES {
        other.write(&format!("{line}\n"));
        assert_eq!(other.line(), line);
    }
    let said = server.line();
    assert!(said.starts_with(greeting), "{said}");
    server
}

/// The client is echoed by socat.
fn client_is_echoed(client: &str, address: &str) -> Vec<String> {
    let socat = Program::start("socat", &["-d", "-d", address, "PIPE"]);
    let (output, talk, status) = example(client, &["127.0.0.1", &socat.port()]).rest();
    assert!(status.success(), "{talk:?}");
    output
}

fn three_lines_each_way() -> Vec<String> {
    LINES.iter().flat_map(|line| [format!("Sent: {line}"), format!("Received: {line}")]).collect()
}

#[test]
fn tcp_server_and_socat() {
    if !is_installed("socat", "tcp_server_and_socat") {
        return;
    }
    let server = server_echoes("echo_tcp_server", "Connected from 127.0.0.1:", "socat", &["-", "TCP4:127.0.0.1:PORT"]);
    let said = server.line();
    assert!(said.starts_with("Disconnected from 127.0.0.1:"), "{said}");
}

#[test]
fn tcp_server_and_nc() {
    if !is_installed("nc", "tcp_server_and_nc") {
        return;
    }
    let server = server_echoes("echo_tcp_server", "Connected from 127.0.0.1:", "nc", &["127.0.0.1", "PORT"]);
    let said = server.line();
    assert!(said.starts_with("Disconnected from 127.0.0.1:"), "{said}");
}

#[test]
fn tcp_server_has_its_port_again_at_once() {
    if !is_installed("socat", "tcp_server_has_its_port_again_at_once") {
        return;
    }
    let mut server = example("echo_tcp_server", &["127.0.0.1", "0"]);
    let port = server.port();
    let mut socat = Program::start("socat", &["-", &format!("TCP4:127.0.0.1:{port}")]);
    socat.write("hello\n");
    assert_eq!(socat.line(), "hello");
    // The connection ends from the server's side, so that its port is what the system remembers.
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert_eq!(example("echo_tcp_server", &["127.0.0.1", &port]).port(), port);
}

#[test]
fn tcp_server_outlives_a_client_that_breaks_off() {
    let server = example("echo_tcp_server", &["127.0.0.1", "0"]);
    let port = server.port().parse().unwrap();
    for _ in 0..2 {
        let client = create_connection(("127.0.0.1", port), PATIENCE).unwrap();
        assert!(server.line().starts_with("Connected from"));
        // With no time to linger the connection is reset, not ended.
        client.setsockopt(SocketOption::LINGER, Some(Duration::ZERO)).unwrap();
        drop(client);
        assert!(server.line().starts_with("Disconnected from"));
        assert!(server.stderr.recv_timeout(PATIENCE).unwrap().contains("reset"));
    }
}

#[test]
fn udp_server_and_socat() {
    if !is_installed("socat", "udp_server_and_socat") {
        return;
    }
    server_echoes("echo_udp_server", "Datagram from 127.0.0.1:", "socat", &["-", "UDP4:127.0.0.1:PORT"]);
}

#[test]
fn udp_server_and_nc() {
    if !is_installed("nc", "udp_server_and_nc") {
        return;
    }
    server_echoes("echo_udp_server", "Datagram from 127.0.0.1:", "nc", &["-u", "127.0.0.1", "PORT"]);
}

#[test]
fn tcp_client_and_socat() {
    if !is_installed("socat", "tcp_client_and_socat") {
        return;
    }
    let output = client_is_echoed("echo_tcp_client", "TCP4-LISTEN:0,bind=127.0.0.1");
    assert_eq!(output[0], "Connected to server");
    assert_eq!(output[1..], three_lines_each_way());
}

#[test]
fn udp_client_and_socat() {
    if !is_installed("socat", "udp_client_and_socat") {
        return;
    }
    assert_eq!(client_is_echoed("echo_udp_client", "UDP4-LISTEN:0,bind=127.0.0.1"), three_lines_each_way());
}

/// What the chapter's client waits for for ever: no answer.
#[test]
fn udp_client_without_an_answer_ends() {
    let silent = Socket::new(Family::INET, Kind::DGRAM).unwrap();
    silent.bind(("127.0.0.1", 0)).unwrap();
    let port = silent.getsockname().unwrap().port().unwrap().to_string();
    let begun = Instant::now();
    let (output, talk, status) = example("echo_udp_client", &["127.0.0.1", &port]).rest();
    assert!(begun.elapsed() >= Duration::from_secs(5), "it is given its 5 seconds");
    assert!(!status.success());
    assert_eq!(output, ["Sent: A few lines of data"]);
    assert!(talk.concat().contains("timed out"), "{talk:?}");
    assert_eq!(silent.recv(100).unwrap(), LINES[0].as_bytes());
}

#[test]
fn line_server_keeps_half_a_line_through_a_timeout() {
    if !is_installed("socat", "line_server_keeps_half_a_line_through_a_timeout") {
        return;
    }
    let server = example("line_server", &["127.0.0.1", "0"]);
    let mut socat = Program::start("socat", &["-", &format!("TCP4:127.0.0.1:{}", server.port())]);
    socat.write("whole\nhal");
    assert_eq!(socat.line(), "WHOLE");
    assert!(server.line().starts_with("Connected from 127.0.0.1:"));
    let said = server.line();
    assert!(said.starts_with("Still waiting: ") && said.contains("timed out"), "{said}");
    socat.write("f a line\n");
    assert_eq!(socat.line(), "HALF A LINE");
}

#[test]
fn line_server_sends_too_long_a_line_away() {
    let server = example("line_server", &["127.0.0.1", "0"]);
    let port = server.port().parse().unwrap();
    for _ in 0..2 {
        let client = create_connection(("127.0.0.1", port), PATIENCE).unwrap();
        client.sendall(&[b'x'; 2000]).unwrap();
        assert!(server.line().starts_with("Connected from"));
        assert!(server.line().starts_with("Disconnected from"));
        assert!(server.stderr.recv_timeout(PATIENCE).unwrap().contains("1000 bytes"));
    }
}

#[test]
fn bad_arguments_are_named() {
    for (arguments, named) in [(&["localhost", "70000"][..], "\"70000\""), (&["a", "1", "b"], "HOST PORT")] {
        let (_, talk, status) = example("echo_tcp_client", arguments).rest();
        assert_eq!(status.code(), Some(2));
        assert!(talk.concat().contains(named), "{talk:?}");
    }
}

#[test]
fn with_rustls_holds_its_limit() {
    let (output, talk, status) = example("with_rustls", &[]).rest();
    assert!(status.success(), "{output:?} {talk:?}");
    assert_eq!(output[0], "A server that answers: HELLO");
    assert!(output.len() == 3 && output[1..].iter().all(|line| line.contains("timed out")), "{output:?}");
}

#[test]
fn close_from_another_thread_ends_both_waits() {
    let (output, talk, status) = example("close_from_another_thread", &[]).rest();
    assert!(status.success(), "{talk:?}");
    assert!(output[0].contains("cancelled") && output[2].contains("closed"), "{output:?}");
}

/// A client that misbehaves as the peer does: what either end sends is carried to the other, no faster than it is taken.
fn misbehaving_client(fault: StreamFault, request: &[u8], port: u16) -> Peer {
    let peer = PeerBuilder::new(fault).content(request).start().unwrap();
    let client = Arc::new(create_connection(peer.address(), PATIENCE).unwrap());
    let server = Arc::new(create_connection(("127.0.0.1", port), PATIENCE).unwrap());
    for (from, to) in [(&client, &server), (&server, &client)] {
        let (from, to) = (Arc::clone(from), Arc::clone(to));
        thread::spawn(move || std::io::copy(&mut &*from, &mut &*to));
    }
    if matches!(fault, StreamFault::Sip { .. } | StreamFault::NeverRead) {
        // They send nothing.
        server.sendall(request).unwrap();
    }
    peer
}

#[test]
fn protected_server_sends_slow_clients_away() {
    let server = example("protected_server", &["127.0.0.1", "0"]);
    let port = server.port().parse().unwrap();
    let interval = Duration::from_millis(100);
    let big = b"GET /big HTTP/1.0\r\n\r\n";
    let endless = [&b"GET / HTTP/1.0\r\n"[..], &[b'x'; 1000]].concat();
    for (fault, request, limit) in [
        (StreamFault::Silent, &big[..], "until the first byte of 1 s"),
        (StreamFault::Stall { after: 9 }, big, "idle limit of 1 s"),
        (StreamFault::Drip { interval }, &endless, "for the connection of 3 s"),
        (StreamFault::Sip { interval }, big, "idle limit of 1 s"),
        (StreamFault::NeverRead, big, "idle limit of 1 s"),
    ] {
        let begun = Instant::now();
        let _peer = misbehaving_client(fault, request, port);
        // Meanwhile it has time for others.
        let client = create_connection(("127.0.0.1", port), PATIENCE).unwrap();
        client.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        assert!(client.makefile_reader().unwrap().lines().any(|line| line.unwrap() == "Hello"), "{fault:?}");
        assert!(server.line().starts_with("Answered 127.0.0.1:"));
        let said = server.line();
        assert!(said.starts_with("Sent away: ") && said.contains(limit), "{fault:?}: {said}");
        assert!(begun.elapsed() >= Duration::from_secs(if limit.contains("3 s") { 3 } else { 1 }), "{fault:?}");
    }
}

#[test]
fn mail_is_taken_and_who_is_slow_is_told_so() {
    let mut server = example("mail", &["serve", "127.0.0.1:0"]);
    let address = format!("127.0.0.1:{}", server.port());
    let mut client = example("mail", &["send", &address]);
    client.write("hello\n.\n.dot\n");
    drop(client.stdin.take());
    let (output, talk, status) = client.rest();
    assert!(status.success(), "{talk:?}");
    assert_eq!(output, ["250 16 bytes taken", "221 goodbye"]);
    assert_eq!(server.line(), "1 taken");

    let silent = create_connection(address.as_str(), PATIENCE).unwrap();
    let said: Vec<String> = silent.makefile_reader().unwrap().lines().map(Result::unwrap).collect();
    assert_eq!(said, ["220 ready", "421 too slow"]);
    assert!(server.line().contains("the socket's timeout of 2 s"));

    // One in the middle of its mail, which has five seconds, when the server ends.
    let mut file = SocketFile::new(create_connection(address.as_str(), PATIENCE).unwrap()).unwrap();
    file.write_all(b"HELO me\r\nDATA\r\nhalf a ma").unwrap();
    file.flush().unwrap();
    let said = |file: &mut SocketFile<Socket>| String::from_utf8(file.readline().unwrap()).unwrap();
    assert_eq!([(); 3].map(|()| said(&mut file)[..4].to_owned()), ["220 ", "250 ", "354 "]);
    drop(server.stdin.take());
    assert_eq!([said(&mut file), said(&mut file)], ["421 closing\r\n", ""]);
    let (output, talk, status) = server.rest();
    assert!(status.success() && output.concat().contains("cancelled"), "{output:?} {talk:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn heartbeats_tell_who_is_alive_and_who_has_gone_silent() {
    let control = std::env::temp_dir().join(format!("shotclock-heartbeats-{}.sock", std::process::id()));
    let path = control.to_str().unwrap();
    let mut monitor = example("heartbeats", &["watch", "127.0.0.1:0", path]);
    let port: u16 = monitor.port().parse().unwrap();
    // Who says nothing keeps the next one waiting for no longer than it has.
    let _silent = create_connection(&control, PATIENCE).unwrap();
    let mut log = example("heartbeats", &["log", path]);
    assert_eq!(log.line(), "watching");
    let node = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    node.set_ttl(9).unwrap();
    node.send_to(b"alive", ("127.0.0.1", port)).unwrap();
    let own = format!(":{} is ", node.local_addr().unwrap().port());
    for watcher in [&monitor, &log] {
        let alive = watcher.line();
        let all = [&own, "alive", "received", "TTL 9", "by lo"].map(|word| alive.contains(word));
        assert_eq!(all, [true; 5], "{alive}");
        assert!(watcher.line().ends_with(&format!("{own}dead")));
    }
    drop(monitor.stdin.take());
    for program in [&mut monitor, &mut log] {
        let (output, talk, status) = program.rest();
        assert!(status.success() && output.is_empty(), "{output:?} {talk:?}");
    }
    std::fs::remove_file(control).unwrap();
}
