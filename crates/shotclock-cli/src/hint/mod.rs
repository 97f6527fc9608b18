//! What a user can do about an error.

mod holder;

use std::io::ErrorKind;

use shotclock::Error;

use crate::failure::{Code, Failure};
use crate::tls;

/// A hint, if there is one to give.
pub(crate) fn of(failure: &Failure) -> Option<String> {
    let (Failure::Call(error) | Failure::Known(_, error)) = failure else { return None };
    let fixed = tls::advice(error).or_else(|| of_limit(failure.code()));
    fixed.map(str::to_owned).or_else(|| of_call(error))
}

fn of_limit(code: Code) -> Option<&'static str> {
    match code {
        Code::ConnectLimit => Some("--connect-timeout sets this limit"),
        Code::WaitLimit => Some("--timeout sets this limit"),
        Code::TotalLimit => Some("--total sets this limit"),
        _ => None,
    }
}

fn of_call(error: &Error) -> Option<String> {
    if error.operation() == "getservbyname" {
        let text = "the system's list of services (/etc/services; in Debian's package netbase) has no such name: \
                    give the port as a number";
        return Some(text.to_owned());
    }
    if error.is_lookup() {
        return Some("`shotclock resolve NAME` shows all that the system's resolver says".to_owned());
    }
    let target = error.target().unwrap_or_default();
    let port = target.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let binds = matches!(error.operation(), "bind" | "listen" | "create_server");
    match error.kind() {
        ErrorKind::NotFound if binds => Some("the folder of that path is not there".to_owned()),
        ErrorKind::NotFound if error.operation() == "connect" => {
            Some("nobody has made that socket: `shotclock serve --listen unix:PATH` does".to_owned())
        }
        ErrorKind::AddrInUse if binds => Some(taken(port)),
        ErrorKind::PermissionDenied if binds => Some(denied(port, holder::first_free_for_all())),
        ErrorKind::AddrNotAvailable => Some("no interface of this machine has that address".to_owned()),
        ErrorKind::ConnectionRefused => Some("nobody listens there: `shotclock serve` starts a server".to_owned()),
        ErrorKind::NetworkUnreachable => {
            Some("there is no way to that address from here; -4 and -6 choose the kind of address".to_owned())
        }
        _ => None,
    }
}

fn taken(port: Option<u16>) -> String {
    let Some(port) = port else { return "a file of that name is there: another path, or remove it".to_owned() };
    let by = holder::of(port).unwrap_or_else(|| "somebody who cannot be seen from here".to_owned());
    format!("port {port} is held by {by}; --port takes another one, --port 0 one that is free")
}

fn denied(port: Option<u16>, first: u16) -> String {
    match port {
        Some(port) if port < first => format!(
            "ports below {first} are for root, or whoever has the capability CAP_NET_BIND_SERVICE: \
             --port {} or any above needs neither",
            first.max(8881)
        ),
        Some(_) => "something forbids this process to listen: a sandbox, or a policy of the system's".to_owned(),
        None => "the folder lets this user make no file: take one that does, such as $XDG_RUNTIME_DIR".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_listen_is_told_what_is_missing() {
        assert!(denied(Some(80), 1024).contains("below 1024") && denied(Some(80), 1024).contains("--port 8881"));
        assert!(denied(Some(8881), 1024).contains("sandbox"));
        assert!(denied(None, 1024).contains("folder"));
    }
}
