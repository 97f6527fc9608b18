//! Making connections, and waiting for them.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::{UnixListener, UnixStream};

use shotclock::{Address, Family, Kind, Socket, UnixAddress, create_connection, create_server};

use crate::cells::{Answer, Cell, Failure, LIMIT, call};

const HOLE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9)), 80);

pub(crate) fn cells() -> Vec<Cell> {
    let mut all = accepting();
    all.extend(connecting());
    all
}

fn accepting() -> Vec<Cell> {
    vec![
        Cell::new(
            "accept",
            "nobody comes",
            Some(|_| {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                call(move || listener.accept())
            }),
            |_| {
                let listener = create_server(("127.0.0.1", 0))?;
                call(move || listener.within(LIMIT).accept())
            },
        ),
        Cell::new("accept, Unix", "nobody comes", Some(|_| std_accept_unix()), |_| {
            let listener = Socket::new(Family::UNIX, Kind::STREAM)?;
            listener.bind(UnixAddress::from_abstract_name(own_name())?)?;
            listener.listen(1)?;
            call(move || listener.within(LIMIT).accept())
        }),
    ]
}

fn connecting() -> Vec<Cell> {
    vec![
        Cell::new("connect", "black hole", Some(|_| call(|| TcpStream::connect_timeout(&HOLE, LIMIT))), |_| {
            let socket = stream()?;
            call(move || socket.within(LIMIT).connect(HOLE))
        }),
        Cell::new(
            "connect",
            "full backlog",
            Some(|peers| {
                let address = peers.address("full-backlog")?;
                call(move || TcpStream::connect_timeout(&address, LIMIT))
            }),
            |peers| {
                let (socket, address) = (stream()?, peers.address("full-backlog")?);
                call(move || socket.within(LIMIT).connect(address))
            },
        ),
        Cell::new("connect", "dead DNS", Some(|_| call(|| dial("slow.example", 80))), |_| {
            let socket = stream()?;
            call(move || socket.within(LIMIT).connect(("slow.example", 80)))
        }),
        Cell::new(
            "connect, Unix",
            "full backlog",
            Some(|peers| {
                let address = peers.unix_address("unix-full-backlog")?;
                call(move || UnixStream::connect_addr(&address))
            }),
            |peers| {
                let socket = Socket::new(Family::UNIX, Kind::STREAM)?;
                let address = Address::from(peers.unix_address("unix-full-backlog")?);
                call(move || socket.within(LIMIT).connect(address))
            },
        )
        .busy(),
        Cell::new("create_connection", "three black holes", Some(|_| call(|| dial("holes.example", 80))), |_| {
            call(|| create_connection(("holes.example", 80), LIMIT))
        }),
        Cell::new(
            "create_connection",
            "dead first, live second",
            Some(|peers| {
                peers.address("http-live").and_then(|live| call(move || dial("dead-first.example", live.port())))
            }),
            |peers| {
                let port = peers.address("http-live")?.port();
                call(move || create_connection(("dead-first.example", port), LIMIT))
            },
        )
        .or(Answer::Live),
        Cell::new("create_connection", "dead DNS", Some(|_| call(|| dial("slow.example", 80))), |_| {
            call(|| create_connection(("slow.example", 80), LIMIT))
        }),
    ]
}

/// As `TcpStream::connect` does it, with the one limit on connecting that std has.
fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, LIMIT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn stream() -> Result<Socket, Failure> {
    Ok(Socket::new(Family::INET, Kind::STREAM)?)
}

fn std_accept_unix() -> Result<crate::cells::Call, Failure> {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(own_name())?;
    let listener = UnixListener::bind_addr(&address)?;
    call(move || listener.accept())
}

fn own_name() -> String {
    format!("matrix-accept-{}", std::process::id())
}
