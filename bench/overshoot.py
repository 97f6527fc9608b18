"""By how much waits of many lengths overshoot their limits, as the program of the same name in Rust has it.

Each call a thousand times, with limits spread evenly over the orders of magnitude from 1 ms to 1 s, said by settimeout
and by a scope in turns. Never early, or it fails; a goal that is a time is only said. Under ``python -m shotclock`` it
measures the type of the package's own, else the graft.
"""

import argparse
import contextlib
import math
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import shotclock
import trustme
from shotclock import faults

# In nanoseconds; the longest limit is SPREAD times the shortest.
LEAST, SPREAD = 1e6, 1e3
# Its multiples, without their whole parts, fill the space from 0 to 1 evenly, however many are taken.
GOLDEN = 0.6180339887498949
# Share, and the most it may be in milliseconds.
GOALS = {"p50": (0.5, 0.3), "p99": (0.99, 3.0)}
# Whatever hangs is ended after so many seconds.
WHOLE_LIMIT = 3600
WAYS = ("settimeout", "deadline")

# Makes what is waited for: called with a socket's timeout or None.
Wait = Callable[[float | None], Any]


class Expiry(NamedTuple):
    """One wait that its limit ended, in nanoseconds."""

    way: str
    limit: int
    took: int

    @property
    def overshoot(self) -> float:
        """Milliseconds beyond 0.1 % of the limit."""
        return (self.took - self.limit * 1.001) / 1e6


def main() -> int:
    """Measure, print, and say by the exit code whether any wait was early."""
    signal.alarm(WHOLE_LIMIT)
    parser = argparse.ArgumentParser(prog="bench overshoot", description=__doc__)
    parser.add_argument("--expiries", type=int, default=1000, help="of each call")
    parser.add_argument("--at-once", type=int, default=8, help="how many threads wait, each for itself")
    parser.add_argument("--seed", type=int, default=1)
    settings = parser.parse_args()
    if shotclock.status().mount is None:
        shotclock.install()
    face = f"Python {sys.version.split()[0]}, {shotclock.status().mount}"
    print(f"{face}, {settings.at_once} waits at once. Milliseconds beyond 0.1 % of limits from 1 ms to 1 s.\n")
    print("| | expiries | early | p50 | p99 | most |\n|---|---|---|---|---|---|")
    expiries = []
    for name, make in WAITS.items():
        of_call = expire(settings, make)
        show(name, of_call)
        expiries += of_call
    for way in WAYS:
        show(f"all, {way}", [expiry for expiry in expiries if expiry.way == way])
    return conclude(face, expiries)


def expire(settings: argparse.Namespace, make: Callable[[contextlib.ExitStack], Wait]) -> list[Expiry]:
    """All expiries of one call, by threads with sockets of their own."""
    shares: list[list[Expiry]] = [[] for _ in range(settings.at_once)]

    def share(first: int) -> None:
        with contextlib.ExitStack() as stack:
            wait = make(stack)
            for index in range(first, settings.expiries, settings.at_once):
                place = math.fmod(math.sqrt(settings.seed) + index * GOLDEN, 1)
                way = WAYS[index // settings.at_once % len(WAYS)]
                shares[first].append(expired(wait, way, int(LEAST * SPREAD**place)))

    threads = [threading.Thread(target=share, args=(first,)) for first in range(settings.at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expiries = [expiry for share in shares for expiry in share]
    if len(expiries) != settings.expiries:
        raise SystemExit("overshoot: a wait failed, as said above")
    return expiries


def expired(wait: Wait, way: str, limit: int) -> Expiry:
    """Wait once, to the limit, which must be what ends it."""
    seconds = limit / 1e9
    start = time.monotonic_ns()
    try:
        if way == "deadline":
            with shotclock.deadline(seconds):
                wait(None)
        else:
            wait(seconds)
    except TimeoutError:
        return Expiry(way, limit, time.monotonic_ns() - start)
    raise AssertionError("the wait ended with a result")


def show(name: str, expiries: list[Expiry]) -> None:
    """Print a line of the table."""
    figures = [at(expiries, share) for share in (0.5, 0.99, 1)]
    cells = [name, len(expiries), early(expiries), *(f"{figure:.3f}" for figure in figures)]
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def conclude(face: str, expiries: list[Expiry]) -> int:
    """Say what was to be reached; 1 if a wait ended early."""
    print()
    for name, (share, most) in GOALS.items():
        value = at(expiries, share)
        verdict = "met" if value <= most else "MISSED"
        print(f"{face}: {verdict}: {name} of overshoot, ms: {value:.3f}, at most {most:g} (a time)")
    count = early(expiries)
    print(f"{face}: {'MISSED' if count else 'met'}: early: {count}, at most 0\n")
    return min(count, 1)


def at(expiries: list[Expiry], share: float) -> float:
    """The overshoot at a share of all, by the nearest rank."""
    ordered = sorted(expiry.overshoot for expiry in expiries)
    return ordered[math.ceil(len(ordered) * share) - 1]


def early(expiries: list[Expiry]) -> int:
    """How many ended before their limit."""
    return sum(expiry.took < expiry.limit for expiry in expiries)


def _on(sock: socket.socket, call: Callable[[], Any]) -> Wait:
    def wait(timeout: float | None) -> Any:
        sock.settimeout(timeout)
        return call()

    return wait


def _recv(stack: contextlib.ExitStack) -> Wait:
    ours, _silent = (stack.enter_context(end) for end in socket.socketpair())
    return _on(ours, lambda: ours.recv(1))


def _recv_tls(stack: contextlib.ExitStack) -> Wait:
    ends = [stack.enter_context(end) for end in socket.socketpair()]
    handshake = threading.Thread(target=lambda: stack.enter_context(SERVER.wrap_socket(ends[1], server_side=True)))
    handshake.start()
    ours = stack.enter_context(CLIENT.wrap_socket(ends[0], server_hostname="localhost"))
    handshake.join()
    return _on(ours, lambda: ours.recv(1))


def _recvfrom(stack: contextlib.ExitStack) -> Wait:
    ours = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    ours.bind(("127.0.0.1", 0))
    return _on(ours, lambda: ours.recvfrom(1))


def _sendall(stack: contextlib.ExitStack) -> Wait:
    ours, _never_reads = (stack.enter_context(end) for end in socket.socketpair())
    data = bytes(1 << 20)
    return _on(ours, lambda: ours.sendall(data))


def _accept(stack: contextlib.ExitStack) -> Wait:
    ours = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    return _on(ours, ours.accept)


def _connect(stack: contextlib.ExitStack) -> Wait:
    address = stack.enter_context(faults.Peer("full-backlog")).address

    def wait(timeout: float | None) -> None:
        with socket.socket() as ours:
            ours.settimeout(timeout)
            ours.connect(address)

    return wait


def _readline(stack: contextlib.ExitStack) -> Wait:
    ours, _silent = (stack.enter_context(end) for end in socket.socketpair())

    def wait(timeout: float | None) -> bytes:
        ours.settimeout(timeout)
        with ours.makefile("rb") as file:
            return file.readline()

    return wait


WAITS = {
    "recv": _recv,
    "recv, TLS": _recv_tls,
    "recvfrom, UDP": _recvfrom,
    "sendall, nobody reads": _sendall,
    "accept": _accept,
    "connect, full queue": _connect,
    "readline of a file": _readline,
}


def _contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


SERVER, CLIENT = _contexts()

if __name__ == "__main__":
    sys.exit(main())
