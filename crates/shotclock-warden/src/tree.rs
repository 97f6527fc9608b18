//! The processes beneath one, and the sockets that they have, as `/proc` says it.

use std::path::Path;
use std::sync::LazyLock;
use std::{fs, io};

use crate::event::Process;

/// All processes beneath this one, parents first. Those that begin meanwhile may be missing.
pub(crate) fn beneath(pid: u32) -> Vec<u32> {
    let mut found = children(pid);
    let mut next = 0;
    while let Some(&each) = found.get(next) {
        found.extend(children(each));
        next += 1;
    }
    found
}

/// The process with its name.
pub(crate) fn named(pid: u32) -> Process {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name = name.trim_end();
    Process { pid, name: if name.is_empty() { "a process" } else { name }.to_owned() }
}

/// The descriptors of its that are sockets, each with the number of the file.
pub(crate) fn sockets(pid: u32) -> io::Result<Vec<(i32, u64)>> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))?;
    Ok(entries.filter_map(|entry| socket(&entry.ok()?.path())).collect())
}

/// Whether it lives among other networks, whose connections are not listed for us.
pub(crate) fn is_in_other_network(pid: u32) -> bool {
    let network = |of: &str| fs::read_link(format!("/proc/{of}/ns/net")).ok();
    network(&pid.to_string()).is_some_and(|theirs| network("self").is_some_and(|ours| ours != theirs))
}

/// Whether it has the Python package loaded, whose programs end by the total that they are told, and say so.
pub(crate) fn keeps_to_total(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(|maps| maps.contains("/shotclock/_native."))
}

/// Whether somebody has stopped it, as with Ctrl-Z.
pub(crate) fn is_stopped(pid: u32) -> bool {
    status(pid).is_some_and(|words| words.first().is_some_and(|state| state == "T" || state == "t"))
}

fn socket(entry: &Path) -> Option<(i32, u64)> {
    let number = entry.file_name()?.to_str()?.parse().ok()?;
    let file = fs::read_link(entry).ok()?;
    let inode = file.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()?;
    Some((number, inode))
}

/// Whether the system lists children.
static HAS_LISTS: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/thread-self/children").exists());

fn children(pid: u32) -> Vec<u32> {
    if !*HAS_LISTS {
        return children_by_parents(pid);
    }
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let of_list = |list: String| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>();
    lists.flat_map(of_list).collect()
}

/// For systems that do not list them.
fn children_by_parents(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let processes = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|each| parent(*each) == Some(pid)).collect()
}

fn parent(pid: u32) -> Option<u32> {
    status(pid)?.get(1)?.parse().ok()
}

/// What the system says of a process behind its name, which may have spaces and brackets: what follows has none.
fn status(pid: u32) -> Option<Vec<String>> {
    let said = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(said.rsplit_once(')')?.1.split_ascii_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_and_their_children_are_found_either_way() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec 3<&0; cat <&3 & wait"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        while beneath(shell.id()).is_empty() {
            std::thread::yield_now();
        }
        let cat = beneath(shell.id())[0];
        let beneath_us = beneath(std::process::id());
        assert!(beneath_us.contains(&shell.id()) && beneath_us.contains(&cat));
        assert_eq!(children_by_parents(shell.id()), [cat]);
        let name = named(cat).name;
        assert!(name == "cat" || name == "sh", "{name}: before its exec or after");
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert!(beneath(shell.id()).is_empty());
    }

    #[test]
    fn sockets_are_found_with_their_files() {
        use std::os::fd::{AsFd, AsRawFd};
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let inode = crate::system::inode(socket.as_fd());
        assert!(sockets(std::process::id()).unwrap().contains(&(socket.as_raw_fd(), inode)));
        assert!(!is_in_other_network(std::process::id()));
    }
}
