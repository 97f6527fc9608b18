"""timeoutsocket in programs of their own, since importing it changes the whole program."""

import socket
import subprocess
import sys
import textwrap

import pytest

LIMIT = 0.25

# What every program begins with, before anything imports socket.
FIRST = f"""
import timeoutsocket
assert timeoutsocket.getDefaultSocketTimeout() is None
timeoutsocket.setDefaultSocketTimeout({LIMIT})
import socket, sys, threading, time

def times_out(call, wrapped=False):
    begun = time.monotonic()
    try:
        call()
    except timeoutsocket.Timeout as error:
        assert isinstance(error, socket.timeout)
    except OSError as error:
        cause = getattr(error, "reason", error.__context__)
        assert wrapped and isinstance(cause, timeoutsocket.Timeout), repr(error)
    else:
        raise AssertionError("it did not time out")
    assert {LIMIT} <= time.monotonic() - begun < {LIMIT} + 5

PORT = int(sys.argv[1])
"""


def run(program, port=0, first=""):
    command = [sys.executable, "-c", "\n".join([first, FIRST, textwrap.dedent(program)]), str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def silent_server():
    """A port that accepts (in its queue) and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_the_classes_are_as_documented():
    run("""
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    assert type(one) is timeoutsocket.TimeoutSocket
    assert one.get_timeout() == 0.25
    one.set_timeout(7.5)
    assert one.get_timeout() == one.gettimeout() == 7.5
    one.set_timeout(None)
    assert one.get_timeout() is None
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    assert type(datagrams) is not timeoutsocket.TimeoutSocket
    assert datagrams.gettimeout() is None and not hasattr(datagrams, "get_timeout")
    assert isinstance(datagrams, socket.socket) and isinstance(one, socket.socket)
    local, _ = socket.socketpair()
    assert local.gettimeout() is None, "an AF_UNIX socket is no TCP socket"
    timeoutsocket.setDefaultSocketTimeout(None)
    assert timeoutsocket.getDefaultSocketTimeout() is None
    assert socket.socket().get_timeout() is None
    timeoutsocket.setDefaultSocketTimeout(3)
    assert timeoutsocket.getDefaultSocketTimeout() == 3.0
    for bad in (-1, float("nan"), "x"):
        for refuse in (timeoutsocket.setDefaultSocketTimeout, one.set_timeout):
            try:
                refuse(bad)
            except ValueError as error:
                assert str(bad) in str(error), error
            else:
                raise AssertionError(bad)
    """)


def test_subclasses_are_what_they_say():
    run("""
    class Mine(socket.socket):
        def __init__(self, name, *, family=socket.AF_INET, kind=socket.SOCK_STREAM):
            super().__init__(family, kind)
            self.name = name
    assert Mine("tcp").name == "tcp" and Mine("tcp").get_timeout() == 0.25
    for family, kind in ((socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_UNIX, socket.SOCK_STREAM)):
        other = Mine("other", family=family, kind=kind)
        assert type(other) is Mine and other.gettimeout() is None, other
    listener = Mine("local", family=socket.AF_UNIX)
    listener.bind("")
    listener.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect(listener.getsockname())
    assert listener.accept()[0].gettimeout() is None
    """)


def test_without_a_default_the_interpreters_own_holds():
    run("""
    timeoutsocket.setDefaultSocketTimeout(None)
    socket.setdefaulttimeout(7)
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    assert [one.gettimeout() for one in (listener, client, accepted)] == [7.0] * 3
    """)


@pytest.mark.parametrize("first", ["", "import multiprocessing.reduction"])
def test_sockets_of_each_kind_travel(first):
    run(
        """
        import multiprocessing
        to, at = multiprocessing.Pipe()
        local, _ = socket.socketpair()
        for one in (socket.socket(), socket.socket(type=socket.SOCK_DGRAM), local):
            to.send(one)
            assert type(at.recv()) is type(one)
        """,
        first=first,
    )


def test_every_wait_ends(silent_server):
    run(
        """
        listener = socket.create_server(("127.0.0.1", 0))
        times_out(listener.accept)
        one = socket.create_connection(("127.0.0.1", PORT))
        assert type(one) is timeoutsocket.TimeoutSocket
        times_out(lambda: one.recv(1))
        times_out(lambda: one.makefile("rb").readline())
        times_out(lambda: one.sendall(bytes(1 << 24)))
        # connect: the queue of a listener is full.
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        def fill():
            while True:
                waiting.append(socket.socket())
                waiting[-1].connect(full.getsockname())
        times_out_at_last = time.monotonic()
        try:
            fill()
        except timeoutsocket.Timeout:
            assert time.monotonic() - times_out_at_last >= 0.25
        """,
        silent_server,
    )


def test_accepted_sockets_begin_with_the_default():
    run("""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.set_timeout(9)
    client = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    assert type(accepted) is timeoutsocket.TimeoutSocket and accepted.get_timeout() == 0.25
    client.sendall(b"line\\n")
    assert accepted.makefile("rb").readline() == b"line\\n"
    timeoutsocket.setDefaultSocketTimeout(None)
    client = socket.create_connection(listener.getsockname())
    assert listener.accept()[0].get_timeout() is None
    """)


def test_urllib_knows_nothing_of_it(silent_server):
    run(
        """
        import urllib.request
        times_out(lambda: urllib.request.urlopen(f"http://127.0.0.1:{PORT}/").read(), wrapped=True)
        """,
        silent_server,
    )


def test_smtplib_knows_nothing_of_it(silent_server):
    run("import smtplib\ntimes_out(lambda: smtplib.SMTP('127.0.0.1', PORT, 'me'), wrapped=True)", silent_server)


def test_ftplib_knows_nothing_of_it(silent_server):
    run("import ftplib\ntimes_out(lambda: ftplib.FTP().connect('127.0.0.1', PORT))", silent_server)


def test_tls_is_over_it(silent_server):
    run(
        """
        import ssl
        assert issubclass(ssl.SSLSocket, timeoutsocket.TimeoutSocket)
        context = ssl.create_default_context()
        one = socket.create_connection(("127.0.0.1", PORT))
        times_out(lambda: context.wrap_socket(one, server_hostname="localhost"))
        """,
        silent_server,
    )


def test_asyncio_and_servers_go_on():
    run("""
    import asyncio, socketserver
    timeoutsocket.setDefaultSocketTimeout(20)

    async def main():
        async def echo(reader, writer):
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\\n")
        assert await reader.readline() == b"hello\\n"
        writer.close()
        server.close()
    asyncio.run(main())

    class Echo(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(self.rfile.readline())
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        with socket.create_connection(server.server_address) as client:
            client.sendall(b"again\\n")
            assert client.recv(100) == b"again\\n"
        server.shutdown()
    """)


def test_it_goes_with_the_graft(silent_server):
    run(
        """
        import shotclock
        shotclock.install()
        plain = timeoutsocket.TimeoutSocket.__base__
        assert "recv" in plain.__dict__ and "recv" not in timeoutsocket.TimeoutSocket.__dict__
        one = socket.create_connection(("127.0.0.1", PORT))
        times_out(lambda: one.recv(1))
        times_out(lambda: one.makefile("rb").readline())
        """,
        silent_server,
    )
