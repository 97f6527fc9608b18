//! The feature `tracing`: a span for each call that waits.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shotclock::{Family, Kind, create_connection, create_server, getaddrinfo, socketpair};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes down what is told of spans.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn note(&self, line: String) {
        self.0.lock().expect("nobody panics with it").push(line);
    }
}

impl Visit for Notes {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.note(format!("{field}={value:?}"));
    }
}

impl Subscriber for Notes {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.note(format!("span {}", span.metadata().name()));
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {
        self.note("enter".to_owned());
    }

    fn exit(&self, _: &Id) {
        self.note("exit".to_owned());
    }
}

#[test]
fn a_call_that_waits_is_a_span_and_one_that_need_not_is_none() {
    let notes = Notes::default();
    let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    ours.set_timeout(Duration::from_millis(10));
    tracing::subscriber::with_default(notes.clone(), || {
        theirs.sendall(b"x").unwrap();
        ours.recv(1).unwrap();
        assert_eq!(*notes.0.lock().unwrap(), [""; 0]);
        assert!(ours.recv(1).unwrap_err().is_timeout());
    });
    let told = notes.0.lock().unwrap();
    let descriptor = format!("descriptor={}", ours.fileno());
    let limit = "limit=the socket's timeout of 0.01 s";
    let expected = ["span wait", "what=\"recv\"", &descriptor, limit, "enter", "ended=\"timed out\"", "exit"];
    assert_eq!(*told, expected);
}

#[test]
fn a_span_names_the_peer_or_the_listener() {
    let notes = Notes::default();
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let address = listener.getsockname().unwrap();
    let client = create_connection(address, Duration::from_secs(10)).unwrap();
    let _server = listener.within(Duration::from_secs(10)).accept().unwrap();
    let short = Duration::from_millis(10);
    tracing::subscriber::with_default(notes.clone(), || {
        assert!(client.within(short).recv(1).unwrap_err().is_timeout());
        assert!(listener.within(short).accept().unwrap_err().is_timeout());
    });
    let told = notes.0.lock().unwrap();
    let named = told.iter().filter(|line| **line == format!("address={address}")).count();
    assert_eq!(named, 2, "{told:?}");
}

#[test]
fn a_lookup_is_a_span_with_and_without_a_limit() {
    let notes = Notes::default();
    tracing::subscriber::with_default(notes.clone(), || {
        getaddrinfo("localhost", 80, &shotclock::AddressInfoHints::default()).unwrap();
    });
    let told = notes.0.lock().unwrap();
    assert_eq!(told[..2], ["span wait", "what=\"getaddrinfo\""]);
    assert!(told[2].starts_with("subject=") && told[2].contains("localhost"), "{told:?}");
    assert_eq!(told[3..], ["enter", "ended=\"done\"", "exit"]);
}
