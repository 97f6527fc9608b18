//! Close and cancel from other threads: no wake-up is lost, no number is used again under a waiter, nothing leaks.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod peers;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use peers::{Waiting, full_backlog, in_own_process, open_descriptors, tcp_pair, udp};
use shotclock::{Canceller, Family, Kind, Result, Socket, create_server, socketpair};

/// Long enough never to be the reason.
const FAR: Duration = Duration::from_secs(50);
const ROUNDS: usize = 400;

/// Waits on a socket under a canceller.
type Wait = Arc<dyn Fn(&Socket, &Canceller) -> Result<()> + Send + Sync>;

/// A kind of wait, the socket for it, and the peers that see to it that the wait is one.
struct Case {
    name: &'static str,
    socket: Arc<Socket>,
    _peers: Vec<Socket>,
    wait: Wait,
}

/// Each kind of wait that another thread can end.
fn cases() -> Vec<Case> {
    let case = |name, socket: Socket, peers, wait: Wait| Case { name, socket: Arc::new(socket), _peers: peers, wait };
    let (receives, silent) = tcp_pair();
    let (sends, never_reads) = tcp_pair();
    sends.set_nonblocking(true);
    while sends.send(&[0; 65536]).is_ok() {}
    sends.set_blocking(true);
    let full = full_backlog();
    let to = full.address;
    let connects = Socket::new(Family::INET, Kind::STREAM).unwrap();
    let listens = create_server(("127.0.0.1", 0)).unwrap();
    vec![
        case("accept", listens, vec![], Arc::new(|s, by| s.within(FAR).cancelled_by(by).accept().map(drop))),
        case("recv", receives, vec![silent], Arc::new(|s, by| s.within(FAR).cancelled_by(by).recv(1).map(drop))),
        case("send", sends, vec![never_reads], Arc::new(|s, by| s.within(FAR).cancelled_by(by).sendall(&[0; 1 << 20]))),
        case("recvfrom", udp(), vec![], Arc::new(|s, by| s.within(FAR).cancelled_by(by).recvfrom(1).map(drop))),
        case(
            "connect",
            connects,
            vec![full.listener],
            Arc::new(move |s, by| s.within(FAR).cancelled_by(by).connect(to)),
        ),
    ]
}

#[test]
fn stress_cancel_wakes_every_kind_of_wait() {
    for Case { name, socket, _peers, wait } in cases() {
        let mut worst = Duration::ZERO;
        for round in 0..ROUNDS / 4 {
            let canceller = Canceller::new();
            let (begin, begun) = mpsc::channel();
            let (waiter, by, wait) = (Arc::clone(&socket), canceller.clone(), Arc::clone(&wait));
            let thread = thread::spawn(move || {
                begin.send(()).unwrap();
                let error = wait(&waiter, &by).unwrap_err();
                (error, Instant::now())
            });
            begun.recv().unwrap();
            spin(round * 37 % 4000);
            let cancelled = Instant::now();
            canceller.cancel();
            let (error, woken) = thread.join().unwrap();
            assert!(error.is_cancelled(), "{name}: {error}");
            assert_eq!(error.kind(), std::io::ErrorKind::Other, "never Interrupted, which std would retry");
            worst = worst.max(woken.saturating_duration_since(cancelled));
        }
        println!("{name}: woken within {worst:?} in the worst of {} cases", ROUNDS / 4);
        assert!(worst < FAR / 5, "{name} was not woken, its limit ended it");
    }
}

#[test]
fn stress_close_wakes_every_kind_of_wait() {
    for Case { name, socket, _peers, wait } in cases() {
        let (begin, begun) = mpsc::channel();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (waiter, begin, wait) = (Arc::clone(&socket), begin.clone(), Arc::clone(&wait));
                thread::spawn(move || {
                    begin.send(()).unwrap();
                    wait(&waiter, &Canceller::new()).unwrap_err()
                })
            })
            .collect();
        (0..4).for_each(|_| begun.recv().unwrap());
        let closed = Instant::now();
        socket.close().unwrap();
        for thread in threads {
            let error = thread.join().unwrap();
            assert!(error.is_closed(), "{name}: {error}");
        }
        assert!(closed.elapsed() < FAR / 5, "{name} was not woken");
    }
}

#[test]
fn stress_close_races_with_the_way_into_the_wait() {
    if !in_own_process("stress_close_races_with_the_way_into_the_wait") {
        return;
    }
    let before = open_descriptors();
    for round in 0..ROUNDS {
        let (one, _other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
        let one = Arc::new(one);
        let waiter = Arc::clone(&one);
        let thread = thread::spawn(move || waiter.within(FAR).recv(1).unwrap_err());
        spin(round * 61 % 20_000);
        one.close().unwrap();
        assert!(thread.join().unwrap().is_closed());
    }
    let bells = 64;
    assert!(open_descriptors() <= before + bells, "{} after {before}", open_descriptors());
}

#[test]
fn stress_no_ring_is_lost_among_many_waiters() {
    // A hundred threads that share the 64 bells wait throughout; one is cancelled again and again beside them.
    let far = Canceller::new();
    let idle: Vec<_> = (0..100)
        .map(|_| {
            let far = far.clone();
            thread::spawn(move || {
                let (one, _other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
                one.within(FAR).cancelled_by(&far).recv(1).unwrap_err().is_cancelled()
            })
        })
        .collect();
    let (one, _other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let (order, orders) = mpsc::channel::<Canceller>();
    let (done, answers) = mpsc::channel();
    let waiter = thread::spawn(move || {
        for canceller in orders {
            done.send(one.within(FAR).cancelled_by(&canceller).recv(1).unwrap_err().is_cancelled()).unwrap();
        }
    });
    for round in 0..10_000 {
        let canceller = Canceller::new();
        order.send(canceller.clone()).unwrap();
        spin(round % 200 * 20);
        canceller.cancel();
        assert!(answers.recv_timeout(FAR / 5).expect("a ring was lost"));
    }
    drop(order);
    waiter.join().unwrap();
    far.cancel();
    assert!(idle.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn stress_the_number_is_never_reused_under_anyone() {
    // Readers use a socket while it is closed, and others open sockets like mad: a reader that got bytes from a
    // stranger's socket would have been given a reused number.
    let stop = Arc::new(AtomicBool::new(false));
    let strangers: Vec<_> = (0..2)
        .map(|_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
                    one.sendall(b"a stranger's").unwrap();
                    other.sendall(b"a stranger's").unwrap();
                }
            })
        })
        .collect();
    for round in 0..ROUNDS {
        let (one, _silent) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
        let one = Arc::new(one);
        let number = one.fileno();
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let reader = Arc::clone(&one);
                thread::spawn(move || {
                    let first = reader.within(FAR).recv(100);
                    (first, reader.within(FAR).recv(100), reader.fileno())
                })
            })
            .collect();
        spin(round * 53 % 10_000);
        one.close().unwrap();
        for reader in readers {
            let (first, second, after) = reader.join().unwrap();
            assert!(first.unwrap_err().is_closed() && second.unwrap_err().is_closed());
            assert_eq!(after, number);
        }
    }
    stop.store(true, Ordering::Relaxed);
    strangers.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_wait_without_descriptors_to_spare_still_ends() {
    if !in_own_process("a_wait_without_descriptors_to_spare_still_ends") {
        return;
    }
    let (one, _silent) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let canceller = Canceller::new();
    let by = canceller.clone();
    let mut hoard = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    // No bell can be made: the wait looks for itself, every 50 ms.
    let timed = one.within(Duration::from_millis(20)).recv(1);
    let (begin, begun) = mpsc::channel();
    let ended = thread::scope(|scope| {
        let waits = scope.spawn(|| {
            begin.send(()).unwrap();
            one.within(FAR).cancelled_by(&by).recv(1)
        });
        begun.recv().unwrap();
        canceller.cancel();
        waits.join().unwrap()
    });
    drop(hoard);
    assert!(timed.unwrap_err().is_timeout());
    assert!(ended.unwrap_err().is_cancelled());
}

#[test]
fn a_wait_has_room_for_more_cancellers_than_descriptors() {
    let (one, _silent) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let one = Arc::new(one);
    for chosen in [0, 1500, 2999] {
        let many: Vec<_> = (0..3000).map(|_| Canceller::new()).collect();
        // A canceller of all, in a chain of children as long.
        let deepest = (0..3000).fold(Canceller::any_of(&many), |canceller, _| canceller.child());
        assert!(one.within(Duration::from_millis(20)).cancelled_by(&deepest).recv(1).unwrap_err().is_timeout());
        let waits = Waiting::on(&one, move |one| one.within(FAR).cancelled_by(&deepest).recv(1));
        many[chosen].cancel();
        assert!(waits.ended().unwrap_err().is_cancelled());
    }
}

#[test]
fn a_forked_child_has_bells_of_its_own() {
    if !in_own_process("a_forked_child_has_bells_of_its_own") {
        return;
    }
    let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    // The parent's bell exists, and a thread of the parent waits on it while the process forks.
    let canceller = Canceller::new();
    let by = canceller.clone();
    let socket = one.dup().unwrap();
    let (begin, begun) = mpsc::channel();
    let waits = thread::spawn(move || {
        begin.send(()).unwrap();
        socket.within(FAR).cancelled_by(&by).recv(1).unwrap_err().is_cancelled()
    });
    begun.recv().unwrap();
    // SAFETY: the child uses only this crate's calls, which must work there, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let timed_out = one.within(Duration::from_millis(20)).recv(1).is_err_and(|error| error.is_timeout());
        canceller.cancel();
        let cancelled = one.cancelled_by(&canceller).recv(1).is_err_and(|error| error.is_cancelled());
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { libc::_exit(if timed_out && cancelled { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: the child was started above.
    unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(status, 0, "the child's limits or cancellations failed");
    assert!(!canceller.is_cancelled(), "the child's own copy was meant");
    canceller.cancel();
    assert!(waits.join().unwrap());
    drop(other);
}

#[test]
fn what_stands_for_several_cancellers_is_woken_by_each() {
    let (one, _silent) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    for which in 0..3 {
        let several = [Canceller::new(), Canceller::new(), Canceller::new()];
        let (any, begin) = (Canceller::any_of(&several).child(), mpsc::channel());
        thread::scope(|scope| {
            let waits = scope.spawn(|| {
                begin.0.send(()).unwrap();
                one.within(FAR).cancelled_by(&any).recv(1).unwrap_err()
            });
            begin.1.recv().unwrap();
            several[which].cancel();
            assert!(waits.join().unwrap().is_cancelled());
        });
        assert_eq!(several.iter().filter(|canceller| canceller.is_cancelled()).count(), 1);
    }
}

fn spin(times: usize) {
    (0..times).for_each(|_| std::hint::spin_loop());
}
