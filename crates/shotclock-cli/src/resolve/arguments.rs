//! What `resolve` is told.

use shotclock::Timeout;

use crate::arguments::{self, Families, TIME};

/// Ask the system's resolver all it knows of a name or an address
///
/// Four questions at once, under one limit: getaddrinfo, gethostbyname_ex (IPv4 only, with aliases), gethostbyaddr and
/// getfqdn. What is answered in time is printed, and each line that failed says why.
///
/// With --type only what was asked for is printed, a line each, as scripts like it: the addresses of a name (a: IPv4,
/// aaaa: IPv6), the name of an address (ptr), or the name that a name is an alias of (cname). The system's resolver
/// also reads /etc/hosts and whatever else it was told to; it has no other types of record: for those, ask a name server.
///
/// The exit code is 0 if the name has an address, or what was asked for; 3 if it has none, 10 if none was found within
/// the limit.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shotclock resolve localhost
  shotclock resolve 127.0.0.1 --json
  shotclock resolve example.org --timeout 500ms
  shotclock resolve example.org --type aaaa
  shotclock resolve 127.0.0.1 --type ptr")]
pub(crate) struct Arguments {
    /// A host's name, or an address
    #[arg(value_name = "NAME|ADDRESS", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) name: String,
    /// Print this alone, a line each
    #[arg(long = "type", short = 't', value_name = "TYPE", value_enum, ignore_case = true)]
    pub(super) record: Option<Record>,
    #[command(flatten)]
    pub(super) families: Families,
    /// How long all of it may take; 0 or none: for ever
    #[arg(long, value_name = TIME, default_value = "5", value_parser = arguments::limit, allow_hyphen_values = true)]
    pub(super) timeout: Timeout,
    /// Say on standard error how long each question took
    #[arg(long, short)]
    pub(super) verbose: bool,
    /// Print one JSON object; `shotclock schema` says what is in it
    #[arg(long)]
    pub(super) json: bool,
}

/// What the system's resolver can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Record {
    A,
    Aaaa,
    Ptr,
    Cname,
}
