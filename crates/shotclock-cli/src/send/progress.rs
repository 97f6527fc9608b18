//! How far a long send is: a bar on a terminal, nothing anywhere else.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use crate::input::Input;
use crate::output;

/// Who waits for less needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
const EACH: Duration = Duration::from_millis(200);
const WIDTH: u64 = 30;

/// What standard input has sent of itself.
pub(super) struct Progress {
    /// How many bytes there are; `None` if nobody knows.
    whole: Option<u64>,
    sent: u64,
    begun: Instant,
    /// When to draw next; `None` if there is nobody to draw for.
    next: Option<Instant>,
    is_drawn: bool,
}

impl Progress {
    /// For people at a terminal who see neither what they type nor what comes back.
    pub(super) fn begin(quiet: bool) -> Self {
        let draws = !quiet && io::stderr().is_terminal() && !io::stdout().is_terminal() && !io::stdin().is_terminal();
        let begun = Instant::now();
        let next = draws.then(|| begun + PATIENCE);
        Self { whole: draws.then(Input::standard_size).flatten(), sent: 0, begun, next, is_drawn: false }
    }

    /// So many bytes more have gone.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        let now = Instant::now();
        if self.next.is_some_and(|next| now >= next) {
            self.next = Some(now + EACH);
            self.is_drawn = true;
            output::draw(&format!("\r{}\x1b[K", line(self.sent, self.whole, now.duration_since(self.begun))));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_drawn {
            output::draw("\r\x1b[K");
        }
    }
}

fn line(sent: u64, whole: Option<u64>, time: Duration) -> String {
    let rate = format!("{} in {:.0} s, {} a second", bytes(sent), time.as_secs_f64(), bytes(each_second(sent, time)));
    let Some(whole) = whole else { return format!("sent {rate}") };
    // What was begun in its midst, or grows, may have more or less than it said.
    let sent = sent.min(whole);
    let full = usize::try_from(WIDTH * sent / whole).unwrap_or(0);
    let bar = format!("{}{}", "#".repeat(full), ".".repeat(WIDTH as usize - full));
    format!("[{bar}] {:>3} % of {}: {rate}", 100 * sent / whole, bytes(whole))
}

fn each_second(sent: u64, time: Duration) -> u64 {
    (sent as f64 / time.as_secs_f64().max(0.001)) as u64
}

/// So many bytes, for people.
fn bytes(number: u64) -> String {
    match number {
        0..1_024 => format!("{number} bytes"),
        1_024..1_048_576 => format!("{:.1} KiB", number as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", number as f64 / 1_048_576.0),
        _ => format!("{:.2} GiB", number as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_its_width_whatever_comes() {
        let time = Duration::from_secs(2);
        for (sent, percent, full) in [(0, 0, 0), (512, 50, 15), (1024, 100, 30), (4096, 100, 30)] {
            let drawn = line(sent, Some(1024), time);
            assert!(drawn.contains(&format!("{percent:>3} % of 1.0 KiB")), "{drawn}");
            assert_eq!((drawn.matches('#').count(), drawn.find(']')), (full, Some(31)), "{drawn}");
        }
        assert_eq!(line(3 << 20, None, time), "sent 3.0 MiB in 2 s, 1.5 MiB a second");
    }
}
