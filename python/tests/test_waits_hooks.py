"""The hooks beneath: what they replace and leave as it is, how they are switched off, and who is not meant."""

import ctypes
import inspect
import json
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time

import interpreter
import pytest

import shotclock
from shotclock import _native

BEGIN = """
import contextlib, os, queue, select, subprocess, sys, threading, time
import shotclock

def ends(wait, seconds=0.05, **options):
    begun = time.monotonic()
    try:
        with shotclock.deadline(seconds, **options):
            wait()
    except TimeoutError:
        return True
    return False
"""


def run(program, **options):
    return interpreter.check(BEGIN + textwrap.dedent(program), **options)


# Off


def test_waits_false_bounds_sockets_alone():
    run(
        """
        import socket
        assert not ends(lambda: time.sleep(0.1), waits=False)
        assert not ends(lambda: threading.Event().wait(0.1), waits=False)
        ours, theirs = socket.socketpair()
        assert ends(lambda: ours.recv(1), waits=False)
        assert ends(lambda: time.sleep(10))
        """
    )


def test_waits_of_python_bounds_them():
    run("assert ends(lambda: time.sleep(10), waits='python')")


def test_other_waits_are_refused():
    with pytest.raises(ValueError):
        shotclock.deadline(1, waits="c")


def test_the_earliest_of_scopes_that_bound_a_wait_counts():
    run(
        """
        with shotclock.deadline(0.01, waits=False):
            assert not ends(lambda: time.sleep(0.1), 30)
            assert ends(lambda: time.sleep(10), 0.1)
        """
    )


@pytest.mark.parametrize(
    ("how", "environment"), [("shotclock.install(waits=False)", ()), ("", {"SHOTCLOCK_WAITS": "0"})]
)
def test_off_for_all(how, environment):
    run(
        f"""
        {how}
        assert not ends(lambda: time.sleep(0.1))
        assert not ends(lambda: threading.Event().wait(0.1))
        import socket
        ours, theirs = socket.socketpair()
        assert ends(lambda: ours.recv(1))
        from shotclock import _native
        assert _native.hooks() == []
        """,
        environment=environment.items() if environment else (),
    )


def test_installing_again_brings_them_back():
    run(
        """
        shotclock.install(waits=False)
        assert not ends(lambda: time.sleep(0.1))
        shotclock.install()
        assert ends(lambda: time.sleep(10))
        """
    )


# Nothing looks different


FUNCTIONS = """
import fcntl, io, _multiprocessing, queue, select, signal, threading, time, os, _thread
lock, rlock = _thread.LockType, type(_thread.RLock())
functions = [time.sleep, select.select, os.read, os.readv, os.write, os.writev, os.waitpid, os.wait, os.wait3, os.wait4,
    os.waitid, signal.sigwait, signal.sigwaitinfo, signal.sigtimedwait, signal.pause, fcntl.flock, fcntl.lockf, fcntl.fcntl,
    os.lockf, os.eventfd_read, os.eventfd_write, os.sendfile, os.splice]
methods = [lock.acquire, lock.acquire_lock, lock.__enter__, rlock.acquire, rlock.__enter__, io.FileIO.read, io.FileIO.readall,
    io.FileIO.readinto, io.FileIO.write, select.epoll.poll, queue.SimpleQueue.get, _multiprocessing.SemLock.acquire]
"""


def test_functions_stay_what_they_are():
    interpreter.check(
        FUNCTIONS
        + textwrap.dedent(
            """
            import inspect, pickle
            def look():
                signatures = []
                for each in functions + methods:
                    try:
                        signatures.append(str(inspect.signature(each)))
                    except ValueError as error:
                        signatures.append(str(error))
                shown = [(repr(each), each.__doc__, each.__name__, each.__qualname__) for each in functions + methods]
                return signatures, shown, [pickle.dumps(each) for each in functions], [id(each) for each in functions]
            before = look()
            import shotclock
            shotclock.install()
            assert len(shotclock._native.hooks()) > 25
            assert look() == before
            assert [pickle.loads(pickle.dumps(each)) is each for each in functions] == [True] * len(functions)
            shotclock.uninstall()
            assert look() == before
            """
        )
    )


def test_whoever_has_the_function_already_is_reached():
    run(
        """
        from time import sleep
        from multiprocessing import connection
        from functools import partial
        read = os.read
        lock = threading.Lock()
        lock.acquire()
        acquire, event, polls = lock.acquire, threading.Event(), select.poll()
        receiver, sender = connection.Pipe(duplex=False)
        polls.register(receiver.fileno(), select.POLLIN)
        reading = partial(read, receiver.fileno(), 1)
        # Captured as the default of an argument.
        assert connection.Connection._recv.__defaults__ == (read,), connection.Connection._recv.__defaults__
        for wait in (partial(sleep, 10), receiver.recv, acquire, event.wait, polls.poll, reading):
            assert ends(wait), wait
        """
    )


def table(owner, name, is_method):
    """The pointer in the interpreter's method table, by the function's object."""
    head = object.__basicsize__ + (3 * ctypes.sizeof(ctypes.c_size_t) if is_method else 0)
    function = vars(owner)[name]
    return ctypes.c_size_t.from_address(ctypes.c_size_t.from_address(id(function) + head).value + 8).value


def test_uninstall_puts_every_pointer_back():
    interpreter.check(
        "import ctypes\n"
        + inspect.getsource(table)
        + textwrap.dedent(
            """
            import fcntl, io, _multiprocessing, _queue, select, signal, threading, time, posix, _thread, _signal, _io
            places = [(time, "sleep", False), (select, "select", False), (_thread.LockType, "acquire", True),
                (_thread.LockType, "__enter__", True), (type(_thread.RLock()), "acquire", True), (posix, "read", False),
                (posix, "waitpid", False), (_io.FileIO, "read", True), (select.epoll, "poll", True),
                (_queue.SimpleQueue, "get", True), (fcntl, "flock", False), (_signal, "sigwait", False),
                (type(select.poll()), "poll", True), (_multiprocessing.SemLock, "acquire", True)]
            before = [table(*place) for place in places]
            import shotclock
            for round in range(3):
                shotclock.install()
                assert not set(before) & {table(*place) for place in places}
                shotclock.uninstall()
                assert [table(*place) for place in places] == before
            """
        )
    )


# Not meant


def test_subinterpreters_are_left_alone():
    """They have the same tables, and no scope is theirs."""
    run(
        """
        import importlib.util
        names = ("_interpreters", "_xxsubinterpreters")
        interpreters = next(importlib.import_module(name) for name in names if importlib.util.find_spec(name))
        shotclock.install()
        program = '''
        import time, threading, select, os, queue
        begun = time.monotonic()
        time.sleep(0.1)
        assert time.monotonic() - begun >= 0.1
        lock = threading.Lock()
        lock.acquire()
        assert lock.acquire(timeout=0.1) is False
        with threading.RLock():
            pass
        try:
            queue.SimpleQueue().get(timeout=0.1)
        except queue.Empty:
            pass
        reading, writing = os.pipe()
        os.write(writing, b"x")
        assert os.read(reading, 1) == b"x"
        assert select.select([reading], [], [], 0.1) == ([], [], [])
        '''.replace("\\n        ", "\\n")
        for _ in range(3):
            # One with a lock of its own crashes 3.12.1 by itself.
            own = {"isolated": False} if sys.version_info[:2] == (3, 12) else {}
            interpreter = interpreters.create(**own)
            with shotclock.deadline(0):
                told = interpreters.run_string(interpreter, program)
            assert told is None, told
            interpreters.destroy(interpreter)
        assert ends(lambda: time.sleep(10))
        """
    )


def test_a_module_imported_anew_has_a_second_type_over_one_table():
    run(
        """
        import _queue
        shotclock.install()
        del sys.modules["_queue"]
        import _queue as another
        assert another.SimpleQueue is not _queue.SimpleQueue if another is not _queue else True
        for module in (_queue, another):
            made = module.SimpleQueue()
            with shotclock.deadline(30):
                try:
                    made.get(timeout=0.01)
                except module.Empty:
                    pass
                else:
                    raise AssertionError
                threading.Timer(0.05, made.put, [1]).start()
                assert made.get() == 1
            assert ends(made.get)
        """
    )


def test_a_module_imported_later_is_hooked_then():
    run(
        """
        assert "_multiprocessing" not in sys.modules
        shotclock.install()
        import multiprocessing, multiprocessing.synchronize
        lock = multiprocessing.Lock()
        lock.acquire()
        assert ends(lock.acquire)
        """
    )


ODD = """
import fcntl, io, json, multiprocessing, os, queue, select, signal, sys, threading, time

class Odd:
    def __index__(self):
        raise KeyError("odd")

class OddFile:
    def fileno(self):
        raise KeyError("odd file")

def calls():
    lock, rlock, made = threading.Lock(), threading.RLock(), queue.SimpleQueue()
    lock.acquire()
    reading, writing = os.pipe()
    poll, epoll = select.poll(), select.epoll()
    file, out = open(reading, "rb", buffering=0), open(writing, "wb", buffering=0)
    semlock = multiprocessing.Lock()
    semlock.acquire()
    odd = [None, "a", b"a", -1, -2, 1.5, float("nan"), float("inf"), -0.5, 3e9, 2**70, 1e300, [], (), Odd(), OddFile(), object, 1j]
    functions = [time.sleep, lock.acquire, rlock.acquire, made.get, os.read, os.write, os.readv, os.writev, select.select, poll.poll,
        epoll.poll, file.read, file.readinto, file.readall, out.write, out.read, file.write, os.waitpid, os.wait, os.wait3, os.wait4,
        os.waitid, signal.sigwait, signal.sigwaitinfo, signal.sigtimedwait, fcntl.flock, fcntl.lockf, fcntl.fcntl,
        os.lockf, os.eventfd_read, os.eventfd_write, os.sendfile, os.splice, semlock.acquire]
    for function in functions:
        yield function, (), {"nothing": 1}
        yield function, (1, 2, 3, 4, 5, 6), {}
        for first in odd:
            # No signal's handler ends this one.
            if function is signal.sigwait and first in ([], ()):
                continue
            # What waits for ever is not asked for.
            if function in (made.get, lock.acquire, semlock.acquire, poll.poll, epoll.poll, file.read, os.wait3):
                yield function, (0, first), {}
            elif function is not rlock.acquire:
                yield function, (first, 1), {}
                yield function, (1, first), {}
                yield function, (first,), {}
        yield function, (), {"timeout": "a"}
        yield function, (), {"blocking": False, "timeout": 1}
        yield function, ([], [], [], "a"), {}
        yield function, ([Odd()], [], [], 0), {}
        yield function, ([OddFile()], [], [], 0), {}
    for method in (threading.Lock.acquire if hasattr(threading.Lock, "acquire") else type(lock).acquire, io.FileIO.read,
                   queue.SimpleQueue.get, select.epoll.poll):
        yield method, (), {}
        yield method, (1,), {}
    file.close()
    out.close()
    epoll.close()
    for function in (file.read, file.readall, out.write, epoll.poll):
        yield function, (), {}
        yield function, (b"a",), {}
        yield function, (1,), {}
        yield function, (-1,), {}

class Waits(BaseException):
    pass

def wake(*_):
    raise Waits

def outcome(function, arguments, keywords):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.03)
        result = function(*arguments, **keywords)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Waits:
        return "waits"
    except Exception as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return type(error).__name__, str(error)
    return type(result).__name__

signal.signal(signal.SIGALRM, wake)
said = open(os.dup(1), "w")
for number in (0, 1):
    os.dup2(os.open(os.devnull, os.O_RDWR), number)
"""


def test_odd_arguments_raise_the_interpreters_own_errors():
    """The same calls, with hooks in a scope and without: each result or error has the same kind and text."""
    plain = "json.dump([outcome(*call) for call in calls()], said)"
    hooked = """
import shotclock
with shotclock.deadline(1000):
    json.dump([outcome(*call) for call in calls()], said)
assert shotclock._native.hooks()
"""
    strict = ODD.replace("import fcntl", "import warnings\nwarnings.simplefilter('ignore')\nimport fcntl", 1)
    stock = json.loads(interpreter.check(strict + plain))
    ours = json.loads(interpreter.check(strict + hooked))
    assert len(stock) > 500
    assert [pair for pair in zip(stock, ours, strict=True) if pair[0] != pair[1]] == []


# Forks, and the end


def test_a_forked_child_goes_on_in_the_scope():
    run(
        """
        begun = time.monotonic()
        with shotclock.move_on_after(0.3) as scope:
            child = os.fork()
            if not child:
                try:
                    time.sleep(20)
                except TimeoutError as error:
                    os._exit(7 if error.scope is scope else 8)
                os._exit(9)
            with shotclock.shield():
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert time.monotonic() - begun < 10
        """
    )


def test_hooks_that_were_taken_out_come_back_beneath_the_own_type():
    run(
        """
        with shotclock.deadline(20):
            assert shotclock.status().waits
        shotclock.install(waits=False)
        with shotclock.deadline(20):
            assert not shotclock.status().waits
        shotclock.install()
        with shotclock.deadline(20):
            assert shotclock.status().waits
        """,
        beneath=("-m", "shotclock"),
    )


def test_a_child_that_is_started_after_the_end_is_known():
    run(
        """
        import subprocess
        for _ in range(20):
            with shotclock.deadline(0):
                child = subprocess.Popen(["sleep", "60"])
                child.kill()
            assert child.wait() == -9
        """
    )


def test_a_fork_in_a_scope_is_one_of_the_program_s_only_thread():
    # From 3.12 on the interpreter warns where there is another, which is nothing to the program where it is ours.
    run(
        """
        import subprocess
        for _ in range(20):
            with shotclock.deadline(20):
                child = os.fork()
                if not child:
                    os._exit(0)
                os.waitpid(child, 0)
                subprocess.run(["true"], preexec_fn=lambda: None)
        """,
        beneath=("-W", "error::DeprecationWarning"),
    )


def test_a_fork_beside_threads_that_wait_in_scopes():
    run(
        """
        leave = threading.Event()
        def wait():
            with contextlib.suppress(TimeoutError), shotclock.deadline(100):
                leave.wait()
        threads = [threading.Thread(target=wait) for _ in range(5)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            child = os.fork()
            if not child:
                assert not ends(lambda: time.sleep(0.001), 5)
                assert ends(lambda: threading.Event().wait(), 0.01)
                os._exit(5)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
        leave.set()
        for thread in threads:
            thread.join()
        """,
    ) if sys.version_info < (3, 12) else run(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if not child:
            assert ends(lambda: threading.Event().wait(), 0.01)
            os._exit(5)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
        """
    )


@pytest.mark.parametrize("way", ["end", "sys.exit(3)", "os._exit(3)"])
def test_the_interpreter_ends_beside_threads_that_wait(way):
    program = BEGIN + textwrap.dedent(
        """
        shotclock.install()
        full, held, made = os.pipe(), threading.Lock(), queue.SimpleQueue()
        held.acquire()
        reading, writing = os.pipe()
        waits = [lambda: time.sleep(100), held.acquire, made.get, threading.Event().wait, lambda: os.read(reading, 1),
                 lambda: select.select([reading], [], []), lambda: open(os.dup(reading), "rb").read()]
        def wait(call, around):
            with around:
                call()
        for call in waits:
            for around in (contextlib.nullcontext(), shotclock.deadline(100), shotclock.Canceller()):
                threading.Thread(target=wait, args=(call, around), daemon=True).start()
        time.sleep(0.2)
        """
    )
    done = interpreter.run("-c", program + ("" if way == "end" else way))
    assert (done.returncode, done.stderr) == (0 if way == "end" else 3, "")


def test_threads_that_wait_over_and_over_at_the_end():
    program = BEGIN + textwrap.dedent(
        """
        def turn():
            while True:
                with contextlib.suppress(TimeoutError), shotclock.deadline(0.0005):
                    time.sleep(1)
                with contextlib.suppress(TimeoutError), shotclock.deadline(0.0005):
                    threading.Event().wait()
        for _ in range(4):
            threading.Thread(target=turn, daemon=True).start()
        time.sleep(0.05)
        """
    )
    for _ in range(5):
        done = interpreter.run("-c", program)
        assert (done.returncode, done.stderr) == (0, "")
