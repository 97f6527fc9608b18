"""What comes after the limit, or beside it: finalizers, ``close``, the end of the process, whoever shares the socket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable

from . import Aftermath, Place, cell
from .streams import MUCH
from .tls import connected

# So long nobody comes, in seconds: well within the limit.
A_MOMENT = 0.3


@cell("makefile write, then close", "never reads")
def write_close(place: Place) -> Aftermath:
    file = place.connect("never-read").makefile("wb")
    return Aftermath(lambda: _write(file), file.close)


@cell("makefile write, then its finalizer", "never reads")
def write_finalizer(place: Place) -> Callable[[], object]:
    file = place.connect("never-read").makefile("wb")
    # Nobody else refers to it: it ends with the call.
    return lambda: _write(file)


@cell("makefile write, text, then close", "never reads")
def write_text_close(place: Place) -> Aftermath:
    file = place.connect("never-read").makefile("w")

    def write() -> None:
        while True:
            file.write("a line\n" * 10_000)

    return Aftermath(write, file.close)


@cell("makefile write, TLS, then close", "never reads")
def write_tls_close(place: Place) -> Aftermath:
    file = connected(place, "tls-silent").makefile("wb")
    return Aftermath(lambda: _write(file), file.close)


@cell("makefile write, then exit", "never reads", until_exit=True)
def write_exit(place: Place) -> Callable[[], object]:
    file = place.connect("never-read").makefile("wb")
    # Until the interpreter clears its modules.
    _kept.append(file)
    return lambda: _write(file)


@cell("sendall, then exit", "never reads", until_exit=True)
def sendall_exit(place: Place) -> Callable[[], object]:
    sock = place.connect("never-read")
    _kept.append(sock)
    return lambda: sock.sendall(bytes(MUCH))


@cell("ssl recv, then unwrap", "silent")
def unwrap(place: Place) -> Aftermath:
    tls = connected(place, "tls-silent")

    def receive_and_say_goodbye() -> None:
        try:
            tls.recv(1)
        finally:
            tls.unwrap()

    return Aftermath(receive_and_say_goodbye, tls.close)


@cell("accept, another thread accepts too", "one comes, to the other")
def accept_beside(place: Place) -> Callable[[], object]:
    listener = socket.create_server(("127.0.0.1", 0))
    return _accept_beside_another(listener)


@cell("accept, a copy blocks", "one comes, to another thread")
def accept_copy(place: Place) -> Callable[[], object]:
    listener = socket.create_server(("127.0.0.1", 0))
    accept = _accept_beside_another(listener)
    listener.dup().setblocking(True)
    return accept


@cell("ssl recv, a copy blocks", "drip within a record")
def recv_tls_copy(place: Place) -> Callable[[], object]:
    tls = connected(place, "tls-drip-record")
    os.set_blocking(tls.fileno(), True)
    return lambda: tls.recv(1)


def _write(file: object) -> None:
    # In pieces that the buffer takes: what it holds at the end is what a close would send.
    while True:
        file.write(bytes(5000))  # type: ignore[attr-defined]


def _accept_beside_another(listener: socket.socket) -> Callable[[], object]:
    """One of both gets the connection; whichever it is, both go on accepting."""

    def accept_for_ever() -> None:
        while True:
            _kept.append(listener.accept())

    threading.Thread(target=accept_for_ever, daemon=True).start()

    def accept() -> None:
        timer = threading.Timer(A_MOMENT, _connect, [listener.getsockname()])
        timer.daemon = True
        timer.start()
        while True:
            _kept.append(listener.accept())

    return accept


def _connect(address: object) -> None:
    client = socket.socket()
    _kept.append(client)
    client.connect(address)


_kept: list[object] = []
