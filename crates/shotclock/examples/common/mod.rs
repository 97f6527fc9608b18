//! What the examples have in common: HOST and PORT on the command line.

/// The arguments `[HOST [PORT]]`; without them this host and port 8881.
pub(crate) fn host_and_port(host: &str) -> (String, u16) {
    let given: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let (host, port) = match given.as_slice() {
        [] => (host, "8881"),
        [host] => (host.as_str(), "8881"),
        [host, port] => (host.as_str(), port.as_str()),
        _ => quit("expected at most two arguments: HOST PORT"),
    };
    let port = port.parse().unwrap_or_else(|_| quit(&format!("port {port:?}: expected a number from 0 to 65535")));
    (host.to_owned(), port)
}

fn quit(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(2)
}
