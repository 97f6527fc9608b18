//! Peers that misbehave on purpose, and what to expect of a call that has a limit.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, reason = "this is a test, though clippy sees no #[test] here")]

#[cfg(unix)]
use std::os::fd::RawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use shotclock::{Address, Error, Family, Kind, Result, ServerBuilder, Socket, create_server};

/// The family of pairs of sockets. Windows has none of its local one.
pub const PAIRS: Family = if cfg!(windows) { Family::INET } else { Family::UNIX };

/// A limit long enough to be told from "at once", and short enough to wait for.
pub const LIMIT: Duration = Duration::from_millis(60);
/// How late a call may end on a loaded machine. How late it ends on a quiet one is the benchmark's business.
pub const LOOSE: Duration = Duration::from_secs(3);

/// Two ends of a TCP connection over loopback.
#[track_caller]
pub fn tcp_pair() -> (Socket, Socket) {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
    client.connect(listener.getsockname().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}

/// Sends, with the socket's timeout, until nothing more goes for a whole one: after a send that ended there may be room
/// again, when the system has moved what it had.
#[track_caller]
pub fn fill(socket: &Socket) {
    let data = vec![7; 1 << 20];
    loop {
        match socket.sendall(&data) {
            Err(error) if error.bytes_moved() == 0 => return assert!(error.is_timeout(), "{error}"),
            _some_went => {}
        }
    }
}

/// A UDP socket with an address of its own.
#[track_caller]
pub fn udp() -> Socket {
    let socket = Socket::new(Family::INET, Kind::DGRAM).unwrap();
    socket.bind(("127.0.0.1", 0)).unwrap();
    socket
}

/// A listener whose queue is full, so that the next connect hangs, and the clients that fill it.
pub struct FullBacklog {
    pub listener: Socket,
    pub address: Address,
    clients: Vec<Socket>,
}

#[track_caller]
pub fn full_backlog() -> FullBacklog {
    let listener = ServerBuilder::new().backlog(0).listen(("127.0.0.1", 0)).unwrap();
    let address = listener.getsockname().unwrap();
    let mut clients = Vec::new();
    loop {
        let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
        match client.within(Duration::from_millis(100)).connect(address) {
            Ok(()) => clients.push(client),
            Err(error) if error.is_timeout() && clients.len() < 10 => {
                return FullBacklog { listener, address, clients };
            }
            Err(error) => panic!("the backlog would not fill up: {error}"),
        }
    }
}

/// The call must fail by its limit: not before it, and not long after.
#[track_caller]
pub fn times_out<T>(limit: Duration, call: impl FnOnce() -> Result<T>) -> Error {
    let begun = Instant::now();
    let result = call();
    let elapsed = begun.elapsed();
    let Err(error) = result else { panic!("it succeeded after {elapsed:?}, with nothing there to succeed with") };
    assert!(error.is_timeout(), "it failed in another way: {error}");
    assert!(elapsed >= limit, "early: {elapsed:?} of {limit:?}");
    assert!(elapsed < limit + LOOSE, "late: {elapsed:?} of {limit:?}");
    let said = error.elapsed().unwrap();
    assert!(said <= elapsed && said + LOOSE > elapsed, "it took {elapsed:?} and says {said:?}");
    error
}

/// Whether this is the named test's own process; if not, runs it in one, and expects it to pass there. For tests of what
/// a process has once (descriptors, signals, defaults), which must not meet their neighbours.
#[track_caller]
pub fn in_own_process(test: &str) -> bool {
    const NAME: &str = "SHOTCLOCK_TEST_ALONE";
    if std::env::var_os(NAME).is_some_and(|name| name == test) {
        return true;
    }
    let output = own_program().args(["--exact", test]).env(NAME, test).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    false
}

/// This test program, to be run once more. What runs it where it is another processor's is said by the environment:
/// `cargo xtask systems` does that.
pub fn own_program() -> std::process::Command {
    let program = std::env::current_exe().unwrap();
    // Wine runs what its programs start.
    let runner = if cfg!(windows) { String::new() } else { std::env::var("SHOTCLOCK_TEST_RUNNER").unwrap_or_default() };
    let mut words = runner.split_whitespace();
    let Some(runner) = words.next() else { return std::process::Command::new(program) };
    let mut command = std::process::Command::new(runner);
    command.args(words).arg(program);
    command
}

/// The number of descriptors this process has open, without the few that it keeps: at most 64 wake-up ones, and a dead one
/// of /dev/null. Over the room of macOS and FreeBSD the wake-up ones are pipes.
#[cfg(unix)]
pub fn open_descriptors() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| std::fs::read_link(entry.unwrap().path()));
    let is_kept = |link: &Path| {
        let is_pipe = link.to_str().is_some_and(|link| link.starts_with("pipe:"));
        let kept = ["anon_inode:[eventfd]", "/dev/null"].map(Path::new);
        kept.contains(&link) || cfg!(shotclock_bsd) && is_pipe
    };
    links.filter(|link| link.as_ref().is_ok_and(|link| !is_kept(link))).count()
}

/// Nobody counts sockets apart from other handles on Windows.
#[cfg(windows)]
pub fn open_descriptors() -> usize {
    0
}

/// The dead descriptor that this process keeps to put over others.
#[cfg(unix)]
pub fn kept_dead_descriptor() -> RawFd {
    let numbers = std::fs::read_dir("/proc/self/fdinfo").unwrap().map(|entry| entry.unwrap().file_name());
    let mut numbers = numbers.map(|number| number.to_str().unwrap().parse::<RawFd>().unwrap());
    let is_it = |number: RawFd| {
        let link = std::fs::read_link(format!("/proc/self/fd/{number}"));
        // SAFETY: plain numbers.
        let flags = unsafe { libc::fcntl(number, libc::F_GETFL) };
        link.is_ok_and(|link| link == Path::new("/dev/null")) && flags & libc::O_PATH != 0
    };
    numbers.find(|number| is_it(*number)).expect("one is kept since the first close")
}

/// The processor time this thread has used.
pub fn thread_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

/// A thread that waits in a call.
pub struct Waiting<T> {
    thread: JoinHandle<T>,
    id: u32,
}

impl<T: Send + 'static> Waiting<T> {
    /// Starts the call in a thread, and returns when that is asleep in it.
    #[track_caller]
    pub fn on(socket: &Arc<Socket>, call: impl FnOnce(&Socket) -> T + Send + 'static) -> Self {
        let (tell, told) = mpsc::channel();
        let socket = Arc::clone(socket);
        let own = started();
        let begin = thread::Builder::new().name(format!("waiting-{own}"));
        let thread = begin.spawn(move || {
            tell.send(own_number().unwrap_or(own)).unwrap();
            call(&socket)
        });
        let thread = thread.unwrap();
        let waiting = Self { thread, id: told.recv().unwrap() };
        let begun = Instant::now();
        // Twice with as many sleeps between: once may be a lock on the way.
        loop {
            let sleeps = waiting.sleeps();
            if waiting.is_asleep() {
                let since = Instant::now();
                while since.elapsed() < Duration::from_millis(1) {
                    thread::yield_now();
                }
                if waiting.is_asleep() && waiting.sleeps() == sleeps {
                    return waiting;
                }
            }
            assert!(!waiting.thread.is_finished(), "it does not wait");
            assert!(begun.elapsed() < Duration::from_secs(20), "it never sleeps");
            thread::yield_now();
        }
    }

    #[cfg(unix)]
    fn is_asleep(&self) -> bool {
        self.status("State:").starts_with('S') && (cfg!(not(target_env = "musl")) || self.is_in_poll())
    }

    /// musl's allocator has one lock for all threads: whoever asks here allocates, and may keep the other from it for long.
    #[cfg(unix)]
    fn is_in_poll(&self) -> bool {
        let call = std::fs::read_to_string(format!("/proc/self/task/{}/syscall", self.id)).unwrap_or_default();
        let is = |number: libc::c_long| call.starts_with(&format!("{number} "));
        #[cfg(target_arch = "x86_64")]
        return is(libc::SYS_poll) || is(libc::SYS_ppoll);
        #[cfg(not(target_arch = "x86_64"))]
        return is(libc::SYS_ppoll);
    }

    /// As the library says of itself, a moment before it is: the feature `waits`.
    #[cfg(windows)]
    fn is_asleep(&self) -> bool {
        #[cfg(feature = "waits")]
        return shotclock::waits().iter().any(|wait| wait.thread_name() == Some(&format!("waiting-{}", self.id)));
        #[cfg(not(feature = "waits"))]
        panic!("nobody can tell without the feature `waits`");
    }

    /// How often the thread has gone to sleep.
    #[cfg(unix)]
    pub fn sleeps(&self) -> u64 {
        self.status("voluntary_ctxt_switches:").parse().unwrap()
    }

    /// Nobody counts that on Windows.
    #[cfg(windows)]
    pub fn sleeps(&self) -> u64 {
        0
    }

    #[cfg(unix)]
    fn status(&self, name: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/self/task/{}/status", self.id)).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
    }

    /// What the call gave. A call that was not ended keeps its test until the watchdog comes.
    #[track_caller]
    pub fn ended(self) -> T {
        self.thread.join().unwrap()
    }
}

/// How many threads were started so before.
fn started() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// The system's number of this thread, where it tells by that whether the thread sleeps.
fn own_number() -> Option<u32> {
    // SAFETY: it has no preconditions. The numbers are positive.
    #[cfg(unix)]
    return Some(unsafe { libc::gettid() }.cast_unsigned());
    #[cfg(windows)]
    None
}
