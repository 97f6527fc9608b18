//! Where the time went: sums by what was waited for, the longest waits, and a timeline for each thread. All of it is
//! bounded, however long the program runs: what there is no more room for is counted among "others", and the bins of a
//! timeline grow wider.

use std::collections::HashMap;
use std::hash::Hash;

use shotclock::Deadline;
use shotclock::unstable::deadline_nanos;

use crate::wait::line::{Line, Spot};

/// How many are told apart; the last one stands for all others.
const MOST_PEERS: usize = 2_000;
const MOST_PLACES: usize = 4_000;
const MOST_ROWS: usize = 20_000;
const MOST_THREADS: usize = 200;
/// How many of the longest waits are kept.
const SLOWEST: usize = 20;
/// The bins of a timeline, and how wide they are at first, in nanoseconds.
pub(super) const BINS: usize = 600;
const NARROWEST: u64 = 1_000_000;

/// What a wait was for, and how it ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) what: &'static str,
    pub(super) ended: &'static str,
    pub(super) peer: u32,
    pub(super) place: u32,
}

/// What came of all waits of one key, in nanoseconds.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) total: u64,
    pub(super) longest: u64,
}

/// One of the longest waits, in nanoseconds since the beginning.
pub(super) struct Slow {
    pub(super) from: u64,
    pub(super) lasted: u64,
    pub(super) thread: u32,
    pub(super) key: Key,
}

/// One thread: how long it has waited in each bin, for each thing.
pub(super) struct Timeline {
    pub(super) ident: usize,
    pub(super) name: Option<String>,
    pub(super) lanes: Vec<(&'static str, Box<[u64; BINS]>)>,
}

/// Things that are told apart by number, up to a bound; 0 is none of them, 1 is any other.
pub(super) struct Numbered<K, T> {
    numbers: HashMap<K, u32>,
    pub(super) things: Vec<T>,
    most: usize,
}

/// No thing at all, and one that there was no more room for.
pub(super) const NONE: u32 = 0;
const OTHERS: u32 = 1;
/// The number of the first thing.
pub(super) const FIRST: u32 = 2;

impl<K: Eq + Hash, T> Numbered<K, T> {
    fn new(most: usize) -> Self {
        Self { numbers: HashMap::new(), things: Vec::new(), most }
    }

    /// The number of a thing that is known.
    pub(super) fn find(&self, key: &K) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    /// The number of a thing, which may be new.
    pub(super) fn enter(&mut self, key: K, make: impl FnOnce() -> T) -> u32 {
        if let Some(number) = self.find(&key) {
            return number;
        }
        if self.things.len() == self.most {
            return OTHERS;
        }
        self.things.push(make());
        let number = FIRST + self.things.len() as u32 - 1;
        self.numbers.insert(key, number);
        number
    }
}

/// Whom a wait was for.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Peer {
    Address(shotclock::Address),
    Text(String),
}

/// One account.
pub(super) struct Ledger {
    pub(super) began: Deadline,
    pub(super) peers: Numbered<Peer, String>,
    pub(super) places: Numbered<Spot, [Option<Line>; 2]>,
    pub(super) rows: Vec<(Key, Sum)>,
    numbers_of_rows: HashMap<Key, u32>,
    pub(super) slowest: Vec<Slow>,
    /// How long the shortest of them took, once there are as many as are kept.
    least: u64,
    pub(super) threads: Vec<Timeline>,
    /// How wide the bins are by now, in nanoseconds.
    pub(super) width: u64,
}

impl Ledger {
    pub(super) fn begun(now: Deadline) -> Self {
        Self {
            began: now,
            peers: Numbered::new(MOST_PEERS),
            places: Numbered::new(MOST_PLACES),
            rows: Vec::new(),
            numbers_of_rows: HashMap::new(),
            slowest: Vec::new(),
            least: 0,
            threads: Vec::new(),
            width: NARROWEST,
        }
    }

    /// A number for a thread that has none yet; the last one is for all that there is no more room for.
    pub(super) fn thread(&mut self, ident: usize, name: Option<String>) -> u32 {
        if self.threads.len() < MOST_THREADS {
            let is_last = self.threads.len() == MOST_THREADS - 1;
            let name = if is_last { Some("further threads".to_owned()) } else { name };
            self.threads.push(Timeline { ident, name, lanes: Vec::new() });
        }
        self.threads.len() as u32 - 1
    }

    pub(super) fn is_nameless(&self, thread: u32) -> bool {
        self.threads.get(thread as usize).is_some_and(|thread| thread.name.is_none())
    }

    /// Gives a thread this name, if it has none.
    pub(super) fn name_thread(&mut self, thread: u32, name: Option<String>) {
        if let Some(thread) = self.threads.get_mut(thread as usize) {
            thread.name = thread.name.take().or(name);
        }
    }

    /// The row of a key, which may be new.
    pub(super) fn row(&mut self, mut key: Key) -> u32 {
        if self.rows.len() >= MOST_ROWS && !self.numbers_of_rows.contains_key(&key) {
            (key.peer, key.place) = (OTHERS, OTHERS);
        }
        *self.numbers_of_rows.entry(key).or_insert_with(|| {
            self.rows.push((key, Sum::default()));
            self.rows.len() as u32 - 1
        })
    }

    /// Enters a wait in a row.
    pub(super) fn enter(&mut self, thread: u32, row: u32, from: Deadline, to: Deadline) {
        let since_began = |at: Deadline| deadline_nanos(at).saturating_sub(deadline_nanos(self.began));
        let (from, to) = (since_began(from), since_began(to));
        let lasted = to.saturating_sub(from);
        let Some((key, sum)) = self.rows.get_mut(row as usize) else { return };
        let key = *key;
        sum.count += 1;
        sum.total += lasted;
        sum.longest = sum.longest.max(lasted);
        if lasted > self.least {
            self.note_slow(Slow { from, lasted, thread, key });
        }
        self.draw(thread, key.what, from, to);
    }

    fn note_slow(&mut self, slow: Slow) {
        if self.slowest.len() < SLOWEST {
            self.slowest.push(slow);
        } else if let Some(least) = self.slowest.iter_mut().min_by_key(|known| known.lasted) {
            *least = slow;
        }
        if self.slowest.len() == SLOWEST {
            self.least = self.slowest.iter().map(|known| known.lasted).min().unwrap_or(0);
        }
    }

    fn draw(&mut self, thread: u32, what: &'static str, from: u64, to: u64) {
        while to >= self.width * BINS as u64 {
            self.widen();
        }
        let width = self.width;
        let Some(timeline) = self.threads.get_mut(thread as usize) else { return };
        let lanes = &mut timeline.lanes;
        let index = lanes.iter().position(|(known, _)| *known == what).unwrap_or_else(|| {
            lanes.push((what, Box::new([0; BINS])));
            lanes.len() - 1
        });
        let bins = &mut lanes[index].1;
        let mut at = from;
        while at < to {
            let bin = at / width;
            let end = ((bin + 1) * width).min(to);
            bins[bin as usize] += end - at;
            at = end;
        }
    }

    /// Has each bin be two.
    fn widen(&mut self) {
        self.width *= 2;
        for (_, bins) in self.threads.iter_mut().flat_map(|thread| &mut thread.lanes) {
            for index in 0..BINS / 2 {
                bins[index] = bins[2 * index] + bins[2 * index + 1];
            }
            bins[BINS / 2..].fill(0);
        }
    }
}
