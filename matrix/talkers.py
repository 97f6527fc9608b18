"""Peers that misbehave within a protocol, on the interpreter's own sockets: ``python talkers.py CERTIFICATE``.

Prints ``name=where`` for each, then an empty line, and runs until its standard input ends.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator

from flight import RECORD_HEAD, first_flight

# Far less than the limit, so that a limit on each read never passes.
DRIP_SECONDS = 0.1
SIP_BYTES = 1 << 14
HTTP_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"

Talk = Callable[[socket.socket], None]


def main() -> None:
    """Start all, say where they are, and stay."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(sys.argv[1])
    kept = []
    for name, talk in _talks(server).items():
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        if name == "sip":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIP_BYTES)
        threading.Thread(target=_serve, args=(listener, talk), daemon=True).start()
        print(f"{name}=127.0.0.1:{listener.getsockname()[1]}")
    for name, start in (("silent", _unix_silent), ("full-backlog", _unix_full_backlog), ("full-queue", _unix_full_queue)):
        kept.append(start(f"\0matrix-{name}"))
        print(f"unix-{name}=@matrix-{name}")
    print(flush=True)
    sys.stdin.read()


def _talks(server: ssl.SSLContext) -> dict[str, Talk]:
    return {
        "sip": _sip,
        "client": _client,
        "http-live": _after_a_question(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        "http-drip-head": _after_a_question(b"HTTP/1.1 200 OK\r\nX: ", drip=True),
        "http-drip-body": _after_a_question(HTTP_HEAD, drip=True),
        "http-flood": _flood,
        "https-drip-body": _over_tls(server, _after_a_question(HTTP_HEAD, drip=True)),
        "tls-silent": _over_tls(server, _silent),
        "tls-flood": _over_tls(server, _flood),
        "tls-drip-handshake": _drip_handshake(server),
        "tls-drip-record": _drip_record(server),
        "greet-drip": _greeting(b"220 "),
        "answer-drip": _greeting(b"220 hello\r\n"),
        "answer-silent": _answers({}),
        "smtp-never-read": _answers({b"ehlo": b"250 hello", b"mail": b"250 yes", b"rcpt": b"250 yes", b"data": b"354 go"}),
        "ftp-drip": _ftp_drip,
    }


def _serve(listener: socket.socket, talk: Talk) -> None:
    def guarded(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            talk(connection)

    while True:
        threading.Thread(target=guarded, args=(listener.accept()[0],), daemon=True).start()


def _silent(connection: socket.socket) -> None:
    connection.recv(1)
    _stay(connection)


def _stay(connection: socket.socket) -> None:
    """Until the client has ended the connection, without reading anything."""
    with contextlib.suppress(OSError):
        while True:
            time.sleep(DRIP_SECONDS)
            # The first byte of struct tcp_info is the state, of which 1 is established.
            if connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != b"\1":
                return


def _drip(connection: socket.socket, data: Iterator[bytes]) -> None:
    for part in data:
        time.sleep(DRIP_SECONDS)
        connection.sendall(part)


def _for_ever(part: bytes) -> Iterator[bytes]:
    while True:
        yield part


def _sip(connection: socket.socket) -> None:
    while connection.recv(SIP_BYTES):
        time.sleep(DRIP_SECONDS)


def _flood(connection: socket.socket) -> None:
    connection.recv(1)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(bytes(65536))


def _after_a_question(answer: bytes, *, drip: bool = False) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)
        if drip:
            _drip(connection, _for_ever(b"x"))

    return talk


def _greeting(greeting: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.sendall(greeting)
        _drip(connection, _for_ever(b"2"))

    return talk


def _answers(answers: dict[bytes, bytes]) -> Talk:
    """Answers the first word of a line; to one that it does not know, and after the last, nothing."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"220 hello\r\n")
        line = b""
        while byte := connection.recv(1):
            line += byte
            if byte != b"\n":
                continue
            answer = answers.get(line.split()[0].lower())
            if answer is not None:
                connection.sendall(answer + b"\r\n")
            if answer is None or answer.startswith(b"354"):
                break
            line = b""
        _stay(connection)

    return talk


def _ftp_drip(connection: socket.socket) -> None:
    data = socket.create_server(("127.0.0.1", 0))
    port = data.getsockname()[1]
    known = {b"user": b"230 in", b"type": b"200 yes", b"retr": b"150 here it comes"}
    # RFC 959: the four bytes of the address and the two of the port.
    known[b"pasv"] = b"227 at (127,0,0,1,%d,%d)" % divmod(port, 256)

    def drip() -> None:
        with contextlib.suppress(OSError), data, data.accept()[0] as accepted:
            _drip(accepted, _for_ever(b"x"))

    threading.Thread(target=drip, daemon=True).start()
    _answers(known)(connection)


def _client(order: socket.socket) -> None:
    """Connects to whoever orders it, on a port, and then misbehaves there."""
    port, how = order.makefile("rb").readline().split()
    with socket.create_connection(("127.0.0.1", int(port))) as connection:
        order.sendall(b"c")
        if how == b"drip":
            _drip(connection, _for_ever(b"x"))
        _stay(connection)


def _over_tls(server: ssl.SSLContext, talk: Talk) -> Talk:
    def talk_over_tls(connection: socket.socket) -> None:
        with server.wrap_socket(connection, server_side=True) as tls:
            talk(tls)

    return talk_over_tls


def _drip_handshake(server: ssl.SSLContext) -> Talk:
    def talk(connection: socket.socket) -> None:
        _drip(connection, (bytes([byte]) for byte in first_flight(server, connection)))

    return talk


def _drip_record(server: ssl.SSLContext) -> Talk:
    def talk(connection: socket.socket) -> None:
        with server.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)
            raw = socket.fromfd(tls.fileno(), socket.AF_INET, socket.SOCK_STREAM)
            raw.sendall(RECORD_HEAD)
            _drip(raw, _for_ever(b"x"))

    return talk


def _unix_silent(name: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(name)
    listener.listen(128)
    # Nobody is accepted: a client is connected when it is in the queue.
    return listener


def _unix_full_backlog(name: str) -> list[socket.socket]:
    kept = [_unix_silent(name)]
    kept[0].listen(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            client.connect(name)
            kept.append(client)
    return kept


def _unix_full_queue(name: str) -> list[socket.socket]:
    full, sender = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
    full.bind(name)
    sender.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            sender.sendto(b"x", name)
    return [full, sender]


if __name__ == "__main__":
    main()
