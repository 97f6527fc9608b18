//! The lines of the demonstration, for people and for programs.

use serde::Serialize;

use super::outcome::Outcome;
use crate::failure::Failure;
use crate::output;

/// Where the demonstration is shown.
pub(super) struct Show {
    json: bool,
}

/// One line of it.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    Connected { client: &'a str, to: String },
    Sent { client: &'a str, data: &'a str },
    Received { client: &'a str, data: &'a str },
    Wait(&'a Outcome),
    End { held: bool },
}

impl Show {
    /// For programs, as JSON, or for people.
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// For people only.
    pub(super) fn heading(&self, text: &str) -> Result<(), Failure> {
        if !self.json {
            output::line(format_args!("\n{text}"))?;
        }
        Ok(())
    }

    pub(super) fn event(&self, event: &Event<'_>) -> Result<(), Failure> {
        if self.json {
            return Ok(output::json(event)?);
        }
        match event {
            Event::Connected { .. } => output::line(format_args!("Connected to server")),
            Event::Sent { data, .. } => output::line(format_args!("Sent: {data}")),
            Event::Received { data, .. } => output::line(format_args!("Received: {data}")),
            Event::Wait(outcome) => output::line(format_args!("{outcome}")),
            Event::End { held: true } => output::line(format_args!("\nAll limits held.")),
            Event::End { held: false } => output::line(format_args!("\nNOT all limits held.")),
        }?;
        Ok(())
    }
}
