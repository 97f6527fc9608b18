"""A limit ends a read of a flood as late as one of a silence: after the end only constant work is left."""

import textwrap

import pytest

from interpreter import check
from misbehaving import PAIRS, PEERS

# As fast as the machine can: a process of its own, which shares no interpreter with the reader.
TOOLS = r"""
import http.client, io, subprocess
SECONDS, LATE, TRIES = 0.7, 0.15, 4
SOURCE = '''
import socket, ssl, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
head, certificate = sys.argv[1].encode(), sys.argv[2]
while True:
    connection = listener.accept()[0]
    try:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            connection = context.wrap_socket(connection, server_side=True)
        connection.recv(4096)
        connection.sendall(head)
        while True:
            connection.sendall(b"x" * (1 << 20))
    except OSError:
        connection.close()
'''

def outruns(begin, head="", is_tls=False):
    '''How late the best of a few reads ends: what else the machine does meanwhile delays some, work that grows all.'''
    words = [sys.executable, "-S", "-c", SOURCE, head, CERTIFICATE if is_tls else ""]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as source:
        try:
            address = "127.0.0.1", int(source.stdout.readline())
            best = min(iter_until_good(begin, address))
        finally:
            source.kill()
    assert best <= LATE, best

def iter_until_good(begin, address):
    for _ in range(TRIES):
        late = how_late(begin(address))
        yield late
        if late <= LATE:
            return

def how_late(read):
    start = time.monotonic()
    try:
        with shotclock.deadline(SECONDS):
            read()
    except TimeoutError:
        late = time.monotonic() - start - SECONDS
        assert late >= 0, late
        return late
    raise AssertionError("it ended by itself")

def connected(address, is_tls=False):
    sock = socket.create_connection(address)
    if is_tls:
        sock = client.wrap_socket(sock, server_hostname="127.0.0.1")
    sock.sendall(b"go")
    return sock

def with_file(use, *mode, is_tls=False, **options):
    def begin(address):
        file = connected(address, is_tls).makefile(*mode, **options)
        return lambda: use(file)
    return begin

def with_response(address):
    connection = http.client.HTTPConnection(*address)
    connection.request("GET", "/")
    response = connection.getresponse()
    return lambda: response.read()
"""
BESIDE = """
from shotclock import socket
def with_response(address):
    connection = http.client.HTTPConnection(*address)
    connection._create_connection = socket.create_connection
    connection.request("GET", "/")
    response = connection.getresponse()
    return lambda: response.read()
"""

KINDS = {
    "a stock file": 'outruns(with_file(lambda file: file.read(), "rb"))',
    "a stock file, so many bytes": 'outruns(with_file(lambda file: file.read(2 << 30), "rb"))',
    "readall": 'outruns(with_file(lambda file: file.readall(), "rb", 0))',
    "http": 'outruns(with_response, "HTTP/1.1 200 OK\\r\\n\\r\\n")',
    "http with a length": 'outruns(with_response, "HTTP/1.1 200 OK\\r\\nContent-Length: 4000000000\\r\\n\\r\\n")',
    "resume, read": 'outruns(with_file(lambda file: file.read(), "rb", resume=True))',
    "resume, readlines": 'outruns(with_file(lambda file: file.readlines(), "rb", resume=True))',
    "resume, readline": 'outruns(with_file(lambda file: file.readline(), "rb", resume=True))',
    "resume, readinto": """
        room = bytearray(2 << 30)
        outruns(with_file(lambda file: file.readinto(room), "rb", resume=True))
    """,
    "resume, text": 'outruns(with_file(lambda file: file.read(), "r", encoding="utf-8", resume=True))',
    "resume, text by a decoder": 'outruns(with_file(lambda file: file.read(), "r", encoding="latin-1", resume=True))',
    "resume, lines of text": 'outruns(with_file(lambda file: file.readline(), "r", encoding="utf-8", resume=True))',
    "recv_exact": """
        outruns(lambda address: (lambda sock: lambda: shotclock.recv_exact(sock, 2 << 30))(connected(address)))
    """,
    "recv_exact, TLS": """
        def begin(address):
            sock = connected(address, True)
            return lambda: shotclock.recv_exact(sock, 2 << 30)
        outruns(begin, is_tls=True)
    """,
    "resume, TLS": 'outruns(with_file(lambda file: file.read(), "rb", resume=True, is_tls=True), is_tls=True)',
}


@pytest.mark.parametrize(("kind", "mount"), [(kind, "graft") for kind in KINDS] + [("http", "type"), ("http", "beside")])
def test_a_flood_ends_as_late_as_a_silence(kind, mount, certificates):
    beneath = ["-m", "shotclock"] if mount == "type" else []
    line = {"graft": "shotclock.install()\n", "type": "", "beside": BESIDE}[mount]
    check(PEERS + PAIRS + TOOLS + line + textwrap.dedent(KINDS[kind]), *certificates, beneath=beneath)
