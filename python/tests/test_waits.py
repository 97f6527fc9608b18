"""Scopes and cancellers over whatever waits in a function of the interpreter's own: each kind, each rule."""

import concurrent.futures
import contextlib
import os
import sys
import threading
import time

import pytest
import waits
from hooked_waits import KINDS, LONG, held_elsewhere, pipe

import shotclock

# How much later than its limit a wait may end on a machine that has other things to do, in seconds.
LATE = waits.LATE
# Signals and children are the main thread's, or the process's.
OF_MAIN_THREAD = ("signal.sigwait", "signal.sigwaitinfo", "signal.sigtimedwait")


@pytest.fixture(autouse=True)
def installed():
    shotclock.install()


@pytest.fixture
def stack():
    with contextlib.ExitStack() as made:
        yield made


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def outcome(call, *arguments):
    """What a call gives, or the kind and text of what it raises."""
    try:
        return call(*arguments)
    except Exception as error:
        return type(error), str(error), error.args


def phase_of(kind):
    if kind is KINDS["Process.join"]:
        # With a timeout it waits for the end of its pipe.
        return "poll"
    return "lock" if kind.phase == "join" and sys.version_info < (3, 13) else kind.phase


def test_a_wait_ends_with_the_scope_and_says_so(kind, stack):
    call = kind.waiting(stack)
    begun = time.monotonic()
    with pytest.raises(TimeoutError) as caught, shotclock.deadline(0.05) as scope:
        call()
    took = time.monotonic() - begun
    assert 0.05 <= took < LATE
    error = caught.value
    assert error.scope is scope and scope.expired
    assert error.limit == "scope"
    # Up to 3.12 a join asks afterwards, and what it was at has ended by then.
    assert error.phase in (kind.phase, phase_of(kind))
    assert 0 <= error.elapsed <= took


def test_every_later_wait_of_the_scope_raises_at_once(kind, stack):
    call = kind.waiting(stack)
    with contextlib.suppress(TimeoutError), shotclock.deadline(0.01):
        with pytest.raises(TimeoutError):
            time.sleep(LONG)
        # What cleans up has its moment after the end, which is once.
        with contextlib.suppress(TimeoutError):
            held_elsewhere(stack, threading.Lock()).acquire()
        times = []
        for _ in range(2):
            begun = time.monotonic()
            with pytest.raises(TimeoutError):
                call()
            times.append(time.monotonic() - begun)
        assert min(times) < 0.04


def test_what_need_not_wait_never_raises(kind, stack):
    expected = kind.ready(stack)()
    call = kind.ready(stack)
    with shotclock.deadline(0) as scope:
        assert call() == expected
    assert not scope.expired


def test_what_need_not_wait_never_raises_once_the_scope_has_ended_another(kind, stack):
    expected = kind.ready(stack)()
    call = kind.ready(stack)
    with shotclock.move_on_after(0):
        with pytest.raises(TimeoutError):
            time.sleep(LONG)
        assert call() == expected


TIMED = {name: kind for name, kind in KINDS.items() if kind.timed is not None}


@pytest.mark.parametrize("timed", TIMED)
def test_an_earlier_timeout_of_the_call_is_the_interpreters_own(timed, stack):
    expected = outcome(TIMED[timed].timed(stack), 0.01)
    call = TIMED[timed].timed(stack)
    with shotclock.deadline(LONG) as scope:
        begun = time.monotonic()
        assert outcome(call, 0.01) == expected
        assert 0.01 <= time.monotonic() - begun < LATE
    assert not scope.expired


@pytest.mark.parametrize("timed", TIMED)
def test_a_timeout_of_nothing_never_raises_for_the_scope(timed, stack):
    expected = outcome(TIMED[timed].timed(stack), 0)
    call = TIMED[timed].timed(stack)
    with shotclock.deadline(0) as scope:
        assert outcome(call, 0) == expected
    assert not scope.expired


@pytest.mark.parametrize("timed", TIMED)
def test_a_later_timeout_of_the_call_is_the_scopes(timed, stack):
    call = TIMED[timed].timed(stack)
    with pytest.raises(TimeoutError) as caught, shotclock.deadline(0.02) as scope:
        call(LONG)
    assert caught.value.scope is scope


class Index:
    """Stands for an int."""

    def __init__(self, number):
        self.number = number

    def __index__(self):
        return self.number


class Seconds(float):
    """A float with more to say."""


class Number(int):
    """An int with more to say."""


@pytest.mark.parametrize("seconds", [True, Index(3), Seconds(LONG), Number(LONG), threading.TIMEOUT_MAX, 2e9])
def test_whatever_stands_for_a_number_of_seconds_is_bounded(seconds, stack):
    for wait in (time.sleep, held_elsewhere(stack, threading.RLock()).acquire):
        arguments = (seconds,) if wait is time.sleep else (True, seconds)
        with pytest.raises(TimeoutError), shotclock.deadline(0.01):
            wait(*arguments)


def test_a_descriptor_may_be_whatever_stands_for_one(stack):
    with pytest.raises(TimeoutError), shotclock.deadline(0.01):
        os.read(Index(pipe(stack)[0]), Index(5))


# A signal that is waited for is one of the thread's own.
@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.phase != "signal"])
def test_other_threads_are_not_touched(name, stack):
    call = KINDS[name].waiting(stack)
    ended = threading.Event()

    def wait_without_a_scope():
        with contextlib.suppress(Exception):
            call()
        ended.set()

    threading.Thread(target=wait_without_a_scope, daemon=True).start()
    with contextlib.suppress(TimeoutError), shotclock.deadline(0.02):
        time.sleep(LONG)
    assert not ended.wait(0.05)


class Waiting(threading.Thread):
    """Makes a call that waits, under a canceller."""

    def __init__(self, call):
        super().__init__(daemon=True)
        self.call, self.canceller, self.begins = call, shotclock.Canceller(), threading.Event()
        self.error = self.ended = None
        self.start()
        self.begins.wait(waits.PATIENCE)
        # Once it has waited for a while its parts are as long as they get.
        self.join(0.06)
        assert self.is_alive()

    def run(self):
        try:
            with self.canceller:
                self.begins.set()
                self.call()
        except Exception as error:
            self.ended = time.monotonic()
            self.error = error

    def cancel(self):
        """How long it takes to end, in seconds."""
        begun = time.monotonic()
        self.canceller.cancel()
        self.join(waits.PATIENCE)
        assert isinstance(self.error, shotclock.Cancelled)
        return self.ended - begun


@pytest.mark.parametrize("name", [name for name in KINDS if name not in OF_MAIN_THREAD])
def test_a_canceller_ends_it(name, stack):
    # 20 ms, on a machine that has nothing else to do.
    assert Waiting(KINDS[name].waiting(stack)).cancel() < 0.5


def test_cancelled_waits_end_within_20_ms_as_a_rule(stack):
    """One slow round is the machine's business; that most are in time is ours."""
    names = ("time.sleep", "os.read", "epoll.poll", "Event.wait", "SimpleQueue.get", "with lock", "poll.poll")
    times = sorted(Waiting(KINDS[name].waiting(stack)).cancel() for name in names for _ in range(3))
    assert times[len(times) // 2] < 0.04


def test_a_canceller_that_was_used_lets_through_what_need_not_wait(kind, stack):
    expected = kind.ready(stack)()
    call, canceller = kind.ready(stack), shotclock.Canceller()
    canceller.cancel()
    with canceller:
        assert call() == expected


def test_a_scope_carried_into_a_worker_bounds_its_waits():
    with concurrent.futures.ThreadPoolExecutor(1) as pool, shotclock.move_on_after(0.05) as scope:

        def work(carried):
            with carried:
                time.sleep(LONG)

        future = pool.submit(work, scope.carry())
        with shotclock.shield():
            assert isinstance(future.exception(waits.PATIENCE), TimeoutError)


def test_a_shield_hides_the_scope():
    with shotclock.deadline(0), shotclock.shield():
        time.sleep(0.01)
        assert threading.Event().wait(0.01) is False
