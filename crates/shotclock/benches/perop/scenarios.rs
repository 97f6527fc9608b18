//! What is done, in each variant.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use shotclock::{Address, Family, Kind, Socket};

use crate::TIMEOUT;
use crate::by_libc::{self, LibcSocket, Pinned};
use crate::meter::Meter;
use crate::stream::{Armed, Stream};

/// So many operations before anything is measured.
pub(crate) const WARM_UP: u64 = 100;
/// So many connections wait to be accepted at once; less than the backlog of 128 that std asks for.
const BATCH: u64 = 64;
const LOCALHOST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

/// Who does it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Blocking libc calls, no timeout.
    Libc,
    /// std's sockets with their timeouts set.
    Std,
    /// This crate.
    Shotclock,
}

impl Variant {
    pub(crate) const ALL: [Self; 3] = [Self::Libc, Self::Std, Self::Shotclock];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Libc => "libc",
            Self::Std => "std",
            Self::Shotclock => "shotclock",
        }
    }
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    Unix,
    Tcp,
    Udp,
    UdpFrom,
    PingPong,
    PingPongBoth,
    Accept,
    Connect,
    Close,
}

impl Scenario {
    pub(crate) const ALL: [Self; 9] = [
        Self::Unix,
        Self::Tcp,
        Self::Udp,
        Self::UdpFrom,
        Self::PingPong,
        Self::PingPongBoth,
        Self::Accept,
        Self::Connect,
        Self::Close,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::UdpFrom => "udp-from",
            Self::PingPong => "ping-pong",
            Self::PingPongBoth => "ping-pong-both",
            Self::Accept => "accept",
            Self::Connect => "connect",
            Self::Close => "close",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Unix => "AF_UNIX send + recv",
            Self::Tcp => "TCP send + recv",
            Self::Udp => "UDP send + recv",
            Self::UdpFrom => "UDP sendto + recvfrom",
            Self::PingPong => "TCP ping-pong, one core, plain peer",
            Self::PingPongBoth => "TCP ping-pong, one core, both ends alike",
            Self::Accept => "TCP accept",
            Self::Connect => "TCP socket + connect",
            Self::Close => "AF_UNIX close + drop",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join("|")
    }

    /// Whether it is one send and one recv that finds its data there.
    pub(crate) fn is_ready_pair(self) -> bool {
        matches!(self, Self::Unix | Self::Tcp | Self::Udp | Self::UdpFrom)
    }

    /// Whether two threads take turns.
    pub(crate) fn is_ping_pong(self) -> bool {
        matches!(self, Self::PingPong | Self::PingPongBoth)
    }

    /// Keeps both threads of the ping-pong on one processor.
    pub(crate) fn pin(self) -> Option<Pinned> {
        self.is_ping_pong().then(Pinned::new)
    }
}

/// Does so many operations, and lets the meter measure them.
pub(crate) type Work = Box<dyn FnMut(u64, &mut Meter)>;

pub(crate) fn prepare(scenario: Scenario, variant: Variant) -> Work {
    match (scenario, variant) {
        (Scenario::Unix, Variant::Libc) => exchange(unix_pair().map(LibcSocket::armed)),
        (Scenario::Unix, Variant::Std) => exchange(unix_pair().map(UnixStream::armed)),
        (Scenario::Unix, Variant::Shotclock) => exchange(unix_pair().map(Socket::armed)),
        (Scenario::Tcp, Variant::Libc) => exchange(tcp_pair().map(LibcSocket::armed)),
        (Scenario::Tcp, Variant::Std) => exchange(tcp_pair().map(TcpStream::armed)),
        (Scenario::Tcp, Variant::Shotclock) => exchange(tcp_pair().map(Socket::armed)),
        (Scenario::Udp, Variant::Libc) => exchange(udp_pair().map(LibcSocket::armed)),
        (Scenario::Udp, Variant::Std) => exchange(udp_pair().map(UdpSocket::armed)),
        (Scenario::Udp, Variant::Shotclock) => exchange(udp_pair().map(Socket::armed)),
        (Scenario::PingPong, Variant::Libc) => ping_pong::<LibcSocket, LibcSocket>(tcp_pair()),
        (Scenario::PingPongBoth, Variant::Libc) => ping_pong::<LibcSocket, LibcSocket>(tcp_pair()),
        (Scenario::PingPong, Variant::Std) => ping_pong::<TcpStream, LibcSocket>(tcp_pair()),
        (Scenario::PingPongBoth, Variant::Std) => ping_pong::<TcpStream, TcpStream>(tcp_pair()),
        (Scenario::PingPong, Variant::Shotclock) => ping_pong::<Socket, LibcSocket>(tcp_pair()),
        (Scenario::PingPongBoth, Variant::Shotclock) => ping_pong::<Socket, Socket>(tcp_pair()),
        (Scenario::UdpFrom, variant) => datagrams(variant),
        (Scenario::Accept, variant) => accepting(variant),
        (Scenario::Connect, variant) => connecting(variant),
        (Scenario::Close, Variant::Libc) => closing(LibcSocket, drop),
        (Scenario::Close, Variant::Std) => closing(UnixStream::from, drop),
        (Scenario::Close, Variant::Shotclock) => closing(Socket::from, |socket| socket.close().unwrap()),
    }
}

/// From now on this is a process with threads: glibc's wrappers take the longer way.
pub(crate) fn one_more_thread() -> mpsc::Sender<()> {
    let (keep, wait) = mpsc::channel();
    thread::spawn(move || wait.recv());
    keep
}

fn unix_pair() -> [OwnedFd; 2] {
    let (one, other) = UnixStream::pair().unwrap();
    [one.into(), other.into()]
}

fn tcp_pair() -> [OwnedFd; 2] {
    let listener = TcpListener::bind(LOCALHOST).unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, _) = listener.accept().unwrap();
    [one, other].map(|stream| {
        // Else a byte would wait for the acknowledgement of the last one.
        stream.set_nodelay(true).unwrap();
        stream.into()
    })
}

fn udp_pair() -> [OwnedFd; 2] {
    let [one, other] = [(); 2].map(|()| UdpSocket::bind(LOCALHOST).unwrap());
    one.connect(other.local_addr().unwrap()).unwrap();
    other.connect(one.local_addr().unwrap()).unwrap();
    [one.into(), other.into()]
}

/// Sends one byte and receives it, on this thread.
fn exchange<S: Stream + 'static>([one, other]: [S; 2]) -> Work {
    exchange_by(move |data| one.send(data), move |into| other.recv(into))
}

fn exchange_by(send: impl Fn(&[u8]) -> usize + 'static, recv: impl Fn(&mut [u8]) -> usize + 'static) -> Work {
    Box::new(move |operations, meter| {
        let mut into = [0; 1];
        meter.measure(|| {
            for _ in 0..operations {
                assert_eq!(send(black_box(&[7])), 1);
                assert_eq!(recv(black_box(&mut into)), 1);
            }
        });
    })
}

/// Datagrams with an address each.
fn datagrams(variant: Variant) -> Work {
    let [one, other] = [(); 2].map(|()| UdpSocket::bind(LOCALHOST).unwrap());
    let to = v4(other.local_addr().unwrap());
    let fds = [one.into(), other.into()];
    match variant {
        Variant::Libc => {
            let ([one, other], to) = (fds.map(LibcSocket::armed), by_libc::sockaddr(to));
            let receive = move |into: &mut [u8]| {
                let mut from = MaybeUninit::uninit();
                let received = other.recvfrom(into, &mut from);
                black_box(&from);
                received
            };
            exchange_by(move |data| one.sendto(data, black_box(&to)), receive)
        }
        Variant::Std => {
            let ([one, other], to) = (fds.map(UdpSocket::armed), SocketAddr::V4(to));
            exchange_by(
                move |data| one.send_to(data, black_box(to)).unwrap(),
                move |into| black_box(other.recv_from(into).unwrap()).0,
            )
        }
        Variant::Shotclock => {
            let ([one, other], to) = (fds.map(Socket::armed), Address::from(to));
            exchange_by(
                move |data| one.sendto(data, black_box(&to)).unwrap(),
                move |into| black_box(other.recvfrom_into(into).unwrap()).0,
            )
        }
    }
}

/// Sends one byte to another thread, which sends it back.
fn ping_pong<S, Peer>([one, other]: [OwnedFd; 2]) -> Work
where
    S: Armed + Stream + 'static,
    Peer: Armed + Stream + Send + 'static,
{
    let (one, other) = (S::armed(one), Peer::armed(other));
    // Ends when the other end is dropped.
    thread::spawn(move || {
        let mut byte = [0; 1];
        while other.recv(&mut byte) == 1 && other.send(&byte) == 1 {}
    });
    let one = Rc::new(one);
    let same = Rc::clone(&one);
    exchange_by(move |data| one.send(data), move |into| same.recv(into))
}

/// Takes connections that are in the queue.
fn accepting(variant: Variant) -> Work {
    let listener = TcpListener::bind(LOCALHOST).unwrap();
    let to = listener.local_addr().unwrap();
    match variant {
        Variant::Libc => {
            let listener = LibcSocket::armed(listener.into());
            accepting_by(to, move || listener.accept())
        }
        // It has no timeout for accept.
        Variant::Std => accepting_by(to, move || listener.accept().unwrap()),
        Variant::Shotclock => {
            // Made by us: of one from elsewhere nobody knows who may make it blocking again, and each accept looks.
            let listener = shotclock::create_server(LOCALHOST).unwrap();
            let to = listener.getsockname().unwrap().as_inet().unwrap();
            listener.set_timeout(TIMEOUT);
            accepting_by(to, move || listener.accept().unwrap())
        }
    }
}

fn accepting_by<T>(to: SocketAddr, accept: impl Fn() -> T + 'static) -> Work {
    batches(move |operations, meter| {
        let clients: Vec<_> = (0..operations).map(|_| TcpStream::connect(to).unwrap()).collect();
        clients.iter().for_each(by_libc::reset_on_close);
        let mut accepted = Vec::with_capacity(clients.len());
        meter.measure(|| (0..operations).for_each(|_| accepted.push(accept())));
        drop(clients);
    })
}

/// Makes a socket and connects it.
fn connecting(variant: Variant) -> Work {
    let listener = TcpListener::bind(LOCALHOST).unwrap();
    let to = listener.local_addr().unwrap();
    match variant {
        Variant::Libc => {
            let to = by_libc::sockaddr(v4(to));
            connecting_by(listener, move || LibcSocket::connected(black_box(&to)))
        }
        Variant::Std => connecting_by(listener, move || TcpStream::connect_timeout(black_box(&to), TIMEOUT).unwrap()),
        Variant::Shotclock => connecting_by(listener, move || {
            let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
            socket.set_timeout(TIMEOUT);
            socket.connect(black_box(to)).unwrap();
            socket
        }),
    }
}

fn connecting_by<T: AsFd>(listener: TcpListener, connect: impl Fn() -> T + 'static) -> Work {
    batches(move |operations, meter| {
        let mut clients = Vec::with_capacity(usize::try_from(operations).unwrap());
        meter.measure(|| (0..operations).for_each(|_| clients.push(connect())));
        let _servers: Vec<_> = (0..operations).map(|_| listener.accept().unwrap()).collect();
        clients.iter().for_each(by_libc::reset_on_close);
        drop(clients);
    })
}

/// Ends one end of a pair, without a timeout: under one, a close asks whether the socket lingers.
fn closing<S: 'static>(own: impl Fn(OwnedFd) -> S + 'static, close: impl Fn(S) + 'static) -> Work {
    batches(move |operations, meter| {
        let (ones, others): (Vec<_>, Vec<_>) = (0..operations).map(|_| unix_pair().into()).unzip();
        let ones: Vec<S> = ones.into_iter().map(&own).collect();
        meter.measure(|| ones.into_iter().for_each(&close));
        drop::<Vec<OwnedFd>>(others);
    })
}

/// The same in parts that fit a listener's queue.
fn batches(mut batch: impl FnMut(u64, &mut Meter) + 'static) -> Work {
    Box::new(move |operations, meter| {
        let mut left = operations;
        while left > 0 {
            let now = left.min(BATCH);
            batch(now, meter);
            left -= now;
        }
    })
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => unreachable!("bound to IPv4"),
    }
}
