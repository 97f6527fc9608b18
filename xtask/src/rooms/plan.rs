//! The list of rooms: a line `house FOLDER`, then a line for each room from the ground up, `NAME` or `NAME: what it is`.
//!
//! A room is a folder, or a file by its name without the ending. A house without rooms has no order: it is looked through
//! for circles and long functions alone. Indented lines below a room are exceptions, each with
//! its reason: `circle FILE FILE ..: why`, and `long FILE::FUNCTION: why`.

use std::collections::BTreeSet;

use crate::Failure;

/// The list, from the workspace's root.
pub(super) const FILE: &str = "docs/rooms.txt";

/// One house: where it is, its rooms from the ground up, and its exceptions.
#[derive(Default)]
pub(super) struct House {
    pub(super) folder: String,
    pub(super) rooms: Vec<String>,
    circles: Vec<BTreeSet<String>>,
    pub(super) long: BTreeSet<String>,
}

/// The houses of the list.
pub(super) fn read(list: &str) -> Result<Vec<House>, Failure> {
    let mut houses: Vec<House> = Vec::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (what, why) = line.split_once(": ").map_or((line, ""), |(what, why)| (what, why.trim()));
        let words: Vec<&str> = what.split_whitespace().collect();
        if let ["house", folder] = words[..] {
            houses.push(House { folder: folder.to_owned(), ..House::default() });
            continue;
        }
        let house = houses.last_mut().ok_or_else(|| format!("{FILE}: a room before the first house: {line}"))?;
        match words[..] {
            ["circle" | "long", ..] if why.is_empty() => {
                return Err(format!("{FILE}: an exception without its reason: {line}").into());
            }
            ["circle", ref files @ ..] => house.circles.push(files.iter().map(|&file| file.to_owned()).collect()),
            ["long", function] => drop(house.long.insert(function.to_owned())),
            [room] => house.rooms.push(room.to_owned()),
            _ => return Err(format!("{FILE}: neither a house, a room nor an exception: {line}").into()),
        }
    }
    Ok(houses)
}

impl House {
    pub(super) fn is_python(&self) -> bool {
        !self.folder.ends_with("/src")
    }

    /// The floor of the file's room. The longest name that fits counts.
    pub(super) fn room(&self, file: &str) -> Option<usize> {
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let holds = |room: &str| stem == room || file.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'));
        let fitting = self.rooms.iter().enumerate().filter(|(_, room)| holds(room));
        fitting.max_by_key(|(_, room)| room.len()).map(|(floor, _)| floor)
    }

    /// Whether the list has a reason for this circle, or for one that it is a part of.
    pub(super) fn allows(&self, circle: &[String]) -> bool {
        self.circles.iter().any(|allowed| circle.iter().all(|file| allowed.contains(file)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_folders_or_files() {
        let house = &read("house src\nsys\nsys/unix\nerror: says it\n").unwrap()[0];
        assert_eq!(house.room("sys/mod.rs"), Some(0));
        assert_eq!(house.room("sys/unix/wake.rs"), Some(1));
        assert_eq!(house.room("error.rs"), Some(2));
        assert_eq!(house.room("errors.rs"), None);
    }

    #[test]
    fn what_the_list_cannot_mean_is_an_error() {
        assert!(read("sys\n").is_err());
        assert!(read("house src\nsys\n  circle a.rs b.rs\n").is_err());
        assert!(read("house src\ntwo rooms\n").is_err());
    }
}
