"""A package of which parts are gone harms no interpreter: its start-up file is run by each that starts."""

import pathlib
import shutil
import textwrap

import pytest
import shotclock
from interpreter import run

PACKAGE = pathlib.Path(shotclock.__file__).parent
START_UP = pathlib.Path(__file__).parents[2] / "wheel-data" / "purelib" / "shotclock-startup.pth"
PARTS = ["", "__init__.py", "_program", "_program/startup.py", "_environment.py", "_fork.py", "_install", "_bounds"]
PARTS += ["_install/graft.py", "_native.abi3.so", "_native.abi3.so: empty"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder as pip fills it, which interpreters take for theirs."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGE, folder / "shotclock", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(START_UP, folder)
    return folder


def without(site, part, place):
    shutil.copytree(site, place, symlinks=True)
    path, _, is_emptied = (place / "shotclock" / part).as_posix().partition(": ")
    path = pathlib.Path(path)
    if is_emptied:
        path.write_bytes(b"")
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


@pytest.mark.parametrize("switch", ["", "1"])
@pytest.mark.parametrize("part", PARTS)
def test_an_interpreter_starts_and_has_its_own_sockets(site, part, switch, tmp_path):
    without(site, part, tmp_path / "left")
    program = f"""
        import site, sys
        sys.path = [entry for entry in sys.path if not entry.endswith(("overlay-debug", "overlay-release"))]
        sys.path_importer_cache.clear()
        site.addsitedir({str(tmp_path / "left")!r})
        import socket
        one, other = socket.socketpair()
        one.send(b"x")
        assert other.recv(1) == b"x" and socket.getaddrinfo("127.0.0.1", 80)
        one.close(), other.close()
        print("it goes on")
    """
    done = run("-S", "-c", textwrap.dedent(program), environment={"SHOTCLOCK": switch} if switch else {})
    assert (done.returncode, done.stdout) == (0, "it goes on\n"), done.stderr
    # Who did not ask for it hears nothing of it. Who did may hear of it in a line; status() says more.
    lines = done.stderr.splitlines()
    assert len(lines) <= (1 if switch else 0) and all(line.startswith("shotclock: ") for line in lines), done.stderr
    if switch and (part == "" or part.startswith(("_program", "_environment", "_fork"))):
        assert "not whole" in done.stderr
