"""The types we promise: consistent by themselves, and those of the objects there are."""

import pathlib
import socket
import subprocess
import sys

import pytest
from test_readme import blocks

ROOT = pathlib.Path(__file__).parents[2]
IN_SLOTS = ("read", "read1", "peek", "readinto", "readinto1", "readline", "readlines", "write", "flush")


def run(*words, **options):
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=55, **options)


def test_the_package_is_consistent(tmp_path):
    done = run("mypy", "--cache-dir", tmp_path, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_stubs_and_objects_agree(tmp_path):
    # Which of socket's names there are is typeshed's word, and differs from some releases of the interpreter; names of
    # types are there for type checkers alone; a class in a function is no name of the module; an alias of a class's type is
    # none that is looked for; what stands in slots of a file is typed as the methods that it stands for.
    allowed = [
        "shotclock.socket.__all__",
        "shotclock._environment.Number",
        "shotclock._bounds.entering.Kind",
        "shotclock._bounds.scope.Parameters",
        "shotclock._bounds.scope.Result",
        "shotclock.faults.MisbehavingPeer",
        "shotclock.pytest_plugin.PeerOfTest@.*",
        "shotclock._bounds.resumable_files.ResumableIO@.*",
        *(f"shotclock._bounds.resumable_files.Resumable(Reader|Writer|Pair).{name}" for name in IN_SLOTS),
    ]
    # Which constants there are depends on how the interpreter was built: Debian's has Bluetooth's, most have not.
    allowed += [f"shotclock.socket.{name}" for name, value in vars(socket).items() if isinstance(value, (int, str))]
    (tmp_path / "allowed").write_text("\n".join(allowed))
    options = ("--allowlist", "allowed", "--ignore-unused-allowlist")
    done = run("mypy.stubtest", *options, "shotclock", "timeoutsocket", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_program_of_a_user_is_checked(tmp_path):
    (tmp_path / "program.py").write_text(
        """
import shotclock
import timeoutsocket
from shotclock import socket

reveal_type(shotclock.status().replaced)
reveal_type(socket.create_connection(("localhost", 80)).recv(1))
reveal_type(timeoutsocket.getDefaultSocketTimeout())
reveal_type(shotclock.__version__)
reveal_type(shotclock.resumable_file(socket.socket()))
reveal_type(shotclock.resumable_file(socket.socket(), "rb"))

def test_a_client(misbehaving_peer: shotclock.faults.MisbehavingPeer) -> None:
    reveal_type(misbehaving_peer("drip", every=0.1).port)

shotclock.install(waits=1)
"""
    )
    done = run("mypy", "--strict", "--cache-dir", tmp_path / "cache", "program.py", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert [line.split('"')[1] for line in lines if "Revealed" in line] == [
        "tuple[str, ...]",
        "bytes",
        "float | None",
        "str",
        "typing.TextIO",
        "typing.BinaryIO",
        "int",
    ], done.stdout
    assert [line.split(":")[1] for line in lines if ": error:" in line] == ["16"], done.stdout


@pytest.mark.parametrize("page", ["README.md", "docs/timeouts-that-hold.md", "docs/what-a-deadline-reaches.md"])
def test_programs_of_pages_are_strict(page, tmp_path):
    programs = blocks("python", (ROOT / page).read_text(encoding="utf-8"))
    for number, program in enumerate(programs):
        (tmp_path / f"program_{number}.py").write_text(program, encoding="utf-8")
    files = [f"program_{number}.py" for number in range(len(programs))]
    done = run("mypy", "--strict", "--cache-dir", tmp_path / "cache", *files, cwd=tmp_path)
    assert files and done.returncode == 0, done.stdout


def test_what_a_block_may_leave_out_is_known(tmp_path):
    # A function whose block may end without its last line gives None; a deadline raises.
    (tmp_path / "program.py").write_text(
        """
import shotclock

def late() -> int:
    with shotclock.deadline(1):
        return 1

def cancelled(canceller: shotclock.Canceller) -> int:
    with canceller, shotclock.shield():
        return 1

def moved_on() -> int:
    with shotclock.move_on_after(1):
        return 1
"""
    )
    done = run("mypy", "--strict", "--cache-dir", tmp_path / "cache", "program.py", cwd=tmp_path)
    missing = [line for line in done.stdout.splitlines() if "Missing return" in line]
    assert len(missing) == 1 and missing[0].startswith("program.py:12: ") and "Found 1 error" in done.stdout, done.stdout


def test_control_messages_are_typed(tmp_path):
    (tmp_path / "program.py").write_text(
        """
import shotclock
from shotclock import control

for message in shotclock.ancillary([(0, 1, b"2")]):
    match message:
        case control.PacketInfo(local=address):
            reveal_type(address)
            reveal_type(message.cmsg())
        case control.Tos() | control.TrafficClass():
            reveal_type(message.ecn)
        case control.QueuedError():
            reveal_type(message.zerocopy)
        case control.Unknown() | control.Cut():
            reveal_type(message.data)
"""
    )
    done = run("mypy", "--strict", "--cache-dir", tmp_path / "cache", "program.py", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert [line.split('"')[1] for line in lines if "Revealed" in line] == [
        "str",
        "tuple[int, int, bytes]",
        "int",
        "tuple[int, int, bool] | None",
        "bytes",
    ], done.stdout
    assert done.returncode == 0, done.stdout
