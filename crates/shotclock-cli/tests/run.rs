//! `shotclock run`: programs of others, whose connections end in time, and which notice nothing else.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod programs;

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use programs::{PATIENCE, Program, connect, shotclock, text};
use serde_json::Value;
use shotclock::{Canceller, Deadline, Family, Kind, Socket};
use shotclock_faults::{Fault, Peer, PeerBuilder, StreamFault};

/// How late a limit may be noticed on a busy machine.
const LATE: Duration = Duration::from_secs(3);

/// A program in bash, under `run` with these options; `{}` is where it finds its peer.
fn bash(options: &str, program: &str, peer: SocketAddr) -> Command {
    let program = program.replace("{}", &format!("/dev/tcp/{}/{}", peer.ip(), peer.port()));
    let words = ["run"].into_iter().chain(options.split_whitespace()).chain(["--", "bash", "-c", program.as_str()]);
    shotclock(words)
}

/// One that connects, reads a line, and says how that went.
const READS: &str = "exec 3<>{}; read -r line <&3; echo $?";

/// Runs it, and gives how it ended, and after how long.
#[track_caller]
fn timed(mut command: Command) -> (Output, Duration) {
    let begun = Instant::now();
    let output = command.output().expect("it starts");
    let lasted = begun.elapsed();
    assert!(lasted < PATIENCE, "{output:?}");
    (output, lasted)
}

#[track_caller]
fn assert_took(lasted: Duration, seconds: f64) {
    let least = Duration::from_secs_f64(seconds);
    assert!(lasted >= least && lasted < least + LATE, "{lasted:?} instead of {least:?}");
}

#[test]
fn a_connection_that_stays_silent_is_ended_and_told() {
    let peer = Peer::start(StreamFault::Silent).unwrap();
    let (output, lasted) = timed(bash("--timeout 0.5", READS, peer.address()));
    assert_took(lasted, 0.5);
    assert_eq!(output.status.code(), Some(0), "its own code");
    assert_eq!(text(&output.stdout), "1\n", "its read failed");
    let said = text(&output.stderr);
    let line = said.lines().find(|line| line.starts_with("shotclock: ")).unwrap();
    assert!(line.starts_with("shotclock: ended: bash (process "), "{line}");
    assert!(line.contains(&format!(" to {}, in read: no byte for 0.", peer.address())), "{line}");
    assert!(line.ends_with(" s (timeout)"), "{line}");
    assert_eq!(said.matches("shotclock: ").count(), 1, "{said}");
}

#[test]
fn a_child_of_a_child_is_reached() {
    let peer = Peer::start(StreamFault::Silent).unwrap();
    let program = format!("bash -c 'bash -c \"{READS}; true\"; true'; true");
    let (output, lasted) = timed(bash("--timeout 0.5", &program.replace("$?", "\\$?"), peer.address()));
    assert_took(lasted, 0.5);
    assert_eq!(text(&output.stdout).trim(), "1");
}

#[test]
fn a_connection_on_which_bytes_move_is_left_alone() {
    let drip = StreamFault::Drip { interval: Duration::from_millis(200) };
    let peer = PeerBuilder::new(drip).content("0123456789\n").start().unwrap();
    let (output, lasted) = timed(bash("--timeout 1", "exec 3<>{}; read -r line <&3; echo $line", peer.address()));
    assert_took(lasted, 2.0);
    assert_eq!(text(&output.stdout), "0123456789\n");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_connection_that_is_not_made_is_ended() {
    let peer = Peer::start(Fault::FullBacklog).unwrap();
    let (output, lasted) = timed(bash("--timeout none --connect-timeout 0.6", "exec 3<>{}", peer.address()));
    assert_took(lasted, 0.6);
    let said = text(&output.stderr);
    assert!(said.contains("in connect: no answer for 0.") && said.contains("(connect-timeout)"), "{said}");
}

#[test]
fn what_is_exempt_stays_until_the_total() {
    let peer = Peer::start(StreamFault::Silent).unwrap();
    let options = format!("--timeout 0.3 --exempt localhost:{} --total 1.2", peer.address().port());
    let (output, lasted) = timed(bash(&options, READS, peer.address()));
    assert_took(lasted, 1.2);
    assert_eq!(output.status.code(), Some(124));
    let said = text(&output.stderr);
    assert!(said.contains("(total)") && !said.contains("(timeout)"), "{said}");
}

#[test]
fn the_total_ends_a_program_that_waits_elsewhere() {
    let (output, lasted) = timed(shotclock(["run", "--total", "0.5", "--", "sleep", "60"]));
    assert_took(lasted, 0.5);
    assert_eq!(output.status.code(), Some(124));
    assert_eq!(text(&output.stderr), "shotclock: the total passed: SIGTERM to one process\n");
}

#[test]
fn the_total_kills_what_does_not_leave() {
    let stubborn = "trap '' TERM; (trap '' TERM; exec 1>&- 2>&-; while :; do read -rt 0.05 _ <> <(:); done) & while :; do read -rt 0.05 _ <> <(:); done";
    let (output, lasted) =
        timed(shotclock(["run", "--total", "0.4", "--kill-after", "0.4", "--", "bash", "-c", stubborn]));
    assert_took(lasted, 0.8);
    assert_eq!(output.status.code(), Some(124));
    assert!(text(&output.stderr).contains("still there after SIGTERM: SIGKILL to "), "{output:?}");
}

#[test]
fn a_program_that_notices_the_total_may_still_say_so() {
    let peer = Peer::start(StreamFault::Silent).unwrap();
    let program = format!("trap 'echo leaving; exit 3' TERM; {READS}; while :; do read -rt 0.05 _ <> <(:); done");
    let (output, _) = timed(bash("--timeout none --total 0.4", &program, peer.address()));
    assert_eq!(output.status.code(), Some(124));
    assert_eq!(text(&output.stdout), "1\nleaving\n");
}

#[test]
fn it_ends_as_the_command_does() {
    for (program, code) in [("exit 0", 0), ("exit 7", 7), ("exit 255", 255)] {
        let (output, _) = timed(shotclock(["run", "--", "sh", "-c", program]));
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(code), ""), "{program}");
    }
    for (signal, number) in [("KILL", 9), ("TERM", 15), ("SEGV", 11)] {
        let (output, _) = timed(shotclock(["run", "--", "sh", "-c", &format!("kill -{signal} $$")]));
        assert_eq!(output.status.signal(), Some(number), "{output:?}");
        assert!(!output.status.core_dumped());
    }
}

#[test]
fn a_command_that_cannot_be_started_has_the_codes_of_env() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    for (command, code) in [("no-such-command", 127), ("/no/such/command", 127), (folder, 126), ("/etc/passwd", 126)] {
        let (output, _) = timed(shotclock(["run", "--", command]));
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(
            text(&output.stderr).starts_with(&format!("shotclock: {command}: could not be started: ")),
            "{output:?}"
        );
    }
}

#[test]
fn what_cannot_be_is_said_before_anything_is_started() {
    for (options, named) in [
        (&["--exempt", "no-such-host.invalid:1"][..], "no-such-host.invalid:1"),
        (&["--report", "/no/such/folder/file"], "/no/such/folder/file"),
    ] {
        let words = ["run"].iter().chain(options).chain(&["--", "echo", "started"]);
        let (output, _) = timed(shotclock(words));
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(125), ""));
        assert!(text(&output.stderr).contains(named), "{output:?}");
    }
    for (options, named) in
        [("--exempt :0", "'0'"), ("--timeout soon", "'soon'"), ("--kill-after -1", "'-1'"), ("", "COMMAND")]
    {
        let words = ["run"].into_iter().chain(options.split_whitespace());
        let (output, _) = timed(shotclock(words));
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(named), "{output:?}");
    }
}

#[test]
fn signals_are_passed_on_and_the_programs_answer_counts() {
    for (name, number) in [("TERM", 15), ("INT", 2), ("USR1", 10), ("HUP", 1)] {
        let program =
            format!("trap 'echo got it; exit 40' {name}; echo ready >&2; while :; do read -rt 0.05 _ <> <(:); done");
        let mut run = Program::start(shotclock(["run", "--", "bash", "-c", &program]));
        run.wait_for("ready");
        run.signal(name);
        assert_eq!(run.exit().code(), Some(40), "{name}");
        assert_eq!(run.next_data(), "got it");

        let mut run = Program::start(shotclock(["run", "--", "sh", "-c", "echo ready >&2; exec sleep 60"]));
        run.wait_for("ready");
        run.signal(name);
        assert_eq!(run.exit().signal(), Some(number), "{name}");
    }
}

#[test]
fn a_terminal_that_goes_away_takes_the_program_with_it() {
    // script(1) makes a terminal, in whose session the command comes first, and which goes with it.
    let command = format!("exec {} run -- sh -c 'echo $$ is there; sleep 60'", env!("CARGO_BIN_EXE_shotclock"));
    let mut script = Command::new("script");
    script.args(["-qfc", command.as_str(), "/dev/null"]).env("SHELL", "/bin/sh");
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut script = Program::start(script);
    let said = script.next_data();
    let program = format!("/proc/{}", said.split_whitespace().next().unwrap());
    assert!(std::path::Path::new(&program).exists(), "{said}");
    script.signal("KILL");
    let begun = Instant::now();
    while std::path::Path::new(&program).exists() {
        assert!(begun.elapsed() < PATIENCE, "the program is there");
        Canceller::new().pause(Duration::from_millis(5)).unwrap();
    }
    script.exit();
}

#[test]
fn signals_that_were_ignored_or_held_back_stay_so() {
    let stays = [
        "-c",
        "trap '' HUP; exec \"$0\" run -- sh -c 'kill -HUP $$; echo still here'",
        env!("CARGO_BIN_EXE_shotclock"),
    ];
    let output = Command::new("sh").args(stays).output().unwrap();
    assert_eq!(text(&output.stdout), "still here\n");
    // Where the ends of children are ignored, it hears of the command's all the same, and the command ignores those of its own.
    let status = "sh -c 'grep SigIgn /proc/$$/status'; exit 7";
    let line = format!("trap '' CHLD; {status}");
    let stock = Command::new("bash").args(["-c", &line]).output().unwrap();
    let line = format!("trap '' CHLD; exec \"$0\" run -- bash -c \"{}\"", status.replace('$', "\\$"));
    let output = Command::new("bash").args(["-c", &line, env!("CARGO_BIN_EXE_shotclock")]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(7), String::new()));
    let ignored =
        |output: &Output| u64::from_str_radix(text(&output.stdout).split_whitespace().last().unwrap(), 16).unwrap();
    const CHILDREN: u64 = 1 << 16;
    assert_eq!(ignored(&output) & CHILDREN, ignored(&stock) & CHILDREN);
}

#[test]
fn it_returns_with_the_command_and_guards_what_goes_on() {
    let peer = Peer::start(StreamFault::Silent).unwrap();
    let report = Report::new("goes-on");
    // The grandchild keeps neither output nor error, so that reading both ends with the command.
    let program = format!("({READS}) >/dev/null 2>&1 & echo over");
    let (output, lasted) = timed(bash(&format!("--timeout 1 --report {}", report.0), &program, peer.address()));
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "over\n"));
    assert!(lasted < Duration::from_secs(1) || !report.lines().is_empty(), "it waited for what goes on");
    let [ended] = &report.wait_for(1)[..] else { panic!("one line") };
    assert_eq!((&ended["event"], &ended["peer"]), (&Value::from("ended"), &peer.address().to_string().into()));
}

#[test]
fn a_descriptor_that_is_inherited_is_the_programs_alone() {
    // Whoever reads the pipe sees its end with the program, though something of its goes on.
    let line = "\"$0\" run -- sh -c 'echo to three >&3; sleep 2 3>&- >&- 2>&- &' 3>&1 >/dev/null | cat; echo end";
    let begun = Instant::now();
    let output = Command::new("sh").args(["-c", line, env!("CARGO_BIN_EXE_shotclock")]).output().unwrap();
    assert_eq!(text(&output.stdout), "to three\nend\n");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn events_are_recorded_and_told_as_json() {
    let peer = Peer::start(StreamFault::Silent).unwrap();
    let report = Report::new("events");
    let (output, _) = timed(bash(&format!("--timeout 0.3 --json --report {}", report.0), READS, peer.address()));
    let [recorded] = &report.lines()[..] else { panic!("one line") };
    let said: Value = text(&output.stderr).lines().find_map(|line| serde_json::from_str(line).ok()).unwrap();
    assert_eq!(&said, recorded);
    assert_eq!((&said["event"], &said["peer"]), (&Value::from("ended"), &peer.address().to_string().into()));
    assert_eq!((&said["call"], &said["limit"]), (&Value::from("read"), &Value::from("timeout")));
    assert_eq!(said["process"]["name"], "bash");
    assert!(said["lasted"].as_f64().unwrap() >= 0.3);
}

#[test]
fn a_report_that_nobody_reads_makes_no_limit_late() {
    let peer = Peer::start(StreamFault::Silent).unwrap();
    let pipe = Report::new("pipe");
    assert!(Command::new("mkfifo").arg(&pipe.0).status().unwrap().success());
    let (output, _) = timed(bash(&format!("--timeout 0.3 --report {}", pipe.0), READS, peer.address()));
    assert_eq!(output.status.code(), Some(125), "refused at once: {output:?}");
    let line = format!("exec 4<>{}; \"$0\" run --timeout 0.3 --report {} -- bash -c '{READS}'", pipe.0, pipe.0);
    let line = line.replace("{}", &format!("/dev/tcp/{}/{}", peer.address().ip(), peer.address().port()));
    // Full from the beginning.
    let line = line.replacen(';', "; dd if=/dev/zero of=/dev/fd/4 bs=64k count=1 status=none;", 1);
    let mut command = Command::new("bash");
    command.args(["-c", &line, env!("CARGO_BIN_EXE_shotclock")]);
    let (output, lasted) = timed(command);
    assert_took(lasted, 0.3);
    assert!(text(&output.stderr).contains("not recorded"), "{output:?}");
}

#[test]
fn what_is_loaded_is_there_in_containers_and_serves_the_next_as_well() {
    // A container with its own processes and mounts; its loader says so where it does not find what it is to load.
    let container = ["unshare", "-rUmpf", "--mount-proc", "sh", "-c", "echo $LD_PRELOAD; /bin/echo inside"];
    if !Command::new("unshare")
        .args(["-rUmpf", "--mount-proc", "true"])
        .output()
        .is_ok_and(|made| made.status.success())
    {
        println!("SKIP containers: unshare(1) makes none here");
        return;
    }
    let (output, _) = timed(shotclock(["run", "--"].into_iter().chain(container)));
    assert_eq!(text(&output.stderr), "");
    let said = text(&output.stdout);
    let (file, rest) = said.split_once('\n').unwrap();
    assert_eq!(rest, "inside\n");
    let (output, _) = timed(shotclock(["run", "--", "sh", "-c", "echo $LD_PRELOAD; test -e $LD_PRELOAD"]));
    assert_eq!((text(&output.stdout).trim_end(), output.status.code()), (file, Some(0)), "one file, kept");
}

/// What a program beneath `run` has in its environment, of what concerns wardens.
const ENVIRONMENT: &str = "echo \"$SHOTCLOCK_RUN\"; echo \"$LD_PRELOAD\"; echo \"$SHOTCLOCK_TOTAL_END\"";

fn environment(mut command: Command) -> [String; 3] {
    let (output, _) = timed({
        command.args(["sh", "-c", ENVIRONMENT]);
        command
    });
    let said = text(&output.stdout);
    let lines: Vec<&str> = said.split('\n').collect();
    [0, 1, 2].map(|line| lines[line].to_owned())
}

#[test]
fn an_environment_of_a_warden_that_is_over_counts_for_nothing() {
    let [terms, loaded, end] = environment(shotclock(["run", "--timeout", "0.1", "--total", "20", "--"]));
    assert_eq!(terms.split(' ').nth(2), Some(end.as_str()));
    // The warden leaves after the program.
    let region = terms.split(' ').nth(3).unwrap().to_owned();
    let begun = Instant::now();
    while std::path::Path::new(&region).exists() {
        assert!(begun.elapsed() < PATIENCE, "{region}");
        Canceller::new().pause(Duration::from_millis(5)).unwrap();
    }
    let old = |mut command: Command| {
        // One that was there with a file of its own, which is gone.
        let loaded = format!("/tmp/shotclock-gone/preload.so:{loaded}:libc.so.6");
        command.envs([("SHOTCLOCK_RUN", &terms), ("LD_PRELOAD", &loaded), ("SHOTCLOCK_TOTAL_END", &end)]);
        command
    };
    let [new_terms, new_loaded, new_end] = environment(old(shotclock(["run", "--timeout", "3", "--"])));
    let words: Vec<&str> = new_terms.split(' ').collect();
    assert_eq!(words[..3], ["3000000000", "3000000000", "0"]);
    assert!(words.len() == 4 && words[3] != region, "{new_terms}");
    assert_eq!((new_loaded, new_end), (format!("{loaded}:libc.so.6"), String::new()));
    let bare = environment(old(shotclock(["run", "--no-preload", "--"])));
    assert_eq!(bare, ["", "libc.so.6", ""]);
    // And it is guarded as any other.
    let peer = Peer::start(StreamFault::Silent).unwrap();
    let (output, lasted) = timed(old(bash("--timeout 0.4", SAYS_WHY, peer.address())));
    assert_took(lasted, 0.4);
    assert!(text(&output.stderr).contains("Connection timed out"), "{output:?}");
}

#[test]
fn within_a_warden_that_is_there_the_tighter_limits_hold() {
    let within = |outer: &[&str], inner: &[&str]| {
        let words = ["run"].iter().chain(outer).chain(&["--", env!("CARGO_BIN_EXE_shotclock"), "run"]).chain(inner);
        environment(shotclock(words.chain(&["--"])))
    };
    let [terms, loaded, end] = within(&["--timeout", "1", "--total", "30"], &["--timeout", "2", "--total", "40"]);
    let words: Vec<&str> = terms.split(' ').collect();
    assert_eq!((words[0], words[1], words.len()), ("1000000000", "1000000000", 5), "{terms}");
    assert_eq!((words[2], loaded.matches("preload.so").count()), (end.as_str(), 1));
    let [terms, ..] = within(&["--timeout", "2"], &["--timeout", "1"]);
    assert!(terms.starts_with("1000000000 1000000000 0 "), "{terms}");
    // Where the outer one loads nothing, the inner one does.
    let [_, loaded, _] = within(&["--no-preload"], &[]);
    assert_eq!(loaded.matches("preload.so").count(), 1);
}

#[test]
fn the_end_of_a_python_program_around_is_a_total() {
    let end = shotclock::unstable::deadline_nanos(Deadline::after(Duration::from_millis(600)));
    let mut command = shotclock(["run", "--total", "30", "--", "sleep", "60"]);
    command.env("SHOTCLOCK_TOTAL_END", end.to_string());
    let begun = Instant::now();
    let (output, _) = timed(command);
    assert_eq!(output.status.code(), Some(124));
    assert!(begun.elapsed() >= Duration::from_millis(500) && begun.elapsed() < LATE, "{:?}", begun.elapsed());
    assert_eq!(text(&output.stderr), "shotclock: the total passed: SIGTERM to one process\n");
}

#[test]
fn an_instrumented_program_starts() {
    let source = format!("{}/run-asan-{}.c", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    let program = source.trim_end_matches(".c").to_owned();
    std::fs::write(&source, "#include <stdio.h>\nint main(void) { puts(\"it runs\"); return 0; }\n").unwrap();
    let built = Command::new("cc").args(["-fsanitize=address", "-o", program.as_str(), source.as_str()]).output();
    if !built.is_ok_and(|built| built.status.success()) {
        println!("SKIP instrumented programs: no compiler that instruments (Debian: gcc)");
        return;
    }
    let (output, _) = timed(shotclock(["run", "--", program.as_str()]));
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("it runs\n", Some(0)), "{output:?}");
    let mut own = shotclock(["run", "--", "sh", "-c", "echo $ASAN_OPTIONS"]);
    let (output, _) = timed({
        own.env("ASAN_OPTIONS", "halt_on_error=0");
        own
    });
    assert_eq!(text(&output.stdout), "verify_asan_link_order=0:halt_on_error=0\n");
    [source, program].iter().for_each(|file| std::fs::remove_file(file).unwrap());
}

/// One that reads, and says why it failed.
const SAYS_WHY: &str = "exec 3<>{}; LC_ALL=C; read -r line <&3";

#[test]
fn the_program_sees_a_timeout() {
    let peer = Peer::start(StreamFault::Silent).unwrap();
    let (output, _) = timed(bash("--timeout 0.3", SAYS_WHY, peer.address()));
    assert!(text(&output.stderr).contains("Connection timed out"), "{output:?}");
    // And an error all the same, where nothing can be loaded.
    let (output, _) = timed(bash("--timeout 0.3 --no-preload", SAYS_WHY, peer.address()));
    let said = text(&output.stderr);
    assert!(said.contains("Connection reset by peer") || said.contains("Broken pipe"), "{output:?}");
    let clean = format!("env -i bash -c '{SAYS_WHY}'");
    let (output, lasted) = timed(bash("--timeout 0.3", &clean, peer.address()));
    assert_took(lasted, 0.3);
    assert!(text(&output.stderr).contains("(timeout)"), "{output:?}");
}

/// A program in Perl that says what the last call failed with, by its number.
fn perl(options: &str, program: &str, peer: SocketAddr) -> (i32, Duration) {
    let whole = format!(
        "use Socket; my $to = pack_sockaddr_in({}, inet_aton('{}')); {program}; exit($! + 0);",
        peer.port(),
        peer.ip()
    );
    let words = ["run"].into_iter().chain(options.split_whitespace()).chain(["--", "perl", "-e", whole.as_str()]);
    let (output, lasted) = timed(shotclock(words));
    (output.status.code().unwrap(), lasted)
}

/// ETIMEDOUT
const TIMED_OUT: i32 = 110;

#[test]
fn every_way_to_wait_and_every_call_after_sees_the_timeout() {
    let peer = Peer::start(StreamFault::Silent).unwrap();
    let connected = "socket(my $s, PF_INET, SOCK_STREAM, 0); connect($s, $to) or exit 1";
    let waits = "my $r = ''; vec($r, fileno($s), 1) = 1; select($r, undef, undef, undef)";
    for ways in [
        "sysread($s, my $x, 1)",
        "recv($s, my $x, 1, 0)",
        "sysread($s, my $x, 1); $! = 0; sysread($s, $x, 1)",
        "sysread($s, my $x, 1); $! = 0; $SIG{PIPE} = 'IGNORE'; syswrite($s, 'x')",
        "sysread($s, my $x, 1); $! = 0; send($s, 'x', 0x4000)",
        &format!("{waits}; sysread($s, my $x, 1)"),
        &format!("{waits}; $! = unpack('i', getsockopt($s, SOL_SOCKET, SO_ERROR))"),
        "sysread($s, my $x, 1); $! = 0; connect($s, $to)",
        "open(my $c, '+<&', $s); sysread($c, my $x, 1)",
        "if (fork) { wait; exit($? >> 8) } sysread($s, my $x, 1)",
    ] {
        let (code, lasted) = perl("--timeout 0.3", &format!("{connected}; {ways}"), peer.address());
        assert_eq!(code, TIMED_OUT, "{ways}");
        assert_took(lasted, 0.3);
    }
    let reads_nothing = Peer::start(StreamFault::NeverRead).unwrap();
    let floods = format!("{connected}; $SIG{{PIPE}} = 'IGNORE'; 1 while syswrite($s, 'x' x 65536)");
    assert_eq!(perl("--timeout 0.3", &floods, reads_nothing.address()).0, TIMED_OUT);
    // What has nothing to do with it is as ever.
    let (code, _) = perl("--timeout 0.3", "open(my $f, '<', '/nowhere'); sysread(STDERR, my $x, 1)", peer.address());
    assert_ne!(code, TIMED_OUT);
}

#[test]
fn an_attempt_that_is_not_answered_sees_the_timeout() {
    let peer = Peer::start(Fault::FullBacklog).unwrap();
    let connects = "socket(my $s, PF_INET, SOCK_STREAM, 0); connect($s, $to)";
    let (code, lasted) = perl("--timeout none --connect-timeout 0.4", connects, peer.address());
    assert_eq!(code, TIMED_OUT);
    assert_took(lasted, 0.4);
    // Who asks by a second connect whether it is made, as Ruby does, does not begin it anew.
    let again = format!(
        "use IO::Handle; socket(my $s, PF_INET, SOCK_STREAM, 0); $s->blocking(0); connect($s, $to); {}; connect($s, $to)",
        "my $w = ''; vec($w, fileno($s), 1) = 1; select(undef, $w, undef, undef)"
    );
    let (code, lasted) = perl("--timeout none --connect-timeout 0.4", &again, peer.address());
    assert_eq!(code, TIMED_OUT);
    assert_took(lasted, 0.4);
}

#[test]
fn a_connection_whose_bytes_nobody_has_read_waits_for_the_program() {
    let stalls = StreamFault::Stall { after: 3 };
    let peer = PeerBuilder::new(stalls).content("abc-never").start().unwrap();
    // Other than reading: nothing moves in all that time, and it is not the peer that is slow.
    let program = "exec 3<>{}; exec 4<> <(:); read -rt 1.5 -u 4; read -rn 3 -u 3 x; echo $x; read -r -u 3 x; echo $?";
    let (output, lasted) = timed(bash("--timeout 0.4", program, peer.address()));
    assert_eq!(text(&output.stdout), "abc\n1\n");
    assert_took(lasted, 1.9);
    assert_eq!(text(&output.stderr).matches("(timeout)").count(), 1, "{output:?}");
}

#[test]
fn an_answer_by_datagram_comes_in_time_or_is_a_timeout() {
    let silent = programs::datagram_client(([127, 0, 0, 1], 0));
    let to = silent.getsockname().unwrap().as_inet().unwrap();
    let asks = "socket(my $s, PF_INET, SOCK_DGRAM, 0); connect($s, $to); send($s, 'x', 0); recv($s, my $x, 9, 0)";
    let (code, lasted) = perl("--timeout 0.4", asks, to);
    assert_eq!(code, TIMED_OUT);
    assert_took(lasted, 0.4);
    // The program's own limit is the program's.
    let own = "socket(my $s, PF_INET, SOCK_DGRAM, 0); setsockopt($s, SOL_SOCKET, SO_RCVTIMEO, pack('q2', 0, 100000)); connect($s, $to); recv($s, my $x, 9, 0)";
    assert_eq!(perl("--timeout 1", own, to).0, 11, "EAGAIN");
    let tries = "socket(my $s, PF_INET, SOCK_DGRAM, 0); connect($s, $to); recv($s, my $x, 9, 0x40)";
    assert_eq!(perl("--timeout 1", tries, to).0, 11, "EAGAIN");
}

#[test]
fn a_server_by_datagram_is_off_the_clock() {
    let program = "socket(my $s, PF_INET, SOCK_DGRAM, 0); bind($s, $to); $SIG{ALRM} = sub { exit 77 }; alarm 1; recv($s, my $x, 9, 0)";
    let free = programs::datagram_client(([127, 0, 0, 1], 0));
    let address = free.getsockname().unwrap().as_inet().unwrap();
    drop(free);
    assert_eq!(perl("--timeout 0.3", program, address).0, 77);
}

#[test]
fn wardens_within_wardens_agree() {
    let peer = Peer::start(StreamFault::Silent).unwrap();
    for (outer, inner) in [("0.4", "10"), ("10", "0.4")] {
        let program = format!("exec {} run --timeout {inner} -- bash -c '{SAYS_WHY}'", env!("CARGO_BIN_EXE_shotclock"));
        let (output, lasted) = timed(bash(&format!("--timeout {outer}"), &program, peer.address()));
        assert_took(lasted, 0.4);
        let said = text(&output.stderr);
        assert!(said.contains("Connection timed out") && said.matches("(timeout)").count() == 1, "{said}");
    }
}

#[test]
fn what_is_loaded_already_stays_loaded() {
    let mut command = shotclock(["run", "--", "sh", "-c", "echo $LD_PRELOAD"]);
    // The C library itself can be loaded first without harm.
    let (output, _) = timed({
        command.env("LD_PRELOAD", "libc.so.6");
        command
    });
    assert!(text(&output.stdout).trim_end().ends_with(":libc.so.6"), "{output:?}");
}

/// A program that accepts one connection, and reads from it.
fn server(options: &str) -> (Program, SocketAddr) {
    let words = ["run"].into_iter().chain(options.split_whitespace()).chain(["--", env!("CARGO_BIN_EXE_shotclock")]);
    let serve = ["serve", "tcp", "--host", "127.0.0.1", "--port", "0", "--timeout", "none"];
    let mut server = Program::start(shotclock(words.chain(serve).map(OsStr::new)));
    let address = server.address();
    (server, address)
}

#[test]
fn a_server_is_off_the_clock_and_its_clients_are_on_it() {
    let (mut server, address) = server("--timeout none --idle 0.6 --first-byte 0.3");
    let mute = connect(address);
    assert!(mute.recv(1).unwrap_err().kind() == ErrorKind::ConnectionReset, "no first byte");
    let line = server.wait_for("shotclock: ended: shotclock ");
    assert!(line.contains("no first byte for 0.") && line.ends_with("(first-byte)"), "{line}");
    let speaks = connect(address);
    programs::echo(&speaks, b"hello");
    let begun = Instant::now();
    assert!(speaks.recv(1).unwrap_err().kind() == ErrorKind::ConnectionReset, "idle");
    assert_took(begun.elapsed(), 0.6);
    // It listens as before, though nobody came for longer than any limit.
    Canceller::new().pause(Duration::from_secs(1)).unwrap();
    programs::echo(&connect(address), b"still here");
    server.signal("TERM");
    server.exit();
}

#[test]
fn a_program_that_is_stopped_is_off_the_clock() {
    let peer = Peer::start(StreamFault::Silent).unwrap();
    let report = Report::new("stopped");
    let program = "exec 3<>{}; echo $$ >&2; read -r line <&3";
    let mut run = Program::start(bash(&format!("--timeout 0.5 --report {}", report.0), program, peer.address()));
    let pid = run.next_line();
    let send = |name: &str| {
        assert!(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap().success());
    };
    send("STOP");
    Canceller::new().pause(Duration::from_millis(1500)).unwrap();
    assert!(report.lines().is_empty());
    send("CONT");
    report.wait_for(1);
    run.exit();
}

#[test]
fn others_connections_are_none_of_its_business() {
    let peer = Peer::start(StreamFault::Silent).unwrap();
    let ours = Socket::new(Family::INET, Kind::STREAM).unwrap();
    ours.connect(peer.address()).unwrap();
    let (output, _) = timed(bash("--timeout 0.3", READS, peer.address()));
    assert_eq!(text(&output.stderr).matches("shotclock: ").count(), 1, "{output:?}");
    assert!(ours.within(Duration::from_millis(50)).recv(1).unwrap_err().is_timeout(), "it stands");
}

/// A file for what happens, gone at the end.
struct Report(String);

impl Report {
    fn new(name: &str) -> Self {
        let report = Self(format!("{}/run-{name}-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id()));
        let _ = std::fs::remove_file(&report.0);
        report
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits for so many lines.
    fn wait_for(&self, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let lines = self.lines();
            if lines.len() >= count {
                return lines;
            }
            assert!(begun.elapsed() < PATIENCE, "{lines:?}");
            Canceller::new().pause(Duration::from_millis(10)).unwrap();
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
