"""TLS to an echo program of the stock module's: the client's processor time, as ratios within rounds.

Only for the graft: beneath ``python -m shotclock`` there is no stock module to be compared with in the same process.
Run as a program, ``tls.py CERTIFICATE``, it is the echo program.
"""

import contextlib
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import sides
from rounds import Quartiles
from workloads import TIMEOUT, in_a_scope, only_on

# Whatever hangs is ended.
LIMIT = 600
# Of a side in a round, about.
PART = 0.01
ECHO_SIZE = 16 << 10


@dataclass(frozen=True)
class Row:
    """What is measured: an exchange, a timeout, and where."""

    exchange: str
    timeout: float | None
    in_scope: bool
    most: float

    def __str__(self) -> str:
        where = ", in a scope" if self.in_scope else ""
        return f"TLS {self.exchange}, timeout {self.timeout and round(self.timeout)}{where}: client's CPU to stock"


ROWS = tuple(
    Row(exchange, timeout, in_scope, 1.15 if in_scope else 1.03)
    for in_scope in (False, True)
    for timeout in (TIMEOUT, None)
    for exchange in ("ping-pong", "16 KiB echo", "handshake")
)


def ratios(both: sides.Sides, rounds: int) -> dict[Row, Quartiles]:
    """Ours to stock, for each row."""
    with ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        certificate = _certificate(folder)
        command = [sys.executable, __file__, os.fspath(certificate)]
        echo = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.enter_context(echo)
        assert echo.stdout is not None
        port = int(echo.stdout.readline())
        stack.enter_context(only_on(max(os.sched_getaffinity(0))))
        modules = ((both.stock, sides.stock_ssl(both.stock)), (both.ours, ssl))
        return {row: _ratio(row, modules, port, rounds) for row in ROWS}


def _ratio(row: Row, modules: tuple[tuple[ModuleType, ModuleType], ...], port: int, rounds: int) -> Quartiles:
    with ExitStack() as stack:
        works = [_work(row, *side, port, stack) for side in modules]
        arounds: list[Callable[[], AbstractContextManager[object]]] = [contextlib.nullcontext, contextlib.nullcontext]
        if row.in_scope:
            arounds[1] = in_a_scope
        loops = max(1, int(PART / min(_seconds(work, 20) / 20 for work in works for _ in range(3))))
        measured = []
        for turn in range(rounds):
            seconds = [0.0, 0.0]
            for place in range(2):
                side = (turn + place) % 2
                with arounds[side]():
                    seconds[side] = _seconds(works[side], loops)
            measured.append(seconds[1] / seconds[0])
        return Quartiles.of(measured)


def _seconds(work: Callable[[], object], loops: int) -> float:
    began = time.process_time()
    for _ in range(loops):
        work()
    return time.process_time() - began


def _work(row: Row, module: ModuleType, tls: ModuleType, port: int, stack: ExitStack) -> Callable[[], object]:
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, tls.CERT_NONE

    def connected() -> Any:
        plain = module.socket()
        plain.settimeout(row.timeout)
        plain.connect(("127.0.0.1", port))
        plain.setsockopt(module.IPPROTO_TCP, module.TCP_NODELAY, 1)
        return context.wrap_socket(plain)

    if row.exchange == "handshake":
        return lambda: connected().close()
    sock = stack.enter_context(connected())
    if row.exchange == "ping-pong":

        def ping() -> None:
            sock.send(b"x")
            sock.recv(4096)

        return ping
    data, room = bytes(ECHO_SIZE), memoryview(bytearray(ECHO_SIZE))

    def echo() -> None:
        sock.sendall(data)
        got = 0
        while got < ECHO_SIZE:
            got += sock.recv_into(room[got:])

    return echo


def _certificate(folder: pathlib.Path) -> pathlib.Path:
    import trustme

    path = folder / "server.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(path)
    return path


def main() -> None:
    """Echo, a thread for each connection, until standard input ends."""
    signal.alarm(LIMIT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)

    def serve(plain: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := sock.recv(ECHO_SIZE):
                sock.sendall(data)

    def accept() -> None:
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
