"""Programs in a network and with system files of their own, in either mount."""

import inspect
import os
import subprocess
import sys
import textwrap

import pytest
from isolation import LOOPBACK, isolated
from starved import starved

PATIENCE = 50

BEGIN = """
import contextlib, os, socket, subprocess, sys, threading, time
import shotclock
shotclock.install()
LIMIT, LATE = 0.3, 0.25

@contextlib.contextmanager
def takes(seconds, late=LATE):
    start, before = time.monotonic(), starved()
    yield
    took = time.monotonic() - start
    assert seconds <= took <= seconds + late + starved() - before, f"{took} s, expected {seconds}"

def times_out(call, scope=None):
    try:
        call()
    except TimeoutError as error:
        assert getattr(error, "scope", None) is scope, error
    else:
        raise AssertionError("it ended by itself")
""" + inspect.getsource(starved)


class Namespace:
    """Where programs run with these files in /etc, after a shell's set-up. Each begins with `BEGIN` and `begin`. Those of a
    `command` run beneath it.
    """

    def __init__(self, folder, mount, system_files, begin="", set_up=(), *, command=()):
        self._isolated = isolated(folder, system_files, (LOOPBACK, *set_up))
        if self._isolated is None:
            pytest.skip("a network of the test's own: no namespaces of user, network and mounts here")
        # The command's options come behind it.
        beneath = {"graft": [], "type": ["-m", "shotclock"], "command": ["-m", "shotclock", "--graft"]}[mount]
        self._words = [*self._isolated, *command, sys.executable, *beneath]
        self._begin = begin

    def run(self, program, *options, environment=(), said=""):
        """Run a program text that must end well and in silence, or saying that; gives what it printed."""
        done = self.done(program, *options, environment=environment)
        assert done.returncode == 0 and (said in done.stderr if said else not done.stderr), done.stderr
        return done.stdout

    def done(self, program, *options, environment=()):
        """Run a program text to its end, whatever that is."""
        text = BEGIN + self._begin + textwrap.dedent(program)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SHOTCLOCK")}
        command = [*self._words, *options, "-c", text]
        environment = clean | dict(environment)
        return subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=environment
        )
