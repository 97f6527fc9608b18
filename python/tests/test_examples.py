"""The example programs of the core against Python's own sockets: one side is always not ours."""

import socket
import socketserver
import threading

import pytest


def strip_end(line):
    """The sent line without its line end or quotes, in whatever way a client shows it."""
    return line.rstrip("\r\n")


def receive_exactly(client, count):
    data = b""
    while len(data) < count:
        part = client.recv(count - len(data))
        assert part, f"ended after {data!r}, expected {count} bytes"
        data += part
    return data


def echo_from_python(server_class, handler):
    """A server of Python's own, in a thread."""
    server = server_class(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    return server, thread


class EchoStream(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1024):
            self.request.sendall(data)


class EchoDatagram(socketserver.BaseRequestHandler):
    def handle(self):
        data, own = self.request
        own.sendto(data, self.client_address)


@pytest.fixture(params=["tcp", "udp"])
def python_echo(request):
    """The kind, and the port of an echo server by Python."""
    classes = {"tcp": (socketserver.ThreadingTCPServer, EchoStream), "udp": (socketserver.UDPServer, EchoDatagram)}
    server, thread = echo_from_python(*classes[request.param])
    with server:
        yield request.param, server.server_address[1]
        server.shutdown()
        thread.join()


def test_tcp_server_echoes_to_python(serve, examples, connect):
    server, port = serve(examples / "echo_tcp_server")
    client = connect(port)
    own_port = client.getsockname()[1]
    for message in (b"first\n", b"x" * 100_000, b"\0\xff"):
        client.sendall(message)
        assert receive_exactly(client, len(message)) == message
    assert server.line() == f"Connected from 127.0.0.1:{own_port}"
    client.close()
    assert server.line() == f"Disconnected from 127.0.0.1:{own_port}"


def test_tcp_server_takes_the_next_client(serve, examples, connect):
    _, port = serve(examples / "echo_tcp_server")
    for message in (b"one", b"two"):
        client = connect(port)
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        assert receive_exactly(client, len(message)) == message
        assert client.recv(1) == b""
        client.close()


def test_udp_server_echoes_to_python(serve, examples, datagram_socket):
    server, port = serve(examples / "echo_udp_server")
    own_port = datagram_socket.getsockname()[1]
    for message in (b"first", b"y" * 1000, b"\0"):
        datagram_socket.sendto(message, ("127.0.0.1", port))
        assert datagram_socket.recvfrom(2048) == (message, ("127.0.0.1", port))
        assert server.line() == f"Datagram from 127.0.0.1:{own_port}"


def test_clients_talk_to_python(python_echo, start, examples):
    kind, port = python_echo
    client = start(examples / f"echo_{kind}_client", "127.0.0.1", port)
    lines = client.rest()
    assert client.wait() == 0, client.rest("stderr")
    if kind == "tcp":
        assert lines.pop(0) == "Connected to server"
    assert len(lines) == 6, lines
    for sent, received in zip(lines[::2], lines[1::2]):
        assert sent.startswith("Sent: ") and received.startswith("Received: "), lines
        assert strip_end(sent.removeprefix("Sent: ")) == strip_end(received.removeprefix("Received: "))
        assert sent != "Sent: "


def test_what_the_tcp_client_sends_is_what_it_says(start, examples, patience):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(patience)
        client = start(examples / "echo_tcp_client", "127.0.0.1", listener.getsockname()[1])
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(patience)
            heard = b""
            while data := peer.recv(1024):
                heard += data
                # Upper case shows that the client prints what came, not what it sent.
                peer.sendall(data.upper())
    lines = client.rest()
    assert client.wait() == 0, client.rest("stderr")
    assert lines[0] == "Connected to server"
    said = [line.removeprefix("Sent: ") for line in lines[1::2]]
    assert "".join(said) == heard.decode().replace("\n", "")
    assert [line.removeprefix("Received: ") for line in lines[2::2]] == [line.upper() for line in said]


def test_a_client_without_a_server_says_so(start, examples):
    # Bound and not listening: the port stays refused for as long as the test runs.
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        client = start(examples / "echo_tcp_client", "127.0.0.1", nobody.getsockname()[1])
        assert client.wait() != 0
        assert "efused" in "\n".join(client.rest("stderr"))


def test_line_server_answers_each_line(serve, examples, connect):
    _, port = serve(examples / "line_server")
    client = connect(port)
    with client.makefile("rw", encoding="utf-8", newline="\n") as file:
        for text in ("hello", "two words", ""):
            file.write(text + "\n")
            file.flush()
            assert file.readline() == text.upper() + "\n"


def test_line_server_waits_for_the_whole_line(serve, examples, connect):
    _, port = serve(examples / "line_server")
    client = connect(port)
    with client.makefile("rb") as file:
        for part in (b"hal", b"f a li", b"ne\nand"):
            client.sendall(part)
        assert file.readline() == b"HALF A LINE\n"
        client.sendall(b" more\n")
        assert file.readline() == b"AND MORE\n"
