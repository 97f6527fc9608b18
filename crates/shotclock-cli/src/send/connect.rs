//! The connection: to an address or a name, over TCP, UDP or a local socket, with TLS if it is asked for.

use shotclock::{
    Address, AddressInfoHints, Connector, Deadline, Error, Family, Kind, Lookup, Socket, Timeout, UnixAddress,
};

use super::arguments::Arguments;
use super::report::Report;
use crate::arguments::Port;
use crate::failure::{Code, Failure};
use crate::tls::Client;
use crate::wire::Wire;

/// A host, and the port of a service on it.
pub(super) struct Service<'a> {
    pub(super) host: &'a str,
    pub(super) port: &'a Port,
}

/// What bounds the lookup, the connect and the handshake.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    connect: Deadline,
    total: Deadline,
}

impl Limits {
    /// From now on.
    pub(super) fn begin(connect: Timeout, total: Deadline) -> Self {
        Self { connect: Deadline::after(connect), total }
    }

    fn first(self) -> Deadline {
        self.connect.min(self.total)
    }

    /// The error, with the code of what was under way if it was the connect's limit that passed.
    fn named(self, code: Code) -> impl Fn(Error) -> Failure {
        move |error| match error.is_timeout() && self.connect < self.total {
            true => Failure::Known(code, error),
            false => Failure::from(error),
        }
    }

    fn port(self, port: &Port, protocol: &str) -> Result<u16, Failure> {
        port.number(protocol, &Lookup::until(self.first())).map_err(self.named(Code::LookupLimit))
    }
}

/// A TCP connection. All addresses of the name are tried in the system's order.
pub(super) fn stream(
    arguments: &Arguments,
    to: &Service<'_>,
    limits: Limits,
    report: &Report,
) -> Result<Wire, Failure> {
    let tls = Client::new(&arguments.tls)?;
    let port = limits.port(to.port, "tcp")?;
    let mut connector = Connector::new().family(arguments.family()).timeout(Timeout::NEVER).until(limits.first());
    if let Some(source) = arguments.source {
        connector = connector.local_address(source);
    }
    report.detail(format_args!("connecting to {} port {port}", to.host));
    let connected = connector.connect((to.host, port));
    let socket = connected.map_err(|error| {
        let code = if error.operation() == "getaddrinfo" { Code::LookupLimit } else { Code::ConnectLimit };
        limits.named(code)(error)
    })?;
    report.connected_from(&socket);
    secured(socket, tls.as_ref(), to.host, limits, report)
}

/// A connection to a local socket.
pub(super) fn local(arguments: &Arguments, to: &UnixAddress, limits: Limits, report: &Report) -> Result<Wire, Failure> {
    if arguments.source.is_some() {
        return Err(Failure::Usage("--source: a local socket has no source address".to_owned()));
    }
    let tls = Client::new(&arguments.tls)?;
    report.detail(format_args!("connecting to {to}"));
    let socket = Socket::new(Family::UNIX, Kind::STREAM)?;
    let connected = socket.until(limits.first()).connect(Address::from(*to));
    connected.map_err(limits.named(Code::ConnectLimit))?;
    secured(socket, tls.as_ref(), "localhost", limits, report)
}

fn secured(socket: Socket, tls: Option<&Client>, host: &str, limits: Limits, report: &Report) -> Result<Wire, Failure> {
    socket.set_timeout(Timeout::NEVER);
    let session = tls.map(|tls| tls.begin(socket.until(limits.first()), host)).transpose();
    let wire = Wire::new(socket, session.map_err(limits.named(Code::ConnectLimit))?);
    if let Some(tls) = wire.tls() {
        report.detail(format_args!("TLS: {tls}"));
    }
    Ok(wire)
}

/// A UDP socket. Only the chosen peer's datagrams come in, and "nobody there" is told.
pub(super) fn datagrams(
    arguments: &Arguments,
    to: &Service<'_>,
    limits: Limits,
    report: &Report,
) -> Result<Socket, Failure> {
    let port = limits.port(to.port, "udp")?;
    let hints = AddressInfoHints { family: arguments.family(), kind: Kind::DGRAM, ..AddressInfoHints::default() };
    let found = Lookup::until(limits.first()).getaddrinfo(to.host, port, &hints);
    let found = found.map_err(limits.named(Code::LookupLimit))?;
    report.detail(format_args!("{} has {} addresses", to.host, found.len()));
    let family = |family| found.iter().filter(move |info| info.family == family);
    let mut failure = None;
    for info in family(Family::INET).chain(family(Family::INET6)) {
        let socket = Socket::new(info.family, Kind::DGRAM)?;
        let bound = arguments.source.map_or(Ok(()), |source| socket.bind(source));
        match bound.and_then(|()| socket.connect(info.address)) {
            Ok(()) => {
                report.connected_from(&socket);
                return Ok(socket);
            }
            Err(error) => failure = Some(error),
        }
    }
    let nothing = || Failure::Other(format!("{}: the name has no address", to.host));
    Err(failure.map_or_else(nothing, Failure::from))
}
