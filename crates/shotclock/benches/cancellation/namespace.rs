//! A network and system files of the benchmark's own, in which the name server never answers.

use std::env;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

const INSIDE: &str = "SHOTCLOCK_BENCH_INSIDE";
const FILES: [(&str, &str); 3] = [
    ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n"),
    ("nsswitch.conf", "hosts: files dns\n"),
    ("hosts", "127.0.0.1 localhost\n"),
];

/// Starts this program again in namespaces of its own, and gives the silent name server there.
pub(crate) fn enter() -> Result<UdpSocket, String> {
    if let Some(files) = env::var_os(INSIDE) {
        let _ = fs::remove_dir_all(files);
        return UdpSocket::bind("127.0.0.1:53").map_err(|error| format!("port 53 of the namespace: {error}"));
    }
    let isolate = ["--user", "--map-root-user", "--net", "--mount", "sh", "-c"];
    let files = write_files().map_err(|error| format!("its files: {error}"))?;
    let mounts = FILES.map(|(name, _)| format!("mount --bind '{}' /etc/{name}", files.join(name).display()));
    let enter = format!("{} && ip link set lo up", mounts.join(" && "));
    let works = Command::new("unshare").args(isolate).arg(&enter).status();
    if !works.is_ok_and(|status| status.success()) {
        let _ = fs::remove_dir_all(files);
        return Err("no namespaces of user, network and mounts here".to_owned());
    }
    let mut again = Command::new("unshare");
    again.args(isolate).arg(format!("{enter} && exec \"$0\" \"$@\"")).args(env::args_os()).env(INSIDE, files);
    Err(format!("unshare: {}", again.exec()))
}

fn write_files() -> std::io::Result<PathBuf> {
    let folder = env::temp_dir().join(format!("shotclock-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    for (name, content) in FILES {
        fs::write(folder.join(name), content)?;
    }
    Ok(folder)
}
