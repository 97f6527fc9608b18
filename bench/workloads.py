"""What is done with the sockets of a side, as statements that a program would contain."""

import contextlib
import os
import pathlib
import struct
import subprocess
import sys
import threading
import timeit
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import sides

# It is armed, and never passes.
TIMEOUT = 30.0
# So often a loop is run before it is counted: the interpreter has specialised it then.
WARM_UP = 100
ECHO = pathlib.Path(__file__).with_name("echo.py")

# What is open while our side runs.
Around = Callable[[], AbstractContextManager[object]]
# From a socket module, what makes an echo program use the same, and a stack of things to be closed: names and objects.
Prepare = Callable[[ModuleType, list[str], ExitStack], dict[str, Any]]


@dataclass(frozen=True)
class Workload:
    """A statement and the names in it."""

    name: str
    title: str
    statement: str
    prepare: Prepare
    # In the loop's body it stands so often: what is as short as the loop itself must be told from it.
    repeat: int = 1
    # So often its loop is run where it is counted.
    loops: int = 1000
    # All sides and their peers stay on one core.
    one_core: bool = False
    # The data is there and nothing wakes up, so that counts are exact.
    counted: bool = True
    timed: bool = True
    # What of the package's is open around our side's calls; the stock module knows nothing of it.
    around: Around = contextlib.nullcontext

    def timer(self, module: ModuleType, peer: list[str], stack: ExitStack) -> timeit.Timer:
        """The statement over new sockets of a module, ready to be run; the stack closes them."""
        names = self.prepare(module, peer, stack)
        # Local names, as in a function.
        setup = "\n".join(f"{name} = names[{name!r}]" for name in names)
        return timeit.Timer("\n".join([self.statement] * self.repeat), setup or "pass", globals={"names": names})


def _pair(timeout: float | None, **names: Any) -> Prepare:
    def prepare(module: ModuleType, _: list[str], stack: ExitStack) -> dict[str, Any]:
        left, right = (stack.enter_context(end) for end in module.socketpair())
        left.settimeout(timeout)
        right.settimeout(timeout)
        return {"left": left, "right": right, **names}

    return prepare


def _datagrams(module: ModuleType, _: list[str], stack: ExitStack) -> dict[str, Any]:
    left, right = (stack.enter_context(module.socket(module.AF_INET, module.SOCK_DGRAM)) for _ in range(2))
    for end in (left, right):
        end.bind(("127.0.0.1", 0))
        end.settimeout(TIMEOUT)
    return {"left": left, "right": right, "address": right.getsockname()}


def _ping_pong(both: bool, lines: bool = False, resume: bool = False) -> Prepare:
    """Ours with a timeout, against an echo program: the stock module without one, or what this side is."""
    words = ["--lines"] * lines + ["--resume"] * resume

    def prepare(module: ModuleType, peer: list[str], stack: ExitStack) -> dict[str, Any]:
        with module.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(TIMEOUT)
            command = [sys.executable, os.fspath(ECHO), *words, str(listener.getsockname()[1])]
            echo = subprocess.Popen(command + (peer if both else []), stdin=subprocess.DEVNULL)
            stack.callback(echo.wait, TIMEOUT)
            ours, _ = listener.accept()
        stack.enter_context(ours)
        ours.settimeout(TIMEOUT)
        ours.setsockopt(module.IPPROTO_TCP, module.TCP_NODELAY, 1)
        # Closed before its socket is.
        return {"file": stack.enter_context(sides.file_over(ours, "rwb", resume))} if lines else {"sock": ours}

    return prepare


# So many lines come by one write, which is the system's own on either side.
LINES = 1000


def _lines(resume: bool) -> Prepare:
    """A file over a stream into which lines can be written."""

    def prepare(module: ModuleType, peer: list[str], stack: ExitStack) -> dict[str, Any]:
        names = _pair(TIMEOUT)(module, peer, stack)
        file = stack.enter_context(sides.file_over(names["right"], "rb", resume))
        return {"file": file, "write": os.write, "number": names["left"].fileno(), "data": b"123456789\n" * LINES}

    return prepare


# Each accept needs a connection that waits; the warm-up's too.
ACCEPTS = 100


def _listener(module: ModuleType, _peer: list[str], stack: ExitStack) -> dict[str, Any]:
    connections = WARM_UP + ACCEPTS
    listener = stack.enter_context(module.create_server(("127.0.0.1", 0), backlog=connections))
    listener.settimeout(TIMEOUT)
    for _ in range(connections):
        client = stack.enter_context(module.create_connection(listener.getsockname(), TIMEOUT))
        # Closing resets: no port is left in TIME_WAIT.
        client.setsockopt(module.SOL_SOCKET, module.SO_LINGER, struct.pack("ii", 1, 0))
    accepted: list[tuple[Any, Any]] = []
    stack.callback(lambda: [connection.close() for connection, _ in accepted])
    return {"listener": listener, "accepted": accepted}


def _server(module: ModuleType, _peer: list[str], stack: ExitStack) -> dict[str, Any]:
    listener = stack.enter_context(module.create_server(("127.0.0.1", 0), backlog=WARM_UP + ACCEPTS))
    connected: list[Any] = []
    stack.callback(lambda: [connection.close() for connection in connected])
    names = {"make": module.socket, "create_connection": module.create_connection}
    return {"address": listener.getsockname(), "connected": connected, **names}


# Longer than any run.
FAR_AWAY = 100_000.0


def in_a_scope() -> AbstractContextManager[object]:
    """Open a scope that never ends."""
    import shotclock

    return shotclock.deadline(FAR_AWAY)


@contextlib.contextmanager
def beside_a_scope() -> Iterator[None]:
    """A scope is open in another thread."""
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with in_a_scope():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=stay, daemon=True)
    thread.start()
    entered.wait()
    try:
        yield
    finally:
        leave.set()
        thread.join()


_SMALL = "left.send(b'x')\nright.recv(4096)"
_PING = "sock.send(b'x')\nsock.recv(4096)"
_FLOOD = f"write(number, data)\nfor _ in range({LINES}):\n    file.readline()"
_LINE = "file.write(b'a line\\n')\nfile.flush()\nfile.readline()"

WORKLOADS = (
    Workload("send-recv", "send(1) + recv(4096), timeout 30", _SMALL, _pair(TIMEOUT)),
    Workload("send-recv-none", "send(1) + recv(4096), timeout None", _SMALL, _pair(None)),
    *(
        Workload(f"{name}{suffix}", f"{title}, {where}", _SMALL, _pair(timeout), around=around)
        for suffix, where, around in (
            ("-scope", "in a scope", in_a_scope),
            ("-beside", "a scope in another thread", beside_a_scope),
        )
        for name, title, timeout in (
            ("send-recv", "send(1) + recv(4096), timeout 30", TIMEOUT),
            ("send-recv-none", "send(1) + recv(4096), timeout None", None),
        )
    ),
    Workload(
        "ping-pong", "TCP ping-pong on one core, stock peer", _PING, _ping_pong(False), one_core=True, counted=False
    ),
    Workload(
        "ping-pong-both", "TCP ping-pong on one core, both ends", _PING, _ping_pong(True), one_core=True, counted=False
    ),
    Workload("lines", f"{LINES:,} lines that are there, makefile", _FLOOD, _lines(False), loops=20),
    Workload("lines-resume", f"{LINES:,} lines that are there, resume=True", _FLOOD, _lines(True), loops=20),
    Workload(
        "line-echo",
        "TCP echo of lines on one core, stock peer",
        _LINE,
        _ping_pong(False, lines=True),
        one_core=True,
        counted=False,
    ),
    Workload(
        "line-echo-both",
        "TCP echo of lines on one core, both ends",
        _LINE,
        _ping_pong(True, lines=True),
        one_core=True,
        counted=False,
    ),
    Workload(
        "line-echo-resume",
        "TCP echo of lines on one core, both ends, resume=True",
        _LINE,
        _ping_pong(True, lines=True, resume=True),
        one_core=True,
        counted=False,
    ),
    Workload("settimeout", "settimeout(30.0)", "left.settimeout(30.0)", _pair(TIMEOUT), repeat=20),
    Workload("fileno", "fileno()", "left.fileno()", _pair(TIMEOUT), repeat=20),
    Workload("gettimeout", "gettimeout()", "left.gettimeout()", _pair(TIMEOUT), repeat=20),
    Workload(
        "accept",
        "accept(), timeout 30",
        "accepted.append(listener.accept())",
        _listener,
        loops=ACCEPTS,
        timed=False,
    ),
    Workload(
        "connect",
        "socket() + settimeout(30) + connect()",
        f"sock = make()\nsock.settimeout({TIMEOUT})\nsock.connect(address)\nconnected.append(sock)",
        _server,
        loops=ACCEPTS,
        timed=False,
    ),
    Workload(
        "create-connection",
        "create_connection(), timeout 30",
        f"connected.append(create_connection(address, {TIMEOUT}))",
        _server,
        loops=ACCEPTS,
        timed=False,
    ),
    Workload(
        "recv-into",
        "send(1) + recv_into(4096)",
        "left.send(b'x')\nright.recv_into(room)",
        _pair(TIMEOUT, room=bytearray(4096)),
    ),
    Workload(
        "sendall",
        "sendall(16 KiB) + recv(16 KiB)",
        "left.sendall(data)\nright.recv(16384)",
        _pair(TIMEOUT, data=bytes(16 << 10)),
    ),
    Workload(
        "datagrams", "UDP sendto(1) + recvfrom(4096)", "left.sendto(b'x', address)\nright.recvfrom(4096)", _datagrams
    ),
    Workload(
        "large",
        "sendall(64 KiB) + recv(64 KiB)",
        "left.sendall(data)\nright.recv(65536)",
        _pair(TIMEOUT, data=bytes(64 << 10)),
    ),
)

# What the loop around each statement costs.
EMPTY = Workload("empty", "an empty loop", "pass", lambda *_: {}, timed=False)


@contextlib.contextmanager
def only_on(core: int) -> Iterator[None]:
    """Keep this thread, and what it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
