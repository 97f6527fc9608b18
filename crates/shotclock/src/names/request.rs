//! A lookup as a value: it can be compared with others in flight, carried to a worker, and run.

use std::ffi::{CStr, CString};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::host_name::numeric;
use super::workers::{Asked, Crew, Pool, Unanswered};
use crate::addr::Address;
use crate::constant::{AddressInfoFlags, Family, Kind, NameInfoFlags};
use crate::sys::address::SockAddr;
use crate::sys::fork::PerProcess;
use crate::sys::resolver::{self, AddressRecord, Failure, Hints, HostRecord};
use crate::sys::{Readiness, thread};
use crate::wait::{Interest, Limit, Operation, Pause, Waiter, drive};

/// What is asked of the system. Two equal requests have the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// getaddrinfo(3).
    AddressInfo {
        /// The host, a name or numeric.
        host: Option<CString>,
        /// The service, a name or numeric.
        service: Option<CString>,
        /// What else is asked for.
        hints: Hints,
    },
    /// getnameinfo(3).
    NameInfo {
        /// The address to be named.
        address: SockAddr,
        /// How it is to be named.
        flags: NameInfoFlags,
    },
    /// gethostbyname2_r(3), for IPv4.
    HostByName(CString),
    /// gethostbyaddr_r(3).
    HostByAddress(IpAddr),
    /// A name whose first address is looked up, and then that address's own entry.
    HostByAddressOf(CString),
    /// getservbyname_r(3).
    Service {
        /// The service's name.
        name: CString,
        /// The protocol's name; any, if none.
        protocol: Option<CString>,
    },
    /// getservbyport_r(3).
    Port {
        /// The port.
        number: u16,
        /// The protocol's name; any, if none.
        protocol: Option<CString>,
    },
    /// getprotobyname_r(3).
    Protocol(CString),
}

impl fmt::Display for Request {
    /// What is asked about: a name, an address, a number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressInfo { host: Some(text), .. }
            | Self::AddressInfo { host: None, service: Some(text), .. }
            | Self::HostByName(text)
            | Self::HostByAddressOf(text)
            | Self::Service { name: text, .. }
            | Self::Protocol(text) => f.write_str(&text.to_string_lossy()),
            Self::AddressInfo { host: None, service: None, .. } => f.write_str("nothing"),
            Self::NameInfo { address, .. } => fmt::Display::fmt(&Address::from_sockaddr(address), f),
            Self::HostByAddress(address) => fmt::Display::fmt(address, f),
            Self::Port { number, .. } => fmt::Display::fmt(number, f),
        }
    }
}

/// What the system answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Of `AddressInfo`.
    Addresses(Vec<AddressRecord>),
    /// Of `NameInfo`.
    HostAndService(CString, CString),
    /// Of the `HostBy` requests.
    Host(HostRecord),
    /// Of `Service` and `Protocol`.
    Number(i32),
    /// Of `Port`.
    Name(CString),
}

impl Request {
    /// Whether the answer needs no file and no network: then it does not go to a worker, whatever the limit.
    pub(super) fn is_immediate(&self) -> bool {
        match self {
            Self::AddressInfo { host, service, hints } => {
                let flags = AddressInfoFlags(hints.flags);
                let is_numeric = |host: &CString| host.to_str().is_ok_and(|host| numeric(host).is_some());
                (flags.contains(AddressInfoFlags::NUMERICHOST) || host.as_ref().is_none_or(is_numeric))
                    && (flags.contains(AddressInfoFlags::NUMERICSERV) || service.as_ref().is_none_or(is_decimal))
            }
            Self::NameInfo { flags, .. } => flags.contains(NameInfoFlags::NUMERICHOST | NameInfoFlags::NUMERICSERV),
            _ => false,
        }
    }

    /// Asks the system on this thread, for as long as it takes.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn run(&self) -> Result<Answer, Failure> {
        match self {
            Self::AddressInfo { host, service, hints } => {
                resolver::address_info(host.as_deref(), service.as_deref(), hints).map(Answer::Addresses)
            }
            Self::NameInfo { address, flags } => {
                resolver::name_info(address, flags.0).map(|(host, service)| Answer::HostAndService(host, service))
            }
            Self::HostByName(name) => resolver::host_by_name(name, Family::INET.0).map(Answer::Host),
            Self::HostByAddress(address) => resolver::host_by_address(*address).map(Answer::Host),
            Self::HostByAddressOf(name) => first_address(name).and_then(resolver::host_by_address).map(Answer::Host),
            Self::Service { name, protocol } => {
                resolver::service_by_name(name, protocol.as_deref()).map(|port| Answer::Number(i32::from(port)))
            }
            Self::Port { number, protocol } => {
                resolver::service_by_port(*number, protocol.as_deref()).map(Answer::Name)
            }
            Self::Protocol(name) => resolver::protocol_by_name(name).map(Answer::Number),
        }
    }

    /// What the system says when its own limit on the name servers has passed.
    pub fn try_again(&self) -> Failure {
        match self {
            Self::HostByName(_) | Self::HostByAddress(_) | Self::HostByAddressOf(_) => {
                Failure::Host(resolver::TRY_AGAIN, None)
            }
            _ => Failure::AddressInfo(resolver::EAI_AGAIN, None),
        }
    }

    /// What is missing if the answer is "not found", for requests that have no code of the resolver's.
    pub(super) fn describe(&self) -> String {
        let of = |protocol: &Option<CString>| match protocol {
            Some(protocol) => format!("protocol {protocol:?}"),
            None => "any protocol".to_owned(),
        };
        match self {
            Self::Service { name, protocol } => format!("no service {name:?} of {} is known", of(protocol)),
            Self::Port { number, protocol } => format!("no service on port {number} of {} is known", of(protocol)),
            Self::Protocol(name) => format!("no protocol {name:?} is known"),
            _ => "not found".to_owned(),
        }
    }
}

fn is_decimal(service: &CString) -> bool {
    service.as_bytes().iter().all(u8::is_ascii_digit)
}

fn first_address(name: &CStr) -> Result<IpAddr, Failure> {
    let hints = Hints { flags: 0, family: Family::UNSPEC.0, kind: Kind::STREAM.0, protocol: 0 };
    let records = resolver::address_info(Some(name), None, &hints)?;
    let first = records.first().and_then(|record| ip_address(&record.address));
    first.ok_or(Failure::AddressInfo(resolver::EAI_NONAME, None))
}

/// Runs a request under a limit, on a worker unless it is immediate, and waits by any waiter. The caller has looked
/// before whether there is a limit: without one, a request is run on the caller's own thread.
///
/// # Errors
/// Why the system gave no answer. (A failure to find anything is an answer.) With a timeout of zero it would block, unless
/// the request is immediate.
pub fn answer<W: Waiter>(
    request: &Request,
    limit: &Limit<'_>,
    waiter: &mut W,
) -> Result<Result<Answer, Failure>, Unanswered<W::Interrupt>> {
    if request.is_immediate() {
        return drive(&mut Immediate(request), limit, waiter).map_err(Unanswered::Stopped);
    }
    workers().ask(request.clone(), limit, waiter)?.answered().map_err(Unanswered::Failed)
}

impl Asked for Request {
    fn in_words(&self) -> String {
        self.to_string()
    }
}

type LookupPool = Pool<Request, Result<Answer, Failure>>;

/// The workers of this process. A forked child finds none and makes its own, and no lock is taken to find out.
fn workers() -> &'static Arc<LookupPool> {
    WORKERS.get()
}

static WORKERS: PerProcess<Arc<LookupPool>> = PerProcess::new(make_workers, forget_workers);

fn make_workers() -> Arc<LookupPool> {
    let spawn = |work: Box<dyn FnOnce() + Send>| thread::spawn_detached("shotclock-lookup", work);
    Pool::new(Crew::OF_PROCESS, Box::new(spawn), Request::run)
}

extern "C" fn forget_workers() {
    WORKERS.forget();
}

/// A request that never waits; the loop still sees to it that a limit that has passed is kept.
struct Immediate<'r>(&'r Request);

impl Operation for Immediate<'_> {
    type Output = Result<Answer, Failure>;

    fn attempt(&mut self, _ready: Readiness) -> Result<Self::Output, Pause> {
        Ok(self.0.run())
    }

    fn interest<'s>(&'s self, _wanted: &mut Interest<'s>) {}
}

fn ip_address(address: &SockAddr) -> Option<IpAddr> {
    match Address::from_sockaddr(address) {
        Address::V4(address) => Some(IpAddr::V4(*address.ip())),
        Address::V6(address) => Some(IpAddr::V6(*address.ip())),
        _ => None,
    }
}
