#![doc = include_str!("../docs/warden.md")]

mod ending;
mod event;
mod exemption;
mod limits;

#[cfg(target_os = "linux")]
mod around;
#[cfg(target_os = "linux")]
mod asked;
#[cfg(target_os = "linux")]
mod diag;
#[cfg(target_os = "linux")]
mod launch;
#[cfg(target_os = "linux")]
mod numbers;
#[cfg(target_os = "linux")]
mod preload;
#[cfg(target_os = "linux")]
mod system;
#[cfg(target_os = "linux")]
mod total;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(target_os = "linux")]
mod warden;
#[cfg(target_os = "linux")]
mod word;

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::process::Command;

pub use ending::{Ending, Error};
pub use event::{Ended, Event, LimitName, Process};
pub use exemption::Exemption;
pub use limits::Limits;

/// Starts the command under these limits, waits for it, and says how it ended.
///
/// `tell` is called for what happens until then. The warden stays when the command has ended, as long as anything that it has
/// started is there; what it does then is in `record` alone, a line of JSON for each event. Open it by
/// [`open_record`], so that a pipe that nobody reads makes no limit late: one that cannot be written at once is given up.
///
/// Signals that are sent to this process in the meantime are passed on to the command, except those of a terminal, which
/// its whole group is sent.
///
/// # Errors
/// [`Error::NotStarted`] with the system's reason; [`Error::Threads`] if this process has threads, since a fork would lose
/// them; [`Error::System`] if the system refuses what a warden needs; [`Error::Unsupported`] elsewhere than on Linux.
///
/// ```
/// use shotclock_warden::{Ending, Limits, run};
/// use std::process::Command;
/// use std::time::Duration;
///
/// # // Tests have threads: the example is run by a process of its own.
/// # fn main() {
/// let mut limits = Limits::default();
/// limits.timeout = Some(Duration::from_secs(20));
/// match run(Command::new("true"), limits, None, |event| eprintln!("{event}")) {
///     Ok(ending) => assert_eq!(ending, Ending::Exited(0)),
///     Err(error) => assert_eq!(error.code(), 125, "{error}"),
/// }
/// # }
/// ```
pub fn run(command: Command, limits: Limits, record: Option<File>, tell: impl FnMut(&Event)) -> Result<Ending, Error> {
    #[cfg(target_os = "linux")]
    return launch::run(command, limits, record, tell);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (command, limits, record, tell);
        Err(Error::Unsupported)
    }
}

/// Opens a file for what happens, to be appended to, and makes it if there is none. Nobody waits for who reads it, be it a
/// pipe.
///
/// # Errors
/// Those of opening; a pipe that nobody reads yet is refused (ENXIO).
///
/// ```
/// let file = std::env::temp_dir().join("ended.jsonl");
/// let record = shotclock_warden::open_record(&file)?;
/// # drop(record);
/// # std::fs::remove_file(file)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn open_record(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(target_os = "linux")]
    system::do_not_wait(&mut options);
    options.open(file)
}

/// Ends this process as a program ended: with its exit code, or by its signal, without another core dump.
///
/// ```no_run
/// shotclock_warden::end_as(shotclock_warden::Ending::Signaled(15));
/// ```
pub fn end_as(ending: Ending) -> ! {
    #[cfg(target_os = "linux")]
    if let Ending::Signaled(signal) = ending {
        system::die_of(signal);
    }
    std::process::exit(i32::from(ending.code()))
}
