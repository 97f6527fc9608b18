"""``python -m shotclock.waits PID``: what waits in another process."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest
from interpreter import PATIENCE, check, run

HANGS = """
import socket, sys, threading
ours, theirs = socket.socketpair()
lock = threading.Lock()
lock.acquire()
threading.Thread(target=lock.acquire, name="locks", daemon=True).start()
print("hangs", flush=True)
ours.recv(1)
"""


@contextlib.contextmanager
def running(code, *words, **environment):
    """A program that has said a line, and is ended."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SHOTCLOCK")} | environment
    command = [sys.executable, *words, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean) as process:
        try:
            process.said = process.stdout.readline()
            yield process
        finally:
            process.kill()


def ask(*words):
    return run("-m", "shotclock.waits", *words)


def waits_of(pid):
    done = ask("--once", "--json", pid)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)["waits"]


@pytest.mark.parametrize("mount", [(), ("--graft",)], ids=["type", "graft"])
def test_the_answer_comes_while_the_main_thread_hangs(mount):
    with running(HANGS, "-m", "shotclock", *mount, "--serve-waits") as process:
        while not {"MainThread", "locks"} <= {wait["thread"] for wait in waits_of(process.pid)}:
            pass
        waits = {wait["thread"]: wait for wait in waits_of(process.pid)}
        assert waits.keys() == {"MainThread", "locks"}
        main = waits["MainThread"]
        assert (main["what"], main["line"], main["limit"]) == ("recv", "<string>:8 (<module>)", None)
        assert main["since"] > 0 and waits["locks"]["what"] == "lock"
        table = ask("--once", process.pid).stdout.splitlines()
        assert table[0].startswith(f"process {process.pid}: ") and table[1].split()[:3] == ["thread", "waits", "in"]
        assert any(line.startswith("MainThread") and "<string>:8" in line for line in table)


def test_it_prints_anew_until_the_process_has_ended():
    with running(HANGS, "-m", "shotclock", "--serve-waits") as process:
        command = [sys.executable, "-m", "shotclock.waits", "--every", "0.01", "--json", str(process.pid)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asker:
            for _ in range(3):
                assert json.loads(asker.stdout.readline())["pid"] == process.pid
            process.kill()
            process.wait()
            # What it had said by then is read.
            asker.communicate(timeout=PATIENCE)
            assert asker.returncode == 0


def test_an_interrupt_of_who_asks_is_no_failure():
    with running(HANGS, "-m", "shotclock", "--serve-waits") as process:
        command = [sys.executable, "-m", "shotclock.waits", "--every", "100", str(process.pid)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asker:
            asker.stdout.readline()
            asker.send_signal(signal.SIGINT)
            _, error = asker.communicate(timeout=PATIENCE)
            assert (asker.returncode, error) == (0, "")


def test_the_environment_asks_for_it():
    code = """
        import shotclock._program.startup
        shotclock._program.startup.run()
    """
    with running(code + textwrap.indent(HANGS, "        "), SHOTCLOCK="1", SHOTCLOCK_SERVE_WAITS="1") as process:
        while not any(wait["what"] == "recv" for wait in waits_of(process.pid)):
            pass


def test_it_goes_on_after_the_limit_of_the_program():
    code = """
        import socket, time
        ours, theirs = socket.socketpair()
        try:
            ours.recv(1)
        except TimeoutError:
            print("over", flush=True)
        time.monotonic()
        import ctypes
        # No wait of Python's, which would end at once from now on.
        ctypes.CDLL(None).pause()
    """
    with running(code, "-m", "shotclock", "--total", "0.1", "--serve-waits") as process:
        assert process.said == "over\n"
        assert isinstance(waits_of(process.pid), list)


def test_who_cannot_be_asked_is_said_in_words():
    with running("print(1, flush=True); import signal; signal.pause()") as process:
        done = ask("--once", process.pid)
        assert done.returncode == 1 and "does not serve its waits" in done.stderr and done.stdout == ""
    done = ask("--once", process.pid)
    assert done.returncode == 1 and done.stderr.endswith(f"there is no process {process.pid}\n")
    for words in ((), ("x",), ("--every", "0", "1"), ("1", "2"), ("--nothing", "1")):
        done = ask(*words)
        assert done.returncode == 2 and done.stderr.startswith("usage: "), words
    assert ask("--help").stdout.startswith("usage: ")


def test_a_stranger_in_its_name_is_not_believed():
    with running("print(1, flush=True); import signal; signal.pause()") as process:
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.bind(f"\0shotclock-waits-{process.pid}")
            stranger.listen()
            done = ask("--once", process.pid)
        assert done.returncode == 1 and f"process {os.getpid()} answers in the name of {process.pid}" in done.stderr


def test_another_user_is_told_nothing():
    if os.geteuid() != 0:
        pytest.skip("root: another user cannot be had")
    ask_as_nobody = """
        import os, socket, sys
        os.setegid(65534)
        os.seteuid(65534)
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(20)
        sock.connect("\\0shotclock-waits-" + sys.argv[1])
        print(sock.recv(100))
    """
    with running(HANGS, "-m", "shotclock", "--serve-waits") as process:
        assert check(ask_as_nobody, str(process.pid)) == "b''\n"
        assert waits_of(process.pid)


def test_a_forked_child_neither_answers_nor_keeps_the_name():
    code = """
        import os, signal, sys, warnings
        import shotclock
        warnings.simplefilter("ignore")
        shotclock.serve_waits()
        shotclock.serve_waits()
        child = os.fork()
        if child == 0:
            print(os.getpid(), flush=True)
        signal.pause()
    """
    with running(code) as process:
        child = int(process.said)
        try:
            assert ask("--once", child).returncode == 1
            while [wait["what"] for wait in waits_of(process.pid)] != ["signal"]:
                pass
            process.kill()
            process.wait()
            with socket.socket(socket.AF_UNIX) as another:
                another.bind(f"\0shotclock-waits-{process.pid}")
        finally:
            os.kill(child, signal.SIGKILL)


def test_the_module_and_the_function_of_its_name_are_not_in_each_others_way():
    check("""
        import shotclock
        function = shotclock.waits
        assert function() == []
        import shotclock.waits
        assert shotclock.waits() == []
        from shotclock import waits
        assert waits() == [] and function() == []
    """)
