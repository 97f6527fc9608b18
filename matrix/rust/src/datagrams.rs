//! Datagrams, whose faults are nobody, a full queue, and spurious readiness.

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;

use shotclock::{Address, Family, Kind, Socket, SocketOption};

use crate::cells::{Cell, Failure, LIMIT, call};

pub(crate) fn cells() -> Vec<Cell> {
    vec![
        Cell::new(
            "recv, UDP",
            "silent",
            Some(|_| bound().and_then(|socket| call(move || socket.recv(&mut [0])))),
            |_| our_bound().and_then(|socket| call(move || socket.within(LIMIT).recv(1))),
        ),
        Cell::new(
            "recvfrom, UDP",
            "silent",
            Some(|_| bound().and_then(|socket| call(move || socket.recv_from(&mut [0])))),
            |_| our_bound().and_then(|socket| call(move || socket.within(LIMIT).recvfrom(1))),
        ),
        Cell::new(
            "recvfrom, UDP",
            "pending error queue",
            Some(|_| {
                let socket = with_limits(UdpSocket::from(with_error_queue()?))?;
                call(move || socket.recv_from(&mut [0]))
            }),
            |_| with_error_queue().and_then(|socket| call(move || socket.within(LIMIT).recvfrom(1))),
        )
        .busy(),
        Cell::new(
            "sendto, UDP, to a name",
            "dead DNS",
            Some(|_| bound().and_then(|socket| call(move || socket.send_to(b"x", ("slow.example", 80))))),
            |_| our_bound().and_then(|socket| call(move || socket.within(LIMIT).sendto(b"x", ("slow.example", 80)))),
        ),
        Cell::new(
            "send, Unix datagrams",
            "full queue",
            Some(|peers| {
                let socket = UnixDatagram::unbound()?;
                socket.connect_addr(&peers.unix_address("unix-full-queue")?)?;
                socket.set_write_timeout(Some(LIMIT))?;
                call(move || socket.send(b"x"))
            }),
            |peers| {
                let socket = Socket::new(Family::UNIX, Kind::DGRAM)?;
                socket.connect(Address::from(peers.unix_address("unix-full-queue")?))?;
                call(move || socket.within(LIMIT).send(b"x"))
            },
        )
        .busy(),
        Cell::new(
            "sendto, Unix datagrams",
            "full queue",
            Some(|peers| {
                let (socket, address) = (UnixDatagram::unbound()?, peers.unix_address("unix-full-queue")?);
                socket.set_write_timeout(Some(LIMIT))?;
                call(move || socket.send_to_addr(b"x", &address))
            }),
            |peers| {
                let socket = Socket::new(Family::UNIX, Kind::DGRAM)?;
                let address = Address::from(peers.unix_address("unix-full-queue")?);
                call(move || socket.within(LIMIT).sendto(b"x", address))
            },
        )
        .busy(),
    ]
}

fn bound() -> Result<UdpSocket, Failure> {
    with_limits(UdpSocket::bind("127.0.0.1:0")?)
}

fn with_limits(socket: UdpSocket) -> Result<UdpSocket, Failure> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(LIMIT))?;
    socket.set_write_timeout(Some(LIMIT))?;
    Ok(socket)
}

fn our_bound() -> Result<Socket, Failure> {
    let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    socket.bind(("127.0.0.1", 0))?;
    Ok(socket)
}

/// The error was told; what stays in its queue makes the socket look readable.
fn with_error_queue() -> Result<Socket, Failure> {
    let socket = our_bound()?;
    socket.setsockopt(SocketOption::RECVERR, true)?;
    let nobody = our_bound()?.getsockname()?;
    socket.connect(nobody)?;
    socket.send(b"x")?;
    match socket.recv(1) {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(socket),
        other => Err(format!("expected that nobody is there, not {other:?}").into()),
    }
}
