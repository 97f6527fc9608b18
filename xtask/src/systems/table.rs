//! The systems beside the one that `cargo xtask test` tests by itself: one row each, from which this chore, CI and
//! PLATFORM's table go.

use super::linker::Linker;

/// What can be said of a system.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its tests run, on it.
    Tested,
    /// Its tests run, by a program that stands for the processor or the system.
    Emulated,
    /// It compiles and links, and nobody has seen it run.
    Linked,
}

/// PLATFORM's words.
impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Tested => "tested",
            Self::Emulated => "runs under qemu or wine",
            Self::Linked => "checked and linked, never run",
        })
    }
}

/// One row.
pub(crate) struct System {
    /// rustc's name for it.
    pub(crate) target: &'static str,
    pub(crate) standing: Standing,
    /// Programs, or files where they begin with `/`, each with Debian's package. A `*` stands for a part of a file's name.
    pub(crate) needs: &'static [(&'static str, &'static str)],
    pub(crate) linker: Linker,
    /// What runs its programs, in words; none if they run by themselves.
    pub(crate) runner: &'static [&'static str],
    /// The crates that compile there, and are not run.
    pub(crate) checked: &'static [&'static str],
    /// The crates whose programs are linked, and whose tests are run.
    pub(crate) linked: &'static [&'static str],
    /// Which of their tests, or, where none is run, of their examples: cargo's words.
    pub(crate) suites: &'static [&'static str],
    /// Tests of these that are not run there, and suites that are not among them, each with the reason.
    pub(crate) left_out: &'static [(&'static str, &'static str)],
}

const CRATES: &[&str] = &["shotclock", "shotclock-faults", "shotclock-cli"];

pub(crate) const SYSTEMS: &[System] = &[
    System {
        target: "aarch64-unknown-linux-gnu",
        standing: Standing::Emulated,
        needs: &[
            ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
            ("/usr/aarch64-linux-gnu/lib/libc.so", "libc6-dev-arm64-cross"),
            ("qemu-aarch64", "qemu-user"),
        ],
        linker: Linker::Program("aarch64-linux-gnu-gcc"),
        runner: &["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
        checked: &["shotclock-py"],
        linked: &["shotclock", "shotclock-faults"],
        suites: &[
            "--lib",
            "--test=limits",
            "--test=scopes",
            "--test=sockets",
            "--test=files",
            "--test=names",
            "--test=closing",
            "--test=policies",
            "--test=wake_stress",
            "--test=waits",
            "--test=bytes_properties",
        ],
        left_out: &[
            ("sys::linux::stuck::", "the system tells of qemu's calls, which stand for those of the thread"),
            ("a_filter_is_never_longer_than_the_room_for_it", "it is the end of qemu 7.2 itself"),
            ("flow_information_is_as_in_std", "qemu 7.2 knows no IPV6_FLOWINFO_SEND"),
            (
                "a_dead_descriptor_that_a_stranger_closed_is_put_over_no_number",
                "qemu has another folder stand for the root",
            ),
            ("a_forked_child_has_workers_of_its_own", "a forked child's threads are the end of qemu 7.2 itself"),
            ("descriptors_travel_and_none_is_lost", "qemu 7.2 does not tell that some were cut off"),
            ("stress_no_ring_is_lost_among_many_waiters", "its rounds take longer there than its threads wait"),
            ("the command", "its tests start it, which takes binfmt_misc"),
            ("names_netns, dial_netns", "ip starts their program once more, which takes binfmt_misc"),
        ],
    },
    System {
        target: "x86_64-unknown-linux-musl",
        standing: Standing::Tested,
        needs: &[("musl-gcc", "musl-tools"), ("/usr/lib/llvm-*/lib/libunwind.a", "libunwind-14-dev")],
        linker: Linker::Musl,
        runner: &[],
        // Its package is a library to be loaded, which is built with other settings.
        checked: &[],
        linked: CRATES,
        suites: &[
            "--lib",
            "--bins",
            "--test=bytes_properties",
            "--test=closing",
            "--test=command",
            "--test=dial_netns",
            "--test=ending",
            "--test=examples_with_others",
            "--test=faults",
            "--test=faults_netns",
            "--test=files",
            "--test=limits",
            "--test=local",
            "--test=manners",
            "--test=names",
            "--test=names_netns",
            "--test=pages",
            "--test=pipes",
            "--test=policies",
            "--test=proxy",
            "--test=schema",
            "--test=scopes",
            "--test=serve",
            "--test=sockets",
            "--test=thousand_clients",
            "--test=tls",
            "--test=tracing",
            "--test=waits",
            "--test=wake_stress",
        ],
        left_out: &[
            ("a_lookup_hangs_by_stream_after_a_truncated_answer", "musl 1.2.3 asks no name server by stream"),
            ("run, run_lookups", "what `shotclock run` loads into programs would be musl's, and theirs is glibc"),
        ],
    },
    System {
        target: "x86_64-pc-windows-gnu",
        standing: Standing::Emulated,
        needs: &[("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64"), ("/usr/lib/wine/wine64", "wine64")],
        linker: Linker::Mingw,
        runner: &["/usr/lib/wine/wine64"],
        checked: &[],
        linked: &["shotclock"],
        suites: WINDOWS_SUITES,
        left_out: &[
            (
                "a_lingering_close_is_bounded",
                "Wine's server itself waits while a connection lingers, and all programs with it",
            ),
            ("a_scope_ends_every_send", "as above, at its end"),
            (
                "the_count_of_open_scopes",
                "with mingw a thread's values go in any order: a forgotten guard stays counted",
            ),
            ("tests/closing.rs, wake_stress.rs", "they count descriptors, fork, or fill queues of local sockets"),
            ("tests/sockets.rs", "half of them are of local sockets, control messages and descriptors"),
        ],
    },
    System {
        target: "aarch64-apple-darwin",
        standing: Standing::Linked,
        needs: &[("python3", "python3-venv")],
        linker: Linker::ZigWithFrameworks,
        runner: &[],
        checked: &[],
        linked: &["shotclock", "shotclock-cli"],
        suites: &["--example=echo_tcp_client", "--example=close_from_another_thread"],
        left_out: &[],
    },
    System {
        target: "x86_64-unknown-freebsd",
        standing: Standing::Linked,
        needs: &[("python3", "python3-venv")],
        linker: Linker::Zig,
        runner: &[],
        checked: &[],
        linked: &["shotclock", "shotclock-cli"],
        suites: &["--example=echo_tcp_client", "--example=close_from_another_thread"],
        left_out: &[],
    },
];

const WINDOWS_SUITES: &[&str] =
    &["--lib", "--test=ending", "--test=limits", "--test=scopes", "--test=files", "--test=names"];
