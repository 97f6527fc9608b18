//! Time, as ratios within rounds.

use std::time::Duration;

use crate::meter::Meter;
use crate::scenarios::{self, Scenario, Variant, Work};

/// A variant's part of a round takes about so long.
const PART: Duration = Duration::from_millis(3);
/// The same, where there are no peers to keep in step: so short that other programs seldom come between.
const SHORT_PART: Duration = Duration::from_micros(300);

/// Lower quartile, median, upper quartile.
#[derive(Clone, Copy)]
pub(crate) struct Quartiles {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

/// What all rounds say together.
pub(crate) struct Times {
    /// Nanoseconds of one operation, by libc.
    pub(crate) libc: Quartiles,
    /// libc to libc, a second pair of sockets: what differences mean nothing.
    pub(crate) noise: Quartiles,
    pub(crate) std_to_libc: Quartiles,
    pub(crate) ours_to_libc: Quartiles,
    pub(crate) ours_to_std: Quartiles,
}

pub(crate) fn times(scenario: Scenario, rounds: usize) -> Times {
    let _pinned = scenario.pin();
    let runners = [Variant::Libc, Variant::Libc, Variant::Std, Variant::Shotclock];
    let mut works = runners.map(|variant| scenarios::prepare(scenario, variant));
    let operations = calibrate(&mut works, PART);
    let mut all = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let mut nanos = [0.0; 4];
        for place in 0..works.len() {
            let next = (round + place) % works.len();
            nanos[next] = clock(&mut works[next], operations);
        }
        all.push(nanos);
    }
    let ratios = |over: usize, under: usize| quartiles(all.iter().map(|nanos| nanos[over] / nanos[under]).collect());
    Times {
        libc: quartiles(all.iter().map(|nanos| nanos[0]).collect()),
        noise: ratios(1, 0),
        std_to_libc: ratios(2, 0),
        ours_to_libc: ratios(3, 0),
        ours_to_std: ratios(3, 2),
    }
}

/// The time of one to that of the other, by rounds in which they take turns to begin, each for as long.
pub(crate) fn ratio(over: Work, under: Work, rounds: usize) -> Quartiles {
    let mut works = [over, under];
    let operations = works.each_mut().map(|work| calibrate(std::slice::from_mut(work), SHORT_PART));
    let ratios = (0..rounds).map(|round| {
        let mut nanos = [0.0; 2];
        for next in [round % 2, 1 - round % 2] {
            nanos[next] = clock(&mut works[next], operations[next]);
        }
        nanos[0] / nanos[1]
    });
    quartiles(ratios.collect())
}

/// How many operations fill a part, by the fastest of a few tries; all works are warm then.
fn calibrate(works: &mut [Work], part: Duration) -> u64 {
    let fastest = works.iter_mut().flat_map(|work| [(); 4].map(|()| clock(work, scenarios::WARM_UP)));
    let fastest = fastest.fold(f64::INFINITY, f64::min);
    (part.as_nanos() as f64 / fastest).max(1.0) as u64
}

/// Nanoseconds of one operation.
fn clock(work: &mut Work, operations: u64) -> f64 {
    let mut meter = Meter::Clock(Duration::ZERO);
    work(operations, &mut meter);
    let Meter::Clock(elapsed) = meter else { unreachable!("a meter keeps its kind") };
    elapsed.as_nanos() as f64 / operations as f64
}

fn quartiles(mut values: Vec<f64>) -> Quartiles {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Quartiles { low: at(0.25), median: at(0.5), high: at(0.75) }
}
