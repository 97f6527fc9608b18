"""The four programs of a book chapter of 2003, in today's Python: the documented transcripts, over everything."""

import pathlib
import signal
import socket
import time

import pytest
import waits

CHAPTER = pathlib.Path(__file__).parents[2] / "examples"
ECHOED = """\
Sent: A few lines of data
Received: A few lines of data
Sent: to test the operation
Received: to test the operation
Sent: of both server and client.
Received: of both server and client.
""".splitlines()


def without_the_port(line):
    """The server's line about a client, whose port is the system's choice."""
    said, port = line.rsplit(":", 1)
    assert int(port) > 0
    return said


def test_tcp_transcripts(serve_over, run_over, peers):
    client_mount, server_mount = peers
    server, port = serve_over(server_mount, CHAPTER / "echo_tcp_server.py", "127.0.0.1", 0)
    # One client after another, as the server takes them.
    for _ in range(2):
        said = run_over(client_mount, CHAPTER / "echo_tcp_client.py", "localhost", port)
        assert said == ["Connected to server", *ECHOED]
        assert without_the_port(server.line()) == "Connected from 127.0.0.1"
        assert without_the_port(server.line()) == "Disconnected from 127.0.0.1"


def test_udp_transcripts(serve_over, run_over, peers):
    client_mount, server_mount = peers
    server, port = serve_over(server_mount, CHAPTER / "echo_udp_server.py", "127.0.0.1", 0)
    assert run_over(client_mount, CHAPTER / "echo_udp_client.py", "localhost", port) == ECHOED
    assert {without_the_port(server.line()) for _ in range(3)} == {"Datagram from 127.0.0.1"}


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_an_interrupt_ends_a_server_as_ever(start_over, mount, protocol, prove):
    server = start_over(mount, CHAPTER / f"echo_{protocol}_server.py", "127.0.0.1", 0)
    assert server.port() > 0
    waits.interrupt(server.process)
    assert server.wait() == -signal.SIGINT
    traceback = server.rest("stderr")
    assert (traceback[0], traceback[-1]) == ("Traceback (most recent call last):", "KeyboardInterrupt")
    prove(server, mount)


def test_a_client_without_a_server_says_so(start_over, mount, refusing_port, prove):
    client = start_over(mount, CHAPTER / "echo_tcp_client.py", "127.0.0.1", refusing_port)
    assert client.wait() == 1
    assert client.rest("stderr")[-1] == "ConnectionRefusedError: [Errno 111] Connection refused"
    prove(client, mount)


def test_a_limit_ends_the_client_that_hangs_in_the_book(start_over, patience):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        begun = time.monotonic()
        words = ("--timeout", 0.3, CHAPTER / "echo_udp_client.py", "127.0.0.1", silent.getsockname()[1])
        client = start_over("type", *words)
        assert client.wait() == 1
        assert 0.3 <= time.monotonic() - begun < patience
    assert client.rest() == ["Sent: A few lines of data"]
    assert client.rest("stderr")[-1] == "TimeoutError: timed out"
