"""The command against Python's own sockets: one side is always not ours."""

import contextlib
import json
import os
import signal
import socket
import socketserver
import ssl
import subprocess
import threading

import pytest

SIZES = [0, 1, 1472, 9000, 65_507]


@pytest.fixture
def server(start, shotclock):
    """Starts `shotclock serve` on a port of the system's choice; gives the program and its port."""

    def server(protocol, *options):
        program = start(shotclock, "serve", protocol, "--host", "127.0.0.1", "--port", 0, *options)
        return program, program.port()

    return server


@pytest.fixture
def run(shotclock, patience):
    """Runs the command to its end; gives its exit code, standard output and standard error."""

    def run(*words, data=b""):
        command = [str(shotclock), *map(str, words)]
        done = subprocess.run(command, input=data, capture_output=True, timeout=patience, check=False)
        return done.returncode, done.stdout, done.stderr.decode()

    return run


class UpperStream(socketserver.StreamRequestHandler):
    """Answers each line in capitals, so that an answer cannot be taken for what was sent."""

    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


class UpperDatagram(socketserver.BaseRequestHandler):
    def handle(self):
        data, own = self.request
        own.sendto(data.upper(), self.client_address)


@pytest.fixture(params=["tcp", "udp"])
def python_server(request):
    """The protocol, and the port of a server by Python."""
    kinds = {"tcp": (socketserver.ThreadingTCPServer, UpperStream), "udp": (socketserver.UDPServer, UpperDatagram)}
    kind, handler = kinds[request.param]
    with kind(("127.0.0.1", 0), handler) as python_server:
        thread = threading.Thread(target=python_server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield request.param, python_server.server_address[1]
        python_server.shutdown()
        thread.join()


def receive_exactly(client, count):
    data = bytearray()
    while len(data) < count:
        part = client.recv(count - len(data))
        assert part, f"ended after {len(data)} of {count} bytes"
        data += part
    return bytes(data)


def test_serve_tcp_echoes_to_python(server, connect):
    program, port = server("tcp")
    clients = [connect(port) for _ in range(20)]
    for number, client in enumerate(clients):
        data = bytes([number]) * (1 + number * 5000)
        client.sendall(data)
        assert receive_exactly(client, len(data)) == data
    address = "{}:{}".format(*clients[0].getsockname())
    clients[0].shutdown(socket.SHUT_WR)
    assert clients[0].recv(1) == b"", "the end is answered by the end"
    talk = []
    while f"Disconnected from {address}" not in talk:
        talk.append(program.line("stderr"))
    assert f"Connected from {address}" in talk


def test_serve_udp_echoes_to_python(server, datagram_socket):
    program, port = server("udp")
    for size in SIZES:
        data = bytes(number % 251 for number in range(size))
        datagram_socket.sendto(data, ("127.0.0.1", port))
        back, address = datagram_socket.recvfrom(70_000)
        assert (back == data, address) == (True, ("127.0.0.1", port)), size
        assert program.line("stderr") == "Datagram from {}:{}".format(*datagram_socket.getsockname())


def test_serve_both_on_one_port(server, connect, datagram_socket):
    program, port = server("both")
    assert program.port() == port
    client = connect(port)
    datagram_socket.sendto(b"datagram", ("127.0.0.1", port))
    client.sendall(b"stream")
    assert datagram_socket.recv(100) == b"datagram"
    assert receive_exactly(client, 6) == b"stream"


def test_serve_does_not_answer_its_own_port(server, datagram_socket, patience):
    program, port = server("udp")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as another_server:
        another_server.settimeout(patience)
        another_server.bind(("127.0.0.2", port))
        another_server.sendto(b"echo", ("127.0.0.1", port))
        assert "not answered" in program.line("stderr")
        # An answer to a later datagram shows that the earlier one had its chance.
        datagram_socket.sendto(b"hello", ("127.0.0.1", port))
        assert datagram_socket.recv(100) == b"hello"
        another_server.setblocking(False)
        with pytest.raises(BlockingIOError):
            another_server.recv(100)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_by_one_interrupt_and_frees_its_port(server, connect, number):
    program, port = server("tcp")
    client = connect(port)
    client.sendall(b"hello")
    assert receive_exactly(client, 5) == b"hello"
    program.process.send_signal(number)
    assert client.recv(1) == b""
    client.close()
    assert program.wait() == 0
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_send_prints_what_python_answers(run, python_server):
    protocol, port = python_server
    code, out, err = run("send", protocol, "127.0.0.1", port, "one line", "7 bytes")
    expected = "Connected to server\nSent: one line\nReceived: ONE LINE\nSent: 7 bytes\nReceived: 7 BYTES\n"
    assert (code, out.decode(), err) == (0, expected, "")


def test_send_takes_standard_input(run, python_server):
    protocol, port = python_server
    code, out, _ = run("send", protocol, "127.0.0.1", port, "--quiet", "-", data=b"first\nsecond\n")
    assert (code, out) == (0, b"FIRST\nSECOND\n" if protocol == "tcp" else b"FIRSTSECOND")


def test_send_tells_json(run, python_server):
    protocol, port = python_server
    code, out, _ = run("send", protocol, "127.0.0.1", port, "--json", "hello")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [event["event"] for event in events] == ["connected", "sent", "received"]
    assert (events[1]["data"], events[2]["data"]) == ("hello", "HELLO")


def test_send_ends_at_its_limit(run):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for limit, expected in [("--timeout", 12), ("--total", 13)]:
            code, out, err = run("send", "tcp", "127.0.0.1", port, limit, 0.1, "hello")
            assert (code, out) == (expected, b"Connected to server\nSent: hello\n"), err
            assert "timed out" in err


def test_resolve_agrees_with_python(run):
    code, out, _ = run("resolve", "localhost", "--json")
    answer = json.loads(out)
    assert code == 0
    ours = [entry["address"] for entry in answer["getaddrinfo"]["addresses"]]
    assert ours == [entry[4][0] for entry in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)]
    name, aliases, addresses = socket.gethostbyname_ex("localhost")
    assert answer["gethostbyname_ex"] == {"name": name, "aliases": aliases, "addresses": addresses}


@pytest.mark.parametrize(
    ("mode", "error"),
    [("stall", TimeoutError), ("drip --interval 60", TimeoutError), ("reset --when-asked", ConnectionResetError)],
)
def test_faults_befall_a_python_client(start, shotclock, connect, mode, error):
    after = ["--after", 1] if "drip" not in mode else []
    peer = start(shotclock, "faults", *mode.split(), *after)
    client = connect(peer.port())
    client.sendall(b"?")
    assert client.recv(1) == b"0"
    # A reset may take its time, where a timeout is to pass.
    if error is TimeoutError:
        client.settimeout(0.05)
    with pytest.raises(error):
        client.recv(1)


@pytest.mark.parametrize("after", [0, 40])
def test_faults_stall_a_handshake_of_python(start, shotclock, connect, after):
    peer = start(shotclock, "faults", "tls-stall", "--after", after, "--json")
    listening = json.loads(peer.line("stdout"))
    client = connect(int(listening["address"].rpartition(":")[2]))
    context = ssl.create_default_context()
    client.settimeout(0.5)
    with pytest.raises(TimeoutError):
        context.wrap_socket(client, server_hostname="localhost")
    events = [json.loads(peer.line("stdout")) for _ in range(3)]
    assert [event["event"] for event in events] == ["opened", "client_hello", "stalled"]
    assert events[2]["sent"] == after


@pytest.fixture
def unread_pipe():
    """The end to write to of a pipe that is full, and that nobody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(65_536))
    os.set_blocking(writer, True)
    yield writer
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_goes_on_and_ends_though_nobody_reads(shotclock, unread_pipe, patience, number):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(patience)
        client.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = [str(shotclock), "serve", "udp", "--host", "127.0.0.1", "--port", str(port), "--json"]
        with subprocess.Popen(words, stdout=unread_pipe, stderr=unread_pipe) as program:
            try:
                client.connect(("127.0.0.1", port))
                echoed = None
                while echoed is None:
                    # Refused until it listens.
                    with contextlib.suppress(ConnectionRefusedError):
                        client.send(b"hello")
                        echoed = client.recv(10)
                assert echoed == b"hello"
                program.send_signal(number)
                assert program.wait(patience) == 0
            finally:
                program.kill()


def test_send_raw_ends_in_time_though_nobody_reads(shotclock, server, unread_pipe, patience):
    _, port = server("tcp")
    words = [str(shotclock), "send", "tcp", "127.0.0.1", str(port), "--raw", "--total", "0.5"]
    endless = open("/dev/zero", "rb")
    with endless, subprocess.Popen(words, stdin=endless, stdout=unread_pipe, stderr=subprocess.PIPE) as program:
        try:
            assert program.wait(patience) == 13
        finally:
            program.kill()


def test_a_text_with_lines_is_one_datagram(run, python_server):
    protocol, port = python_server
    if protocol == "udp":
        code, out, _ = run("send", "udp", "127.0.0.1", port, "--quiet", "a\nb")
        assert (code, out) == (0, b"A\nB")
        code, out, _ = run("send", "udp", "127.0.0.1", port, "--raw", data=b"\0x\ny\n")
        assert (code, out) == (0, b"\0X\nY\n")
    else:
        code, out, _ = run("send", "tcp", "127.0.0.1", port, "--quiet", "a\nb")
        assert (code, out) == (0, b"A\nB\n")
