"""Waits under load, broken into: a few hundred rounds of each, or as many as `SHOTCLOCK_WAIT_ROUNDS` says."""

import os
import pathlib
import subprocess
import sys

import pytest

PROGRAM = pathlib.Path(__file__).with_name("waits_under_load.py")
ROUNDS = int(os.environ.get("SHOTCLOCK_WAIT_ROUNDS", "150"))


@pytest.mark.timeout(60 + ROUNDS * 0.3)
@pytest.mark.parametrize("what", ["interrupt", "fork", "end", "uninstall"])
def test_it_ends_as_the_interpreters_own_would(what):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SHOTCLOCK")}
    # That a process with threads forks is what some versions warn of.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", PROGRAM, what, str(ROUNDS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50 + ROUNDS * 0.3, env=clean, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.startswith(f"{what} "), done.stdout
