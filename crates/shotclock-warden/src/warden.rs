//! Who looks after the connections of the processes beneath this one.
//!
//! It asks the system for all connections at once, rarely: since when nothing moved on one, the system's own clock says. Whose
//! a connection is it asks only where one is due; then it looks at that connection again, by a descriptor of its own, before
//! it ends it.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::diag::{Diag, Found, States};
use crate::event::{Ended, Event, LimitName};
use crate::exemption::Peers;
use crate::limits::Limits;
use crate::numbers::{LISTEN, SYN_SENT, Silence};
use crate::preload::Loaded;
use crate::system::{Connection, Process, call};
use crate::tree;

/// Who is told what happens.
pub(crate) trait Tell {
    fn tell(&mut self, event: Event);
}

/// The limits at work on the processes beneath `root`.
pub(crate) struct Warden<T> {
    root: u32,
    limits: Limits,
    exempt: Vec<Peers>,
    told: T,
    loaded: Option<Loaded>,
    diag: Diag,
    known: HashMap<u64, Known>,
    /// When all connections were asked for last, and when they are next.
    listed: Instant,
    next_list: Instant,
    /// When those that are being made are asked for next.
    next_making: Instant,
    /// Before that none is due: with many connections, looking at each takes longer than asking the system.
    none_before: Option<Instant>,
    /// Processes of which it was told that nothing can be done.
    hidden: HashSet<u32>,
}

/// A connection that is not over.
struct Known {
    inode: u64,
    local: SocketAddr,
    peer: SocketAddr,
    /// Whether the program has accepted it.
    is_accepted: bool,
    silence: Silence,
    /// Until then it is left alone: it is nobody's beneath `root`, or could not be ended.
    left_until: Option<Instant>,
}

/// Who has a connection, and what it does with it.
struct Holder {
    process: crate::event::Process,
    call: Option<String>,
    is_stopped: bool,
}

impl Holder {
    fn of(pid: u32, number: i32) -> Self {
        let call = call::on(pid, number).map(str::to_owned);
        Self { process: tree::named(pid), call, is_stopped: tree::is_stopped(pid) }
    }
}

impl<T: Tell> Warden<T> {
    pub(crate) fn new(
        root: u32,
        limits: Limits,
        exempt: Vec<Peers>,
        loaded: Option<Loaded>,
        diag: Diag,
        told: T,
    ) -> Self {
        let (now, known, hidden) = (Instant::now(), HashMap::new(), HashSet::new());
        let (listed, next_list, next_making) = (now, now, now);
        let none_before = None;
        let mut new = Self {
            root,
            limits,
            exempt,
            told,
            loaded,
            diag,
            known,
            listed,
            next_list,
            next_making,
            none_before,
            hidden,
        };
        // Nothing is beneath it yet: a program that is over soon is spared the first look.
        new.next_list += new.list_each().unwrap_or_default();
        new.next_making += new.making_each();
        new
    }

    /// Ends what is due, and gives when to come next; `None` where no connection has a limit.
    pub(crate) fn turn(&mut self) -> Option<Instant> {
        self.tell_of_lookups();
        let (list_each, making_each) = (self.list_each()?, self.making_each());
        let now = Instant::now();
        if now >= self.next_list {
            self.list_all(now);
            self.next_list = now + list_each;
            self.next_making = now + making_each;
        } else if now >= self.next_making {
            self.list_making();
            self.next_making = now + making_each;
        }
        self.end_due();
        let next = self.next_list.min(self.next_making);
        Some(self.none_before.map_or(next, |due| due.min(next)))
    }

    /// Ends what is due.
    fn end_due(&mut self) {
        let now = Instant::now();
        if self.none_before.is_none_or(|due| due > now) {
            return;
        }
        let due: HashSet<u64> =
            self.known.iter().filter(|(_, known)| self.is_due(known, now)).map(|(cookie, _)| *cookie).collect();
        if !due.is_empty() {
            self.end_those_of_ours(&due);
        }
        self.none_before = self.known.values().filter_map(|known| self.due(known)).min();
    }

    /// Ends all connections beneath `root`, of processes such as these.
    pub(crate) fn end_all(&mut self, after: Duration, of: impl Fn(u32) -> bool) {
        self.list_all(Instant::now());
        let by_inode: HashMap<u64, u64> = self.known.iter().map(|(cookie, known)| (known.inode, *cookie)).collect();
        for pid in tree::beneath(self.root).into_iter().filter(|pid| of(*pid)) {
            let Ok(handle) = Process::of(pid) else { continue };
            for (number, inode) in tree::sockets(pid).unwrap_or_default() {
                let Some(&cookie) = by_inode.get(&inode) else { continue };
                if let Ok(Some(connection)) = Connection::of(&handle, number, cookie) {
                    self.end(cookie, &connection, Holder::of(pid, number), (LimitName::Total, after));
                }
            }
        }
    }

    /// Whether there are any such processes beneath `root`.
    pub(crate) fn has_any(&self, of: impl Fn(u32) -> bool) -> bool {
        tree::beneath(self.root).into_iter().any(of)
    }

    /// Sends a signal to all processes beneath `root`, and says how many there were.
    pub(crate) fn send_all(&self, signal: i32) -> usize {
        let send = |pid: &u32| Process::of(*pid).and_then(|process| process.send(signal)).is_ok();
        tree::beneath(self.root).iter().filter(|pid| send(pid)).count()
    }

    /// Tells which lookups were ended in the programs.
    pub(crate) fn tell_of_lookups(&mut self) {
        for event in self.loaded.iter_mut().flat_map(Loaded::events) {
            self.told.tell(event);
        }
    }

    /// Whom it tells what happens.
    pub(crate) fn told(&mut self) -> &mut T {
        &mut self.told
    }

    /// How often to ask for all connections. A connection's clock is the system's, so this is not how late its end is; but
    /// one has to be known before it is due.
    fn list_each(&self) -> Option<Duration> {
        let Limits { timeout, connect_timeout, idle, first_byte, .. } = self.limits;
        let least = [timeout, connect_timeout, idle, first_byte].into_iter().flatten().min()?;
        Some((least / 4).clamp(Duration::from_millis(20), Duration::from_secs(5)))
    }

    /// How often to ask for those that are being made, of which the system says no time: so late their end may be.
    fn making_each(&self) -> Duration {
        let limit = self.limits.connect_timeout.or(self.limits.timeout).unwrap_or(Duration::MAX);
        (limit / 8).clamp(Duration::from_millis(20), Duration::from_millis(200))
    }

    fn list_all(&mut self, now: Instant) {
        let Ok(found) = self.diag.list(States::HELD) else { return };
        let listening: Vec<SocketAddr> =
            found.iter().filter(|found| found.numbers.state == LISTEN).map(|found| found.local).collect();
        let is_accepted = |local: SocketAddr| listening.iter().any(|each| accepts(*each, local));
        let mut before = std::mem::take(&mut self.known);
        for found in found {
            if found.inode != 0 && found.numbers.state != LISTEN {
                let known = before.remove(&found.cookie);
                let is_accepted = known.as_ref().map_or_else(|| is_accepted(found.local), |known| known.is_accepted);
                self.take(&found, known, is_accepted);
            }
        }
        self.listed = now;
    }

    fn list_making(&mut self) {
        let Ok(found) = self.diag.list(States::BEING_MADE) else { return };
        for found in found.into_iter().filter(|found| found.inode != 0) {
            let known = self.known.remove(&found.cookie);
            self.take(&found, known, false);
        }
    }

    fn take(&mut self, found: &Found, known: Option<Known>, is_accepted: bool) {
        let now = Instant::now();
        let &Found { cookie, inode, local, peer, numbers } = found;
        let (silence, left_until) = match known {
            Some(Known { mut silence, left_until, .. }) => {
                silence.look(numbers, now);
                (silence, left_until)
            }
            None => (Silence::new(numbers, now, self.listed), None),
        };
        let known = Known { inode, local, peer, is_accepted, silence, left_until };
        let due = self.due(&known);
        // Those that are not known any more count until they were due: nobody looks for them alone.
        self.none_before = self.none_before.into_iter().chain(due).min();
        self.known.insert(cookie, known);
    }

    fn is_due(&self, known: &Known, now: Instant) -> bool {
        self.due(known).is_some_and(|due| due <= now)
    }

    fn due(&self, known: &Known) -> Option<Instant> {
        let (_, limit, since) = self.limit_of(known)?;
        let due = since.checked_add(limit)?;
        Some(known.left_until.map_or(due, |until| until.max(due)))
    }

    /// The limit that passes first, with since when it counts.
    fn limit_of(&self, known: &Known) -> Option<(LimitName, Duration, Instant)> {
        let (silence, seen) = (&known.silence, known.silence.seen());
        if seen.is_unread || self.exempt.iter().any(|peers| peers.have(known.peer)) {
            return None;
        }
        let Limits { timeout, connect_timeout, idle, first_byte, .. } = self.limits;
        let counted = |name, limit: Option<Duration>, since| limit.map(|limit| (name, limit, since));
        let usual = counted(LimitName::Timeout, timeout, silence.began());
        if seen.state == SYN_SENT {
            return counted(LimitName::ConnectTimeout, connect_timeout, silence.began()).or(usual);
        }
        if !known.is_accepted {
            return usual;
        }
        let first = counted(LimitName::FirstByte, first_byte.filter(|_| seen.received == 0), silence.made);
        let idle = counted(LimitName::Idle, idle, silence.began()).or(usual);
        first.into_iter().chain(idle).min_by_key(|(_, limit, since)| since.checked_add(*limit))
    }

    /// Ends those of these connections that a process beneath `root` has, and that are due still at a last look.
    fn end_those_of_ours(&mut self, due: &HashSet<u64>) {
        let by_inode: HashMap<u64, u64> =
            due.iter().filter_map(|cookie| Some((self.known.get(cookie)?.inode, *cookie))).collect();
        let mut left = due.clone();
        for pid in tree::beneath(self.root) {
            let sockets = match tree::sockets(pid) {
                Ok(sockets) => sockets,
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    self.hide(pid, "the system does not let it be looked at");
                    continue;
                }
                Err(_) => continue,
            };
            for (number, inode) in sockets {
                let cookie = by_inode.get(&inode).filter(|cookie| left.contains(cookie));
                if let Some(cookie) = cookie.filter(|cookie| self.look_again(**cookie, pid, number)) {
                    left.remove(cookie);
                }
            }
            if tree::is_in_other_network(pid) {
                self.hide(pid, "it lives in another network namespace");
            }
        }
        // They are others'.
        for cookie in left {
            self.leave(cookie);
        }
    }

    /// Looks at a connection once more, and ends it if it is due. Says whether that is settled.
    fn look_again(&mut self, cookie: u64, pid: u32, number: i32) -> bool {
        let Ok(handle) = Process::of(pid) else { return false };
        let connection = match Connection::of(&handle, number, cookie) {
            Ok(Some(connection)) => connection,
            Ok(None) => return false,
            Err(error) => {
                if matches!(error.kind(), std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::Unsupported) {
                    self.hide(pid, &format!("its descriptors cannot be had: {error}"));
                }
                return false;
            }
        };
        let holder = Holder::of(pid, number);
        // From here to the end of the connection nothing is done that takes time: a byte may come.
        let Ok(numbers) = connection.numbers() else { return false };
        let now = Instant::now();
        let Some(known) = self.known.get_mut(&cookie) else { return true };
        known.silence.look(numbers, now);
        let known = &self.known[&cookie];
        let Some((name, _, since)) = self.limit_of(known) else { return true };
        if !self.is_due(known, now) {
            return true;
        }
        if holder.is_stopped {
            self.known.get_mut(&cookie).into_iter().for_each(|known| known.silence.restart(now));
        } else {
            self.end(cookie, &connection, holder, (name, now - since));
        }
        true
    }

    fn end(&mut self, cookie: u64, connection: &Connection, holder: Holder, why: (LimitName, Duration)) {
        let Some(known) = self.known.get(&cookie) else { return };
        let Holder { process, call, .. } = holder;
        let (limit, lasted) = why;
        let ended = Ended { process, peer: known.peer, local: known.local, call, limit, lasted };
        // Before it: the program wakes at once.
        if let Some(loaded) = &self.loaded {
            loaded.ends(cookie);
        }
        match connection.end() {
            Ok(()) => {
                self.known.remove(&cookie);
                self.told.tell(Event::Ended(ended));
            }
            Err(error) => {
                if let Some(loaded) = &self.loaded {
                    loaded.did_not_end(cookie);
                }
                self.leave(cookie);
                self.told.tell(Event::NotEnded { connection: ended, why: error.to_string() });
            }
        }
    }

    /// Leaves a connection alone for as long as its limit is.
    fn leave(&mut self, cookie: u64) {
        let Some(known) = self.known.get(&cookie) else { return };
        let limit = self.limit_of(known).map_or(Duration::ZERO, |(_, limit, _)| limit);
        let until = Instant::now().checked_add(limit.max(Duration::from_secs(1)));
        self.known.get_mut(&cookie).into_iter().for_each(|known| known.left_until = until);
    }

    fn hide(&mut self, pid: u32, why: &str) {
        if self.hidden.insert(pid) {
            self.told.tell(Event::Hidden { process: tree::named(pid), why: why.to_owned() });
        }
    }
}

/// Whether a socket that listens there accepts what comes to this address.
fn accepts(listening: SocketAddr, local: SocketAddr) -> bool {
    let any = |ip: IpAddr| ip.is_unspecified();
    listening.port() == local.port()
        && (any(listening.ip()) || listening.ip().to_canonical() == local.ip().to_canonical())
}
