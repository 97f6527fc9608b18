//! The process that asked for a warden, as the warden sees it.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use shotclock::{Socket, Timeout};

use crate::event::Event;
use crate::warden::Tell;
use crate::word::Word;

/// The process that asked for a warden, and the file for what happens.
pub(crate) struct Asked {
    socket: Socket,
    record: Option<File>,
    /// How the program ended, while there was no room to say it.
    unsaid: Option<Word>,
}

impl Asked {
    pub(crate) fn new(socket: Socket, record: Option<File>) -> Self {
        socket.set_timeout(Timeout::ZERO);
        Self { socket, record, unsaid: None }
    }

    /// Says a word, if whoever asked is there still.
    pub(crate) fn say(&self, word: &Word) {
        let _ = word.say(&self.socket);
    }

    /// Takes how the program ended, to be said.
    pub(crate) fn program_ended(&mut self, ending: Option<Word>) {
        self.unsaid = ending;
    }

    /// Says how the program ended, if it was not said, where nothing is left to be late for.
    pub(crate) fn say_ending_in_time(&mut self) {
        self.socket.set_timeout(Duration::from_secs(60));
        let _ = self.unsaid.take().map(|word| word.say(&self.socket));
    }

    /// Says how the program ended, now or as soon as there is room. Gives when to come for that.
    pub(crate) fn say_ending(&mut self) -> Option<Instant> {
        let word = self.unsaid.take()?;
        match word.say(&self.socket) {
            Err(error) if error.is_would_block() => {
                self.unsaid = Some(word);
                Some(Instant::now() + Duration::from_millis(50))
            }
            // Else nobody listens.
            _ => None,
        }
    }
}

impl Tell for Asked {
    /// What finds no room is recorded only: nothing here waits for who listens.
    fn tell(&mut self, event: Event) {
        let line = serde_json::to_string(&event).unwrap_or_default() + "\n";
        let recorded = self.record.as_mut().map(|record| record.write_all(line.as_bytes()));
        self.say(&Word::Happened(event));
        if let Some(Err(error)) = recorded {
            self.record = None;
            self.say(&Word::Happened(Event::NotRecorded { why: error.to_string() }));
        }
    }
}
