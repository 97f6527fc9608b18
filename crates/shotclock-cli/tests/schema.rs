//! What `--json` prints is what the schema says, and the schema says no more than is printed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod programs;

use std::collections::BTreeSet;

use programs::{Program, connect, datagram_client, echo, line, run, text};
use serde_json::{Map, Value};

/// The schema, of which this knows the keywords that are used there, and no others.
struct Schema(Value);

impl Schema {
    fn read() -> Self {
        let (output, code) = run("schema");
        assert_eq!(code, 0);
        Self(serde_json::from_slice(&output.stdout).unwrap())
    }

    fn definition(&self, name: &str) -> &Value {
        &self.0["$defs"][name]
    }

    /// Why a value is not what a schema says, if it is not.
    fn fault(&self, schema: &Value, value: &Value) -> Option<String> {
        let keywords = schema.as_object().unwrap();
        let fault = |why: &str| Some(format!("{value}: {why}: {schema}"));
        for (keyword, told) in keywords {
            let is_so = match keyword.as_str() {
                "description" | "properties" | "items" => true,
                "$ref" => {
                    let name = told.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    return self.fault(self.definition(name), value);
                }
                "const" => value == told,
                "enum" => told.as_array().unwrap().contains(value),
                "minimum" => value.as_f64() >= told.as_f64(),
                "type" => [told].into_iter().chain(told.as_array().into_iter().flatten()).any(|told| is(told, value)),
                "required" => told.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
                "additionalProperties" => {
                    let properties = keywords["properties"].as_object().unwrap();
                    value.as_object().is_some_and(|object| object.keys().all(|name| properties.contains_key(name)))
                }
                "oneOf" => {
                    let all = told.as_array().unwrap();
                    all.iter().filter(|one| self.fault(one, value).is_none()).count() == 1
                }
                other => panic!("unknown keyword {other}"),
            };
            if !is_so {
                return fault(keyword);
            }
        }
        self.fault_inside(keywords, value)
    }

    fn fault_inside(&self, keywords: &Map<String, Value>, value: &Value) -> Option<String> {
        let properties = keywords.get("properties").and_then(Value::as_object);
        let in_object =
            properties.into_iter().flatten().find_map(|(name, schema)| self.fault(schema, value.get(name)?));
        in_object.or_else(|| value.as_array()?.iter().find_map(|item| self.fault(keywords.get("items")?, item)))
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("null") => value.is_null(),
        _ => false,
    }
}

/// Holds each line to the subcommand's definition, and gives the names of the events.
#[track_caller]
fn hold<'l>(name: &str, lines: impl IntoIterator<Item = &'l str>) -> BTreeSet<String> {
    let schema = Schema::read();
    let check = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let fault = schema.fault(schema.definition(name), &value);
        assert!(fault.is_none(), "{}", fault.unwrap_or_default());
        value["event"].as_str().unwrap_or("none").to_owned()
    };
    lines.into_iter().map(check).collect()
}

/// The names of all events of a definition.
fn events(name: &str) -> BTreeSet<String> {
    let schema = Schema::read();
    let all = schema.definition(name)["oneOf"].as_array().unwrap().iter();
    let names = all.flat_map(|one| {
        let event = &one["properties"]["event"];
        let many = event["enum"].as_array().into_iter().flatten();
        event["const"].as_str().into_iter().chain(many.filter_map(Value::as_str)).map(str::to_owned).collect::<Vec<_>>()
    });
    names.collect()
}

#[test]
fn demo_prints_what_the_schema_says() {
    let (output, _) = run("demo --json");
    assert_eq!(hold("demo", text(&output.stdout).lines()), events("demo"));
}

#[test]
fn send_prints_what_the_schema_says() {
    let (_server, address) = Program::serve("both");
    let mut seen = BTreeSet::new();
    for words in [format!("tcp {address} hello"), format!("udp {address} \u{fffd}"), "tcp 127.0.0.1:1 x".to_owned()] {
        let (output, _) = run(&format!("send {words} --json"));
        seen.extend(hold("send", text(&output.stdout).lines()));
    }
    let bytes = programs::shotclock([
        std::ffi::OsStr::new("send"),
        "udp".as_ref(),
        address.to_string().as_ref(),
        "--json".as_ref(),
        std::os::unix::ffi::OsStrExt::from_bytes(b"\xff"),
    ]);
    let output = { bytes }.output().unwrap();
    assert!(text(&output.stdout).contains(r#""hex":"ff""#), "{}", text(&output.stdout));
    seen.extend(hold("send", text(&output.stdout).lines()));
    assert_eq!(seen, events("send"));
}

#[test]
fn resolve_prints_what_the_schema_says() {
    let unknown = "x".repeat(64) + ".invalid";
    for words in ["localhost", "::1", &unknown, "127.0.0.1 --type a", "127.0.0.1 --type aaaa", "127.0.0.1 -t cname"] {
        let (output, _) = run(&format!("resolve {words} --json"));
        let shown = text(&output.stdout);
        assert_eq!(shown.lines().count(), 1, "{words}");
        hold("resolve", shown.lines());
    }
}

#[test]
fn serve_prints_what_the_schema_says() {
    let mut server = Program::start(line("serve both --port 0 --json --max-connections 1"));
    let mut lines = vec![server.next_data(), server.next_data()];
    let listening: Value = serde_json::from_str(&lines[0]).unwrap();
    let address = listening["address"].as_str().unwrap().parse().unwrap();
    let first = connect(address);
    echo(&first, b"hello");
    let second = connect(address);
    let mut until = |server: &mut Program, event: &str| {
        while !lines.last().unwrap().contains(&format!("\"event\":\"{event}\"")) {
            lines.push(server.next_data());
        }
    };
    until(&mut server, "full");
    drop(first);
    until(&mut server, "accepting");
    echo(&second, b"hello");
    let client = datagram_client(([127, 0, 0, 1], 0));
    client.sendto(b"hello", address).unwrap();
    until(&mut server, "datagram");
    datagram_client(([127, 0, 0, 2], address.port())).sendto(b"hello", address).unwrap();
    until(&mut server, "not_answered");
    server.signal("INT");
    until(&mut server, "stopping");
    second.close().unwrap();
    until(&mut server, "stopped");
    assert_eq!(server.exit().code(), Some(0));
    assert_eq!(hold("serve", lines.iter().map(String::as_str)), events("serve"));
    // What `pipes.rs` has said, where nobody reads.
    hold("serve", [r#"{"event":"dropped","events":7}"#]);
}

#[test]
fn faults_print_what_the_schema_says() {
    let mut seen = BTreeSet::new();
    for (words, sends) in
        [("stall --after 4", ""), ("reset --after 4 --when-asked", "?"), ("drip --interval 1ms --max-bytes 9", "")]
    {
        let mut peer = Program::start(line(&format!("faults {words} --json")));
        let mut lines = vec![peer.next_data()];
        let listening: Value = serde_json::from_str(&lines[0]).unwrap();
        let client = connect(listening["address"].as_str().unwrap().parse().unwrap());
        client.sendall(sends.as_bytes()).unwrap();
        lines.extend([peer.next_data(), peer.next_data()]);
        peer.signal("INT");
        while !lines.last().unwrap().contains("stopped") {
            lines.push(peer.next_data());
        }
        seen.extend(hold("faults", lines.iter().map(String::as_str)));
    }
    for event in ["listening", "opened", "stalled", "reset", "dripped", "closed", "stopped"] {
        assert!(seen.contains(event), "{event}: {seen:?}");
    }
    // The crate's own tests bring about all others; here their names are held to the schema's.
    let page = include_str!("../../shotclock-faults/src/event.rs");
    let names = page.lines().filter_map(|line| Some(line.split_once("=> \"")?.1.split_once('"')?.0.to_owned()));
    let names: BTreeSet<String> = names.chain(["listening".to_owned(), "stopped".to_owned()]).collect();
    assert_eq!(names, events("faults"));
}

#[cfg(target_os = "linux")]
#[test]
fn run_prints_what_the_schema_says() {
    use std::time::Duration;

    use shotclock_faults::{Peer, StreamFault};
    use shotclock_warden::{Ended, Event, LimitName, Process};

    let silent = Peer::start(StreamFault::Silent).unwrap();
    let peer = silent.address();
    let reads = format!(
        "exec 2>&-; trap '' TERM; exec 3<>/dev/tcp/{}/{}; read -r x <&3; while :; do :; done",
        peer.ip(),
        peer.port()
    );
    let options = "run --json --timeout 0.2 --total 0.5 --kill-after 0.1 --report /dev/full -- bash -c";
    let output = programs::shotclock(options.split(' ').chain([reads.as_str()])).output().unwrap();
    let mut seen = hold("run", text(&output.stderr).lines());
    let mut brought_about = BTreeSet::from(["ended", "killed", "not_recorded", "total"].map(str::to_owned));
    if cfg!(target_env = "musl") {
        // What would be loaded into bash is musl's, and bash is glibc's.
        brought_about.insert("not_preloaded".to_owned());
    }
    assert_eq!(seen, brought_about);
    // What takes more to bring about.
    let process = || Process { pid: 7, name: "curl".to_owned() };
    let (lasted, why, call) = (Duration::from_millis(1500), "no".to_owned(), None);
    let connection = Ended { process: process(), peer, local: peer, call, limit: LimitName::FirstByte, lasted };
    let events = [
        Event::NotEnded { connection, why: why.clone() },
        Event::LookupEnded { process: process(), name: String::new(), limit: LimitName::LookupTimeout, lasted },
        Event::NotPreloaded { why: why.clone() },
        Event::Hidden { process: process(), why },
    ];
    let lines = events.map(|event| serde_json::to_string(&event).unwrap());
    seen.extend(hold("run", lines.iter().map(String::as_str)));
    assert_eq!(seen, self::events("run"));
}

#[test]
fn what_the_schema_does_not_know_is_found() {
    let schema = Schema::read();
    let send = schema.definition("send");
    for bad in [
        r#"{"event":"sent","bytes":5}"#,
        r#"{"event":"sent","bytes":-1,"data":"x"}"#,
        r#"{"event":"sent","bytes":"5","data":"x"}"#,
        r#"{"event":"sent","bytes":1,"data":"x","more":1}"#,
        r#"{"event":"unheard_of"}"#,
        "7",
    ] {
        assert!(schema.fault(send, &serde_json::from_str(bad).unwrap()).is_some(), "{bad}");
    }
}
