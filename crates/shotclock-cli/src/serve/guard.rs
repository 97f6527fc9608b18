//! Which datagrams are answered: none that could be part of an endless exchange between echo services.
//!
//! No single sign tells a loop from a busy client, so there are four, each cheap. The time is given from outside, so
//! that tests need not wait.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::bind::PORT;

/// Below it live the old services that answer anything: echo, chargen, daytime, DNS, NTP.
const FIRST_UNPRIVILEGED: u16 = 1024;
/// Of one and the same datagram from one source, so many in a row are answered, then one is not.
const REPEATS: u32 = 999;
/// What is remembered of a source, for so many sources at least and twice as many at most.
const SOURCES: usize = 4096;
/// A source that is refused is told of once in so long.
const TELL_AGAIN: Duration = Duration::from_secs(1);
/// How much of a datagram is looked at to know it again.
const KNOWN_BY: usize = 64;

pub(super) struct Guard {
    never: Vec<u16>,
    rate: Option<NonZeroU32>,
    recent: HashMap<IpAddr, Source>,
    older: HashMap<IpAddr, Source>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Answer, with so many hops to live where that is known.
    Answer { hops: Option<u8> },
    /// Be silent; `tell`: and say so.
    Refuse { reason: Reason, tell: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Port(u16),
    Hops,
    Rate(NonZeroU32),
    Repeated,
}

impl Guard {
    /// `ports`: those on which servers of ours answer.
    pub(super) fn new(ports: impl Iterator<Item = u16>, rate: Option<NonZeroU32>) -> Self {
        let never = ports.chain([PORT]).collect();
        Self { never, rate, recent: HashMap::new(), older: HashMap::new() }
    }

    /// Whether to answer a datagram that came from `from` with `hops` left to live.
    pub(super) fn judge(&mut self, from: SocketAddr, hops: Option<u8>, data: &[u8], now: Instant) -> Verdict {
        let refused_port = from.port() < FIRST_UNPRIVILEGED || self.never.contains(&from.port());
        let rate = self.rate;
        let source = self.source(from.ip(), now);
        let reason = if refused_port {
            Some(Reason::Port(from.port()))
        } else if hops.is_some_and(|hops| hops <= 1) {
            Some(Reason::Hops)
        } else if let Some(rate) = rate.filter(|rate| !source.take_token(*rate, now)) {
            Some(Reason::Rate(rate))
        } else {
            source.is_one_too_many(from.port(), data).then_some(Reason::Repeated)
        };
        match reason {
            Some(reason) => Verdict::Refuse { reason, tell: source.may_tell(now) },
            None => Verdict::Answer { hops: hops.map(|hops| hops - 1) },
        }
    }

    /// What is known of a source. The table has two generations: when the recent one is full it becomes the older one,
    /// and what is not asked for again until then is forgotten.
    fn source(&mut self, ip: IpAddr, now: Instant) -> &mut Source {
        let ip = network(ip);
        if !self.recent.contains_key(&ip) && self.recent.len() >= SOURCES {
            self.older = std::mem::take(&mut self.recent);
        }
        let older = &mut self.older;
        let full = self.rate.map_or(0.0, |rate| f64::from(rate.get()));
        self.recent.entry(ip).or_insert_with(|| older.remove(&ip).unwrap_or_else(|| Source::new(full, now)))
    }
}

struct Source {
    tokens: f64,
    counted: Instant,
    told: Option<Instant>,
    /// A datagram that may be going round and round, and how often it came.
    known: u64,
    repeats: u32,
    others: u32,
}

impl Source {
    fn new(tokens: f64, now: Instant) -> Self {
        Self { tokens, counted: now, told: None, known: 0, repeats: 0, others: REPEATS }
    }

    /// A bucket that holds one second's answers and fills at that rate.
    fn take_token(&mut self, rate: NonZeroU32, now: Instant) -> bool {
        let rate = f64::from(rate.get());
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.counted = now;
        self.tokens = (self.tokens + passed * rate).min(rate);
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }

    /// Counts how often one datagram came. One is known at a time; if it has not come among so many others, another one
    /// takes its place. So each of several loops through one source is found in its turn.
    fn is_one_too_many(&mut self, port: u16, data: &[u8]) -> bool {
        let mut hasher = DefaultHasher::new();
        (port, data.len(), &data[..data.len().min(KNOWN_BY)]).hash(&mut hasher);
        let this = hasher.finish();
        if this == self.known {
            self.repeats += 1;
            self.others = 0;
        } else if self.others >= REPEATS {
            (self.known, self.repeats, self.others) = (this, 1, 0);
        } else {
            self.others += 1;
        }
        let too_many = this == self.known && self.repeats > REPEATS;
        if too_many {
            (self.repeats, self.others) = (0, REPEATS);
        }
        too_many
    }

    fn may_tell(&mut self, now: Instant) -> bool {
        let again = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TELL_AGAIN);
        if again {
            self.told = Some(now);
        }
        again
    }
}

/// Who shares a bucket: an IPv4 address, or an IPv6 network, which one host may own.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::from((u128::from(ip) >> 64 << 64).to_be_bytes()),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "port {port} may be a service that answers answers"),
            Self::Hops => f.write_str("it has no hop left to live"),
            Self::Rate(rate) => write!(f, "more than {rate} a second from there"),
            Self::Repeated => write!(f, "{} times the same from there", REPEATS + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(rate: u32) -> Guard {
        Guard::new([9999].into_iter(), NonZeroU32::new(rate))
    }

    fn from(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn answered(guard: &mut Guard, source: &str, data: &[u8], now: Instant) -> bool {
        matches!(guard.judge(from(source), Some(64), data, now), Verdict::Answer { .. })
    }

    #[test]
    fn ports_of_services_are_never_answered() {
        let (mut guard, now) = (guard(10), Instant::now());
        for port in [0, 7, 19, 53, 1023, 8881, 9999] {
            let verdict = guard.judge(SocketAddr::new([127, 0, 0, 2].into(), port), Some(64), b"x", now);
            let tell = port == 0;
            assert_eq!(verdict, Verdict::Refuse { reason: Reason::Port(port), tell }, "told of once a second");
        }
        assert!(answered(&mut guard, "127.0.0.2:1024", b"x", now));
    }

    #[test]
    fn each_answer_has_a_hop_less_to_live() {
        let (mut guard, now) = (guard(1000), Instant::now());
        let peer = from("10.0.0.1:7001");
        let mut hops = 255;
        let mut rounds = 0;
        while let Verdict::Answer { hops: left } = guard.judge(peer, Some(hops), &[rounds], now) {
            hops = left.unwrap();
            rounds += 1;
        }
        assert_eq!((rounds, hops), (254, 1), "a loop between two guards ends");
        assert_eq!(guard.judge(peer, None, b"x", now), Verdict::Answer { hops: None });
    }

    #[test]
    fn a_source_gets_so_many_answers_a_second() {
        let (mut guard, now) = (guard(3), Instant::now());
        let at = |millis| now + Duration::from_millis(millis);
        let asked = |guard: &mut Guard, source: &str, millis| answered(guard, source, &[0], at(millis));
        assert_eq!((0..5).filter(|_| asked(&mut guard, "10.0.0.1:2000", 0)).count(), 3);
        assert!(!asked(&mut guard, "10.0.0.1:2001", 10), "another port shares the bucket");
        assert!(asked(&mut guard, "10.0.0.2:2000", 10), "another address does not");
        assert!(asked(&mut guard, "10.0.0.1:2000", 344), "a third of a second is one more");
        assert!(!asked(&mut guard, "10.0.0.1:2000", 344));
        assert_eq!((0..5).filter(|_| asked(&mut guard, "10.0.0.1:2000", 60_000)).count(), 3, "no more than a second's");
    }

    #[test]
    fn no_rate_is_no_limit() {
        let mut guard = Guard::new(std::iter::empty(), None);
        let now = Instant::now();
        let all = (0..5000_u32).filter(|n| answered(&mut guard, "10.0.0.1:2000", &n.to_ne_bytes(), now));
        assert_eq!(all.count(), 5000, "different datagrams are no loop");
    }

    #[test]
    fn a_network_of_ipv6_shares_a_bucket() {
        let (mut guard, now) = (guard(1), Instant::now());
        assert!(answered(&mut guard, "[2001:db8::1]:2000", b"x", now));
        assert!(!answered(&mut guard, "[2001:db8::2]:2000", b"x", now));
        assert!(answered(&mut guard, "[2001:db8:0:1::1]:2000", b"x", now));
    }

    #[test]
    fn slow_loops_end_too() {
        let mut guard = guard(10);
        let start = Instant::now();
        // Three datagrams that a foreign echo service sends back each time, four a second.
        let mut loops: Vec<&[u8]> = vec![b"one", b"two", b"three"];
        let mut rounds = 0;
        while !loops.is_empty() {
            let now = start + Duration::from_secs(rounds);
            loops.retain(|data| answered(&mut guard, "10.0.0.1:2000", data, now));
            rounds += 1;
            assert!(rounds < 10_000, "{} still go round", loops.len());
        }
    }

    #[test]
    fn the_table_is_bounded() {
        let (mut guard, now) = (guard(2), Instant::now());
        for number in 0..100_000_u32 {
            answered(&mut guard, &format!("{}:2000", std::net::Ipv4Addr::from(number)), b"x", now);
            // One source stays busy, and is not forgotten.
            assert_eq!(answered(&mut guard, "192.168.0.1:2000", b"x", now), number < 2, "{number}");
        }
        assert!(guard.recent.len() <= SOURCES && guard.older.len() <= SOURCES);
    }
}
