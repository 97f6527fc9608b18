//! All TCP connections of this network namespace, as the system lists them in one answer. Source: sock_diag(7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use shotclock::{Family, Kind, Protocol, Result, Socket};

use crate::numbers::Numbers;

/// A connection, or a socket that listens.
#[derive(Debug)]
pub(crate) struct Found {
    /// The system's number of the socket, which no other ever has.
    pub(crate) cookie: u64,
    /// Its file's number, which another may have once it is closed.
    pub(crate) inode: u64,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) numbers: Numbers,
}

/// The states of TCP that are asked for, as bits.
#[derive(Clone, Copy)]
pub(crate) struct States(u32);

impl States {
    /// Those that a program may wait in, and the listening ones.
    pub(crate) const HELD: Self = Self(1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 10);
    /// Connections that are being made.
    pub(crate) const BEING_MADE: Self = Self(1 << 2);
}

/// Asks the system.
pub(crate) struct Diag {
    socket: Socket,
    room: Vec<u8>,
    /// Whether each family is asked for by itself, as the system does not know the question for both.
    by_family: bool,
    /// The number of the last question.
    question: u32,
}

// Sources: linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h.
const NETLINK_SOCK_DIAG: i32 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// The older question, which is answered for both families at once. The system looks at all connections for each question, so
/// two would take twice as long.
const TCPDIAG_GETSOCK: u16 = 18;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const INET_DIAG_INFO: u16 = 2;
const HEAD: usize = 16;
const MESSAGE: usize = 72;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;

/// The system makes the answer within the call; a limit all the same.
const LIMIT: Duration = Duration::from_secs(1);

impl Diag {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { socket: socket()?, room: vec![0; 1 << 16], by_family: false, question: 0 })
    }

    /// All sockets in these states.
    pub(crate) fn list(&mut self, states: States) -> Result<Vec<Found>> {
        let listed = self.ask(states);
        if listed.is_err() {
            // What is left of the answer is not to stand before the next one.
            self.socket = socket()?;
        }
        listed
    }

    fn ask(&mut self, states: States) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        if !self.by_family {
            if self.answered(&mut found, |question| request_for_both(states, question))? {
                return Ok(found);
            }
            self.by_family = true;
        }
        for family in [AF_INET, AF_INET6] {
            // A kernel without one of the families knows none of its sockets.
            self.answered(&mut found, |question| request(family, states, question))?;
        }
        Ok(found)
    }

    /// Asks, and takes the answer. Says whether the system knows the question.
    fn answered(&mut self, found: &mut Vec<Found>, request: impl Fn(u32) -> Vec<u8>) -> Result<bool> {
        self.question = self.question.wrapping_add(1);
        self.socket.send(&request(self.question))?;
        loop {
            match self.take(found)? {
                Part::OfMore => {}
                Part::Last => return Ok(true),
                Part::Refusal => return Ok(false),
            }
        }
    }

    /// Takes one datagram of the answer.
    fn take(&mut self, found: &mut Vec<Found>) -> Result<Part> {
        let size = self.socket.recv_into(&mut self.room)?;
        let mut rest = &self.room[..size];
        while let Some((head, body, after)) = message(rest) {
            match head.kind {
                // Of another question.
                _ if head.question != self.question => {}
                SOCK_DIAG_BY_FAMILY | TCPDIAG_GETSOCK => found.extend(parse(body)),
                NLMSG_DONE => return Ok(Part::Last),
                NLMSG_ERROR => return Ok(Part::Refusal),
                _ => {}
            }
            rest = after;
        }
        Ok(Part::OfMore)
    }
}

/// What a datagram of an answer is.
enum Part {
    OfMore,
    Last,
    Refusal,
}

fn socket() -> Result<Socket> {
    let socket = Socket::with_protocol(Family::NETLINK, Kind::RAW, Protocol(NETLINK_SOCK_DIAG))?;
    socket.set_timeout(LIMIT);
    Ok(socket)
}

fn request(family: u8, states: States, question: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + 56);
    bytes.extend(72u32.to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    bytes.extend(question.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend([family, IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0]);
    bytes.extend(states.0.to_ne_bytes());
    bytes.resize(72, 0);
    bytes
}

/// Source: struct inet_diag_req in linux/inet_diag.h.
fn request_for_both(states: States, question: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + 60);
    bytes.extend(76u32.to_ne_bytes());
    bytes.extend(TCPDIAG_GETSOCK.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    bytes.extend(question.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend([AF_INET, 0, 0, 1 << (INET_DIAG_INFO - 1)]);
    bytes.resize(HEAD + 4 + 48, 0);
    bytes.extend(states.0.to_ne_bytes());
    bytes.resize(76, 0);
    bytes
}

/// What stands before a message.
struct Head {
    kind: u16,
    /// Which question it answers.
    question: u32,
}

/// The head of the first message, its body, and what follows.
fn message(bytes: &[u8]) -> Option<(Head, &[u8], &[u8])> {
    let size = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let body = bytes.get(HEAD..size)?;
    let head = Head { kind: u16_at(bytes, 4)?, question: u32_at(bytes, 8)? };
    Some((head, body, bytes.get(size.next_multiple_of(4)..).unwrap_or_default()))
}

fn parse(body: &[u8]) -> Option<Found> {
    let (family, state) = (*body.first()?, *body.get(1)?);
    let local = address(family, body.get(4..6)?, body.get(8..24)?)?;
    let peer = address(family, body.get(6..8)?, body.get(24..40)?)?;
    let cookie = u64::from(u32_at(body, 44)?) | u64::from(u32_at(body, 48)?) << 32;
    let inode = u64::from(u32_at(body, 68)?);
    let numbers = Numbers::parse(state, attribute(body.get(MESSAGE..)?, INET_DIAG_INFO)?)?;
    let numbers = numbers.with_queues(u32_at(body, 56)?, u32_at(body, 60)?);
    Some(Found { cookie, inode, local, peer, numbers })
}

fn address(family: u8, port: &[u8], bytes: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(port.try_into().ok()?);
    let ip = match family {
        AF_INET => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(..4)?).ok()?)),
        AF_INET6 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let size = usize::from(u16_at(bytes, 0)?);
        let value = bytes.get(4..size)?;
        if u16_at(bytes, 2)? == wanted {
            return Some(value);
        }
        bytes = bytes.get(size.next_multiple_of(4)..)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::numbers::ESTABLISHED;
    use crate::system;

    #[test]
    fn a_connection_is_listed_with_its_numbers() {
        let listener = Socket::new(Family::INET, Kind::STREAM).unwrap();
        listener.bind(([127, 0, 0, 1], 0)).unwrap();
        listener.listen(1).unwrap();
        let one = Socket::new(Family::INET, Kind::STREAM).unwrap();
        one.connect(listener.getsockname().unwrap()).unwrap();
        let (other, _) = listener.accept().unwrap();
        one.sendall(b"five.").unwrap();
        let mut diag = Diag::new().unwrap();
        let cookie = system::cookie(one.as_fd()).unwrap();
        let all = diag.list(States::HELD).unwrap();
        let found = all.iter().find(|found| found.cookie == cookie).expect("it is listed");
        let cookie_of_other = system::cookie(other.as_fd()).unwrap();
        let found_other = all.iter().find(|found| found.cookie == cookie_of_other).expect("it is listed");
        assert!(found_other.numbers.is_unread && system::numbers(other.as_fd()).unwrap().is_unread);
        assert!(!system::numbers(one.as_fd()).unwrap().is_unread);
        assert_eq!(Some(found.local), one.getsockname().unwrap().as_inet());
        assert_eq!(Some(found.peer), one.getpeername().unwrap().as_inet());
        assert_eq!(found.inode, system::inode(one.as_fd()));
        assert_eq!(found.numbers.state, ESTABLISHED);
        // The SYN counts as one.
        assert_eq!((found.numbers.acked, found.numbers.received), (6, 0));
        assert!(!found.numbers.is_unread);
        assert!(diag.list(States::BEING_MADE).unwrap().iter().all(|found| found.cookie != cookie));
    }

    #[test]
    fn both_families_are_listed_by_either_question() {
        let listeners = [([127, 0, 0, 1], 0).into(), "[::1]:0".parse::<SocketAddr>().unwrap()].map(|address| {
            let family = if address.is_ipv4() { Family::INET } else { Family::INET6 };
            let listener = Socket::new(family, Kind::STREAM).unwrap();
            listener.bind(address).and_then(|()| listener.listen(1)).map(|()| listener)
        });
        for by_family in [false, true] {
            let mut diag = Diag { by_family, ..Diag::new().unwrap() };
            let all = diag.list(States::HELD).unwrap();
            // There may be no IPv6.
            for listener in listeners.iter().flatten() {
                let cookie = system::cookie(listener.as_fd()).unwrap();
                let found: Vec<&Found> = all.iter().filter(|found| found.cookie == cookie).collect();
                assert_eq!(found.len(), 1, "{by_family}");
                assert_eq!(Some(found[0].local), listener.getsockname().unwrap().as_inet());
            }
            assert_eq!(diag.by_family, by_family, "the system knows the older question");
        }
    }

    #[test]
    fn an_answer_that_was_left_is_not_taken_for_the_next_one() {
        let listener = Socket::new(Family::INET, Kind::STREAM).unwrap();
        listener.bind(([127, 0, 0, 1], 0)).unwrap();
        listener.listen(1).unwrap();
        let cookie = system::cookie(listener.as_fd()).unwrap();
        let mut diag = Diag::new().unwrap();
        // Its last message is there from now on.
        diag.socket.send(&request(AF_INET, States::BEING_MADE, 77)).unwrap();
        assert!(diag.list(States::HELD).unwrap().iter().any(|found| found.cookie == cookie));
    }

    #[test]
    fn answers_that_are_cut_short_are_left_out() {
        let mut whole = [&[AF_INET, 1][..], &[0; MESSAGE - 2]].concat();
        whole.extend([4 + Numbers::SIZE as u8, 0, 2, 0]);
        whole.resize(MESSAGE + 4 + Numbers::SIZE, 0);
        assert!(parse(&whole).is_some());
        for size in 0..whole.len() {
            assert!(parse(&whole[..size]).is_none(), "{size}");
        }
        assert!(attribute(&[5, 0, 2, 0], 2).is_none(), "a size beyond the end");
        assert!(attribute(&[0, 0, 1, 0], 2).is_none(), "a size of nothing");
        assert!(message(&[255; HEAD]).is_none());
    }
}
