//! Local sockets to listen on, and the files that they are known by.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use shotclock::{Address, Family, Kind, Result, Socket, UnixAddress};

/// How long somebody who listens may take to say so, with a full queue.
const ANSWERS: Duration = Duration::from_millis(100);

/// The file of a local socket; removed when dropped.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _it_may_be_gone = fs::remove_file(&self.0);
    }
}

/// A local socket that listens. A file that a server left behind, on which nobody listens any more, is replaced.
pub(super) fn listen(address: &UnixAddress, backlog: i32) -> Result<(Socket, Option<SocketFile>)> {
    let socket = Socket::new(Family::UNIX, Kind::STREAM)?;
    let to = Address::from(*address);
    match socket.bind(to) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_left_behind(address) => {
            // If that fails, so does what follows, and says why.
            let _removed = address.as_path().map(fs::remove_file);
            socket.bind(to)?;
        }
        bound => bound?,
    }
    let file = address.as_path().map(|path| SocketFile(path.to_owned()));
    socket.listen(backlog)?;
    Ok((socket, file))
}

/// Whether nobody listens there: no other error than a refusal says so, and what is no socket refuses as well.
fn is_left_behind(address: &UnixAddress) -> bool {
    let Some(path) = address.as_path() else { return false };
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| is_socket(&file.file_type()));
    let connected = || Socket::new(Family::UNIX, Kind::STREAM)?.within(ANSWERS).connect(Address::from(*address));
    is_socket && connected().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[cfg(unix)]
fn is_socket(file: &fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(file)
}

/// Nobody can tell, so nothing is removed.
#[cfg(not(unix))]
fn is_socket(_: &fs::FileType) -> bool {
    false
}
