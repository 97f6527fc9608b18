//! The table, and what was to be reached.

use std::fmt;
use std::fs;
use std::mem::size_of;
use std::process::Command;

use shotclock::{Error, Socket};

use crate::Measured;
use crate::children::Calls;
use crate::rounds::Quartiles;
use crate::scenarios::{Scenario, Variant};

/// Where the variants stand in arrays.
const STD: usize = 1;
const OURS: usize = 2;

/// Says on what machine, and how.
pub(crate) fn heading(rounds: usize) {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |it| it.1);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version").output();
    let rustc = rustc.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{model}, {cores} cores; Linux {}; {rustc}; {rounds} rounds", kernel.trim());
}

/// Prints the tables and the goals; whether every goal that is a count was met.
pub(crate) fn print(results: &[Measured]) -> bool {
    counts(results);
    times(results);
    goals(results)
}

fn counts(results: &[Measured]) {
    println!("\nOne byte each; libc / std / shotclock. A send + recv is two operations, found ready.\n");
    println!("| | system calls | instructions, threads | to std | instructions, one thread | to std | allocations |");
    println!("|---|---|---|---|---|---|---|");
    for result in results {
        let total = |calls: &Option<Calls>| calls.as_ref().map(Calls::total);
        let calls = result.calls.each_ref().map(total);
        println!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            result.scenario.title(),
            three(calls, 2),
            three(result.threaded, 0),
            Figure(to_std(result.threaded), 2),
            three(result.alone, 0),
            Figure(to_std(result.alone), 2),
            three(result.allocations.map(Some), 2),
        );
    }
    println!();
    for result in results.iter().filter(|result| !result.scenario.is_ready_pair()) {
        for (variant, calls) in Variant::ALL.into_iter().zip(&result.calls) {
            let Some(calls) = calls else { continue };
            // What happens once among all operations is none of one's.
            let each = calls.0.iter().filter(|(_, count)| **count >= 0.01);
            let each: Vec<String> = each.map(|(call, count)| format!("{} {call}", Figure(Some(*count), 2))).collect();
            println!("{}, {}: {}", result.scenario.title(), variant.name(), each.join(", "));
        }
    }
}

fn times(results: &[Measured]) {
    println!(
        "\nTime: medians of ratios within one round [quartiles]. libc to itself shows what difference means nothing.\n"
    );
    println!("| | libc, ns | libc to libc | std to libc | shotclock to libc | shotclock to std |");
    println!("|---|---|---|---|---|---|");
    for Measured { scenario, times, .. } in results {
        let libc = times.libc.median;
        let [noise, std_to_libc] = [times.noise, times.std_to_libc];
        println!(
            "| {} | {libc:.0} | {noise} | {std_to_libc} | {} | {} |",
            scenario.title(),
            times.ours_to_libc,
            times.ours_to_std
        );
    }
}

/// One thing to be reached.
struct Goal {
    text: String,
    value: Option<f64>,
    most: f64,
    /// Whether it is exact, so that missing it is a failure on any machine.
    is_count: bool,
}

fn goals(results: &[Measured]) -> bool {
    let mut goals = vec![
        Goal::count("size of a Socket, bytes", Some(size_of::<Socket>() as f64), 24.0),
        Goal::count("size of an Error, bytes", Some(size_of::<Error>() as f64), size_of::<usize>() as f64),
    ];
    results.iter().for_each(|result| goals_of(result, &mut goals));
    println!();
    for Goal { text, value, most, is_count } in &goals {
        let verdict = match value {
            None => "not measured",
            Some(value) if value <= most => "met",
            Some(_) => "MISSED",
        };
        let kind = if *is_count { "" } else { " (a time)" };
        println!("{verdict}: {text}: {}, at most {}{kind}", Figure(*value, 3), Figure(Some(*most), 3));
    }
    !goals.iter().any(|goal| goal.is_count && goal.value.is_some_and(|value| value > goal.most))
}

fn goals_of(result: &Measured, goals: &mut Vec<Goal>) {
    let (scenario, title) = (result.scenario, result.scenario.title());
    // What marks and first times cost is no whole call.
    let calls = result.calls[OURS].as_ref().map(|calls| (calls.total() * 100.0).round() / 100.0);
    let mut count = |what: &str, value, most| goals.push(Goal::count(&format!("{title}: {what}"), value, most));
    match scenario {
        Scenario::Accept => {
            count("system calls", calls, 1.0);
            count("instructions to std's, threads", to_std(result.threaded), 1.5);
        }
        Scenario::Connect => {
            count("system calls", calls, 3.0);
            count("instructions to std's, threads", to_std(result.threaded), 1.2);
        }
        Scenario::Close => count("system calls", calls, 3.0),
        Scenario::PingPong | Scenario::PingPongBoth => count("allocations", Some(result.allocations[OURS]), 0.0),
        Scenario::Unix | Scenario::Tcp | Scenario::Udp | Scenario::UdpFrom => {
            count("system calls", calls, 2.0);
            count("allocations", Some(result.allocations[OURS]), 0.0);
            // With addresses it decodes more than std does.
            let most = if scenario == Scenario::UdpFrom { 1.2 } else { 0.6 };
            count("instructions to std's, threads", to_std(result.threaded), most);
        }
    }
    if scenario.is_ready_pair() {
        goals.push(Goal::time(&format!("{title}: time to libc"), result.times.ours_to_libc, 1.02));
    }
    if scenario.is_ping_pong() {
        goals.push(Goal::time(&format!("{title}: time to std"), result.times.ours_to_std, 1.03));
    }
}

impl Goal {
    fn count(text: &str, value: Option<f64>, most: f64) -> Self {
        Self { text: text.to_owned(), value, most, is_count: true }
    }

    fn time(text: &str, value: Quartiles, most: f64) -> Self {
        Self { text: text.to_owned(), value: Some(value.median), most, is_count: false }
    }
}

fn to_std(figures: [Option<f64>; 3]) -> Option<f64> {
    Some(figures[OURS]? / figures[STD]?)
}

fn three(figures: [Option<f64>; 3], digits: usize) -> String {
    figures.map(|figure| Figure(figure, digits).to_string()).join(" / ")
}

/// A number with at most so many digits, or a dash.
struct Figure(Option<f64>, usize);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(value) = self.0 else { return f.write_str("–") };
        let text = format!("{value:.*}", self.1);
        f.write_str(if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text })
    }
}

impl fmt::Display for Quartiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} [{:.3}, {:.3}]", self.median, self.low, self.high)
    }
}
