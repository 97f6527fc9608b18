//! Who holds a port, as far as the system tells this user. Source: proc(5).

use std::fs;
use std::path::Path;

/// Below this port the system lets only the privileged listen, unless it was told otherwise.
const PRIVILEGED: u16 = 1024;

/// The first port on which anybody may listen.
pub(super) fn first_free_for_all() -> u16 {
    let told = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    told.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(PRIVILEGED)
}

/// The process that listens on the port, or else its user.
pub(super) fn of(port: u16) -> Option<String> {
    let tables = ["tcp", "tcp6", "udp", "udp6"].map(|table| format!("/proc/net/{table}"));
    let sockets: Vec<Socket> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().filter_map(|line| holds(line, port)).collect::<Vec<_>>())
        .collect();
    let of_process = sockets.iter().find_map(|socket| process(socket.inode));
    of_process
        .or_else(|| sockets.first().map(|socket| format!("a process of the user with the number {}", socket.user)))
}

/// One that is bound.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    user: u32,
    inode: u64,
}

/// A line of the table, if it is of one that listens on the port; for UDP, of one that has no peer.
fn holds(line: &str, port: u16) -> Option<Socket> {
    const LISTENS: [&str; 2] = ["0A", "07"];
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, local) = fields.get(1)?.rsplit_once(':')?;
    let is_it = u16::from_str_radix(local, 16).ok()? == port && LISTENS.contains(fields.get(3)?);
    let (user, inode) = (fields.get(7)?.parse().ok()?, fields.get(9)?.parse().ok()?);
    is_it.then_some(Socket { user, inode })
}

/// The process that has the socket among its files, if this user may look at them.
fn process(inode: u64) -> Option<String> {
    let socket = format!("socket:[{inode}]");
    let is_it = |link: fs::DirEntry| fs::read_link(link.path()).is_ok_and(|to| to == Path::new(&socket));
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut holders = processes.filter(|process| process.file_name().to_string_lossy().parse::<u32>().is_ok());
    let holder = holders.find(|process| {
        let files = fs::read_dir(process.path().join("fd"));
        files.is_ok_and(|files| files.flatten().any(is_it))
    })?;
    let name = fs::read_to_string(holder.path().join("comm")).unwrap_or_default();
    Some(format!("{} (process {})", name.trim_end(), holder.file_name().to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_lines_are_read() {
        let line =
            "   0: 0100007F:22B1 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0";
        assert_eq!(holds(line, 8881), Some(Socket { user: 1000, inode: 4711 }));
        assert_eq!(holds(line, 8882), None);
        assert_eq!(holds(&line.replace(" 0A ", " 01 "), 8881), None, "a connection");
        assert_eq!(holds("  sl  local_address rem_address   st", 8881), None);
    }
}
