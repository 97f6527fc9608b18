//! Counting in a child: system calls under strace, instructions under callgrind.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs, process};

use crate::meter::Meter;
use crate::scenarios::{self, Scenario, Variant};

/// So many operations are counted; whatever a mark or a batch costs must vanish among them.
const OPERATIONS: u64 = 1024;

/// System calls of the measuring thread, per operation, by name.
pub(crate) struct Calls(pub(crate) BTreeMap<String, f64>);

impl Calls {
    pub(crate) fn total(&self) -> f64 {
        self.0.values().sum()
    }
}

/// What the child does: one scenario in one variant.
pub(crate) fn be_one(scenario: &str, variant: &str, meter: &str, threads: bool) {
    let scenario = Scenario::named(scenario).unwrap();
    let variant = Variant::ALL.into_iter().find(|known| known.name() == variant).unwrap();
    let mut meter = if meter == "trace" { Meter::Trace } else { Meter::Callgrind };
    let _keep = threads.then(scenarios::one_more_thread);
    let _pinned = scenario.pin();
    let mut work = scenarios::prepare(scenario, variant);
    work(scenarios::WARM_UP, &mut Meter::Off);
    work(OPERATIONS, &mut meter);
}

/// The system calls of one operation; `None` without strace.
pub(crate) fn calls(scenario: Scenario, variant: Variant) -> Option<Calls> {
    let output = Scratch::new("strace");
    let mut tracer = Command::new("strace");
    tracer.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(&output.0);
    run(tracer, scenario, variant, ["trace", "threads"])?;
    Some(calls_between_marks(&fs::read_to_string(&output.0).unwrap()))
}

/// The user instructions of one operation; `None` without valgrind, or where it says nothing.
pub(crate) fn instructions(scenario: Scenario, variant: Variant, threads: &str) -> Option<f64> {
    if scenario.is_ping_pong() {
        // How often it has to wait depends on the speed, which is another under valgrind.
        return None;
    }
    let output = Scratch::new("callgrind");
    let mut tracer = Command::new("valgrind");
    tracer.args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*measured_part*"]);
    tracer.arg(format!("--callgrind-out-file={}", output.0.display()));
    run(tracer, scenario, variant, ["callgrind", threads])?;
    let profile = fs::read_to_string(&output.0).unwrap();
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: ")).expect("callgrind's totals");
    Some(total.trim().parse::<f64>().unwrap() / OPERATIONS as f64)
}

/// Runs this program's child under another; `None`, said aloud, if the other is not installed.
fn run(mut tracer: Command, scenario: Scenario, variant: Variant, how: [&str; 2]) -> Option<()> {
    let name = tracer.get_program().to_string_lossy().into_owned();
    tracer.arg(env::current_exe().unwrap()).args(["--child", scenario.name(), variant.name()]).args(how);
    let ended = match tracer.stdin(Stdio::null()).output() {
        Ok(ended) => ended,
        Err(error) => {
            eprintln!("SKIP {name}: {error}");
            return None;
        }
    };
    assert!(ended.status.success(), "{tracer:?}: {}: {}", ended.status, String::from_utf8_lossy(&ended.stderr));
    Some(())
}

/// Counts the calls of the thread that set the marks, between its marks.
fn calls_between_marks(trace: &str) -> Calls {
    let (mut calls, mut thread) = (BTreeMap::new(), None);
    for line in trace.lines() {
        let (who, what) = line.split_once(' ').unwrap_or((line, ""));
        // "<... recvfrom resumed>" is the second half of a call that is counted.
        let Some((call, _)) = what.trim_start().split_once('(').filter(|(call, _)| !call.starts_with(['<', '-', '+']))
        else {
            continue;
        };
        match thread {
            None if call == "getppid" => thread = Some(who),
            Some(marked) if marked == who && call == "getppid" => thread = None,
            Some(marked) if marked == who => *calls.entry(call.to_owned()).or_insert(0.0) += 1.0 / OPERATIONS as f64,
            _ => {}
        }
    }
    Calls(calls)
}

/// A file of this process's own, gone when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("shotclock-perop-{}-{name}", process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _may_never_have_been_made = fs::remove_file(&self.0);
    }
}
