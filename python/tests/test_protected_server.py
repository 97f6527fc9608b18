"""The example that protects `http.server`, in both mounts, from clients that are slow in each way there is."""

import contextlib
import pathlib
import sys
import threading
import time

import pytest

EXAMPLE = pathlib.Path(__file__).parents[1] / "examples" / "protected_http_server.py"


@pytest.fixture(params=["graft", "type"])
def server(request, start):
    """The program and its port."""
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]
    program = start(sys.executable, *beneath, EXAMPLE, "127.0.0.1", 0)
    return program, program.port()


def drip(client, data):
    """Sends a byte every 50 ms, for as long as anybody takes them."""

    def send():
        with contextlib.suppress(OSError):
            for byte in data:
                client.sendall(bytes([byte]))
                time.sleep(0.05)

    threading.Thread(target=send, daemon=True).start()


def is_sent_away(program, client, limit, after):
    """The client meets the end of the connection no earlier than this."""
    begun = time.monotonic()
    assert program.line() == f"Sent away {client.getsockname()[1]}: {limit}"
    assert after - 0.1 <= time.monotonic() - begun


def is_served(program, connect, port):
    """Meanwhile an honest client is."""
    client = connect(port)
    client.sendall(b"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc")
    with client.makefile("rb") as answer:
        assert answer.read().endswith(b"\r\n\r\nThank you for 3 bytes\n")
    assert program.line() == f"Answered {client.getsockname()[1]}"


def test_one_that_says_nothing(server, connect):
    program, port = server
    client = connect(port)
    is_served(program, connect, port)
    is_sent_away(program, client, "first byte", 0)
    assert client.recv(1) == b"", "the connection has ended"


def test_one_that_drips_its_header(server, connect):
    program, port = server
    client = connect(port)
    drip(client, b"GET / HTTP/1.0\r\nX: " + b"x" * 1000)
    is_served(program, connect, port)
    is_sent_away(program, client, "total", 2.5)


def test_one_that_stops_in_its_header(server, connect):
    program, port = server
    client = connect(port)
    client.sendall(b"GET / HTTP/1.0\r\nX: ")
    is_sent_away(program, client, "idle", 1)


def test_one_that_drips_its_body(server, connect):
    program, port = server
    client = connect(port)
    client.sendall(b"POST / HTTP/1.0\r\nContent-Length: 1000\r\n\r\n")
    drip(client, b"x" * 1000)
    is_sent_away(program, client, "total", 2.9)


def test_one_that_never_sends_its_body(server, connect):
    program, port = server
    client = connect(port)
    client.sendall(b"POST / HTTP/1.0\r\nContent-Length: 1000\r\n\r\n")
    is_sent_away(program, client, "idle", 1)


def test_one_that_does_not_take_its_answer(server, connect):
    program, port = server
    client = connect(port)
    client.sendall(b"GET /big HTTP/1.0\r\n\r\n")
    is_served(program, connect, port)
    is_sent_away(program, client, "idle", 0.5)


def test_one_that_takes_it_slowly(server, connect):
    program, port = server
    client = connect(port)
    client.sendall(b"GET /big HTTP/1.0\r\n\r\n")

    def sip():
        with contextlib.suppress(OSError):
            while client.recv(1 << 18):
                time.sleep(0.05)

    threading.Thread(target=sip, daemon=True).start()
    is_sent_away(program, client, "total", 2.5)
