//! How soon a wait ends after `cancel` or `close` by another thread, for each kind of wait.
//!
//! A wake-up that is lost, or a descriptor that is left behind, and this program fails. How soon is the scheduler's
//! matter: the goal, 5 ms for 99 of 100, is one for a quiet machine, and a miss is only said.
#![allow(clippy::disallowed_methods, reason = "what waits for the waiter is no wait of the project's")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run is to stop there")]

mod namespace;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use shotclock::{
    Address, AddressInfoHints, Canceller, Connector, Error, Family, Kind, Lookup, Result, ServerBuilder, Socket,
    create_server, socketpair,
};

/// How often each wait is ended, where nobody says `--times=N`.
const TIMES: usize = 1000;
const GOAL: Duration = Duration::from_millis(5);
/// A wait that has not ended by then was not woken.
const LOST: Duration = Duration::from_secs(10);
/// Whatever hangs is ended after so many seconds.
const WHOLE_LIMIT: u32 = 600;

/// A wait, the way to end it, and what is to stay open meanwhile.
struct Round {
    wait: Box<dyn FnOnce() -> Result<()> + Send>,
    end: Box<dyn FnOnce()>,
    _peers: Vec<Arc<Socket>>,
}

/// Makes each round anew.
type Arrange = Box<dyn FnMut() -> Round>;

/// Waits on a socket under a canceller.
type Wait = Arc<dyn Fn(&Socket, &Canceller) -> Result<()> + Send + Sync>;

/// A wait on a socket, and the making of the socket and its peers.
struct SocketWait {
    name: &'static str,
    make: Box<dyn Fn() -> (Socket, Vec<Arc<Socket>>)>,
    wait: Wait,
}

fn main() -> ExitCode {
    // SAFETY: a plain number; SIGALRM's default action ends the process.
    unsafe { libc::alarm(WHOLE_LIMIT) };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let times = match words.next().as_deref().map(|word| word.strip_prefix("--times=").map(str::parse)) {
        None => TIMES,
        Some(Some(Ok(times))) if times > 0 => times,
        Some(_) => {
            eprintln!("cancellation: expected --times=N, with N from 1 on, or nothing");
            return ExitCode::from(2);
        }
    };
    let name_server = match namespace::enter() {
        Ok(dead) => Some(dead),
        Err(why) => {
            println!("SKIP lookup: {why}");
            None
        }
    };
    println!("Microseconds from the call that ends it to the return of the call that waits, {times} times each.");
    println!("Goal, on a quiet machine: 5000 for 99 of 100.\n");
    println!("| wait | ended by | median | 99th of 100 | most | goal |");
    println!("|---|---|---|---|---|---|");
    let waiter = Waiter::start();
    let mut cases: Vec<(&str, &str, Arrange)> = Vec::new();
    for by in ["cancel", "close"] {
        cases.extend(socket_waits().into_iter().map(|wait| (wait.name, by, wait.arrange(by == "close"))));
    }
    cases.push(("create_connection", "cancel", dialling()));
    if name_server.is_some() {
        cases.push(("lookup", "cancel", lookup()));
    }
    let whole = cases.into_iter().all(|(name, by, mut arrange)| measure(&waiter, (name, by), times, &mut arrange));
    if whole {
        println!("\nNo wake-up lost, no descriptor left behind.");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Ends the wait again and again; false if a wake-up was lost or a descriptor is left.
fn measure(waiter: &Waiter, (name, by): (&str, &str), times: usize, arrange: &mut Arrange) -> bool {
    let mut took: Vec<Duration> = Vec::new();
    let mut before = 0;
    for round in 0..=times {
        let Round { wait, end, _peers } = arrange();
        waiter.begin(wait);
        let ended = Instant::now();
        end();
        let Some((error, returned)) = waiter.end() else {
            println!("| {name} | {by} | LOST in round {round} |");
            return false;
        };
        assert!(if by == "close" { error.is_closed() } else { error.is_cancelled() }, "{name}: {error}");
        drop(_peers);
        if round == 0 {
            // What is made once, at the first use, is there by now.
            before = open_descriptors();
        } else {
            took.push(returned.saturating_duration_since(ended));
        }
    }
    print(name, by, took);
    let after = open_descriptors();
    if after > before {
        println!("LEAKED: {after} descriptors after {before}");
    }
    after <= before
}

fn print(name: &str, by: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: f64| took[((took.len() as f64 * share).ceil() as usize).clamp(1, took.len()) - 1];
    let [median, late, most] = [at(0.5), at(0.99), at(1.0)].map(|time| time.as_micros());
    let verdict = if late <= GOAL.as_micros() { "met" } else { "MISSED" };
    println!("| {name} | {by} | {median} | {late} | {most} | {verdict} |");
}

/// poll(2) is none of some machines' calls: there ppoll(2) stands for it.
#[cfg(target_arch = "x86_64")]
const WAITS: &[libc::c_long] = &[libc::SYS_ppoll, libc::SYS_poll];
#[cfg(not(target_arch = "x86_64"))]
const WAITS: &[libc::c_long] = &[libc::SYS_ppoll];

/// The thread that waits.
struct Waiter {
    orders: Sender<Box<dyn FnOnce() -> Result<()> + Send>>,
    ends: Receiver<(Error, Instant)>,
    /// Where the system says what it is doing.
    doing: String,
}

impl Waiter {
    fn start() -> Self {
        let (orders, to_do) = channel::<Box<dyn FnOnce() -> Result<()> + Send>>();
        let (done, ends) = channel();
        let (say, said) = channel();
        thread::spawn(move || {
            say.send(std::fs::canonicalize("/proc/thread-self").unwrap()).unwrap();
            for wait in to_do {
                let error = wait().expect_err("there is nothing to succeed with");
                let _ = done.send((error, Instant::now()));
            }
        });
        Self { orders, ends, doing: format!("{}/syscall", said.recv().unwrap().display()) }
    }

    /// Has it wait, and sees to it that it does.
    fn begin(&self, wait: Box<dyn FnOnce() -> Result<()> + Send>) {
        self.orders.send(wait).unwrap();
        let begun = Instant::now();
        while !self.is_waiting() {
            assert!(begun.elapsed() < LOST, "it does not wait");
            thread::yield_now();
        }
    }

    /// Whether it is in a call by which the core waits.
    fn is_waiting(&self) -> bool {
        let doing = std::fs::read_to_string(&self.doing).unwrap();
        let call = doing.split(' ').next().and_then(|number| number.parse().ok());
        call.is_some_and(|call: libc::c_long| WAITS.contains(&call))
    }

    fn end(&self) -> Option<(Error, Instant)> {
        self.ends.recv_timeout(LOST).ok()
    }
}

impl SocketWait {
    fn arrange(self, by_close: bool) -> Arrange {
        Box::new(move || {
            let (socket, peers) = (self.make)();
            let (socket, canceller) = (Arc::new(socket), Canceller::new());
            let (waits, by, wait) = (Arc::clone(&socket), canceller.clone(), Arc::clone(&self.wait));
            let end = move || if by_close { socket.close().unwrap() } else { canceller.cancel() };
            Round { wait: Box::new(move || wait(&waits, &by)), end: Box::new(end), _peers: peers }
        })
    }
}

fn socket_waits() -> Vec<SocketWait> {
    let case = |name, make, wait| SocketWait { name, make, wait };
    let (hung, peers) = full_backlog();
    vec![
        case(
            "accept",
            Box::new(|| (create_server(("127.0.0.1", 0)).unwrap(), vec![])),
            Arc::new(|s: &Socket, by: &Canceller| s.cancelled_by(by).accept().map(drop)),
        ),
        case(
            "connect",
            Box::new(move || (Socket::new(Family::INET, Kind::STREAM).unwrap(), peers.clone())),
            Arc::new(move |s: &Socket, by: &Canceller| s.cancelled_by(by).connect(hung)),
        ),
        case("recv", Box::new(pair), Arc::new(|s: &Socket, by: &Canceller| s.cancelled_by(by).recv(1).map(drop))),
        case(
            "send",
            Box::new(full_pipe),
            Arc::new(|s: &Socket, by: &Canceller| s.cancelled_by(by).sendall(&[0; 1 << 20])),
        ),
        case(
            "recvfrom, UDP",
            Box::new(|| (datagram(), vec![])),
            Arc::new(|s: &Socket, by: &Canceller| s.cancelled_by(by).recvfrom(1).map(drop)),
        ),
    ]
}

fn dialling() -> Arrange {
    let (hung, peers) = full_backlog();
    Box::new(move || {
        let canceller = Canceller::new();
        let by = canceller.clone();
        let wait = move || Connector::new().cancelled_by(&by).connect(hung).map(drop);
        Round { wait: Box::new(wait), end: Box::new(move || canceller.cancel()), _peers: peers.clone() }
    })
}

/// One lookup, which all share that ask for the same name: it outlasts them.
fn lookup() -> Arrange {
    Box::new(|| {
        let canceller = Canceller::new();
        let by = canceller.clone();
        let ask = move || {
            Lookup::new().cancelled_by(&by).getaddrinfo("slow.example", 80, &AddressInfoHints::default()).map(drop)
        };
        Round { wait: Box::new(ask), end: Box::new(move || canceller.cancel()), _peers: vec![] }
    })
}

fn pair() -> (Socket, Vec<Arc<Socket>>) {
    let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    (ours, vec![Arc::new(theirs)])
}

fn full_pipe() -> (Socket, Vec<Arc<Socket>>) {
    let (ours, peers) = pair();
    ours.set_nonblocking(true);
    while ours.send(&[0; 65536]).is_ok() {}
    ours.set_blocking(true);
    (ours, peers)
}

fn datagram() -> Socket {
    let socket = Socket::new(Family::INET, Kind::DGRAM).unwrap();
    socket.bind(("127.0.0.1", 0)).unwrap();
    socket
}

/// A listener whose queue is full, so that the next connect hangs, and the clients that fill it.
fn full_backlog() -> (Address, Vec<Arc<Socket>>) {
    let listener = ServerBuilder::new().backlog(0).listen(("127.0.0.1", 0)).unwrap();
    let address = listener.getsockname().unwrap();
    let mut peers = vec![Arc::new(listener)];
    loop {
        let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
        if client.within(Duration::from_millis(100)).connect(address).is_err() {
            return (address, peers);
        }
        peers.push(Arc::new(client));
    }
}

/// Without the bells, of which a process keeps 64 at most.
fn open_descriptors() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| std::fs::read_link(entry.unwrap().path()));
    links.filter(|link| link.as_ref().is_ok_and(|link| link.to_str() != Some("anon_inode:[eventfd]"))).count()
}
