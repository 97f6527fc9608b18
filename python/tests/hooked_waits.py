"""Each kind of wait in a function of the interpreter's own, beside sockets: made anew, in a state that a test wants.

`KINDS` has them by name. What is made for one is undone by an `ExitStack` that the caller gives.
"""

import concurrent.futures
import contextlib
import dataclasses
import fcntl
import multiprocessing
import os
import queue
import select
import selectors
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable

# Longer than any test, in seconds.
LONG = 1_000
PATIENCE = 20
CHILD = (sys.executable, "-S", "-c", f"import time; time.sleep({LONG})")


@dataclasses.dataclass(frozen=True)
class Kind:
    """One of them. Each function gets the stack and gives the call."""

    # The name of the wait in an exception.
    phase: str
    # Waits until something ends it.
    waiting: Callable
    # The same where it need not wait.
    ready: Callable
    # With a timeout of its own, in seconds: the call takes it.
    timed: Callable | None = None
    # Whether it may clean up, and so has a moment more once the scope is over.
    cleans_up: bool = False


def child(stack):
    """A child that does not end by itself."""
    process = subprocess.Popen(CHILD, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def end():
        process.kill()
        process.stdin.close()
        # Whoever waited for it by its number has taken its code.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, 0)
        process.returncode = 0

    stack.callback(end)
    return process.pid


def ended_child(stack):
    """A child that has ended, and that nobody has waited for."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    def reap():
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, 0)
        process.returncode = 0

    stack.callback(reap)
    return process.pid


def pipe(stack, filled=False, full=False):
    """Both ends of a pipe, with a byte in it, or no room."""
    ends = os.pipe()
    for end in ends:
        stack.callback(os.close, end)
    if filled:
        os.write(ends[1], b"x")
    if full:
        os.set_blocking(ends[1], False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(ends[1], bytes(65536))
        os.set_blocking(ends[1], True)
    return ends


def held_elsewhere(stack, lock):
    """A lock that another thread holds."""
    taken, leave = threading.Event(), threading.Event()

    def hold():
        with lock:
            taken.set()
            leave.wait(LONG)

    holder = threading.Thread(target=hold)
    holder.start()
    stack.callback(holder.join)
    stack.callback(leave.set)
    taken.wait(PATIENCE)
    return lock


def _with(lock):
    def enter():
        with lock:
            return True

    return enter


def _locked():
    lock = threading.Lock()
    lock.acquire()
    return lock


def _selector(stack, kind, filled):
    selector = stack.enter_context(kind())
    selector.register(pipe(stack, filled)[0], selectors.EVENT_READ)
    return selector


def _poll(stack, make, filled):
    poll = make()
    if hasattr(poll, "close"):
        stack.callback(poll.close)
    poll.register(pipe(stack, filled)[0], select.POLLIN)
    return poll


def _condition(stack):
    condition = threading.Condition()

    def wait(timeout=None):
        with condition:
            return condition.wait(timeout)

    return wait


def _barrier(stack, parties=2):
    return threading.Barrier(parties).wait


def _set_event():
    event = threading.Event()
    event.set()
    return event


def _queue(kind, *items, size=0):
    made = kind(size) if size else kind()
    for item in items:
        made.put(item)
    return made


def _file(stack, end, mode):
    return stack.enter_context(open(os.dup(end), mode, buffering=0))


def _thread(stack, ended):
    leave = threading.Event()
    thread = threading.Thread(target=leave.wait, args=(LONG,))
    thread.start()
    stack.callback(thread.join)
    stack.callback(leave.set)
    if ended:
        leave.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()
    return thread


def _locked_file(stack, take):
    """Two open files on one; who has the other is another process, since some locks are a process's."""
    file = stack.enter_context(tempfile.NamedTemporaryFile())
    if take:
        program = f"import fcntl, sys; file = open({file.name!r}, 'r+b'); fcntl.{take}(file, 2); print(flush=True); sys.stdin.read()"
        holder = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        stack.callback(holder.wait, PATIENCE)
        stack.callback(holder.stdout.close)
        stack.callback(holder.stdin.close)
        holder.stdout.readline()
    return file


def _whole_file(kind):
    """A lock of a whole file, as fcntl(2) takes it."""
    return struct.pack("hhqqi", kind, os.SEEK_SET, 0, 0, 0)


def _fcntl(stack, take):
    file = _locked_file(stack, take)
    return lambda: fcntl.fcntl(file, fcntl.F_SETLKW, _whole_file(fcntl.F_WRLCK))


def _counter(stack, count=0):
    """An eventfd with this count; so many at most fit."""
    number = os.eventfd(0)
    stack.callback(os.close, number)
    os.eventfd_write(number, count)
    return number


def _content(stack, content=b"content"):
    file = stack.enter_context(tempfile.NamedTemporaryFile())
    file.write(content)
    file.flush()
    return file.fileno()


def _blocked_signal(stack, pending):
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, mask)
    # Ours is taken by whoever waits, else by this.
    stack.callback(lambda: signal.sigtimedwait([signal.SIGUSR1], 0))
    if pending:
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
    return [signal.SIGUSR1]


def _future(done):
    future = concurrent.futures.Future()
    if done:
        future.set_result(1)
    return future


def _connection(stack, filled):
    receiver, sender = multiprocessing.Pipe(duplex=False)
    stack.callback(receiver.close)
    stack.callback(sender.close)
    if filled:
        sender.send(1)
    return receiver


def _process(stack, ended):
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(0 if ended else LONG,))
    process.start()
    stack.callback(process.join, PATIENCE)
    stack.callback(process.kill)
    if ended:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    return process


def _popen(stack, ended):
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", ""] if ended else CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    if ended:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    stack.callback(process.wait, PATIENCE)
    stack.callback(process.stdout.close)
    stack.callback(process.stdin.close)
    stack.callback(process.kill)
    return process


def _read_into(file):
    room = bytearray(1)
    return lambda: (file.readinto(room), bytes(room))


def _lock_kind(make_lock, enters, phase="lock"):
    take = (lambda lock: _with(lock)) if enters else (lambda lock: lock.acquire)

    def timed(stack):
        lock = held_elsewhere(stack, make_lock())
        return lambda timeout: lock.acquire(True, timeout)

    return Kind(
        phase,
        lambda stack: take(held_elsewhere(stack, make_lock())),
        lambda stack: take(make_lock()),
        None if enters else timed,
        cleans_up=True,
    )


KINDS = {
    "time.sleep": Kind(
        "sleep", lambda stack: lambda: time.sleep(LONG), lambda stack: lambda: time.sleep(0), lambda stack: time.sleep
    ),
    "select.select": Kind(
        "select",
        lambda stack, ends=None: lambda ends=pipe(stack): select.select(ends[:1], [], []),
        lambda stack: lambda ends=pipe(stack, filled=True): len(select.select(ends[:1], [], [])[0]),
        lambda stack: lambda timeout, ends=pipe(stack): select.select(ends[:1], [], [], timeout),
    ),
    "poll.poll": Kind(
        "poll",
        lambda stack: _poll(stack, select.poll, False).poll,
        lambda stack: lambda poll=_poll(stack, select.poll, True): len(poll.poll()),
        lambda stack: lambda timeout, poll=_poll(stack, select.poll, False): poll.poll(timeout * 1000),
    ),
    "epoll.poll": Kind(
        "poll",
        lambda stack: _poll(stack, select.epoll, False).poll,
        lambda stack: lambda poll=_poll(stack, select.epoll, True): len(poll.poll()),
        lambda stack: _poll(stack, select.epoll, False).poll,
    ),
    "a selector": Kind(
        "poll",
        lambda stack: _selector(stack, selectors.DefaultSelector, False).select,
        lambda stack: lambda selector=_selector(stack, selectors.DefaultSelector, True): len(selector.select()),
        lambda stack: _selector(stack, selectors.DefaultSelector, False).select,
    ),
    "lock.acquire": _lock_kind(threading.Lock, False),
    "with lock": _lock_kind(threading.Lock, True),
    "RLock.acquire": _lock_kind(threading.RLock, False),
    "with RLock": _lock_kind(threading.RLock, True),
    "SemLock.acquire": _lock_kind(multiprocessing.Lock, False, "semaphore"),
    "with SemLock": _lock_kind(multiprocessing.Lock, True, "semaphore"),
    "Condition.wait": Kind(
        "lock", _condition, lambda stack: lambda: _with(threading.Condition())(), _condition, cleans_up=True
    ),
    "Event.wait": Kind(
        "lock",
        lambda stack: threading.Event().wait,
        lambda stack: _set_event().wait,
        lambda stack: threading.Event().wait,
        cleans_up=True,
    ),
    "Semaphore.acquire": Kind(
        "lock",
        lambda stack: threading.Semaphore(0).acquire,
        lambda stack: threading.Semaphore(1).acquire,
        lambda stack: lambda timeout: threading.Semaphore(0).acquire(timeout=timeout),
        cleans_up=True,
    ),
    "Barrier.wait": Kind("lock", _barrier, lambda stack: _barrier(stack, 1), _barrier, cleans_up=True),
    "Queue.get": Kind(
        "lock",
        lambda stack: queue.Queue().get,
        lambda stack: _queue(queue.Queue, 1).get,
        lambda stack: lambda timeout: queue.Queue().get(timeout=timeout),
        cleans_up=True,
    ),
    "Queue.put": Kind(
        "lock",
        lambda stack: lambda full=_queue(queue.Queue, 1, size=1): full.put(2),
        lambda stack: lambda: queue.Queue(1).put(2),
        lambda stack: lambda timeout, full=_queue(queue.Queue, 1, size=1): full.put(2, timeout=timeout),
        cleans_up=True,
    ),
    "SimpleQueue.get": Kind(
        "queue",
        lambda stack: queue.SimpleQueue().get,
        lambda stack: _queue(queue.SimpleQueue, 1).get,
        lambda stack: lambda timeout: queue.SimpleQueue().get(timeout=timeout),
    ),
    "Future.result": Kind(
        "lock",
        lambda stack: _future(False).result,
        lambda stack: _future(True).result,
        lambda stack: _future(False).result,
        cleans_up=True,
    ),
    "Thread.join": Kind(
        # Up to 3.12 it is a lock's.
        "join",
        lambda stack: _thread(stack, False).join,
        lambda stack: _thread(stack, True).join,
        lambda stack: _thread(stack, False).join,
        cleans_up=True,
    ),
    "os.read": Kind(
        "read",
        lambda stack: lambda ends=pipe(stack): os.read(ends[0], 5),
        lambda stack: lambda ends=pipe(stack, filled=True): os.read(ends[0], 5),
    ),
    "os.readv": Kind(
        "read",
        lambda stack: lambda ends=pipe(stack): os.readv(ends[0], [bytearray(5)]),
        lambda stack: lambda ends=pipe(stack, filled=True): os.readv(ends[0], [bytearray(5)]),
    ),
    "os.write": Kind(
        "write",
        lambda stack: lambda ends=pipe(stack, full=True): os.write(ends[1], b"y"),
        lambda stack: lambda ends=pipe(stack): os.write(ends[1], b"y"),
    ),
    "os.writev": Kind(
        "write",
        lambda stack: lambda ends=pipe(stack, full=True): os.writev(ends[1], [b"y"]),
        lambda stack: lambda ends=pipe(stack): os.writev(ends[1], [b"y", b"z"]),
    ),
    "FileIO.read": Kind(
        "read",
        lambda stack: lambda file=_file(stack, pipe(stack)[0], "rb"): file.read(5),
        lambda stack: lambda file=_file(stack, pipe(stack, filled=True)[0], "rb"): file.read(5),
    ),
    "FileIO.readall": Kind(
        "read",
        lambda stack: _file(stack, pipe(stack, filled=True)[0], "rb").readall,
        lambda stack: _file(stack, os.open(os.devnull, os.O_RDONLY), "rb").readall,
    ),
    "FileIO.readinto": Kind(
        "read",
        lambda stack: _read_into(_file(stack, pipe(stack)[0], "rb")),
        lambda stack: _read_into(_file(stack, pipe(stack, filled=True)[0], "rb")),
    ),
    "FileIO.write": Kind(
        "write",
        lambda stack: lambda file=_file(stack, pipe(stack, full=True)[1], "wb"): file.write(b"y"),
        lambda stack: lambda file=_file(stack, pipe(stack)[1], "wb"): file.write(b"y"),
    ),
    "os.waitpid": Kind(
        "child",
        lambda stack: lambda pid=child(stack): os.waitpid(pid, 0),
        lambda stack: lambda pid=ended_child(stack): os.waitpid(pid, 0)[1],
        cleans_up=True,
    ),
    "os.wait4": Kind(
        "child",
        lambda stack: lambda pid=child(stack): os.wait4(pid, 0),
        lambda stack: lambda pid=ended_child(stack): os.wait4(pid, 0)[1],
        cleans_up=True,
    ),
    "os.waitid": Kind(
        "child",
        lambda stack: lambda pid=child(stack): os.waitid(os.P_PID, pid, os.WEXITED),
        lambda stack: lambda pid=ended_child(stack): os.waitid(os.P_PID, pid, os.WEXITED).si_status,
        cleans_up=True,
    ),
    "Popen.wait": Kind(
        "child",
        lambda stack: _popen(stack, False).wait,
        lambda stack: _popen(stack, True).wait,
        cleans_up=True,
    ),
    "Popen.communicate": Kind(
        "poll",
        lambda stack: lambda process=_popen(stack, False): process.communicate(timeout=LONG),
        lambda stack: lambda process=_popen(stack, True): process.communicate(),
    ),
    "Process.join": Kind(
        "join",
        lambda stack: _process(stack, False).join,
        lambda stack: _process(stack, True).join,
        lambda stack: _process(stack, False).join,
        cleans_up=True,
    ),
    "signal.sigwait": Kind(
        "signal",
        lambda stack: lambda signals=_blocked_signal(stack, False): signal.sigwait(signals),
        lambda stack: lambda signals=_blocked_signal(stack, True): signal.sigwait(signals),
    ),
    "signal.sigwaitinfo": Kind(
        "signal",
        lambda stack: lambda signals=_blocked_signal(stack, False): signal.sigwaitinfo(signals),
        lambda stack: lambda signals=_blocked_signal(stack, True): signal.sigwaitinfo(signals).si_signo,
    ),
    "signal.sigtimedwait": Kind(
        "signal",
        lambda stack: lambda signals=_blocked_signal(stack, False): signal.sigtimedwait(signals, LONG),
        lambda stack: lambda signals=_blocked_signal(stack, True): signal.sigtimedwait(signals, LONG).si_signo,
        lambda stack: lambda timeout, signals=_blocked_signal(stack, False): signal.sigtimedwait(signals, timeout),
    ),
    "fcntl.flock": Kind(
        "file lock",
        lambda stack: lambda file=_locked_file(stack, "flock"): fcntl.flock(file, fcntl.LOCK_EX),
        lambda stack: lambda file=_locked_file(stack, None): fcntl.flock(file, fcntl.LOCK_EX),
        cleans_up=True,
    ),
    "fcntl.lockf": Kind(
        "file lock",
        lambda stack: lambda file=_locked_file(stack, "lockf"): fcntl.lockf(file, fcntl.LOCK_EX),
        lambda stack: lambda file=_locked_file(stack, None): fcntl.lockf(file, fcntl.LOCK_EX),
        cleans_up=True,
    ),
    "os.lockf": Kind(
        "file lock",
        lambda stack: lambda file=_locked_file(stack, "lockf"): os.lockf(file.fileno(), os.F_LOCK, 0),
        lambda stack: lambda file=_locked_file(stack, None): os.lockf(file.fileno(), os.F_LOCK, 0),
        cleans_up=True,
    ),
    "fcntl.fcntl": Kind(
        "file lock", lambda stack: _fcntl(stack, "lockf"), lambda stack: _fcntl(stack, None), cleans_up=True
    ),
    "os.eventfd_read": Kind(
        "read",
        lambda stack: lambda number=_counter(stack): os.eventfd_read(number),
        lambda stack: lambda number=_counter(stack, 5): os.eventfd_read(number),
    ),
    "os.eventfd_write": Kind(
        "write",
        lambda stack: lambda number=_counter(stack, 2**64 - 2): os.eventfd_write(number, 1),
        lambda stack: lambda number=_counter(stack): os.eventfd_write(number, 1),
    ),
    "os.sendfile": Kind(
        "write",
        lambda stack: lambda to=pipe(stack, full=True)[1], file=_content(stack): os.sendfile(to, file, 0, 5),
        lambda stack: lambda to=pipe(stack)[1], file=_content(stack): os.sendfile(to, file, 0, 5),
    ),
    "os.splice": Kind(
        "splice",
        lambda stack: lambda ends=(pipe(stack)[0], pipe(stack)[1]): os.splice(*ends, 5),
        lambda stack: lambda ends=(pipe(stack, filled=True)[0], pipe(stack)[1]): os.splice(*ends, 5),
    ),
    "Connection.recv": Kind(
        "read",
        lambda stack: _connection(stack, False).recv,
        lambda stack: _connection(stack, True).recv,
    ),
    "Connection.poll": Kind(
        "poll",
        lambda stack: lambda connection=_connection(stack, False): connection.poll(None),
        lambda stack: lambda connection=_connection(stack, True): connection.poll(None),
        lambda stack: _connection(stack, False).poll,
    ),
}
