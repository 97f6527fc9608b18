//! Six programs twice, over this crate with limits and on std without any (`examples/`, `examples/on_std/`): they do the same,
//! and the limits cost few lines.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "clippy lets only the test functions themselves unwrap")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use shotclock::{Canceller, Shutdown, Socket, create_connection, create_server};

/// How long anything may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(20);

const PROGRAMS: [&str; 6] = ["accept_pool", "discovery", "hand_over", "proxy", "resp_client", "tls_echo"];

/// A running program, ended with the test.
struct Program {
    child: Child,
    stdout: mpsc::Receiver<String>,
    stderr: mpsc::Receiver<String>,
}

impl Program {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let own = std::env::current_exe().unwrap();
        let path: PathBuf = own.parent().unwrap().parent().unwrap().join("examples").join(name);
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error} (`cargo build --examples` makes the examples)"));
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    fn line(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("no line of output: {error}"))
    }

    /// The address that it listens on.
    fn address(&self) -> String {
        let talk = self.stderr.recv_timeout(PATIENCE).unwrap();
        talk.strip_prefix("listening on ").unwrap_or_else(|| panic!("{talk}")).to_owned()
    }

    /// Its only line of output, and that it ended well.
    fn result(mut self) -> String {
        let line = self.line();
        assert!(self.child.wait().unwrap().success(), "{:?}", self.stderr.try_iter().collect::<Vec<_>>());
        line
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    receiver
}

/// Runs both programs of this name through the same.
fn both(name: &str, through: impl Fn(&str)) {
    through(name);
    through(&format!("on_std_{name}"));
}

fn connect(address: &str) -> Socket {
    create_connection(address, PATIENCE).unwrap()
}

/// The lines of a program that are neither empty nor comments nor attributes.
fn lines_of(path: &Path) -> usize {
    let text = std::fs::read_to_string(path).unwrap();
    let counts = |line: &&str| !line.is_empty() && !["//", "#!", "#["].iter().any(|begin| line.starts_with(begin));
    text.lines().map(str::trim).filter(counts).count()
}

#[test]
fn limits_cost_at_most_a_fifth_of_the_lines() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for name in PROGRAMS {
        let file = format!("{name}.rs");
        let (ours, theirs) = (lines_of(&examples.join(&file)), lines_of(&examples.join("on_std").join(&file)));
        println!("{name}: {ours} lines, on std {theirs}");
        assert!(ours * 10 <= theirs * 12, "{name}: {ours} lines, on std {theirs}: more than 1.2 times as many");
    }
}

#[test]
fn proxies_pass_the_end_of_each_direction_on() {
    both("proxy", |name| {
        let upstream = create_server("127.0.0.1:0").unwrap();
        upstream.set_timeout(PATIENCE);
        let to = upstream.getsockname().unwrap().to_string();
        let proxy = Program::start(name, &["127.0.0.1:0", &to]);
        let client = connect(&proxy.address());
        client.sendall(b"a question").unwrap();
        client.shutdown(Shutdown::WRITE).unwrap();
        let (mut server, _) = upstream.accept().unwrap();
        server.set_timeout(PATIENCE);
        let mut question = String::new();
        // It ends, though the client is there still.
        server.read_to_string(&mut question).unwrap();
        assert_eq!(question, "a question");
        server.sendall(b"an answer").unwrap();
        server.close().unwrap();
        let mut answer = String::new();
        (&client).read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "an answer");
        assert_eq!(proxy.line(), "10 bytes up, 9 down");
    });
}

#[test]
fn tls_echoes() {
    both("tls_echo", |name| assert_eq!(Program::start(name, &[]).result(), "A QUESTION"));
}

#[test]
fn whoever_is_in_the_group_is_found() {
    both("discovery", |name| {
        // A port that nobody has: the group's programs share it with nobody.
        let port = shotclock::bind_datagram("127.0.0.1:0").unwrap().getsockname().unwrap().port().unwrap();
        let group = format!("239.255.11.{}:{port}", 1 + std::process::id() % 200);
        let answers = Program::start(name, &["answer", &group, "somebody"]);
        answers.address();
        assert_eq!(Program::start(name, &["ask", &group]).result(), "somebody");
    });
    // Where nobody is, time is what ends it.
    let mut nobody = Program::start("discovery", &["ask", "239.255.12.1:9"]);
    assert!(nobody.child.wait().unwrap().success());
    assert!(nobody.stdout.recv_timeout(PATIENCE).is_err());
}

#[test]
fn a_listener_is_handed_over_and_nobody_is_refused() {
    both("hand_over", |name| {
        let server = Program::start(name, &["127.0.0.1:0"]);
        let address = server.address();
        // Both are in the queue before the first program goes.
        let clients = [connect(&address), connect(&address)];
        let said = clients.map(|client| client.makefile_reader().unwrap().readline().unwrap());
        assert_eq!(said, [b"hello from the first\n".to_vec(), b"hello from the successor\n".to_vec()]);
    });
}

#[test]
fn replies_are_taken_whole_however_late_they_are() {
    const REPLY: &[u8] = b"*4\r\n$5\r\nfirst\r\n*2\r\n+OK\r\n:-7\r\n$-1\r\n-ERR no\r\n";
    let shown = r#"Array([Bytes(Some([102, 105, 114, 115, 116])), Array([Text("OK"), Number(-7)]), Bytes(None), Error("ERR no")])"#;
    both("resp_client", |name| {
        let listener = create_server("127.0.0.1:0").unwrap();
        let to = listener.getsockname().unwrap().to_string();
        let client = Program::start(name, &[&to, "KEYS", "*"]);
        let (server, _) = listener.within(PATIENCE).accept().unwrap();
        let mut command = [0; 21];
        server.within(PATIENCE).recv_exact(&mut command).unwrap();
        assert_eq!(&command, b"*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n");
        // The array stops in its middle for longer than the client's limit of a second.
        let (begin, end) = REPLY.split_at(16);
        server.sendall(begin).unwrap();
        Canceller::new().pause(Duration::from_millis(1500)).unwrap();
        server.sendall(end).unwrap();
        assert_eq!(client.result(), shown);
    });
}

#[test]
fn a_pool_serves_and_ends_with_its_input() {
    both("accept_pool", |name| {
        let mut pool = Program::start(name, &["127.0.0.1:0"]);
        let address = pool.address();
        for number in 0..10 {
            let mut client = connect(&address);
            writeln!(client, "line {number}").unwrap();
            let answer = client.makefile_reader().unwrap().readline().unwrap();
            assert_eq!(answer, format!("LINE {number}\n").into_bytes());
        }
        drop(pool.child.stdin.take());
        assert_eq!(pool.result(), "served 10");
    });
    // Whoever says nothing keeps no thread of ours from its end.
    let mut pool = Program::start("accept_pool", &["127.0.0.1:0"]);
    let address = pool.address();
    let silent = [(); 4].map(|()| connect(&address));
    drop(pool.child.stdin.take());
    assert_eq!(pool.result(), "served 0");
    drop(silent);
}
