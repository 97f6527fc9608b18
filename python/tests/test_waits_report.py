"""Where a program's time went: ``python -m shotclock --waits``."""

import json
import pathlib
import signal
import subprocess
import sys

import pytest
import waits
from interpreter import PATIENCE, run

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "site"))
import browser  # noqa: E402

MOUNTS = pytest.mark.parametrize("mount", [(), ("--graft",)], ids=["type", "graft"])

PROGRAM = """
import os, queue, socket, subprocess, threading, time
import shotclock

def serve(connection):
    while data := connection.recv(100):
        time.sleep(0.002)
        connection.sendall(data)

def ask(client):
    client.sendall(b"x")
    return client.recv(10)

def work(jobs):
    while (job := jobs.get()) is not None:
        time.sleep(job)

listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname(), timeout=20)
threading.Thread(target=serve, args=listener.accept()[:1], name="server", daemon=True).start()
for _ in range(20):
    ask(client)
jobs = queue.Queue()
worker = threading.Thread(target=work, args=(jobs,), name="worker")
worker.start()
jobs.put(0.05)
jobs.put(None)
worker.join()
lock = threading.Lock()
lock.acquire()
for wait in (lambda: client.recv(1), lock.acquire):
    try:
        with shotclock.deadline(0.05):
            wait()
    except TimeoutError as error:
        assert error.scope is not None
client.settimeout(0.02)
try:
    client.recv(1)
except TimeoutError:
    pass
try:
    socket.getaddrinfo("nowhere.invalid", 80)
except OSError:
    pass
subprocess.run(["true"], check=True, capture_output=True)
print("%s:%d" % listener.getsockname())
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def account(tmp_path, *words, **options):
    """Run a program; gives its account, and what it printed."""
    path = tmp_path / "account.json"
    done = run("-m", "shotclock", "--waits", path, *words, **options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(path.read_text()), done.stdout


def row(rows, **wanted):
    found = [row for row in rows if wanted.items() <= row.items()]
    assert len(found) == 1, (wanted, rows)
    return found[0]


def number_of(line):
    """Of a line of the program, by a piece of it."""
    return next(number for number, text in enumerate(PROGRAM.splitlines(), 1) if line in text)


@MOUNTS
def test_the_account_says_by_what_whom_line_and_end(tmp_path, program, mount):
    said, printed = account(tmp_path, *mount, program, cwd=tmp_path)
    server = printed.strip()
    assert row(said["by_what"], what="sleep")["count"] >= 21
    assert row(said["by_peer"], what="recv", to=server)["count"] >= 20
    assert row(said["by_peer"], what="lookup", to="nowhere.invalid")["count"] == 1
    asked = row(said["by_line"], what="recv", line=f"program.py:{number_of('return client.recv')} (ask)")
    assert asked["count"] == 20 and 0.04 <= asked["seconds"] < 10 and 0.002 <= asked["longest"] <= asked["seconds"]
    assert row(said["by_line"], what="sleep", line=f"program.py:{number_of('sleep(job)')} (work)")["seconds"] >= 0.05
    assert row(said["by_end"], ended="scope", what="recv")["count"] == 1
    # Of the scope's 50 ms, what was left when the wait began.
    assert row(said["by_end"], ended="scope", what="lock")["seconds"] >= 0.045
    assert row(said["by_end"], ended="timeout", what="recv")["seconds"] >= 0.02
    # The program's own line, whatever of the standard library is further in.
    assert [row for row in said["by_line"] if row["line"] == f"program.py:{number_of('subprocess.run')} (<module>)"]


@MOUNTS
def test_each_thread_has_its_timeline_and_the_slowest_are_named(tmp_path, program, mount):
    said, _ = account(tmp_path, *mount, program, cwd=tmp_path)
    threads = {thread["name"]: thread for thread in said["threads"]}
    assert {"MainThread", "server", "worker"} <= threads.keys()
    for thread in threads.values():
        drawn = sum(sum(bins) for bins in thread["lanes"].values())
        assert drawn == pytest.approx(thread["waited"], abs=1e-6)
        assert all(len(bins) <= 600 for bins in thread["lanes"].values())
    assert said["bin_seconds"] * 600 >= max(slow["start"] + slow["seconds"] for slow in said["slowest"])
    assert threads["worker"]["waited"] >= 0.05
    assert len(said["slowest"]) == 20
    seconds = [slow["seconds"] for slow in said["slowest"]]
    assert seconds == sorted(seconds, reverse=True) and seconds[0] >= 0.05
    assert sum(row["seconds"] for row in said["by_what"]) == pytest.approx(
        sum(thread["waited"] for thread in threads.values()), rel=1e-6
    )
    still = row(said["still_waiting"], thread="server")
    assert still["what"] == "recv" and still["since"] >= 0.1 and "(serve)" in still["line"]


def test_a_minus_has_a_short_table_on_standard_error(program):
    done = run("-m", "shotclock", "--waits", "-", program)
    assert done.returncode == 0 and done.stdout.startswith("127.0.0.1:")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("waits in ") and len(lines) <= 50
    assert any("scope" in line and "lock" in line for line in lines), done.stderr


def test_an_interrupt_is_told_of_where_it_came(tmp_path, program):
    path = tmp_path / "account.json"
    hangs = "import socket\na, b = socket.socketpair()\nprint('hangs', flush=True)\na.recv(1)"
    command = [sys.executable, "-m", "shotclock", "--waits", str(path), "-c", hangs]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "hangs\n"
        waits.until(lambda: waits.is_in(process.pid, "recvfrom"))
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=PATIENCE)
    assert "KeyboardInterrupt" in error
    said = json.loads(path.read_text())
    assert row(said["by_line"], what="recv")["line"] == "<string>:4 (<module>)"
    assert row(said["by_end"], what="recv")["ended"] == "interrupted"


def test_the_program_ends_as_it_does_without(tmp_path):
    for code in ("raise SystemExit(7)", "1 / 0", "import os; os._exit(3)"):
        plain = run("-m", "shotclock", "-c", code)
        told = run("-m", "shotclock", "--waits", tmp_path / "page.html", "-c", code)
        assert (told.returncode, told.stdout, told.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_a_file_that_cannot_be_written_is_said_before_the_program_runs(tmp_path):
    done = run("-m", "shotclock", "--waits", tmp_path / "nowhere" / "page.html", "-c", "print('ran')")
    assert done.returncode == 1 and done.stdout == "" and "--waits" in done.stderr


def test_a_forked_child_writes_no_account(tmp_path):
    code = """
import multiprocessing, sys, time
def child():
    time.sleep(0.01)
    sys.exit(0)
context = multiprocessing.get_context("fork")
process = context.Process(target=child)
process.start()
process.join()
time.sleep(0.02)
"""
    said, _ = account(tmp_path, "-c", code)
    assert row(said["by_line"], what="sleep")["line"] == "<string>:10 (<module>)"


def test_the_page_is_whole_in_a_browser(tmp_path, program):
    path = tmp_path / "page.html"
    done = run("-m", "shotclock", "--waits", path, program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    text = path.read_text()
    assert "http://" not in text and "https://" not in text and "<script" not in text
    found = browser.found()
    if found is None:
        pytest.skip("no headless browser (Debian: chromium-headless-shell)")
    with browser.Browser(found) as seer:
        page, faults = seer.look_at(path.as_uri())
        assert faults == [] and page["title"] == "Waits of program.py" or page["title"].startswith("Waits of ")
        assert page["heading"].endswith("program.py waited") and page["wide"] <= 0
        headings = seer.evaluate("[...document.querySelectorAll('h2')].map(heading => heading.innerText)")
        assert headings == [
            "By what was waited for",
            "By whom",
            "By line",
            "Threads",
            "The slowest",
            "What ended before it was done",
            "Still waiting at the end",
        ]
        # Each bar and each column is there to be seen, in a colour of its own against the page's.
        shapes = """[...document.querySelectorAll('svg rect[class^="k"], svg path')].map(shape => {
            const box = shape.getBoundingClientRect();
            return [box.width > 0 && box.height > 0, getComputedStyle(shape).fill];
        })"""
        back = seer.evaluate("getComputedStyle(document.body).backgroundColor")
        drawn = seer.evaluate(shapes)
        assert len(drawn) > 20 and all(is_seen and fill != back for is_seen, fill in drawn)
        # No label runs over the figures beside it.
        over = seer.evaluate("""[...document.querySelectorAll('svg g')].filter(bar => {
            const [label, figures] = bar.querySelectorAll('text');
            return label.getBBox().x + label.getBBox().width > figures.getBBox().x;
        }).length""")
        assert over == 0
        assert seer.evaluate("document.querySelectorAll('tbody tr').length") >= 20
