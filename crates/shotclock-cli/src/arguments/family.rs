//! `-4` and `-6`.

use shotclock::Family;

/// Which addresses a name may have.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Families {
    /// IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6", global = true)]
    ipv4: bool,
    /// IPv6 addresses only
    #[arg(short = '6', long, global = true)]
    ipv6: bool,
}

impl Families {
    /// The one family that is wanted, or any.
    pub(crate) fn wanted(self) -> Family {
        match self {
            Self { ipv4: true, .. } => Family::INET,
            Self { ipv6: true, .. } => Family::INET6,
            _ => Family::UNSPEC,
        }
    }
}
