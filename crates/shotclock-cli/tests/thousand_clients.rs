//! A thousand clients at once through `shotclock serve tcp`: every byte back, no descriptor left.
//!
//! It prints its figures. `SHOTCLOCK_LOAD_CLIENTS` and `SHOTCLOCK_LOAD_SECONDS` change the load.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod programs;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use programs::{Program, connect, line};
use shotclock::{Deadline, Socket};

const STACK: usize = 128 << 10;
/// Sizes of messages, in turn: single bytes, packets, and more than the server's buffer holds.
const SIZES: [usize; 6] = [1, 64, 1000, 1460, 4096, 20_000];
/// A message that takes longer than this is a failure.
const PATIENCE: Duration = Duration::from_secs(20);
/// The core's wake-up descriptors, which it may keep.
const WAKE_UPS: usize = 64;

#[test]
fn stress_a_thousand_clients_at_once() {
    let number = setting("SHOTCLOCK_LOAD_CLIENTS", 1000);
    let seconds = setting("SHOTCLOCK_LOAD_SECONDS", 10);
    let limit = rlimit::increase_nofile_limit(u64::MAX).expect("the limit can be raised");
    let needed = number as u64 + 100;
    if limit < needed {
        println!("SKIP thousand-clients: {limit} descriptors allowed, {needed} needed");
        return;
    }
    let mut server = Program::start(line("serve tcp --host 127.0.0.1 --port 0"));
    let address = server.address();
    let before = server.descriptors();

    let clients: Vec<Socket> = (0..number).map(|_| connect(address)).collect();
    let (load, took) = echo_for(&clients, Duration::from_secs(seconds as u64));
    let addresses: HashSet<SocketAddr> =
        clients.iter().map(|client| client.getsockname().unwrap().as_inet().unwrap()).collect();
    let during = server.descriptors();
    let busy = server.busy();
    drop(clients);
    all_leave(&mut server, addresses);

    let after = server.descriptors();
    report(number, took, &load, busy, [&before, &during, &after]);
    assert_eq!(sockets(&during) - sockets(&before), number, "all were connected at once");
    assert_eq!(sockets(&after), sockets(&before), "no socket is left: {after:?}");
    assert!(after.len() <= before.len() + WAKE_UPS, "only wake-ups are left: {after:?}");
    assert!(load.messages.load(Ordering::Relaxed) >= number as u64, "each client got a message through");
    server.signal("INT");
    assert_eq!(server.exit().code(), Some(0));
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number")))
}

#[derive(Default)]
struct Load {
    messages: AtomicU64,
    bytes: AtomicU64,
    slowest_nanos: AtomicU64,
}

/// All clients at once, each in a thread, until time is up; every byte is compared.
fn echo_for(clients: &[Socket], time: Duration) -> (Load, Duration) {
    let load = Load::default();
    let begun = Instant::now();
    let end = Deadline::after(time);
    std::thread::scope(|scope| {
        for (number, client) in clients.iter().enumerate() {
            let load = &load;
            let thread = std::thread::Builder::new().stack_size(STACK);
            thread.spawn_scoped(scope, move || echo_until(client, number, end, load)).expect("a thread");
        }
    });
    (load, begun.elapsed())
}

fn echo_until(client: &Socket, number: usize, end: Deadline, load: &Load) {
    client.set_timeout(PATIENCE);
    let mut back = vec![0; SIZES[SIZES.len() - 1]];
    for round in 0.. {
        let size = SIZES[(number + round) % SIZES.len()];
        let data: Vec<u8> = (0..size).map(|at| ((number * 31 + round * 7 + at) % 251) as u8).collect();
        let begun = Instant::now();
        client.sendall(&data).unwrap();
        client.recv_exact(&mut back[..size]).unwrap();
        assert!(back[..size] == data, "client {number}, round {round}: {size} bytes came back changed");
        load.messages.fetch_add(1, Ordering::Relaxed);
        load.bytes.fetch_add(size as u64, Ordering::Relaxed);
        load.slowest_nanos.fetch_max(begun.elapsed().as_nanos() as u64, Ordering::Relaxed);
        if end.has_passed() {
            break;
        }
    }
}

/// Waits until the server has said of each that it is gone, and without an error.
fn all_leave(server: &mut Program, mut addresses: HashSet<SocketAddr>) {
    while !addresses.is_empty() {
        let said = server.wait_for("Disconnected from ");
        let (_, address) = said.rsplit_once(' ').expect("two words");
        addresses.remove(&address.parse().unwrap_or_else(|_| panic!("{said}")));
    }
}

fn sockets(descriptors: &[String]) -> usize {
    descriptors.iter().filter(|link| link.starts_with("socket:")).count()
}

fn report(clients: usize, took: Duration, load: &Load, busy: Duration, descriptors: [&[String]; 3]) {
    let (messages, bytes) = (load.messages.load(Ordering::Relaxed), load.bytes.load(Ordering::Relaxed));
    let seconds = took.as_secs_f64();
    println!("{clients} clients at once for {seconds:.2} s");
    println!("  {messages} messages, {:.0} a second; {bytes} bytes back, all equal", messages as f64 / seconds);
    println!("  {:.1} MB/s each way", bytes as f64 / seconds / 1e6);
    println!("  slowest message {:.3} s", load.slowest_nanos.load(Ordering::Relaxed) as f64 / 1e9);
    println!("  server: {:.2} s of computing", busy.as_secs_f64());
    let [before, during, after] = descriptors.map(|all| format!("{} ({} sockets)", all.len(), sockets(all)));
    println!("  server's descriptors: {before} before, {during} during, {after} after");
}
