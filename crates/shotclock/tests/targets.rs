//! Where to: every form of it, on real sockets; connectors that prepare sockets and look names up by themselves.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod peers;

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use peers::{LIMIT, full_backlog, times_out};
use shotclock::{
    Canceller, Connector, Error, Family, Kind, LimitKind, ServerBuilder, Socket, SocketOption, Target, bind_datagram,
    create_connection, create_server, remaining,
};

/// Beyond what anything here takes.
const FAR: Duration = Duration::from_secs(60);

fn std_address(socket: &Socket) -> SocketAddr {
    socket.getsockname().unwrap().as_inet().unwrap()
}

/// An address that refuses: bound, so that nobody else gets it, and not listening.
fn refusing() -> (SocketAddr, Socket) {
    let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
    socket.bind("127.0.0.1:0").unwrap();
    (std_address(&socket), socket)
}

#[test]
fn texts_owned_names_and_slices_lead_there() {
    let listener = create_server("127.0.0.1:0").unwrap();
    let to = std_address(&listener);
    let port = to.port();
    let text = to.to_string();
    create_connection(&text, FAR).unwrap();
    create_connection(to.to_string(), FAR).unwrap();
    create_connection(format!("localhost:{port}").as_str(), FAR).unwrap();
    create_connection((String::from("localhost"), port), FAR).unwrap();
    create_connection(Target::service("127.0.0.1", port.to_string()), FAR).unwrap();
    let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
    let unreachable = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    socket.connect(&[unreachable, to]).unwrap();
    assert_eq!(socket.getpeername().unwrap(), listener.getsockname().unwrap());
    // A port as the compiler finds it out.
    create_connection(("127.0.0.1", to.to_string().rsplit(':').next().unwrap().parse().unwrap()), FAR).unwrap();
}

#[test]
fn of_several_addresses_each_is_tried() {
    let ((refused, _keep), listener) = (refusing(), create_server("127.0.0.1:0").unwrap());
    let live = std_address(&listener);
    let socket = create_connection(&[refused, live], FAR).unwrap();
    assert_eq!(socket.getpeername().unwrap(), listener.getsockname().unwrap());
    let error = create_connection(vec![refused, refused], FAR).unwrap_err();
    assert_eq!((error.attempts().len(), error.kind()), (2, io::ErrorKind::ConnectionRefused), "{error}");
    let none: [SocketAddr; 0] = [];
    let error = create_connection(&none, FAR).unwrap_err();
    assert_eq!(error.to_string(), "create_connection []: no addresses: expected at least one");
    // A server takes the first that can be had.
    let second = create_server(&[live, SocketAddr::from(([127, 0, 0, 1], 0))]).unwrap();
    assert_ne!(std_address(&second).port(), live.port());
    let error = create_server(&[live, live]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
    assert!(create_server(&none).unwrap_err().to_string().contains("no addresses"));
}

#[cfg(unix)]
#[test]
fn paths_lead_to_local_sockets() {
    let path = std::env::temp_dir().join(format!("shotclock-targets-{}", std::process::id()));
    let listener = ServerBuilder::new().listen(&path).unwrap();
    create_connection(path.as_path(), FAR).unwrap();
    let theirs = std::os::unix::net::SocketAddr::from_pathname(&path).unwrap();
    create_connection(&theirs, FAR).unwrap();
    create_connection(theirs, FAR).unwrap();
    drop(listener);
    let error = create_connection(path.clone(), FAR).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert!(error.target() == path.to_str() && error.kind() == io::ErrorKind::ConnectionRefused, "{error}");
    let error = Socket::new(Family::INET, Kind::STREAM).unwrap().bind(&path).unwrap_err();
    assert!(error.kind() == io::ErrorKind::InvalidInput && error.to_string().contains("AF_UNIX"), "{error}");
    let error = create_connection(path.to_str().unwrap(), FAR).unwrap_err();
    assert!(error.to_string().contains("given as a Path"), "{error}");
}

#[test]
fn sockets_are_prepared_before_they_connect() {
    let listener = create_server("127.0.0.1:0").unwrap();
    let to = std_address(&listener);
    let seen = Mutex::new(Vec::new());
    let connector = Connector::new().local_address(([127, 0, 0, 1], 0)).configure(|socket| {
        seen.lock().unwrap().push((socket.getsockname()?.port(), socket.getpeername().is_ok()));
        socket.set_timeout(LIMIT);
        socket.setsockopt(SocketOption::KEEPALIVE, true)
    });
    let socket = connector.timeout(FAR).connect(to).unwrap();
    assert!(socket.getsockopt(SocketOption::KEEPALIVE).unwrap());
    assert_eq!(socket.timeout(), FAR.into(), "the connector's own");
    assert_eq!(*seen.lock().unwrap(), [(Some(0), false)], "neither bound nor connected");
    // What cannot be prepared is an attempt that failed.
    let count = Mutex::new(0);
    let picky = Connector::new().timeout(FAR).configure(|_| {
        *count.lock().unwrap() += 1;
        if *count.lock().unwrap() == 1 { Err(io::Error::other("not this one").into()) } else { Ok(()) }
    });
    assert!(picky.connect(&[to, to]).is_ok());
    let never =
        Connector::new().timeout(FAR).configure(|_| Err(Error::other("mark", io::ErrorKind::PermissionDenied.into())));
    let error = never.connect(&[to, to]).unwrap_err();
    assert_eq!((error.attempts().len(), error.kind()), (2, io::ErrorKind::PermissionDenied), "{error}");
    assert_eq!(error.attempts()[0].operation(), "mark");
}

#[test]
fn a_resolver_of_one_s_own_is_asked_and_bounded() {
    let ((refused, _keep), listener) = (refusing(), create_server("127.0.0.1:0").unwrap());
    let live = std_address(&listener);
    let asked = Mutex::new(Vec::new());
    let connector = Connector::new().timeout(FAR).resolver(|host, port| {
        assert!(remaining() <= FAR.into(), "it can know what time is left");
        asked.lock().unwrap().push(format!("{host} {port}"));
        match host {
            "known" => Ok(vec![SocketAddr::from((Ipv6Addr::LOCALHOST, 1)), refused, live]),
            "nobody" => Ok(Vec::new()),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "not in the registry").into()),
        }
    });
    let only4 = connector.clone().family(Family::INET);
    assert_eq!(only4.connect(("known", 7)).unwrap().getpeername().unwrap(), live.into());
    let error = connector.connect("nobody:7").unwrap_err();
    assert_eq!((error.kind(), error.target()), (io::ErrorKind::NotFound, Some("nobody:7")));
    assert!(error.to_string().contains("no address for \"nobody\""), "{error}");
    assert!(
        connector.clone().family(Family::INET6).connect(("nobody", 7)).unwrap_err().to_string().contains("AF_INET6")
    );
    assert!(connector.connect(("stranger", 7)).unwrap_err().to_string().contains("not in the registry"));
    assert_eq!(*asked.lock().unwrap(), ["known 7", "nobody 7", "nobody 7", "stranger 7"]);
    // What is an address already is not asked about.
    connector.connect(("127.0.0.1", live.port())).unwrap();
    assert_eq!(asked.lock().unwrap().len(), 4);
}

#[test]
fn a_resolver_that_hangs_ends_with_the_budget() {
    let silent = full_backlog();
    let hangs = |_: &str, _: u16| create_connection(silent.address, None).map(|_| Vec::new());
    let error = times_out(LIMIT, || Connector::new().timeout(LIMIT).resolver(hangs).connect(("name", 7)));
    assert_eq!(error.limit(), Some(LimitKind::SocketTimeout(LIMIT.into())), "the budget, by its own name: {error}");
    let error = times_out(LIMIT, || Connector::new().timeout(None).within(LIMIT).resolver(hangs).connect(("name", 7)));
    assert_eq!(error.limit(), Some(LimitKind::CallDeadline), "{error}");
    let canceller = Canceller::new();
    canceller.cancel();
    let error =
        Connector::new().timeout(FAR).cancelled_by(&canceller).resolver(hangs).connect(("name", 7)).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    // One that does not look at the time is too late for the connection.
    let late = |_: &str, _: u16| {
        let _pause = Canceller::new().pause(LIMIT * 2);
        shotclock::shield(|| Canceller::new().pause(LIMIT))?;
        Ok(vec![SocketAddr::from(([127, 0, 0, 1], 1))])
    };
    times_out(LIMIT, || Connector::new().timeout(LIMIT).resolver(late).connect(("name", 7)));
}

#[test]
fn a_datagram_socket_is_of_the_family_of_its_address() {
    let path = std::env::temp_dir().join(format!("shotclock-datagram-{}", std::process::id()));
    let local = bind_datagram(path.as_path()).unwrap();
    assert_eq!((local.family().unwrap(), local.kind().unwrap()), (Family::UNIX, Kind::DGRAM));
    std::fs::remove_file(path).unwrap();
    let first = bind_datagram("127.0.0.1:0").unwrap();
    let taken = std_address(&first);
    let error = bind_datagram(taken).unwrap_err();
    assert_eq!((error.operation(), error.kind()), ("bind_datagram", io::ErrorKind::AddrInUse), "{error}");
    let second = bind_datagram(&[taken, SocketAddr::from(([127, 0, 0, 1], 0))]).unwrap();
    assert_ne!(std_address(&second), taken, "the first that can be had");
    let error = bind_datagram("127.0.0.1").unwrap_err().to_string();
    assert!(error.contains("expected HOST:PORT"), "{error}");
}
