//! From a target to the addresses that are to be tried.

use std::net::SocketAddr;

use crate::addr::Address;
use crate::constant::{Family, Kind, Protocol};
use crate::error::{Error, LimitKind, Reason, Result};
use crate::names::{AddressInfo, AddressInfoHints, Lookup};
use crate::order::{inet_aton, inet_pton};
use crate::target::{Simple, Target};
use crate::wait::{Limit, Scope, in_cancellers};

/// One address to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) address: Address,
    pub(super) kind: Kind,
    pub(super) protocol: Protocol,
}

/// A program's own way from a host and a port to addresses.
pub(super) type Resolver<'c> = dyn Fn(&str, u16) -> Result<Vec<SocketAddr>> + Send + Sync + 'c;

impl From<Address> for Candidate {
    fn from(address: Address) -> Self {
        Self { address, kind: Kind::STREAM, protocol: Protocol::DEFAULT }
    }
}

impl From<AddressInfo> for Candidate {
    fn from(AddressInfo { address, kind, protocol, .. }: AddressInfo) -> Self {
        Self { address, kind, protocol }
    }
}

/// The addresses to try, looked up if need be under the limit, which has begun.
pub(super) fn candidates(
    target: &Target<'_>,
    family: Family,
    resolver: Option<&Resolver<'_>>,
    limit: Limit<'_>,
) -> Result<Vec<Candidate>> {
    let simple = target.simplified("create_connection", Kind::STREAM, limit).map_err(|error| error.to(target))?;
    let (host, port) = match simple {
        Simple::Addresses(addresses) => return Ok(addresses.into_iter().map(Candidate::from).collect()),
        Simple::Name { host, port } => (host, port),
    };
    let found = match resolver.filter(|_| !is_numeric(host)) {
        Some(resolver) => by_resolver(resolver, (host, port), family, limit),
        None => by_system((host, port), family, limit),
    };
    found.map_err(|error| error.to(target))
}

fn by_system((host, port): (&str, u16), family: Family, limit: Limit<'_>) -> Result<Vec<Candidate>> {
    let hints = AddressInfoHints { family, kind: Kind::STREAM, ..AddressInfoHints::default() };
    // As in Python, no host at all is this machine.
    let host = (!host.is_empty()).then_some(host);
    let found = Lookup::under(limit).getaddrinfo(host, port, &hints)?;
    Ok(found.into_iter().map(Candidate::from).collect())
}

fn by_resolver(
    resolver: &Resolver<'_>,
    (host, port): (&str, u16),
    family: Family,
    limit: Limit<'_>,
) -> Result<Vec<Candidate>> {
    let scope = Scope::new(limit.deadline);
    let found = scope.carry(|| in_cancellers(limit.cancellers.iter(), || resolver(host, port)));
    let found = found.map_err(|error| match error.expiry() {
        // The scope was ours, and stood for the limit.
        Some((LimitKind::Scope(id), elapsed)) if id == scope.id() => {
            Error::new(error.operation(), Reason::TimedOut { limit: limit.deadline_kind, elapsed })
        }
        _ => error,
    })?;
    let addresses = found.into_iter().map(Address::from);
    let fitting = addresses.filter(|address| family == Family::UNSPEC || address.family() == family);
    let candidates: Vec<_> = fitting.map(Candidate::from).collect();
    if candidates.is_empty() {
        let text = if family == Family::UNSPEC { String::new() } else { format!(" of {family}") };
        let text = format!("the resolver gave no address{text} for {host:?}");
        return Err(Error::new("create_connection", Reason::NotFound(text)));
    }
    Ok(candidates)
}

/// What needs no resolver: no host at all, and addresses as text.
fn is_numeric(host: &str) -> bool {
    let without_zone = host.split_once('%').map_or(host, |(address, _)| address);
    host.is_empty() || inet_aton(host).is_ok() || inet_pton(Family::INET6, without_zone).is_ok()
}
