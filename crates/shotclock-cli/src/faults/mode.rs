//! The modes: each with its own arguments, and the fault that it is.

use std::time::Duration;

use shotclock::faults::{DatagramFault, Fault, NameServerFault, StreamFault};

use crate::arguments::{self, SECONDS};

#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub(super) enum Mode {
    /// TCP: accepts, and never answers
    Silent,
    /// TCP: accepts nobody, and its queue is full: a connect hangs
    FullBacklog,
    /// TCP: sends a byte each interval
    Drip(Interval),
    /// TCP: reads a byte each interval, and sends nothing
    Sip(Interval),
    /// TCP: sends so many bytes, and then nothing more
    Stall(After),
    /// TCP: sends so many bytes, and resets the connection
    Reset(After),
    /// TCP: sends so many bytes and ends its data, while it goes on reading
    HalfClose(After),
    /// TCP: accepts, reads nothing and sends nothing: a long send hangs
    NeverRead,
    /// TCP: sends so many bytes as they should be, and then garbage
    Garbage(After),
    /// TCP: sends without end
    Flood,
    /// TCP: reads a TLS ClientHello, and sends so many bytes of the answer, never all
    TlsStall(After),
    /// UDP: does not answer
    UdpDrop,
    /// UDP: answers twice
    UdpDuplicate,
    /// UDP: answers after the answer to the next datagram
    UdpReorder,
    /// UDP: answers after a delay
    UdpLate(Delay),
    /// Name server: never answers
    DnsDead,
    /// Name server: answers after a delay
    DnsSlow(Delay),
    /// Name server: answers by UDP that the answer was truncated, and never by TCP
    DnsTruncated,
    /// Name server: answers with garbage
    DnsGarbage,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Interval {
    /// The time between two bytes
    #[arg(long, value_name = SECONDS, default_value = "0.3", value_parser = arguments::duration,
          allow_hyphen_values = true)]
    interval: Duration,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct After {
    /// How many bytes go well before; more than there are is all of them
    #[arg(long, value_name = "BYTES", default_value_t = 0, allow_hyphen_values = true)]
    after: usize,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Delay {
    /// How much later
    #[arg(long, value_name = SECONDS, default_value = "1", value_parser = arguments::duration,
          allow_hyphen_values = true)]
    delay: Duration,
}

impl Mode {
    pub(super) fn fault(self) -> Fault {
        match self {
            Self::Silent => StreamFault::Silent.into(),
            Self::FullBacklog => Fault::FullBacklog,
            Self::Drip(Interval { interval }) => StreamFault::Drip { interval }.into(),
            Self::Sip(Interval { interval }) => StreamFault::Sip { interval }.into(),
            Self::Stall(After { after }) => StreamFault::Stall { after }.into(),
            Self::Reset(After { after }) => StreamFault::Reset { after }.into(),
            Self::HalfClose(After { after }) => StreamFault::HalfClose { after }.into(),
            Self::NeverRead => StreamFault::NeverRead.into(),
            Self::Garbage(After { after }) => StreamFault::Garbage { after }.into(),
            Self::Flood => StreamFault::Flood.into(),
            Self::TlsStall(After { after }) => StreamFault::TlsStall { after }.into(),
            Self::UdpDrop => DatagramFault::Drop.into(),
            Self::UdpDuplicate => DatagramFault::Duplicate.into(),
            Self::UdpReorder => DatagramFault::Reorder.into(),
            Self::UdpLate(Delay { delay }) => DatagramFault::Late { delay }.into(),
            Self::DnsDead => NameServerFault::Dead.into(),
            Self::DnsSlow(Delay { delay }) => NameServerFault::Slow { delay }.into(),
            Self::DnsTruncated => NameServerFault::Truncated.into(),
            Self::DnsGarbage => NameServerFault::Garbage.into(),
        }
    }
}

/// The protocols by which a fault is met.
pub(super) fn protocols(fault: Fault) -> &'static [&'static str] {
    match fault {
        Fault::Datagram(_) => &["udp"],
        Fault::NameServer(_) => &["tcp", "udp"],
        _ => &["tcp"],
    }
}
