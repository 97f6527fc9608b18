"""Ctrl-C in each kind of wait: with hooks and no scope, and within a scope."""

import contextlib
import os
import signal
import threading
import time

import pytest
from hooked_waits import KINDS, LONG

import shotclock

# CPython's own go on with the wait once a handler has run, and look for an exception of its only where the wait ends.
NOT_ENDED_BY_THE_INTERPRETER = ("signal.sigwait",)


@pytest.fixture
def stack():
    shotclock.install()
    with contextlib.ExitStack() as made:
        yield made


@contextlib.contextmanager
def interrupt_soon():
    """Ctrl-C, by a thread of its own, until somebody has noticed."""
    noticed = threading.Event()

    def interrupt():
        while not noticed.wait(0.1):
            os.kill(os.getpid(), signal.SIGINT)
            if noticed.wait(5):
                break

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    try:
        # On a busy machine it may come before it is known that the thread runs.
        thread.start()
        yield
    finally:
        noticed.set()
        if thread.ident is not None:
            thread.join()
        signal.signal(signal.SIGINT, before)


AROUND = {
    "no scope": contextlib.nullcontext,
    "a scope": lambda: shotclock.deadline(LONG),
    "a canceller": shotclock.Canceller,
    "a scope, and a canceller": lambda: _both(),
}


@contextlib.contextmanager
def _both():
    with shotclock.deadline(LONG), shotclock.Canceller():
        yield


# Where the interpreter's own waits on there is nothing to be like.
INTERRUPTED = [
    (name, around)
    for name in KINDS
    for around in AROUND
    if around != "no scope" or name not in NOT_ENDED_BY_THE_INTERPRETER
]


@pytest.mark.parametrize(("name", "around"), INTERRUPTED)
def test_it_ends_the_wait(name, around, stack):
    call = KINDS[name].waiting(stack)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt), AROUND[around](), interrupt_soon():
        call()
    assert time.monotonic() - begun < 4


@pytest.mark.parametrize("name", ["time.sleep", "Event.wait", "with lock", "os.read", "epoll.poll", "SimpleQueue.get"])
def test_an_interrupt_at_the_end_is_not_swallowed(name, stack):
    """Whichever comes first, one of the two comes out, and the interrupt in any case."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for turn in range(30):
            timer = threading.Timer(0.005 + turn * 0.0002, lambda: os.kill(os.getpid(), signal.SIGINT))
            with contextlib.ExitStack() as made:
                call = KINDS[name].waiting(made)
                with pytest.raises(KeyboardInterrupt):
                    # It may come before the thread that sends it is known to run.
                    timer.start()
                    with shotclock.move_on_after(0.008):
                        call()
                    # Without a scope by now.
                    timer.join()
                    time.sleep(0.02)
                timer.join()
    finally:
        signal.signal(signal.SIGINT, before)
