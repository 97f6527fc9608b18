//! Which call of the system a thread sits in, by its name.

use std::ffi::c_long;
use std::fs;

/// What a process does with this descriptor: the call of a thread that sits on it, else of one that waits for several, else
/// of its first thread. `None` where the system does not say, or where it runs.
pub(crate) fn on(pid: u32, number: i32) -> Option<&'static str> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let said = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("syscall")).ok());
    let calls: Vec<_> = said.take(MOST).filter_map(|said| parse(&said)).collect();
    let sits_on_it = |&&(call, first): &&(Call, u64)| call.on_one && first == u64::from(number.cast_unsigned());
    let waits = |&&(call, _): &&(Call, u64)| call.on_several;
    let found = calls.iter().find(sits_on_it).or_else(|| calls.iter().find(waits)).or(calls.first())?;
    Some(found.0.name)
}

/// The most threads of a process that are looked at.
const MOST: usize = 256;

/// The call, and its first argument.
fn parse(said: &str) -> Option<(Call, u64)> {
    let mut words = said.split_ascii_whitespace();
    let number: c_long = words.next()?.parse().ok()?;
    let first = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    let call = CALLS.iter().find(|(each, _)| *each == number)?.1;
    Some((call, first & u64::from(u32::MAX)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call {
    name: &'static str,
    on_one: bool,
    on_several: bool,
}

const fn on_one(name: &'static str) -> Call {
    Call { name, on_one: true, on_several: false }
}

const fn on_several(name: &'static str) -> Call {
    Call { name, on_one: false, on_several: true }
}

const fn elsewhere(name: &'static str) -> Call {
    Call { name, on_one: false, on_several: false }
}

/// Those in which programs wait.
const CALLS: &[(c_long, Call)] = &[
    (libc::SYS_read, on_one("read")),
    (libc::SYS_readv, on_one("readv")),
    (libc::SYS_write, on_one("write")),
    (libc::SYS_writev, on_one("writev")),
    (libc::SYS_recvfrom, on_one("recv")),
    (libc::SYS_recvmsg, on_one("recvmsg")),
    (libc::SYS_sendto, on_one("send")),
    (libc::SYS_sendmsg, on_one("sendmsg")),
    (libc::SYS_sendfile, on_one("sendfile")),
    (libc::SYS_splice, on_one("splice")),
    (libc::SYS_connect, on_one("connect")),
    (libc::SYS_accept4, on_one("accept")),
    (libc::SYS_accept, on_one("accept")),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_poll, on_several("poll")),
    (libc::SYS_ppoll, on_several("poll")),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_select, on_several("select")),
    (libc::SYS_pselect6, on_several("select")),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_epoll_wait, on_several("epoll")),
    (libc::SYS_epoll_pwait, on_several("epoll")),
    (libc::SYS_epoll_pwait2, on_several("epoll")),
    (libc::SYS_io_uring_enter, on_several("io_uring_enter")),
    (libc::SYS_futex, elsewhere("futex")),
    (libc::SYS_wait4, elsewhere("wait")),
    (libc::SYS_waitid, elsewhere("wait")),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_pause, elsewhere("pause")),
    (libc::SYS_nanosleep, elsewhere("sleep")),
    (libc::SYS_clock_nanosleep, elsewhere("sleep")),
    (libc::SYS_rt_sigtimedwait, elsewhere("sigwait")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_understood() {
        let said = format!("{} 0x5 0x7ffd 0x1 0x0 0x0 0x0 0x7ffd3c 0x7f2a\n", libc::SYS_recvfrom);
        assert_eq!(parse(&said), Some((on_one("recv"), 5)));
        assert_eq!(parse("running\n"), None);
        assert_eq!(parse("-1 0x7ffd 0x7f2a\n"), None);
        assert_eq!(parse(""), None);
    }
}
