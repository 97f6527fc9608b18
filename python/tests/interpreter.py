"""Interpreters of their own, for programs that change the whole process."""

import os
import subprocess
import sys
import textwrap

PATIENCE = 50


def run(*words, environment=(), **options):
    """Run the interpreter of these tests to its end, without what the environment may say of shotclock."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SHOTCLOCK")}
    # Colours would depend on who looks on.
    clean |= {"PYTHON_COLORS": "0"} | dict(environment)
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=clean, **options)


def check(program, *arguments, beneath=(), environment=(), **options):
    """Run a program text that must end well; gives what it printed."""
    done = run(*beneath, "-c", textwrap.dedent(program), *arguments, environment=environment, **options)
    # Its last lines come first, since a summary shows no more than one.
    last = " | ".join(line.strip() for line in done.stderr.splitlines()[-3:])
    assert (done.returncode, done.stderr) == (0, ""), f"it ended with {done.returncode}: {last}\n{done.stderr}"
    return done.stdout
