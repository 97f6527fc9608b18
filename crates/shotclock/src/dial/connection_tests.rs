//! Several addresses, some of which never answer: listeners whose queue is full.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::*;
use crate::constant::Kind;
use crate::dial::{ServerBuilder, create_server};
use crate::error::LimitKind;
use crate::sys::Errno;
use crate::wait::DeadlineScope;

const PAUSE: Duration = Duration::from_millis(60);
/// Beyond what a busy machine adds; an address that never answers would hold up for as long as the budget.
const FAR: Duration = Duration::from_secs(20);

/// An address that takes no more connections: the system drops what asks for one.
struct BlackHole {
    address: Address,
    listener: Socket,
    _clients: Vec<Socket>,
}

impl BlackHole {
    fn new() -> Self {
        let listener = ServerBuilder::new().backlog(0).listen(("127.0.0.1", 0)).unwrap();
        let address = listener.getsockname().unwrap();
        let mut clients = Vec::new();
        while clients.len() < 10 {
            let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
            match client.within(Duration::from_millis(100)).connect(address) {
                Ok(()) => clients.push(client),
                Err(error) if error.is_timeout() => return Self { address, listener, _clients: clients },
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the queue would not fill up");
    }
}

fn stream(address: Address) -> Candidate {
    Candidate::from(address)
}

/// An address that refuses: bound, so that nobody else gets it, and not listening.
fn refusing() -> (Address, Socket) {
    let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
    socket.bind(("127.0.0.1", 0)).unwrap();
    (socket.getsockname().unwrap(), socket)
}

/// Connects to one of the addresses, as if a name had them.
fn connect(connector: &Connector<'_>, addresses: &[Address]) -> Result<Socket> {
    let limit = Limit { timeout: connector.timeout, deadline: connector.deadline, ..Limit::NONE };
    let limit = Limit { cancellers: connector.cancellers, ..limit }.begun(Deadline::now());
    connector.connect_to_one_of(addresses.iter().copied().map(stream).collect(), limit)
}

fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let result = call();
    (result, begun.elapsed())
}

#[test]
fn a_dead_first_address_costs_one_pause() {
    let (dead, listener) = (BlackHole::new(), create_server(("127.0.0.1", 0)).unwrap());
    let live = listener.getsockname().unwrap();
    let connector = Connector::new().timeout(FAR).attempt_delay(PAUSE);
    let (socket, took) = timed(|| connect(&connector, &[dead.address, live]).unwrap());
    assert_eq!(socket.getpeername().unwrap(), live);
    assert_eq!(socket.timeout(), FAR.into());
    assert!(took >= PAUSE && took < FAR / 4, "{took:?}");
    // Without a pause of one's own it is the RFC's.
    let (socket, took) = timed(|| connect(&Connector::new().timeout(FAR), &[dead.address, live]).unwrap());
    assert!(Timeout::from(took) >= ATTEMPT_DELAY && took < FAR / 4, "{took:?}");
    assert_eq!(socket.getpeername().unwrap(), live);
}

#[test]
fn a_refused_address_costs_no_pause() {
    let ((one, _keep_one), (two, _keep_two)) = (refusing(), refusing());
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let live = listener.getsockname().unwrap();
    let connector = Connector::new().timeout(FAR).attempt_delay(FAR);
    let (socket, took) = timed(|| connect(&connector, &[one, two, live]).unwrap());
    assert_eq!(socket.getpeername().unwrap(), live);
    assert!(took < FAR / 4, "{took:?}");
    // One that dies while others are under way hurries the next, too.
    let dead = BlackHole::new();
    let connector = Connector::new().timeout(FAR).attempt_delay(PAUSE);
    let (socket, took) = timed(|| connect(&connector, &[dead.address, one, live]).unwrap());
    assert_eq!(socket.getpeername().unwrap(), live);
    assert!(took >= PAUSE && took < FAR / 4, "{took:?}");
}

#[test]
fn an_earlier_attempt_stays_alive_and_can_win() {
    let (slow, dead) = (BlackHole::new(), BlackHole::new());
    let addresses = [slow.address, dead.address];
    let socket = thread::scope(|threads| {
        let connector = Connector::new().timeout(FAR).attempt_delay(PAUSE);
        let waiting = threads.spawn(move || connect(&connector, &addresses).unwrap());
        // Most likely the second attempt has begun by then; the outcome is the same if it has not.
        let _pause = Socket::new(Family::INET, Kind::DGRAM).unwrap().within(PAUSE * 3).recv(1);
        // Room in the first one's queue, which the system finds when it asks again.
        (0..2).for_each(|_| drop(slow.listener.within(FAR).accept().unwrap()));
        waiting.join().unwrap()
    });
    assert_eq!(socket.getpeername().unwrap(), slow.address);
}

#[test]
fn black_holes_end_at_the_deadline() {
    let holes = [BlackHole::new(), BlackHole::new(), BlackHole::new()];
    let addresses = holes.each_ref().map(|hole| hole.address);
    let budget = PAUSE * 5;
    let connector = Connector::new().timeout(budget).attempt_delay(PAUSE);
    let (error, took) = timed(|| connect(&connector, &addresses).unwrap_err());
    assert!(took >= budget && took < FAR / 4, "{took:?}");
    assert!(error.is_timeout() && error.limit() == Some(LimitKind::SocketTimeout(budget.into())), "{error}");
    assert_eq!(error.attempts().len(), 3);
    for (attempt, address) in error.attempts().iter().zip(addresses) {
        assert!(attempt.is_timeout() && attempt.target() == Some(&*address.to_string()), "{attempt}");
    }
    let elapsed = error.attempts().iter().map(|attempt| attempt.elapsed().unwrap()).collect::<Vec<_>>();
    assert!(elapsed.windows(2).all(|two| two[0] >= two[1] + PAUSE), "a pause between them, not less: {error}");
    // The same under a scope, which knows.
    let guard = DeadlineScope::enter(budget);
    let connector = Connector::new().timeout(None).attempt_delay(PAUSE);
    let error = connect(&connector, &addresses).unwrap_err();
    assert!(error.scope() == Some(guard.scope().id()) && guard.scope().expired(), "{error}");
    assert!(error.attempts().iter().all(|attempt| attempt.scope() == error.scope()));
}

#[test]
fn one_after_another_is_the_switch_back() {
    let (dead, listener) = (BlackHole::new(), create_server(("127.0.0.1", 0)).unwrap());
    let live = listener.getsockname().unwrap();
    let connector = Connector::new().timeout(PAUSE * 3).attempt_delay(None);
    let error = connect(&connector, &[dead.address, live]).unwrap_err();
    assert!(error.is_timeout() && error.attempts().len() == 1, "the second was never tried: {error}");
    let (refused, _keep) = refusing();
    let socket = connect(&connector, &[refused, live]).unwrap();
    assert_eq!(socket.getpeername().unwrap(), live);
    // So it is with a local port, which two sockets cannot have.
    let local = Socket::new(Family::INET, Kind::STREAM).unwrap();
    local.bind(("127.0.0.1", 0)).unwrap();
    let port = local.getsockname().unwrap().port().unwrap();
    drop(local);
    let connector = Connector::new().timeout(PAUSE * 3).local_address(([127, 0, 0, 1], port));
    let error = connect(&connector, &[dead.address, live]).unwrap_err();
    assert!(error.is_timeout() && error.attempts().len() == 1, "{error}");
    assert_eq!(connect(&connector, &[refused, live]).unwrap().getsockname().unwrap().port(), Some(port));
}

#[test]
fn every_failure_is_told_in_the_order_of_the_addresses() {
    let ((one, _keep_one), (two, _keep_two)) = (refusing(), refusing());
    let connector = Connector::new().timeout(FAR).local_address(([127, 0, 0, 1], 0));
    let ipv6 = Address::from((std::net::Ipv6Addr::LOCALHOST, 9));
    let error = connect(&connector, &[one, ipv6, two]).unwrap_err();
    assert_eq!((error.is_timeout(), error.attempts().len()), (false, 3), "{error}");
    let codes = error.attempts().iter().map(Error::raw_os_error).collect::<Vec<_>>();
    assert_eq!(
        (codes[0], codes[2]),
        (Some(Errno::CONNREFUSED.raw_os_error()), Some(Errno::CONNREFUSED.raw_os_error())),
        "{error}"
    );
    assert_eq!(error.attempts()[0].target(), Some(&*one.to_string()));
    assert!(!error.attempts()[1].is_timeout(), "no IPv6 from an IPv4 address: {error}");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

/// Real attempts, for which there is no descriptor a few times.
struct Scarce {
    attempts: Attempts<'static>,
    /// Before each making of a socket: whether there is one to spare.
    to_spare: Box<dyn FnMut() -> bool>,
}

impl Entrants for Scarce {
    type Candidate = Candidate;
    type Socket = Socket;
    type Failure = Error;
    type Stop = Infallible;

    fn prepare(&mut self, candidate: Candidate) -> Result<(Socket, SockAddr), Unfit<Self>> {
        if !(self.to_spare)() {
            return Err(Unfit::Short(candidate, Error::system("socket", Errno::MFILE)));
        }
        self.attempts.prepare(candidate).map_err(|unfit| match unfit {
            Unfit::Failed(error) => Unfit::Failed(error),
            Unfit::Short(candidate, error) => Unfit::Short(candidate, error),
            Unfit::CalledOff(never) => match never {},
        })
    }

    fn descriptor(socket: &Socket) -> Option<BorrowedHandle<'_>> {
        Attempts::descriptor(socket)
    }

    fn refused(&mut self, errno: Errno, to: &SockAddr) -> Error {
        self.attempts.refused(errno, to)
    }
}

/// A race among the addresses; `to_spare` is asked before each socket is made.
fn scarce_race(addresses: &[Address], to_spare: impl FnMut() -> bool + 'static) -> Race<Scarce> {
    let entrants = Scarce { attempts: Attempts(None, None), to_spare: Box::new(to_spare) };
    Race::new(entrants, addresses.iter().copied().map(stream).collect(), PAUSE.into())
}

fn run(race: &mut Race<Scarce>, budget: Duration) -> Result<Option<Socket>, Stop> {
    let limit = Limit { deadline: Deadline::after(budget), ..Limit::NONE };
    match drive(race, &limit, &mut ambient::waiter("test"))? {
        Finish::Won(socket) => Ok(Some(socket)),
        Finish::Lost => Ok(None),
        Finish::CalledOff(never) => match never {},
    }
}

#[test]
fn a_shortage_that_passes_loses_no_address() {
    let (dead, listener) = (BlackHole::new(), create_server(("127.0.0.1", 0)).unwrap());
    let live = listener.getsockname().unwrap();
    // The first attempt has its socket; the second finds none to spare, twice.
    let mut asked = 0;
    let mut race = scarce_race(&[dead.address, live], move || {
        asked += 1;
        !(2..4).contains(&asked)
    });
    let (won, took) = timed(|| run(&mut race, FAR).unwrap().unwrap());
    assert_eq!(won.getpeername().unwrap(), live);
    assert!(took >= PAUSE + Duration::from_millis(100) && took < FAR / 4, "{took:?}");
    // What is given back by an attempt that fails is noticed at once, and by one that has no other beside it too.
    let (refused, _keep) = refusing();
    for addresses in [&[refused, live][..], &[live]] {
        let mut asked = 0;
        let race = scarce_race(addresses, move || {
            asked += 1;
            asked > 3
        });
        let mut race = race.waiting_out_shortage(true);
        assert_eq!(run(&mut race, FAR).unwrap().unwrap().getpeername().unwrap(), live);
    }
}

#[test]
fn a_shortage_that_stays_ends_with_the_time_and_is_told() {
    let dead = BlackHole::new();
    let elsewhere = Address::from(([127, 0, 0, 1], 9));
    let mut asked = 0;
    let mut race = scarce_race(&[dead.address, elsewhere], move || {
        asked += 1;
        asked == 1
    });
    assert!(matches!(run(&mut race, PAUSE * 4), Err(Stop::TimedOut { .. })));
    race.give_up(|to, _| Error::new("connect", Reason::WouldBlock).to(Address::from_sockaddr(to)));
    let failures = race.into_failures();
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert_eq!(
        (failures[0].is_would_block(), failures[1].raw_os_error()),
        (true, Some(Errno::MFILE.raw_os_error())),
        "{failures:?}"
    );
    // Without an end to wait for it is final where nothing else is under way.
    let mut race = scarce_race(&[elsewhere, elsewhere], || false);
    assert!(run(&mut race, FAR).unwrap().is_none());
    let numbers: Vec<_> = race.into_failures().iter().map(Error::raw_os_error).collect();
    assert_eq!(numbers, [Some(Errno::MFILE.raw_os_error()); 2]);
}

#[test]
fn a_race_can_be_cancelled() {
    let holes = [BlackHole::new(), BlackHole::new()];
    let addresses = holes.each_ref().map(|hole| hole.address);
    let canceller = Canceller::new();
    let error = thread::scope(|threads| {
        let connector = Connector::new().timeout(FAR).attempt_delay(PAUSE).cancelled_by(&canceller);
        let waiting = threads.spawn(move || connect(&connector, &addresses).unwrap_err());
        let _pause = Socket::new(Family::INET, Kind::DGRAM).unwrap().within(PAUSE * 2).recv(1);
        canceller.cancel();
        waiting.join().unwrap()
    });
    assert!(error.is_cancelled() && error.operation() == "create_connection", "{error}");
}

#[test]
fn families_take_turns() {
    let v4 = |last| Address::from(([192, 0, 2, last], 80));
    let v6 = |last| Address::from((std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last), 80));
    let order = |addresses: &[Address]| -> Vec<Address> { interleaved(addresses.to_vec(), Address::family) };
    assert_eq!(order(&[v6(1), v6(2), v6(3), v4(1), v4(2)]), [v6(1), v4(1), v6(2), v4(2), v6(3)]);
    assert_eq!(order(&[v4(1), v6(1), v6(2), v6(3)]), [v4(1), v6(1), v6(2), v6(3)]);
    assert_eq!(order(&[v4(2), v4(1)]), [v4(2), v4(1)], "the resolver's order");
    assert_eq!(order(&[]), []);
}
