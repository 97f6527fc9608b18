//! The command as a child process: started on port 0, read line by line, and always ended.

#![allow(dead_code, reason = "each test file uses its part")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use shotclock::{Family, Kind, Socket};

/// How long anything may take before a test calls it hung. Loose: only a hang should meet it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The command with these words, ready to start.
pub(crate) fn shotclock<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shotclock"));
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The same, from a line with the words.
pub(crate) fn line(words: &str) -> Command {
    shotclock(words.split_whitespace())
}

/// Runs the command to its end; gives its output and its exit code.
#[track_caller]
pub(crate) fn run(words: &str) -> (Output, i32) {
    let output = line(words).output().expect("it starts");
    let code = output.status.code().unwrap_or_else(|| panic!("{words}: {output:?}"));
    (output, code)
}

/// The text of an output.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running program, read while it runs so that it never waits for us.
pub(crate) struct Program {
    child: Child,
    stderr: Receiver<String>,
    stdout: Receiver<String>,
    seen: Vec<String>,
}

impl Program {
    /// Starts it.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let stderr = lines_of(child.stderr.take().expect("piped"));
        let stdout = lines_of(child.stdout.take().expect("piped"));
        Self { child, stderr, stdout, seen: Vec::new() }
    }

    /// A server; `words` come after `serve`. Gives it and the address of its first socket.
    #[track_caller]
    pub(crate) fn serve(words: &str) -> (Self, SocketAddr) {
        let mut server = Self::start(line(&format!("serve --host 127.0.0.1 --port 0 {words}")));
        let address = server.address();
        (server, address)
    }

    /// The address in the next line, which says what it listens on.
    #[track_caller]
    pub(crate) fn address(&mut self) -> SocketAddr {
        let first = self.next_line();
        let (_, address) = first.rsplit_once("listening on ").unwrap_or_else(|| panic!("{first:?}"));
        address.parse().unwrap_or_else(|error| panic!("{first:?}: {error}"))
    }

    /// The next line of talk.
    #[track_caller]
    pub(crate) fn next_line(&mut self) -> String {
        let line = self.stderr.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|error| panic!("no line: {error}; seen: {:#?}", self.seen));
        self.seen.push(line.clone());
        line
    }

    /// The next line of data.
    #[track_caller]
    pub(crate) fn next_data(&mut self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("a line on standard output")
    }

    /// Reads on to the first line of talk that contains the text.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            let line = self.next_line();
            if line.contains(text) {
                return line;
            }
        }
    }

    /// All talk up to its end.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        self.seen.extend(self.stderr.iter());
        self.seen.clone()
    }

    /// Sends a signal by its short name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh").success(), "{kill}");
    }

    /// Stops it, and waits until each of its threads has stopped: the signal alone does not.
    #[track_caller]
    pub(crate) fn pause(&self) {
        self.signal("STOP");
        let begun = Instant::now();
        while self.threads().any(|stat| !stat.contains(") T ")) {
            assert!(begun.elapsed() < PATIENCE, "it does not stop");
            thread::yield_now();
        }
    }

    fn threads(&self) -> impl Iterator<Item = String> {
        let folder = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("a running process");
        folder.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok())
    }

    /// Waits for its end. Its output ends with it, so that this needs no clock of its own.
    #[track_caller]
    pub(crate) fn exit(&mut self) -> ExitStatus {
        let begun = Instant::now();
        while self.stderr.recv_timeout(PATIENCE).map(|line| self.seen.push(line)).is_ok() {
            assert!(begun.elapsed() < PATIENCE, "it does not end: {:#?}", self.seen);
        }
        assert!(begun.elapsed() < PATIENCE, "it does not end: {:#?}", self.seen);
        self.child.wait().expect("it can be waited for")
    }

    /// What its descriptors are.
    pub(crate) fn descriptors(&self) -> Vec<String> {
        let folder = format!("/proc/{}/fd", self.child.id());
        let links = std::fs::read_dir(folder).expect("a running process").flatten();
        links.filter_map(|link| std::fs::read_link(link.path()).ok()).map(|to| to.display().to_string()).collect()
    }

    /// The time it has spent computing.
    pub(crate) fn busy(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("a running process");
        let after_name = stat.rsplit_once(')').expect("the name is in brackets").1;
        let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum();
        // A tick is a hundredth of a second to everybody who asks, on every Linux.
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _it_may_have_ended = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("its talk: {:#?}", self.rest());
        }
    }
}

fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|line| sender.send(line).map_err(drop))
    });
    lines
}

/// A TCP client, connected.
#[track_caller]
pub(crate) fn connect(to: SocketAddr) -> Socket {
    let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
    client.set_timeout(PATIENCE);
    client.connect(to).unwrap();
    client
}

/// A UDP client on an address of its own.
#[track_caller]
pub(crate) fn datagram_client(own: impl Into<shotclock::Address>) -> Socket {
    let client = Socket::new(Family::INET, Kind::DGRAM).unwrap();
    client.set_timeout(PATIENCE);
    client.bind(own.into()).unwrap();
    client
}

/// Sends and receives the same again.
#[track_caller]
pub(crate) fn echo(client: &Socket, data: &[u8]) {
    client.sendall(data).unwrap();
    let mut answer = vec![0; data.len()];
    client.recv_exact(&mut answer).unwrap();
    assert!(answer == data, "{} bytes came back changed", data.len());
}
