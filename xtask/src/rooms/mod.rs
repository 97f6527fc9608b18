//! The rooms of the houses, and their order: which file stands in which room, and which rooms it may use.
//!
//! `docs/rooms.txt` lists the houses, and the rooms of those that have an order, from the ground up. A file uses its own
//! room and those before it; no circle of files is left in any house.

mod circles;
mod plan;
mod python;
mod rust;
mod sources;

use std::collections::BTreeSet;
use std::fs;

use crate::{Failure, workspace};
use plan::House;
use sources::{LINES_AT_MOST, LongFunction, Sources};

/// Fails on an import that runs up, a circle of files, a file without a room, a room without a file, a long function.
pub(crate) fn check() -> Result<(), Failure> {
    eprintln!("+ the rooms of the houses, and their order");
    let list = fs::read_to_string(workspace::root().join(plan::FILE))?;
    let mut faults = unquoted(&list, &fs::read_to_string(workspace::root().join("ARCHITECTURE.md"))?);
    for house in plan::read(&list)? {
        let folder = workspace::root().join(&house.folder);
        let sources = if house.is_python() { python::sources(&folder)? } else { rust::sources(&folder)? };
        faults.extend(faults_of(&house, &sources).into_iter().map(|fault| format!("{}: {fault}", house.folder)));
    }
    if faults.is_empty() { Ok(()) } else { Err(format!("the houses:\n  {}", faults.join("\n  ")).into()) }
}

/// ARCHITECTURE shows the list as it is.
fn unquoted(list: &str, architecture: &str) -> Vec<String> {
    let quoted: BTreeSet<&str> = architecture.lines().map(str::trim).collect();
    let rooms = list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("long "));
    let missing = rooms.filter(|line| !quoted.contains(line));
    missing.map(|line| format!("ARCHITECTURE.md does not quote `{line}` of {}", plan::FILE)).collect()
}

fn faults_of(house: &House, sources: &Sources) -> Vec<String> {
    let mut faults = Vec::new();
    let mut empty: BTreeSet<&str> = house.rooms.iter().map(String::as_str).collect();
    for file in sources.imports.keys() {
        match house.room(file) {
            Some(floor) => drop(empty.remove(house.rooms[floor].as_str())),
            None if house.rooms.is_empty() => {}
            None => faults.push(format!("{file} has no room")),
        }
    }
    faults.extend(empty.iter().map(|room| format!("no file is in the room {room}")));
    for (file, imported) in &sources.imports {
        faults.extend(imported.iter().filter_map(|other| upward(house, file, other)));
    }
    let circles = circles::of(&sources.imports).into_iter().filter(|circle| !house.allows(circle));
    faults.extend(circles.map(|circle| format!("a circle: {}", circle.join(", "))));
    faults.extend(long_functions(house, &sources.long));
    faults
}

fn upward(house: &House, file: &str, other: &str) -> Option<String> {
    let (from, to) = (house.room(file)?, house.room(other)?);
    let rooms = &house.rooms;
    (from < to).then(|| format!("{file} ({}) imports {other} ({}), which is above it", rooms[from], rooms[to]))
}

fn long_functions(house: &House, found: &[LongFunction]) -> Vec<String> {
    let is_listed = |long: &LongFunction| house.long.contains(&format!("{}::{}", long.file, long.name));
    let told = found
        .iter()
        .filter(|long| !is_listed(long))
        .map(|long| format!("{}: {} has {} lines, over {LINES_AT_MOST}", long.file, long.name, long.lines));
    let names: BTreeSet<String> = found.iter().map(|long| format!("{}::{}", long.file, long.name)).collect();
    let stale = house.long.iter().filter(|name| !names.contains(*name));
    told.chain(stale.map(|name| format!("{name} is listed as long and is not"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_houses_stand_as_they_are_listed() {
        check().unwrap();
    }

    const LIST: &str = "house src\nlow: what all use\nhigh\n  circle high/a.rs high/b.rs: they are one thing\n";

    fn house() -> House {
        plan::read(LIST).unwrap().remove(0)
    }

    fn sources(imports: &[(&str, &[&str])]) -> Sources {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let imports = imports.iter().map(|(file, names)| ((*file).to_owned(), set(names))).collect();
        Sources { imports, long: Vec::new() }
    }

    #[test]
    fn what_uses_only_what_is_below_is_in_order() {
        let tree = sources(&[("low.rs", &[]), ("high/a.rs", &["low.rs", "high/b.rs"]), ("high/b.rs", &["high/a.rs"])]);
        assert_eq!(faults_of(&house(), &tree), Vec::<String>::new());
    }

    #[test]
    fn a_house_without_rooms_has_no_circle_either() {
        let house = plan::read("house src: all of it\n").unwrap().remove(0);
        assert_eq!(faults_of(&house, &sources(&[("a.rs", &["b.rs"]), ("b.rs", &[])])), Vec::<String>::new());
        assert_eq!(faults_of(&house, &sources(&[("a.rs", &["b.rs"]), ("b.rs", &["a.rs"])])), ["a circle: a.rs, b.rs"]);
    }

    #[test]
    fn an_import_that_runs_up_is_found() {
        let found = faults_of(&house(), &sources(&[("low.rs", &["high/a.rs"]), ("high/a.rs", &[])]));
        assert_eq!(found, ["low.rs (low) imports high/a.rs (high), which is above it"]);
    }

    #[test]
    fn circles_and_files_without_a_room_are_found() {
        let tree = sources(&[("low.rs", &["new.rs"]), ("new.rs", &["low.rs"]), ("high/a.rs", &[])]);
        assert_eq!(faults_of(&house(), &tree), ["new.rs has no room", "a circle: low.rs, new.rs"]);
        assert_eq!(faults_of(&house(), &sources(&[("low.rs", &[])])), ["no file is in the room high"]);
    }

    #[test]
    fn long_functions_are_found_and_stale_exceptions_too() {
        let mut tree = sources(&[("low.rs", &[]), ("high/a.rs", &[])]);
        tree.long.push(LongFunction { file: "low.rs".into(), name: "f".into(), lines: 71 });
        assert_eq!(faults_of(&house(), &tree), ["low.rs: f has 71 lines, over 70"]);
        let mut told = house();
        told.long = BTreeSet::from(["low.rs::f".into(), "low.rs::g".into()]);
        assert_eq!(faults_of(&told, &tree), ["low.rs::g is listed as long and is not"]);
    }

    #[test]
    fn architecture_quotes_every_line() {
        assert!(unquoted(LIST, &format!("# A\n{LIST}")).is_empty());
        assert_eq!(unquoted(LIST, "house src\nhigh\n").len(), 2);
    }
}
