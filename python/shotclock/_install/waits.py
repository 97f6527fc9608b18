"""What waits in functions of the interpreter's own, beside sockets: which of them are replaced, in which tables.

Rust has the hooks, and puts one in place once it has proved that the table is the function's; here is where the tables are
found, without an import of what the program does not use.
"""

from __future__ import annotations

import functools
import os

from .. import _native
from .._bounds import event_loops
from .._fork import new_lock
from . import loop_lookups, watch
from .on_import import on_import
from .replacements import ClassAttributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

SWITCH = "SHOTCLOCK_WAITS"

_lock = new_lock()
# Of each time that they are put in place, until they are taken out.
_current: object | None = None
_is_wanted = True
_withdraw: list[Callable[[], None]] = []
_left_out: dict[str, str] = {}
_methods = ClassAttributes()


def want(wanted: bool) -> bool:
    """Say whether they are to be there; by themselves they are, unless the environment forbids it.

    Gives whether they are wanted again, after they were not.
    """
    global _is_wanted
    were_wanted, _is_wanted = _is_wanted, wanted
    if not wanted:
        uninstall()
    return wanted and not were_wanted


def install() -> None:
    """Put the hooks in place, those of modules that are not imported yet once they are; nothing where they are not wanted."""
    global _current
    with _lock:
        if _current is not None or not _is_wanted or os.environ.get(SWITCH) == "0":
            return
        _current = mine = object()
        _left_out.clear()
    # Outside the lock: another thread may be at the import of one, and come here.
    superfluous = [on_import(module, functools.partial(_hook, mine, owners)) for module, owners in _OWNERS.items()]
    with _lock:
        # Else another thread has taken them out by now.
        if _current is mine:
            _withdraw.extend(superfluous)
            superfluous = []
            watch.begin()
    for each in superfluous:
        each()


def uninstall() -> None:
    """Put back whatever was there."""
    global _current
    with _lock:
        _current = None
        withdraw = _withdraw[:]
        _withdraw.clear()
        _methods.undo()
        _native.unhook()
        watch.end()
    watch.rest()
    for each in withdraw:
        each()


def replaced() -> tuple[str, ...]:
    """Name what is replaced."""
    return (*_native.hooks(), *_methods.names(), *watch.replaced())


def left_out() -> tuple[str, ...]:
    """Name what could not be replaced, and say why."""
    return (*(f"{name}: {why}" for name, why in _left_out.items()), *watch.left_out())


def _hook(mine: object, owners: Callable[[Any], Iterator[tuple[str, object]]], module: Any) -> None:
    with _lock:
        if _current is not mine:
            return
        for name, owner in owners(module):
            if (why := _native.hook(name, owner)) is not None:
                _left_out[name] = why


def _of_time(time: Any) -> Iterator[tuple[str, object]]:
    yield "time.sleep", time


def _of_select(select: Any) -> Iterator[tuple[str, object]]:
    yield "select.select", select
    yield "select.poll.poll", type(select.poll())
    yield "select.epoll.poll", select.epoll


def _of_thread(thread: Any) -> Iterator[tuple[str, object]]:
    lock, rlock = thread.LockType, type(thread.RLock())
    for method in ("acquire", "acquire_lock", "__enter__"):
        yield f"_thread.lock.{method}", lock
    for method in ("acquire", "__enter__"):
        yield f"_thread.RLock.{method}", rlock
    if hasattr(thread, "_ThreadHandle"):
        yield "_thread._ThreadHandle.join", thread._ThreadHandle


def _of_queue(queue: Any) -> Iterator[tuple[str, object]]:
    yield "_queue.SimpleQueue.get", queue.SimpleQueue


def _of_multiprocessing(multiprocessing: Any) -> Iterator[tuple[str, object]]:
    for method in ("acquire", "__enter__"):
        yield f"_multiprocessing.SemLock.{method}", multiprocessing.SemLock


def _of_synchronize(synchronize: Any) -> Iterator[tuple[str, object]]:
    _native.know_process_condition(synchronize.Condition.wait.__code__)
    yield from ()


def _of_posix(posix: Any) -> Iterator[tuple[str, object]]:
    files = ("read", "readv", "readinto", "write", "writev", "eventfd_read", "eventfd_write", "sendfile", "splice", "lockf")
    processes = ("waitpid", "wait", "wait3", "wait4", "waitid", "fork", "forkpty")
    for name in files + processes:
        # readinto is there from 3.14 on, and not every system has all of them.
        if hasattr(posix, name):
            yield f"posix.{name}", posix


def _of_popen(subprocess: Any) -> Iterator[tuple[str, object]]:
    _native.know_spawn(subprocess.Popen._execute_child.__code__)
    yield from ()


def _of_subprocess(posixsubprocess: Any) -> Iterator[tuple[str, object]]:
    yield "_posixsubprocess.fork_exec", posixsubprocess


def _of_io(io: Any) -> Iterator[tuple[str, object]]:
    for method in ("read", "readall", "readinto", "write"):
        yield f"_io.FileIO.{method}", io.FileIO


def _of_signal(signal: Any) -> Iterator[tuple[str, object]]:
    # The one with a timeout first: the others wait by it.
    for name in ("sigtimedwait", "sigwait", "sigwaitinfo", "pause"):
        yield f"_signal.{name}", signal


def _of_fcntl(fcntl: Any) -> Iterator[tuple[str, object]]:
    for name in ("flock", "lockf", "fcntl"):
        yield f"fcntl.{name}", fcntl


def _of_threading(threading: Any) -> Iterator[tuple[str, object]]:
    # Up to 3.12 a join waits in Python, and takes any exception for the end of the thread.
    wait = getattr(threading.Thread, "_wait_for_tstate_lock", None)
    if wait is not None and not _methods.reach(threading.Thread):
        _methods.set(threading.Thread, "_wait_for_tstate_lock", _bounded_join(wait))
    # The way in which the start of a thread waits for it.
    start = (threading.Condition.wait, threading.Event.wait, threading.Thread.start)
    restore, join = threading.Condition._acquire_restore, wait or threading.Thread.join
    _native.know_lock_takers(restore.__code__, join.__code__, *(function.__code__ for function in start))
    yield from ()


def _of_asyncio(base_events: Any) -> Iterator[tuple[str, object]]:
    # An event loop's own waits raise nothing; what it was run for is cancelled.
    events = base_events.events
    turn, callback = base_events.BaseEventLoop._run_once, events.Handle._run
    _native.know_asyncio(
        events._get_running_loop,
        turn.__code__,
        callback.__code__,
        event_loops.is_turn,
        event_loops.asyncio_ends,
        event_loops.begins,
    )
    loop = base_events.BaseEventLoop
    if not _methods.reach(loop):
        _methods.set(loop, "run_in_executor", loop_lookups.carrying(loop.run_in_executor))
    yield from ()


def _of_running_loop(asyncio: Any) -> Iterator[tuple[str, object]]:
    yield "_asyncio._set_running_loop", asyncio


def _of_trio(io_epoll: Any) -> Iterator[tuple[str, object]]:
    _native.know_trio(io_epoll.EpollIOManager.get_events.__code__, event_loops.trio_ends)
    yield from ()


def _of_processes(popen_fork: Any) -> Iterator[tuple[str, object]]:
    # It takes any OSError for a child that is not there yet.
    if not _methods.reach(popen_fork.Popen):
        _methods.set(popen_fork.Popen, "poll", _bounded_poll(popen_fork.Popen.poll))
    yield from ()


def _bounded_poll(poll: Callable[..., int | None]) -> Callable[..., int | None]:
    @functools.wraps(poll)
    def bounded(self: Any, flag: int = os.WNOHANG) -> int | None:
        code = poll(self, flag)
        if code is None and not flag & os.WNOHANG and _native.is_bounded():
            _native.check_join()
        return code

    return bounded


def _bounded_join(wait: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(wait)
    def _wait_for_tstate_lock(self: Any, block: bool = True, timeout: float = -1) -> None:
        wait(self, block, timeout)
        # Its lock was waited for in time, and is gone if the thread is.
        if block and timeout != 0 and self._tstate_lock is not None and _native.is_bounded():
            _native.check_join()

    return _wait_for_tstate_lock


# By the module whose import brings them.
_OWNERS: dict[str, Callable[[Any], Iterator[tuple[str, object]]]] = {
    "time": _of_time,
    "select": _of_select,
    "_thread": _of_thread,
    "_queue": _of_queue,
    "_multiprocessing": _of_multiprocessing,
    "multiprocessing.popen_fork": _of_processes,
    "multiprocessing.synchronize": _of_synchronize,
    "posix": _of_posix,
    "_posixsubprocess": _of_subprocess,
    "subprocess": _of_popen,
    "_io": _of_io,
    "_signal": _of_signal,
    "fcntl": _of_fcntl,
    "threading": _of_threading,
    "asyncio.base_events": _of_asyncio,
    "_asyncio": _of_running_loop,
    "trio._core._io_epoll": _of_trio,
}
