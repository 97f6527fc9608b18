"""Rounds of what breaks into waits, under load: Ctrl-C, forks, the end of the interpreter, `uninstall`.

``python waits_under_load.py WHAT ROUNDS [SEED]``: fails where a round did not end as it would by the interpreter's own; says
how many of which kind there were.
"""

import collections
import contextlib
import os
import queue
import random
import select
import signal
import sys
import threading
import time
import warnings

from hooked_waits import KINDS, LONG

import shotclock

# A round that takes so long, in seconds, has lost what should have ended it.
LOST = 15
# Ctrl-C is pressed again after so long, in seconds.
AGAIN = 0.4
# Made anew for each round, since an exception in the middle of their Python code may leave them as it found them.
IN_PYTHON = ("Condition.wait", "Event.wait", "Semaphore.acquire", "Barrier.wait", "Queue.get", "Queue.put", "Future.result")
# A child or a pipe serves for all rounds.
LASTING = (
    "time.sleep", "select.select", "poll.poll", "epoll.poll", "a selector", "lock.acquire", "with lock", "RLock.acquire",
    "with RLock", "SemLock.acquire", "with SemLock", "SimpleQueue.get", "os.read", "os.readv", "os.write", "os.writev",
    "FileIO.read", "FileIO.readinto", "FileIO.write", "os.waitpid", "os.wait4", "os.waitid", "fcntl.flock", "fcntl.lockf",
    "os.lockf", "fcntl.fcntl", "os.eventfd_read", "os.eventfd_write", "os.sendfile", "os.splice", "Connection.poll",
)  # fmt: skip


class Waits:
    """Calls that wait for ever, by name."""

    def __init__(self, stack):
        self._lasting = {name: KINDS[name].waiting(stack) for name in LASTING}

    def some(self, chance):
        name = chance.choice((*IN_PYTHON, *LASTING))
        return name, self._lasting.get(name) or KINDS[name].waiting(None)


@contextlib.contextmanager
def load(threads=3):
    """Other threads that wait in short scopes, over and over, and are never told anything but their end."""
    stop, wrong = threading.Event(), []

    def turn(chance):
        made = (threading.Event().wait, queue.SimpleQueue().get, lambda: time.sleep(LONG), threading.Semaphore(0).acquire)
        while not stop.is_set():
            try:
                with shotclock.deadline(chance.random() / 500) as scope:
                    chance.choice(made)()
            except TimeoutError as error:
                if error.scope is not scope:
                    wrong.append(error)
            except BaseException as error:
                wrong.append(error)

    all_of_it = [threading.Thread(target=turn, args=(random.Random(seed),), daemon=True) for seed in range(threads)]
    for thread in all_of_it:
        thread.start()
    try:
        yield wrong
    finally:
        stop.set()
        for thread in all_of_it:
            thread.join(LOST)
            assert not thread.is_alive(), "a thread of the load did not end"
    assert not wrong, wrong[:3]


def around(chance):
    """Nothing, a scope that ends about when something else happens, one that does not, a canceller."""
    kind = chance.randrange(4)
    if kind == 0:
        return contextlib.nullcontext()
    if kind == 1:
        return shotclock.Canceller()
    return shotclock.deadline(LONG if kind == 2 else chance.random() / 250)


def interrupt(rounds, chance, told):
    """Each interrupt comes out once, wherever it meets the wait.

    One that comes in the moment before the system's call begins ends it only if it comes again, as by the interpreter's own.
    """

    def handle(*_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise KeyboardInterrupt

    with contextlib.ExitStack() as stack:
        waits = Waits(stack)
        signal.signal(signal.SIGALRM, handle)
        stack.enter_context(load())
        for _ in range(rounds):
            name, call = waits.some(chance)
            begun = time.monotonic()
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0005 + chance.random() / 300, AGAIN)
                with contextlib.suppress(TimeoutError), around(chance):
                    call()
                # It comes, if it has not come.
                time.sleep(LONG)
            except KeyboardInterrupt:
                told[name] += 1
            except RuntimeError as error:
                # Met in threading's own code, where it keeps a condition from having its lock back.
                if name not in IN_PYTHON or not isinstance(error.__context__, KeyboardInterrupt):
                    raise
                told[name] += 1
            told["came again"] += time.monotonic() - begun > AGAIN
            assert time.monotonic() - begun < LOST, f"{name}: an interrupt was lost"
            assert shotclock.remaining() is None, f"{name}: a scope was left open"


def fork(rounds, chance, told):
    """A child of a process full of waits waits, is bounded, and ends as the interpreter ends."""
    with contextlib.ExitStack() as stack:
        waits = Waits(stack)
        stack.enter_context(load())
        for turn in range(rounds):
            name, call = waits.some(chance)
            child = os.fork()
            if child == 0:
                _in_the_child(name, call, turn)
            code = _waited(child)
            assert code == 7, f"{name}, round {turn}: the child ended with {code}"
            told[name] += 1


def _in_the_child(name, call, turn):
    signal.alarm(LOST)
    try:
        with shotclock.deadline(0.002) as scope:
            # Those that another thread holds are held for ever here, and ended by the scope all the same.
            call()
    except TimeoutError as error:
        os._exit(7 if error.scope is scope else 8)
    except ChildProcessError:
        # It is its parent's.
        os._exit(7 if name.startswith("os.wait") else 9)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(10)


def end(rounds, chance, told):
    """The interpreter ends beside threads that wait: each round in a child, since only that ends."""
    waits = (
        lambda: time.sleep(LONG), threading.Event().wait, queue.SimpleQueue().get, lambda ends=os.pipe(): os.read(ends[0], 1),
        threading.Semaphore(0).acquire, lambda ends=os.pipe(): select.select(ends[:1], [], []),
    )  # fmt: skip
    for turn in range(rounds):
        child = os.fork()
        if child == 0:
            signal.alarm(LOST)
            _start_waiting(waits, random.Random(turn))
            # The end of the program: from here on the interpreter shuts down.
            return
        code = _waited(child)
        assert code == 0, f"round {turn}: the child ended with {code}"
        told["end"] += 1


def _start_waiting(waits, chance):
    def wait(call, block, again):
        while True:
            with contextlib.suppress(TimeoutError), block:
                call()
            block = shotclock.deadline(0.0003) if again else contextlib.nullcontext()

    for call in waits:
        again = chance.random() < 0.5
        block = shotclock.deadline(0.0003) if again else around(chance)
        threading.Thread(target=wait, args=(call, block, again), daemon=True).start()


def uninstall(rounds, chance, told):
    """Hooks come and go beneath waits: each ends by its own timeout or by its scope."""
    stop = threading.Event()
    # Of what a scope finds that is entered in the middle of it.
    warnings.simplefilter("ignore", RuntimeWarning)

    def come_and_go():
        while not stop.is_set():
            shotclock.uninstall()
            shotclock.install()

    lock = threading.Lock()
    lock.acquire()
    pipe = os.pipe()
    calls = {
        "time.sleep": lambda: time.sleep(0.002),
        "lock.acquire": lambda: lock.acquire(timeout=0.002),
        "Event.wait": lambda: threading.Event().wait(0.002),
        "select.select": lambda: select.select(pipe[:1], [], [], 0.002),
        "SimpleQueue.get": lambda: _empty(queue.SimpleQueue()),
        "pipe": lambda: _through(os.pipe()),
        "free lock": lambda: _taken(threading.Lock()),
    }
    changing = threading.Thread(target=come_and_go)
    changing.start()
    wrong = []

    def turn(chance, rounds):
        for _ in range(rounds):
            name = chance.choice(list(calls))
            begun = time.monotonic()
            scope = shotclock.deadline(chance.random() / 400)
            try:
                with scope:
                    calls[name]()
            except TimeoutError as error:
                if error.scope is not scope:
                    wrong.append((name, error))
            except BaseException as error:
                wrong.append((name, error))
            if time.monotonic() - begun > LOST:
                wrong.append((name, "late"))
            told[name] += 1

    threads = [threading.Thread(target=turn, args=(random.Random(seed), rounds // 4)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    changing.join()
    assert not wrong, wrong[:3]


def _empty(made):
    with contextlib.suppress(queue.Empty):
        made.get(timeout=0.002)


def _through(ends):
    try:
        os.write(ends[1], b"x")
        assert os.read(ends[0], 1) == b"x"
    finally:
        os.close(ends[0])
        os.close(ends[1])


def _taken(lock):
    with lock:
        pass


def _waited(child):
    with shotclock.shield():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main():
    what, rounds, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1
    shotclock.install()
    told, here = collections.Counter(), os.getpid()
    {"interrupt": interrupt, "fork": fork, "end": end, "uninstall": uninstall}[what](rounds, random.Random(seed), told)
    if os.getpid() == here:
        again = told.pop("came again", 0)
        print(what, sum(told.values()), f"again: {again}", dict(told.most_common(3)))


if __name__ == "__main__":
    main()
