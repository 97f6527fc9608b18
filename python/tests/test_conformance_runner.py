"""The runner of CPython's tests: its comparison, its expectations, what it records; no test of CPython's runs here."""

import concurrent.futures
import os
import pathlib
import signal
import socket
import ssl
import sys

import _socket
import pytest

import shotclock
from shotclock import _native

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "conformance"))

import outcomes
import proof
import suites
from bounded import Processes
from compare import compare, expectations
from outcomes import Outcome
from suites import Suite
from tally import AGAIN, Tally
from trial import STOCK, Trial, Way, try_suite, whole

OK, SKIP, FAIL = Outcome("ok"), Outcome("skip", "not here"), Outcome("fail", "Traceback: it failed")
SUITE = Suite("test_made_up")

# One test for each way to end. That which goes last is the one in which the process ends.
TESTS = """
import os, unittest

class Made(unittest.TestCase):
    def test_ok(self): pass
    def test_fail(self): self.assertEqual(1, 2)
    def test_error(self): raise OSError("no")
    def test_skip(self): self.skipTest("not here")
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    @unittest.expectedFailure
    def test_unexpected(self): pass
    def test_subtests(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertNotEqual(number, 1)
    def test_subtest_skipped(self):
        with self.subTest("one"):
            self.skipTest("one of them")

class NotSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise OSError("no")
    def test_never(self): pass
"""
ENDS_EARLY = """
import os, unittest

class Made(unittest.TestCase):
    def test_ok(self): pass
    def test_that_ends_the_process(self): os._exit(7)
"""


@pytest.fixture
def processes():
    running = Processes()
    yield running
    running.end_all()


def made_up(folder, text):
    """A suite of our own, as if it were one of CPython's."""
    (folder / "test_made_up.py").write_text(text)
    return Suite("test_made_up", folder=folder)


def trial(**kinds):
    return Trial(kinds | {whole(SUITE): OK}, [], 1.0)


def test_what_is_worse_than_stock_is_told_by_kind():
    stock = {"same": OK, "lost": OK, "was skipped": SKIP, "skips": OK, "gone": OK, "bad": FAIL, "better": FAIL}
    ours = {"same": OK, "lost": FAIL, "was skipped": FAIL, "skips": SKIP, "bad": FAIL, "better": OK, "new": FAIL}
    found = compare(stock, ours)
    assert found.regressions == ["lost", "was skipped", "new"]
    assert found.new_skips == ["skips"]
    assert found.missing == ["gone"]
    assert found.bad_on_stock_too == ["bad"]
    assert found.failed


@pytest.mark.parametrize("kind", outcomes.KINDS)
def test_what_is_alike_is_not_worse(kind):
    assert not compare({"a": Outcome(kind)}, {"a": Outcome(kind)}).failed


def test_an_expected_failure_that_passes_is_an_error():
    stock, expected = {"a": OK, "b": OK}, {"a", "b", "of another suite"}
    assert not compare(stock, {"a": FAIL, "b": SKIP}, expected).failed
    found = compare(stock, {"a": FAIL, "b": OK}, expected)
    assert (found.expected_failures, found.unexpected_passes, found.failed) == (["a"], ["b"], True)


def test_expectations_need_reasons():
    assert expectations("# none\n\ntest.test_a.B.test_c: why: because  # more\n") == {
        "test.test_a.B.test_c": "why: because"
    }
    with pytest.raises(ValueError, match="needs a reason"):
        expectations("test.test_a.B.test_c")


def test_the_lists_that_there_are_can_be_read():
    for file in (pathlib.Path(suites.__file__).parent / "expected").glob("*.txt"):
        assert expectations(file.read_text()), f"{file} is empty: remove it"


def test_suites_are_found_by_name_and_by_package():
    assert [suite.name for suite in suites.select(["test_ssl"])] == ["test_ssl"]
    assert len(suites.select(["test_asyncio", "test_asyncio.test_ssl"])) == 32
    assert suites.select([]) == list(suites.SUITES)
    assert 0 < len(suites.select([], core_only=True)) < len(suites.SUITES)
    with pytest.raises(LookupError, match="test_none"):
        suites.select(["test_none"])


def test_totals_are_said_in_the_words_that_are_counted(capsys):
    tally = Tally("3.0.0", Way("graft"), {})
    tally.add(SUITE, trial(a=OK, b=SKIP), trial(a=OK, b=SKIP))
    assert tally.conclude()
    closing = capsys.readouterr().out.splitlines()[-1]
    assert closing == "conformance 3.0.0 graft: 2 tests, 1 ok, 1 skipped (stock: the same), 0 regressions"


def test_a_regression_is_shown_with_its_traceback(capsys):
    tally = Tally("3.0.0", Way("graft"), {})
    tally.add(SUITE, trial(a=OK, b=OK, c=OK), trial(a=FAIL, b=SKIP))
    assert not tally.conclude()
    said = capsys.readouterr().out
    assert "REGRESSION a: fail\nTraceback: it failed\n" in said
    assert "NEW SKIP b: not here" in said
    assert "MISSING c" in said
    assert said.endswith("(stock: 3 and 0), 1 regressions, 1 newly skipped, 1 missing\n")


def test_what_passes_when_run_again_is_flaky_and_said_so(capsys):
    tally = Tally("3.0.0", Way("graft"), {})
    tally.add(SUITE, trial(a=OK, b=OK), trial(a=FAIL, b=FAIL))
    for _ in range(AGAIN):
        assert tally.to_retry() == [(SUITE, ("a", "b"))]
        tally.retried(SUITE, trial(a=OK, b=OK))
    assert tally.to_retry() == []
    assert tally.conclude()
    said = capsys.readouterr().out
    assert "FLAKY b: did worse at first, and not when run again 2 times" in said
    assert said.endswith("2 tests, 2 ok, 0 skipped (stock: the same), 0 regressions, 2 flaky\n")


def test_what_does_worse_a_second_time_is_a_regression(capsys):
    tally = Tally("3.0.0", Way("graft"), {})
    tally.add(SUITE, trial(a=OK, b=OK), trial(a=FAIL, b=FAIL))
    tally.retried(SUITE, trial(a=FAIL, b=OK))
    assert tally.to_retry() == [(SUITE, ("b",))]
    tally.retried(SUITE, trial(b=FAIL))
    assert tally.to_retry() == []
    assert not tally.conclude()
    assert capsys.readouterr().out.endswith("2 regressions\n")


def test_what_cannot_be_named_to_regrtest_is_run_again_as_a_whole():
    stock = trial(a=OK, b=OK)
    for ours in (
        {"a": OK, whole(SUITE): OK},
        {"a": OK, "b": OK, whole(SUITE): FAIL},
        stock.outcomes | {"setUpClass (c)": FAIL},
    ):
        tally = Tally("3.0.0", Way("graft"), {})
        tally.add(SUITE, stock, Trial(ours, [], 1.0))
        assert tally.to_retry() == [(SUITE, ())]


def test_what_crashes_or_fails_everywhere_is_not_run_again():
    many = {str(number): FAIL for number in range(100)}
    for ours in (many, {"a": OK, whole(SUITE): Outcome("error", "it ended with exit code -11")}):
        tally = Tally("3.0.0", Way("graft"), {})
        tally.add(SUITE, trial(a=OK), Trial({whole(SUITE): OK} | ours, [], 1.0))
        assert tally.to_retry() == []
        assert not tally.conclude()


def test_what_crashes_when_run_again_is_not_forgiven():
    broken = "setUpClass (c)"
    tally = Tally("3.0.0", Way("graft"), {})
    tally.add(SUITE, trial(a=OK), Trial({"a": OK, broken: FAIL, whole(SUITE): OK}, [], 1.0))
    for _ in range(AGAIN):
        tally.retried(SUITE, Trial({whole(SUITE): Outcome("error", "it ended with exit code -11")}, [], 1.0))
    assert tally.to_retry() and not tally.conclude()


def test_a_suite_without_a_test_proves_nothing(capsys):
    tally = Tally("3.0.0", Way("graft"), {})
    tally.add(SUITE, trial(), trial())
    assert not tally.conclude()
    assert "no test ran" in capsys.readouterr().out


def test_a_mount_without_proof_fails(capsys):
    tally = Tally("3.0.0", Way("graft"), {})
    tally.add(SUITE, trial(a=OK), Trial({"a": OK, whole(SUITE): OK}, ["it was the stock module"], 1.0))
    assert not tally.conclude()
    assert capsys.readouterr().out.endswith("0 regressions, 1 unproved\n")


def test_the_code_of_a_method_is_found_where_it_lies():
    assert "shotclock" not in proof.code_file(_socket.socket.recv)
    assert proof.complaints("stock", proof.measure()) == []
    assert proof.complaints("graft", proof.measure())
    shotclock.install()
    try:
        grafted = proof.measure()
    finally:
        shotclock.uninstall()
    assert proof.complaints("graft", grafted) == []
    assert proof.complaints("stock", grafted)
    assert proof.complaints("type", grafted)
    assert {"_accept", "connect", "recvfrom", "sendmsg"} < grafted["socket.socket"].keys()


def test_what_was_not_looked_at_proves_nothing():
    for mount in ("stock", "graft", "type"):
        assert len(proof.complaints(mount, {})) == len(proof.PLACES)


@pytest.mark.parametrize("owner, name", [(socket.socket, "connect"), (_socket, "getaddrinfo")])
def test_a_single_stray_is_found(monkeypatch, owner, name):
    stock = getattr(owner, name)
    shotclock.install()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, stock)
            (complaint,) = [text for text in proof.complaints("graft", proof.measure()) if "a live" not in text]
        assert f": {name}: not the code" in complaint
    finally:
        shotclock.uninstall()


def test_tls_without_its_guard_is_found():
    shotclock.install()
    try:
        assert "_ssl._SSLSocket" in proof.measure() and not proof.complaints("graft", proof.measure())
        _native.unguard_tls()
        (complaint,) = proof.complaints("graft", proof.measure())
        assert complaint == "_ssl._SSLSocket: read, write, do_handshake, shutdown: not the code that graft should run"
    finally:
        shotclock.uninstall()


def test_each_way_to_end_is_recorded(processes, tmp_path):
    suite = made_up(tmp_path, TESTS)
    recorded = try_suite(processes, suite, Way("graft"), tmp_path / "work")
    kinds = {test.removeprefix("test_made_up.Made.test_"): end.kind for test, end in recorded.outcomes.items()}
    assert kinds == {
        "ok": "ok",
        "fail": "fail",
        "error": "error",
        "skip": "skip",
        "expected": "expected failure",
        "unexpected": "unexpected success",
        "subtests": "fail",
        "subtest_skipped": "skip",
        "setUpClass (test_made_up.NotSetUp)": "error",
        whole(suite): "ok",
    }
    assert "AssertionError: 1 != 2" in recorded.outcomes["test_made_up.Made.test_fail"].detail
    assert recorded.complaints == []


def test_only_the_named_tests_run_again(processes, tmp_path):
    suite = made_up(tmp_path, TESTS)
    again = try_suite(processes, suite, STOCK, tmp_path / "work", ("test_made_up.Made.test_ok",))
    assert again.outcomes == {"test_made_up.Made.test_ok": OK, whole(suite): OK}
    assert again.complaints == []


INSIDE = """
import socket
import sys
import threading
import unittest

import shotclock


def what_is_around():
    \"""How far away the limit is, and how a receive ends that would wait for ever but for a canceller.\"""
    canceller = sys.modules["inside"].entered
    if not isinstance(canceller, shotclock.Canceller):
        return round(shotclock.remaining() or 0, -4), None
    canceller.cancel()
    one, other = socket.socketpair()
    with one, other:
        try:
            return 0, one.recv(1)
        except shotclock.Cancelled:
            return 0, "cancelled"


class Made(unittest.TestCase):
    def test_{inside}(self):
        found = [what_is_around()]
        thread = threading.Thread(target=lambda: found.append(what_is_around()))
        thread.start()
        thread.join()
        self.assertEqual(found, [{around}] * 2)
"""
AROUND = {"scope": (1e5, None), "total": (1e5, None), "canceller": (0, "cancelled"), None: (0, None)}


@pytest.mark.parametrize("mount", ["graft", "type"])
@pytest.mark.parametrize("inside", AROUND)
def test_tests_run_inside_of_what_they_should(processes, tmp_path, mount, inside):
    suite = made_up(tmp_path, INSIDE.format(inside=inside, around=AROUND[inside]))
    recorded = try_suite(processes, suite, Way(mount, inside), tmp_path / "work")
    assert recorded.outcomes == {f"test_made_up.Made.test_{inside}": OK, whole(suite): OK}
    assert recorded.complaints == []


def test_few_tests_may_be_listed_as_lost():
    listed = [f"test.{number}: a reason\n" for number in range(4)]
    assert len(expectations("".join(listed[:3]))) == 3
    with pytest.raises(ValueError, match="at most 3"):
        expectations("".join(listed))


def test_a_process_that_ends_early_is_noticed(processes, tmp_path):
    suite = made_up(tmp_path, ENDS_EARLY)
    recorded = try_suite(processes, suite, STOCK, tmp_path / "work")
    assert recorded.outcomes["test_made_up.Made.test_ok"] == OK
    assert recorded.outcomes["test_made_up.Made.test_that_ends_the_process"].kind == "unfinished"
    assert recorded.outcomes[whole(suite)].detail.startswith("it ended with exit code 7")
    assert recorded.complaints


def test_a_process_that_hangs_is_ended(processes, tmp_path):
    ending = processes.run([sys.executable, "-c", "import signal; signal.pause()"], tmp_path / "log", 0.2)
    assert ending.code is None


def test_all_that_a_process_started_ends_with_it(processes, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    child = f"import signal; held = open({str(fifo)!r}, 'w'); signal.pause()"
    parent = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ending = pool.submit(processes.run, parent, tmp_path / "log", 60)
        # Opens when the child does, and is at its end when the child is gone.
        with open(fifo, "rb") as held:
            processes.end_all()
            assert held.read() == b""
        assert ending.result().code == -signal.SIGKILL
    with pytest.raises(RuntimeError, match="was ended"):
        processes.run(parent, tmp_path / "log", 60)
