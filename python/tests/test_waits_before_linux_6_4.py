"""Pipes that cannot say what is to be had without a wait, as all do before Linux 6.4: all that is promised of them holds."""

import pathlib
import subprocess
import sys

import before_linux_6_4
import call_filter
import pytest

HERE = pathlib.Path(__file__).parent
# A hang of the whole; each test inside has its own watchdog.
LIMIT = 240


def in_such_a_process(tests, *arguments):
    done = subprocess.run(
        [sys.executable, before_linux_6_4.__file__, HERE / tests, *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode == call_filter.NO_FILTER:
        pytest.skip(f"the system takes no filter of calls: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr
    assert " passed" in done.stdout


@pytest.mark.timeout(LIMIT)
def test_pipes_and_terminals():
    in_such_a_process("test_waits_pipes.py")


@pytest.mark.timeout(LIMIT)
def test_each_kind_of_wait_on_a_pipe():
    in_such_a_process("test_waits.py", "-k", "os.read or os.write or FileIO or eventfd or sendfile or splice or Connection")


@pytest.mark.timeout(LIMIT)
def test_a_child_that_is_started_after_the_end():
    in_such_a_process("test_waits_hooks.py", "-k", "started_after_the_end or fork")
