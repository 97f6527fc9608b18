"""Programs with threads: two that send to each other, and a server with one for each connection.

Run as a program, ``threads.py serve MOUNT SIDE`` is the server, ``threads.py pair MOUNT SIDE LOOPS`` the two.
"""

import contextlib
import os
import resource
import select
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from types import ModuleType
from typing import Any, NamedTuple

import sides
from rounds import Quartiles
from workloads import TIMEOUT, only_on

# Whatever hangs is ended.
LIMIT = 300
SIDES = ("stock", "ours")
# Seconds of a side's part of a round.
PART = 0.25
CLIENTS = (8, 64)


class PingPong(NamedTuple):
    """Two threads of one process on one core."""

    # Of ours, to stock's in the same round.
    time: Quartiles
    # Context switches of a round trip, those that the system forces included, by side.
    switches: dict[str, float]


def ping_pong(mount: str, rounds: int, loops: int = 500) -> PingPong:
    """Two threads with a timeout that send a byte to and fro."""
    core = max(os.sched_getaffinity(0))
    with ExitStack() as stack:
        stack.enter_context(only_on(core))
        programs = [stack.enter_context(_program("pair", mount, side, str(loops))) for side in SIDES]
        said: list[list[tuple[float, float]]] = []
        for turn in range(rounds + 1):
            round_: list[tuple[float, float]] = [(0.0, 0.0)] * 2
            for place in range(2):
                side = (turn + place) % 2
                seconds, switches = _ask(programs[side], "go").split()
                round_[side] = (float(seconds), float(switches))
            said.append(round_)
    said = said[1:]
    return PingPong(
        time=Quartiles.of([ours[0] / stock[0] for stock, ours in said]),
        switches={side: statistics.median(round_[at][1] for round_ in said) for at, side in enumerate(SIDES)},
    )


def server(mount: str, clients: int, rounds: int) -> Quartiles:
    """A server's processor time for each echo, to stock's, with so many clients that always wait for an answer."""
    with ExitStack() as stack:
        programs = [stack.enter_context(_program("serve", mount, side)) for side in SIDES]
        ports = [int(_line(program)) for program in programs]
        fleets = [[stack.enter_context(_client(port)) for _ in range(clients)] for port in ports]
        measured = []
        for turn in range(rounds + 1):
            each = [0.0, 0.0]
            for place in range(2):
                side = (turn + place) % 2
                each[side] = _processor_time_of_an_echo(programs[side].pid, fleets[side])
            measured.append(each[1] / each[0])
        return Quartiles.of(measured[1:])


def _processor_time_of_an_echo(pid: int, fleet: list[socket.socket]) -> float:
    clock = (~pid << 3) | 2  # As clock_getcpuclockid(3) has it for a process.
    echoes = 0
    with select.epoll() as poll:
        by_number = {sock.fileno(): sock for sock in fleet}
        for number in by_number:
            poll.register(number, select.EPOLLIN)
        began, ends = time.clock_gettime(clock), time.monotonic() + PART
        for sock in fleet:
            sock.send(b"x")
        waiting = len(fleet)
        while waiting:
            goes_on = time.monotonic() < ends
            for number, _ in poll.poll():
                by_number[number].recv(4096)
                echoes += 1
                if goes_on:
                    by_number[number].send(b"x")
                else:
                    waiting -= 1
        return (time.clock_gettime(clock) - began) / echoes


def _client(port: int) -> socket.socket:
    # Plain sockets on this side, whichever module is under test.
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


@contextlib.contextmanager
def _program(*words: str) -> Any:
    command = [sys.executable, __file__, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as program:
        try:
            yield program
        finally:
            program.kill()


def _line(program: Any) -> str:
    line: str = program.stdout.readline()
    if not line:
        raise RuntimeError(f"{program.args}: ended")
    return line


def _ask(program: Any, word: str) -> str:
    program.stdin.write(f"{word}\n")
    return _line(program)


def _serve(module: ModuleType) -> None:
    def echo(sock: Any) -> None:
        sock.settimeout(TIMEOUT)
        sock.setsockopt(module.IPPROTO_TCP, module.TCP_NODELAY, 1)
        while data := sock.recv(4096):
            sock.send(data)

    listener = module.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()


def _pair(module: ModuleType, loops: int) -> None:
    with module.create_server(("127.0.0.1", 0)) as listener:
        ours = module.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    for end in (ours, theirs):
        end.settimeout(TIMEOUT)
        end.setsockopt(module.IPPROTO_TCP, module.TCP_NODELAY, 1)

    def echo() -> None:
        while data := theirs.recv(4096):
            theirs.send(data)

    threading.Thread(target=echo, daemon=True).start()
    for _ in sys.stdin:
        before, began = _switches(), time.perf_counter()
        for _ in range(loops):
            ours.send(b"x")
            ours.recv(4096)
        seconds = time.perf_counter() - began
        print(seconds, (_switches() - before) / loops, flush=True)


def _switches() -> int:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_nvcsw + usage.ru_nivcsw


def main() -> None:
    """Be the server, or the two."""
    signal.alarm(LIMIT)
    role, mount, side, *rest = sys.argv[1:]
    module = getattr(sides.load(mount), side)
    if role == "serve":
        _serve(module)
    else:
        _pair(module, int(rest[0]))


if __name__ == "__main__":
    main()
