//! `shotclock run`: lookups of programs end in time, in namespaces with a name server that is dead.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../shotclock/tests/netns/mod.rs"]
mod netns;
mod programs;

use std::process::Output;
use std::time::{Duration, Instant};

use programs::{PATIENCE, shotclock, text};
use shotclock_faults::{NameServerFault, Peer, PeerBuilder};

/// How late a limit may be noticed on a busy machine.
const LATE: Duration = Duration::from_secs(3);

const HOSTS: &str = "127.0.0.1 localhost\n192.0.2.7 known.test known-too.test\n";

fn dead_name_server() -> Peer {
    PeerBuilder::new(NameServerFault::Dead).address(([127, 0, 0, 1], 53)).start().unwrap()
}

fn timed(options: &str, program: &[&str]) -> (Output, Duration) {
    let begun = Instant::now();
    let words = ["run"].into_iter().chain(options.split_whitespace()).chain(["--"]).chain(program.iter().copied());
    let output = shotclock(words).output().unwrap();
    let lasted = begun.elapsed();
    assert!(lasted < PATIENCE, "{output:?}");
    (output, lasted)
}

#[test]
fn every_lookup_of_the_c_library_ends_in_time() {
    netns::run("run_lookups", "every_lookup_of_the_c_library_ends_in_time", &["perl"], HOSTS, || {
        let _dead = dead_name_server();
        for (program, gave) in [
            ("use Socket qw(:addrinfo); my ($e) = getaddrinfo('nowhere.test', 80); print $e + 0", "-4"),
            ("gethostbyname('nowhere.test'); print $? + 0", "3"),
            ("use Socket; gethostbyaddr(inet_aton('192.0.2.9'), AF_INET); print $? + 0", "3"),
            (
                "use Socket qw(:DEFAULT :addrinfo); my ($e) = getnameinfo(pack_sockaddr_in(80, inet_aton('192.0.2.9')), 8); print $e + 0",
                "-4",
            ),
        ] {
            let (output, lasted) = timed("--lookup-timeout 0.5", &["perl", "-e", program]);
            assert_eq!(text(&output.stdout), gave, "{program}: {output:?}");
            assert!(lasted >= Duration::from_millis(500) && lasted < LATE, "{program}: {lasted:?}");
            let said = text(&output.stderr);
            assert!(said.contains("ended: perl (process ") && said.contains("no answer for 0.5"), "{said}");
            assert!(said.trim_end().ends_with("(lookup-timeout)"), "{said}");
        }
    });
}

#[test]
fn what_is_known_at_once_is_found_as_ever() {
    netns::run("run_lookups", "what_is_known_at_once_is_found_as_ever", &["perl"], HOSTS, || {
        for program in [
            "use Socket qw(:DEFAULT :addrinfo); my ($e, @all) = getaddrinfo('known.test', 80); print $e + 0, scalar @all",
            "my @all = gethostbyname('known.test'); print $all[0], $all[1], join('.', unpack('C4', $all[4]))",
            "use Socket; my @all = gethostbyaddr(inet_aton('192.0.2.7'), AF_INET); print $all[0], $all[1]",
            "use Socket qw(:DEFAULT :addrinfo); print join ' ', getnameinfo(pack_sockaddr_in(80, inet_aton('192.0.2.7')), 0)",
            "use Socket; print join '.', unpack 'C4', inet_aton('known-too.test')",
            "print scalar(gethostbyname('192.0.2.4')) eq pack('C4', 192, 0, 2, 4)",
        ] {
            let stock = std::process::Command::new("perl").args(["-e", program]).output().unwrap();
            let (output, _) = timed("--lookup-timeout 5", &["perl", "-e", program]);
            assert_eq!(text(&output.stdout), text(&stock.stdout), "{program}: {output:?}");
            assert!(!output.stdout.is_empty(), "{program}");
        }
        let entries = ["known.test", "known-too.test", "192.0.2.7"];
        for entry in entries {
            let stock = std::process::Command::new("getent").args(["hosts", entry]).output().unwrap();
            let (output, _) = timed("--lookup-timeout 5", &["getent", "hosts", entry]);
            assert_eq!(text(&output.stdout), text(&stock.stdout), "{output:?}");
        }
    });
}

#[test]
fn lookups_in_many_threads_and_forks_end_in_time() {
    netns::run("run_lookups", "lookups_in_many_threads_and_forks_end_in_time", &["perl"], HOSTS, || {
        let _dead = dead_name_server();
        let program = "for (1 .. 8) { next if fork; gethostbyname('nowhere.test') for 1 .. 3; exit } 1 while wait > 0";
        let (_, lasted) = timed("--lookup-timeout 0.2", &["perl", "-e", program]);
        assert!(lasted >= Duration::from_millis(600) && lasted < LATE + LATE, "{lasted:?}");
    });
}
