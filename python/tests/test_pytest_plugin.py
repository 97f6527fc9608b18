"""The fixture of the package, in pytest's own test bench and in a run of its own."""

import os
import pathlib
import subprocess
import sys

import pytest
from interpreter import check

EXAMPLE = pathlib.Path(__file__).parents[1] / "examples" / "test_client_in_time.py"

TESTS = """
import socket
import pytest

met = []

def test_it_runs(misbehaving_peer):
    peers = [misbehaving_peer("silent"), misbehaving_peer("stall", after=3)]
    with socket.create_connection(peers[1].address, 5) as client:
        assert client.recv(3, socket.MSG_WAITALL) == b"012"
    met.extend(peers)

def test_what_fails_ends_it_too(misbehaving_peer):
    met.append(misbehaving_peer("silent"))
    assert False, "on purpose"

def test_bad_arguments_are_the_test_s(misbehaving_peer):
    with pytest.raises(ValueError, match="expected one of"):
        misbehaving_peer("loud")

def test_all_have_ended():
    assert len(met) == 3
    for peer in met:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(peer.address, 5)
        assert peer.events is not None
"""


def test_peers_end_with_their_test(pytester):
    pytester.makepyfile(TESTS)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=3, failed=1)


def test_pytest_finds_it_by_itself(tmp_path):
    (tmp_path / "test_it.py").write_text(TESTS)
    done = run("test_it.py", cwd=tmp_path)
    assert "3 passed" in done.stdout and "1 failed" in done.stdout, done.stdout + done.stderr
    listed = run("--fixtures", cwd=tmp_path).stdout
    assert 'misbehaving_peer("drip", every=0.1) is one that runs' in listed


def test_it_costs_a_run_that_uses_none_nothing(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import sys\ndef test_it():\n    assert 'shotclock.pytest_plugin' in sys.modules\n"
        "    assert not {'shotclock._native', 'shotclock.faults'} & set(sys.modules)\n"
    )
    done = run("test_it.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("beneath", [(), ("-m", "shotclock")])
@pytest.mark.parametrize("switch", ["", "1"])
def test_warnings_may_be_errors(tmp_path, beneath, switch):
    # pytest warns of plugins that were imported before it came to them.
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    command = [sys.executable, "-W", "error", *beneath, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error"]
    environment = os.environ | {"SHOTCLOCK": switch}
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, cwd=tmp_path, env=environment)
    assert done.returncode == 0 and "1 passed in" in done.stdout, done.stdout + done.stderr


def test_to_load_it_loads_nothing_else():
    program = """
        import sys, pytest
        before = set(sys.modules)
        import shotclock.pytest_plugin
        print(*sorted(set(sys.modules) - before))
    """
    loaded = check(program).split()
    assert loaded == ["shotclock", "shotclock._fork", "shotclock.pytest_plugin"], loaded


def test_the_example_runs(tmp_path):
    done = run(EXAMPLE, cwd=tmp_path)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_a_test_of_a_user_is_checked(tmp_path):
    (tmp_path / "program.py").write_text(
        "import shotclock.faults\n\n"
        "def test_it(misbehaving_peer: type[shotclock.faults.Peer]) -> None:\n"
        "    peer = misbehaving_peer('drip', every=0.1)\n"
        "    reveal_type(peer.events()[0].client)\n"
        "    reveal_type(shotclock.faults.Peer('silent').address)\n"
        "    misbehaving_peer('drip', everyy=0.1)\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "program.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert [line.split('"')[1] for line in lines if "Revealed" in line] == ["str | None", "tuple[str, int]"], done.stdout
    assert [line.split(":")[1] for line in lines if ": error:" in line] == ["7"], done.stdout


def run(*words, **options):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, **options)
