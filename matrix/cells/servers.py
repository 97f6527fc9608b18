"""The standard library's servers, at clients that misbehave."""

from __future__ import annotations

import socketserver
from collections.abc import Callable

from . import Place, cell


@cell("socketserver, handle_request", "nobody comes", answer="fallback")
def nobody(place: Place) -> Callable[[], object]:
    server = socketserver.TCPServer(("127.0.0.1", 0), socketserver.StreamRequestHandler)
    server.timeout = place.timeout
    return server.handle_request


@cell("socketserver, readline in a handler", "silent")
def readline(place: Place) -> Callable[[], object]:
    return _reading_from(place, b"")


@cell("socketserver, readline in a handler", "drip")
def readline_drip(place: Place) -> Callable[[], object]:
    return _reading_from(place, b"drip")


def _reading_from(place: Place, request: bytes) -> Callable[[], object]:
    """A server that has a client; the call serves it."""

    class Handler(socketserver.StreamRequestHandler):
        timeout = place.timeout

        def handle(self) -> None:
            self.rfile.readline()

    class Server(socketserver.TCPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            # It would print the error and go on.
            raise

    server = Server(("127.0.0.1", 0), Handler)
    server.timeout = place.timeout
    # A peer that connects to us, on request.
    order = place.connect("client")
    order.sendall(b"%d %s\n" % (server.server_address[1], request or b"silent"))
    assert order.recv(1) == b"c", "the client did not come"
    return server.handle_request
