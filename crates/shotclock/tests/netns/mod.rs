//! A network namespace of the test's own, with its own `/etc/hosts`, `/etc/resolv.conf` and `/etc/nsswitch.conf`.
//!
//! A process cannot move all its threads into a namespace, so the test's binary runs itself again inside it.

#![allow(dead_code, reason = "each test program uses its part")]

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// The variable that says, inside the namespace, which test is to be run.
const INSIDE: &str = "SHOTCLOCK_INSIDE_NETNS";
/// A test inside that takes longer is killed.
const PATIENCE: Duration = Duration::from_secs(45);

/// Runs `body` in a namespace in which only loopback is up, and `hosts` is the hosts file. The name server, if there is
/// to be one, is at 127.0.0.1; glibc would wait for it for a minute.
#[track_caller]
pub(crate) fn run(suite: &str, test: &str, needs: &[&str], hosts: &str, body: impl FnOnce()) {
    if env::var_os(INSIDE).is_some_and(|inside| inside == test) {
        return body();
    }
    let namespace = match Namespace::new(needs, hosts) {
        Ok(namespace) => namespace,
        Err(reason) => return skip(&format!("SKIP {suite}::{test}: {reason}\n")),
    };
    let output = namespace.run_again(test);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let passed = output.status.success() && stdout.contains("1 passed");
    assert!(passed, "inside the namespace: {}\n{stdout}\n{stderr}", output.status);
}

/// Says so in one piece, and not by println!, which the test runner keeps to itself when a test passes.
fn skip(line: &str) {
    let _ = io::stderr().write_all(line.as_bytes());
}

/// A namespace made with ip-netns(8); it goes when the value does, with whatever still runs in it.
struct Namespace {
    name: String,
    files: PathBuf,
}

impl Namespace {
    /// # Errors
    /// Why there can be none on this machine.
    fn new(needs: &[&str], hosts: &str) -> Result<Self, String> {
        let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        if !is_root {
            return Err("not root".to_owned());
        }
        for program in ["ip"].iter().chain(needs) {
            let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            found.map_err(|error| format!("{program}: {error}"))?;
        }
        let name = format!("shotclock-{}-{:?}", std::process::id(), thread::current().id());
        let name = name.replace(['(', ')'], "");
        ip(&["netns", "add", &name])?;
        // From here on the value cleans up.
        let files = Path::new("/etc/netns").join(&name);
        let namespace = Self { name, files };
        ip(&["-n", &namespace.name, "link", "set", "lo", "up"])?;
        namespace.write_files(hosts).map_err(|error| format!("{}: {error}", namespace.files.display()))?;
        Ok(namespace)
    }

    fn write_files(&self, hosts: &str) -> io::Result<()> {
        fs::create_dir_all(&self.files)?;
        fs::write(self.files.join("hosts"), hosts)?;
        fs::write(self.files.join("nsswitch.conf"), "hosts: files dns\nservices: files\nprotocols: files\n")?;
        let resolv = "nameserver 127.0.0.1\nsearch test\noptions timeout:30 attempts:2\n";
        fs::write(self.files.join("resolv.conf"), resolv)
    }

    /// Runs one test of this binary inside.
    fn run_again(&self, test: &str) -> Output {
        let binary = env::current_exe().expect("a test knows its binary");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(binary);
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
        command.env(INSIDE, test).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("ip was there a moment ago");
        let (done, output) = channel();
        let waiting = thread::spawn(move || done.send(child.wait_with_output()));
        let output = output.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            self.kill_everyone();
            panic!("{test} inside the namespace took longer than {PATIENCE:?}")
        });
        let _ = waiting.join();
        output.expect("the output can be read")
    }

    /// Ends what still runs in the namespace; nothing is in there that this test did not start.
    fn kill_everyone(&self) {
        let Ok(pids) = Command::new("ip").args(["netns", "pids", &self.name]).output() else { return };
        let pids: Vec<i32> = String::from_utf8_lossy(&pids.stdout).split_whitespace().flat_map(str::parse).collect();
        for pid in pids {
            // SAFETY: no memory is involved.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.kill_everyone();
        let _ = ip(&["netns", "del", &self.name]);
        let _ = fs::remove_dir_all(&self.files);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("ip {}: {}", arguments.join(" "), said.trim())) }
}

/// A dnsmasq(8) on 127.0.0.1, that knows the names it is given and nobody to ask. To be made inside the namespace.
pub(crate) struct NameServer(Child);

impl NameServer {
    /// Starts it, and waits until it says that it has.
    #[track_caller]
    pub(crate) fn start(records: &[&str]) -> Self {
        let mut command = Command::new("dnsmasq");
        command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-poll"]);
        command.args(["--listen-address=127.0.0.1", "--bind-interfaces", "--local=/#/", "--log-facility=-"]);
        command.args(["--user=root", "--pid-file="]).args(records);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("dnsmasq starts");
        let lines = BufReader::new(child.stderr.take().expect("it was asked for")).lines();
        let server = Self(child);
        let (say, told) = channel();
        // Reads to the end, so that the server never blocks on its log; a line that cannot be sent is nobody's.
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(say.send(line))));
        let mut said = Vec::new();
        while !said.last().is_some_and(|line: &String| line.contains("started")) {
            let line = told.recv_timeout(Duration::from_secs(20));
            said.push(line.unwrap_or_else(|_| panic!("dnsmasq did not start: {said:?}")));
        }
        server
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        match self.0.kill() {
            Err(error) if error.kind() != ErrorKind::InvalidInput => eprintln!("dnsmasq: {error}"),
            _ => drop(self.0.wait()),
        }
    }
}
