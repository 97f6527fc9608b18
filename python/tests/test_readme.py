"""README's programs: those that hang do, those that do not end in time, and the rest of what a first reader types is right."""

import ast
import pathlib
import re
import subprocess
import sys
import time

import pytest
import shotclock as package
from interpreter import run
from waits import until

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A byte each third of a second: two minutes for all of it, and each of them in time.
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n" + bytes(300)
EVERY = 0.3
# What each of the programs has for its limit, and what none needs on a loaded machine.
LIMIT, IN_TIME = 2, 20


def blocks(language, text=README):
    return [block for name, block in BLOCK.findall(text) if name.partition(",")[0] == language]


@pytest.fixture
def drip(misbehaving_peer):
    return misbehaving_peer("drip", every=EVERY, content=PAGE)


@pytest.fixture
def program(tmp_path):
    """Writes one of README's Python programs into a file; gives its name."""

    def write(index):
        path = tmp_path / "fetch.py"
        path.write_text(blocks("python")[index], encoding="utf-8")
        return path

    return write


def url(peer):
    return f"http://{peer.host}:{peer.port}/"


def assert_it_hangs(peer, command):
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        until(peer.events)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=2 * LIMIT)
        process.kill()


def test_the_python_program_hangs(drip, program):
    assert_it_hangs(drip, [sys.executable, program(0), url(drip)])


def test_the_python_program_as_it_is_ends_by_a_limit_from_outside(drip, program):
    command = re.search(r"`python (-m shotclock --total 2) fetch.py http://localhost:8881/`", README)[1]
    start = time.monotonic()
    done = run(*command.split(), program(0), url(drip))
    assert time.monotonic() - start < IN_TIME
    assert done.returncode == 1 and "\nTimeoutError: " in done.stderr, done.stderr


def test_the_python_program_with_a_deadline_ends_in_time(drip, program):
    start = time.monotonic()
    done = run(program(1), url(drip))
    assert LIMIT <= time.monotonic() - start < IN_TIME
    assert done.returncode == 1 and "\nTimeoutError: " in done.stderr, done.stderr


def test_the_rust_programs_are_the_examples(examples):
    for name, block in zip(["fetch_by_std", "fetch_in_time"], blocks("rust"), strict=True):
        assert block in (ROOT / "crates/shotclock/examples" / f"{name}.rs").read_text(encoding="utf-8"), name
        assert (examples / name).exists()


def test_the_rust_program_by_std_hangs(drip, examples):
    assert_it_hangs(drip, [examples / "fetch_by_std", f"{drip.host}:{drip.port}"])


def test_the_rust_program_ends_in_time(drip, examples):
    start = time.monotonic()
    command = [examples / "fetch_in_time", f"{drip.host}:{drip.port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=IN_TIME)
    assert LIMIT <= time.monotonic() - start < IN_TIME
    assert done.returncode == 1 and "timed out" in done.stderr, done.stderr


def test_the_lines_for_a_program_of_ones_own_run():
    done = run("-c", blocks("python")[2])
    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_short_and_begins_with_the_two_commands():
    assert len(README.split()) < 900
    first_screen = "\n".join(README.splitlines()[:25])
    assert "\ncargo run --release -- demo " in first_screen
    assert "\ncargo xtask test " in first_screen


@pytest.mark.parametrize("page", ["README.md", "docs/python.md", "docs/command.md"])
def test_fragments_are_python_and_name_what_there_is(page):
    fragments = blocks("python", (ROOT / page).read_text(encoding="utf-8"))
    assert fragments
    for fragment in fragments:
        for node in ast.walk(ast.parse(fragment)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "shotclock":
                assert hasattr(package, node.attr), f"{page}: shotclock.{node.attr}"
