"""A short run of each check of `fuzz/python`; the long ones are `cargo xtask fuzz python`."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ARGUMENTS = pathlib.Path(__file__).resolve().parents[2] / "fuzz" / "python" / "arguments.py"
# Chosen once: a run that fails here fails everywhere.
SEED = 20261123


def _namespaces_are_there():
    if shutil.which("unshare") is None:
        return "unshare(1) is not installed"
    command = ["unshare", "--net", "--uts", *([] if os.geteuid() == 0 else ["--map-root-user"]), "true"]
    probe = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if probe.returncode == 0 else f"no namespaces: {probe.stderr.strip()}"


@pytest.fixture(scope="module")
def fuzz():
    """Runs the fuzzer in namespaces of its own; its output, once it has found nothing."""
    reason = _namespaces_are_there()
    if reason:
        pytest.skip(reason)

    def fuzz(*options):
        command = [sys.executable, str(ARGUMENTS), "--seed", str(SEED), *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, f"{command}:\n{done.stdout}"
        return done.stdout

    return fuzz


@pytest.mark.parametrize("mount", ["type", "graft"])
def test_no_argument_crashes_or_leaks_a_descriptor(fuzz, mount):
    """Three thousand cases, of up to three calls each."""
    assert f"{mount}: 3000 cases" in fuzz("--mount", mount, "--calls", "3000")


@pytest.mark.parametrize("mount", ["type", "graft"])
def test_every_argument_has_the_outcome_it_has_in_cpython(fuzz, mount):
    """Results, exceptions and their words."""
    assert "0 kinds of difference" in fuzz("--mount", mount, "--calls", "2000", "--parity")


def test_no_call_keeps_memory(fuzz):
    """Every method and function, a few hundred times each."""
    assert " 0 of them grow" in fuzz("--mount", "type", "--leaks")
