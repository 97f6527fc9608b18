//! Any bytes as the control message of any kind: no panic, nothing left out, and what can be sent can be said again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shotclock::{Ancillary, ControlMessage, unstable};

/// The levels whose messages have values on Linux; their types are small numbers.
const LEVELS: [i32; 6] = [0, 1, 17, 41, 263, -1];

fuzz_target!(|input: (u8, u8, Vec<u8>)| {
    let (level, kind, data) = input;
    let (level, kind) = (LEVELS[usize::from(level) % LEVELS.len()], i32::from(kind));
    let message = unstable::control_message(level, kind, &data);
    let _prints = format!("{message:?}");
    match &message {
        ControlMessage::Other { data: kept, .. } | ControlMessage::Cut { data: kept, .. } => assert_eq!(*kept, data),
        ControlMessage::Error(error) => drop((error.to_string(), error.mtu())),
        _ => {}
    }
    let mut ancillary = Ancillary::new();
    ancillary.push(&message);
    assert!(!ancillary.is_empty());
});
