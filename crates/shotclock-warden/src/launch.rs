//! A program is started beneath a warden, and waited for.
//!
//! Three processes: the one that was asked, which waits for the program, passes signals on, and ends as the program did; the
//! warden, which stays as long as anything that the program has started; and the program, the warden's child. Whatever loses
//! its parent becomes a child of the warden, too.

use std::ffi::c_int;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, id};
use std::time::Instant;

use shotclock::{Deadline, Socket};

use crate::around::Around;
use crate::asked::Asked;
use crate::diag::Diag;
use crate::ending::{Ending, Error};
use crate::event::Event;
use crate::exemption::Peers;
use crate::limits::Limits;
use crate::preload::Loaded;
use crate::system::{self, End, Fork, Heard, Held, Passing, Process};
use crate::total::Total;
use crate::warden::{Tell, Warden};
use crate::word::{self, Word};

pub(crate) fn run(
    mut command: Command,
    limits: Limits,
    record: Option<File>,
    tell: impl FnMut(&Event),
) -> Result<Ending, Error> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads != 1 {
        return Err(Error::Threads(threads));
    }
    let inherited = system::inherited();
    let (ours, wardens) = word::pair().map_err(Error::System)?;
    let held = Held::new(&system::PASSED_ON).map_err(Error::System)?;
    match system::fork().map_err(Error::System)? {
        Fork::Parent => {
            drop(wardens);
            let ending = await_program(&ours, &held, tell);
            held.let_go();
            ending
        }
        Fork::Child => {
            drop(ours);
            let asked = Asked::new(wardens, record);
            let told = catch_unwind(AssertUnwindSafe(|| be_warden(&mut command, limits, &held, asked, &inherited)));
            system::exit(u8::from(told.is_err()));
        }
    }
}

fn await_program(warden: &Socket, held: &Held, mut tell: impl FnMut(&Event)) -> Result<Ending, Error> {
    let mut passing: Option<Passing> = None;
    loop {
        match Word::hear(&warden.until(Deadline::NEVER)).ok().flatten().ok_or(Error::WardenGone)? {
            // A program that is over already needs none.
            Word::Started(pid) => {
                if let Ok(program) = Process::of(pid.cast_unsigned()) {
                    drop(passing.replace(Passing::to(program).map_err(Error::System)?));
                    held.let_go();
                }
            }
            Word::Happened(event) => tell(&event),
            Word::NotStarted(Some(errno), _) => return Err(Error::NotStarted(io::Error::from_raw_os_error(errno))),
            Word::NotStarted(None, why) => return Err(Error::NotStarted(io::Error::other(why))),
            Word::NotGuarded(why) => return Err(Error::System(io::Error::other(why))),
            Word::Exited(code) => return Ok(Ending::Exited(code)),
            Word::Signaled(signal) => return Ok(Ending::Signaled(signal)),
            Word::TotalPassed => return Ok(Ending::TotalPassed),
        }
    }
}

/// Becomes the warden. The total begins with the program, not with the lookups before it.
fn be_warden(command: &mut Command, limits: Limits, held: &Held, mut asked: Asked, inherited: &[c_int]) {
    let ready = || {
        system::adopt_orphans()?;
        Held::new(&system::STOPPING)?;
        let exempt = limits.exempt.iter().map(Peers::of).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        Ok::<_, io::Error>((word::pair()?, Diag::new()?, exempt))
    };
    let ((bell, ringer), diag, exempt) = match ready() {
        Ok(ready) => ready,
        Err(error) => return asked.say(&Word::NotGuarded(error.to_string())),
    };
    held.not_in(command, system::ring_at_ends(&ringer));
    let around = Around::look();
    let (begun, now) = (Instant::now(), system::now());
    let end = around.end_of(limits.total, now);
    around.hand_on(command, end);
    let loaded = Loaded::into(command, &limits, &around, end).unwrap_or_else(|why| {
        asked.tell(Event::NotPreloaded { why });
        None
    });
    let total = Total::new(begun, end.map(|end| end.saturating_sub(now)), limits.kill_after);
    let program = match command.spawn() {
        Ok(program) => program.id(),
        Err(error) => return asked.say(&Word::NotStarted(error.raw_os_error(), error.to_string())),
    };
    // What the program has, it is to have alone: whoever reads from its pipes waits for their last writer.
    system::close_all(inherited);
    let _ = system::let_go_of_terminal();
    asked.say(&Word::Started(program.cast_signed()));
    let mut warden = Warden::new(id(), limits, exempt, loaded, diag, asked);
    guard(&mut warden, total, program, &bell);
    warden.told().say_ending_in_time();
}

/// Guards until everything beneath is over.
fn guard(warden: &mut Warden<Asked>, mut total: Total, program: u32, bell: &Socket) {
    // Another may have its number later.
    let mut awaited = Some(program);
    loop {
        let next = [warden.turn(), total.turn(warden), warden.told().say_ending()].into_iter().flatten().min();
        match bell.until(next.map_or(Deadline::NEVER, Deadline::from)).recv(1) {
            Ok(_) => {}
            Err(error) if error.is_timeout() => continue,
            Err(_) => return,
        }
        loop {
            let ending = match system::next_end() {
                Heard::End(End::Exited(pid, code)) if awaited == Some(pid) => Word::Exited(code),
                Heard::End(End::Signaled(pid, signal)) if awaited == Some(pid) => Word::Signaled(signal),
                Heard::End(_) => continue,
                Heard::NoneYet => break,
                Heard::AllOver => return,
            };
            awaited = None;
            warden.tell_of_lookups();
            warden.told().program_ended(Some(if total.has_passed() { Word::TotalPassed } else { ending }));
        }
    }
}
