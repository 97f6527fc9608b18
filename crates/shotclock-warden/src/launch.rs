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
use std::thread;
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
use crate::system::{self, End, Fork, Held, Process};
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
    loop {
        match Word::hear(&warden.until(Deadline::NEVER)).ok().flatten().ok_or(Error::WardenGone)? {
            Word::Started(pid) => pass_on(held, pid)?,
            Word::Happened(event) => tell(&event),
            Word::NotStarted(Some(errno), _) => return Err(Error::NotStarted(io::Error::from_raw_os_error(errno))),
            Word::NotStarted(None, why) => return Err(Error::NotStarted(io::Error::other(why))),
            Word::NotGuarded(why) => return Err(Error::System(io::Error::other(why))),
            Word::Exited(code) => return Ok(Ending::Exited(code)),
            Word::Signaled(signal) => return Ok(Ending::Signaled(signal)),
            Word::TotalPassed => return Ok(Ending::TotalPassed),
            Word::AllOver => return Err(Error::WardenGone),
        }
    }
}

/// Passes signals on to the program from now on, in a thread of its own.
fn pass_on(held: &Held, pid: i32) -> Result<(), Error> {
    // A program that is over already needs none.
    let Ok(program) = Process::of(pid.cast_unsigned()) else { return Ok(()) };
    let held = held.clone();
    let passing = move || {
        loop {
            // It can only be interrupted.
            let Ok(sent) = held.next() else { continue };
            for signal in sent.passed_on() {
                let _ = program.send(*signal);
            }
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(passing).map(drop).map_err(Error::System)
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
    held.not_in(command, system::await_children());
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
    match thread::Builder::new().name("ends".to_owned()).spawn(move || reap(program, &ringer)) {
        Ok(_) => guard(&mut Warden::new(id(), limits, exempt, loaded, diag, asked), total, &bell),
        // Without it nobody hears of the program's end.
        Err(error) => asked.say(&Word::NotGuarded(error.to_string())),
    }
}

/// Waits for everything beneath this process, and rings at the program's end, and at the last one's.
fn reap(program: u32, ringer: &Socket) {
    // Another may have its number later.
    let mut awaited = Some(program);
    loop {
        let word = match system::wait_for_any() {
            Some(End::Exited(pid, code)) if awaited == Some(pid) => Word::Exited(code),
            Some(End::Signaled(pid, signal)) if awaited == Some(pid) => Word::Signaled(signal),
            Some(_) => continue,
            None => Word::AllOver,
        };
        awaited = None;
        // The warden listens until the last word.
        if word.say(ringer).is_err() || word == Word::AllOver {
            return;
        }
    }
}

/// Guards until everything beneath is over.
fn guard(warden: &mut Warden<Asked>, mut total: Total, bell: &Socket) {
    loop {
        let next = [warden.turn(), total.turn(warden), warden.told().say_ending()].into_iter().flatten().min();
        match Word::hear(&bell.until(next.map_or(Deadline::NEVER, Deadline::from))) {
            Ok(Some(Word::AllOver)) => break,
            Ok(ending) => {
                warden.tell_of_lookups();
                let ending = if total.has_passed() { Some(Word::TotalPassed) } else { ending };
                warden.told().program_ended(ending);
            }
            Err(error) if error.is_timeout() => {}
            Err(_) => break,
        }
    }
    warden.told().say_ending_in_time();
}
