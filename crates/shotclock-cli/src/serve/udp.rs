//! The UDP echo server: each datagram goes back as it came, if the guard lets it.

use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shotclock::{Address, ControlMessage, Error, Family, MessageInto, Result, Socket, SocketOption, cmsg_space};

use super::event::Event;
use super::guard::{Guard, Verdict};
use super::terms::Terms;
use crate::output;

/// Longer than any datagram.
const BUFFER: usize = 64 << 10;
/// How long a datagram may wait for room in the send buffer; later it is dropped, as the network would.
const ROOM: Duration = Duration::from_millis(100);
/// When receiving fails for want of something: look again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

pub(super) struct UdpServer {
    socket: Socket,
    hops: HopNumbers,
    guard: Guard,
    terms: Arc<Terms>,
}

impl UdpServer {
    /// `ports`: those on which servers of ours answer.
    pub(super) fn new(socket: Socket, ports: impl Iterator<Item = u16>, terms: Arc<Terms>) -> Result<Self> {
        let hops = HopNumbers::of(socket.family()?);
        // On Windows there are no control messages that could tell: a loop of servers is only slowed down there.
        if cfg!(not(windows)) {
            socket.setsockopt(SocketOption::<bool>::new(hops.level, hops.receive), true)?;
        }
        let guard = Guard::new(ports, terms.most_answers);
        Ok(Self { socket, hops, guard, terms })
    }

    /// Answers until the end is called for.
    pub(super) fn run(&mut self) -> Result<()> {
        let mut buffer = vec![0; BUFFER];
        let space = cmsg_space(size_of::<i32>())?;
        loop {
            let mut buffers = [IoSliceMut::new(&mut buffer)];
            match self.socket.cancelled_by(&self.terms.stop).recvmsg_into(&mut buffers, space) {
                Ok(message) => self.answer(&message, &buffer[..message.len]),
                Err(error) if error.is_cancelled() => return Ok(()),
                Err(error) if error.is_closed() => return Err(error),
                Err(error) => self.say_and_pause(&error)?,
            }
        }
    }

    fn answer(&mut self, message: &MessageInto, data: &[u8]) {
        let Some(from) = message.address else { return };
        let Some(source) = from.as_inet() else { return };
        match self.guard.judge(source, hops_of(&message.ancillary), data, Instant::now()) {
            Verdict::Answer { hops } => {
                self.tell(&Event::Datagram { from, bytes: data.len() });
                if let Err(error) = self.send(data, from, hops) {
                    self.tell(&Event::NotAnswered { from, reason: error.to_string() });
                }
            }
            Verdict::Refuse { reason, tell: true } => {
                self.tell(&Event::NotAnswered { from, reason: reason.to_string() });
            }
            Verdict::Refuse { .. } => {}
        }
    }

    fn send(&self, data: &[u8], to: Address, hops: Option<u8>) -> Result<usize> {
        let ancillary = hops.map(self.hops.message);
        self.socket.within(ROOM).sendmsg(&[IoSlice::new(data)], ancillary.as_slice(), Some(to.into()))
    }

    /// Says what went wrong, and leaves it time to pass; `stop` ends that.
    fn say_and_pause(&self, error: &Error) -> Result<()> {
        output::say(format_args!("udp: {error}"));
        match self.terms.stop.pause(LOOK_AGAIN) {
            Err(error) if !error.is_cancelled() => Err(error),
            _ => Ok(()),
        }
    }

    fn tell(&self, event: &Event<'_>) {
        self.terms.talk.tell(event);
    }
}

/// How "so many hops to live" is asked for and said, by family. Source: ip(7), ipv6(7).
#[derive(Clone, Copy)]
struct HopNumbers {
    level: i32,
    /// The option that asks for it with each datagram.
    receive: i32,
    /// The message that says it.
    message: fn(u8) -> ControlMessage,
}

impl HopNumbers {
    /// IPPROTO_IP, IP_RECVTTL.
    const V4: Self = Self { level: 0, receive: 12, message: ControlMessage::Ttl };
    /// IPPROTO_IPV6, IPV6_RECVHOPLIMIT.
    const V6: Self = Self { level: 41, receive: 51, message: ControlMessage::HopLimit };

    fn of(family: Family) -> Self {
        if family == Family::INET6 { Self::V6 } else { Self::V4 }
    }
}

fn hops_of(ancillary: &[ControlMessage]) -> Option<u8> {
    ancillary.iter().find_map(|message| match message {
        ControlMessage::Ttl(hops) | ControlMessage::HopLimit(hops) => Some(*hops),
        _ => None,
    })
}
