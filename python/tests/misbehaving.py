"""What programs under test need: peers that misbehave, and a stopwatch. Put before a program's own text."""

import inspect
import pathlib

from starved import starved
from waits import full_backlog, full_pipe

# A limit may be missed late by LATE and by what the machine does besides, and early by nothing.
PEERS = """
import contextlib, os, socket, sys, threading, time
import shotclock
LIMIT, LATE = 0.3, 0.25

@contextlib.contextmanager
def takes(seconds):
    start, before = time.monotonic(), starved()
    yield
    took = time.monotonic() - start
    assert seconds <= took <= seconds + LATE + starved() - before, f"{took} s, expected {seconds}"

@contextlib.contextmanager
def expires(kind=TimeoutError):
    around = shotclock.remaining()
    with takes(LIMIT):
        try:
            with shotclock.deadline(LIMIT) as scope:
                yield scope
        except kind as error:
            assert shotclock.expired_scope(error) is scope, error
            assert scope.expired
        else:
            raise AssertionError("it ended by itself")
    assert (shotclock.remaining() is None) == (around is None)

def peer(talk):
    listener = socket.create_server(("127.0.0.1", 0))
    def serve():
        with shotclock.shield(), contextlib.suppress(OSError):
            while True:
                threading.Thread(target=guarded, args=(listener.accept()[0],), daemon=True).start()
    def guarded(connection):
        with contextlib.suppress(OSError), connection:
            talk(connection)
    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()

def silent(connection):
    connection.recv(1)
    time.sleep(30)

def drip(head, each=b"x", every=0.02):
    def talk(connection):
        connection.recv(1)
        connection.sendall(head)
        for _ in range(1000):
            time.sleep(every)
            connection.sendall(each)
    return talk

""" + "\n".join(inspect.getsource(tool) for tool in (starved, full_backlog, full_pipe))

# The matrix's peers say it, too.
FLIGHT = pathlib.Path(__file__).parents[2].joinpath("matrix", "flight.py").read_text()

# Web servers, and their clients: with the arguments CERTIFICATE and AUTHORITY, the fixture `certificates`.
SERVERS = FLIGHT + """
import http.client, os, ssl, urllib.request, warnings
import requests
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Length: 1000000\\r\\n\\r\\n"
CERTIFICATE, AUTHORITY = sys.argv[1:]
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(CERTIFICATE)

def drip_header(connection):
    drip(b"HTTP/1.1 200 OK\\r\\nX: ")(connection)

def drip_body(connection):
    drip(HEAD)(connection)

def over_tls(talk):
    def talk_over_tls(connection):
        with server.wrap_socket(connection, server_side=True) as tls:
            talk(tls)
    return talk_over_tls

def drip_handshake(connection):
    for byte in first_flight(server, connection):
        time.sleep(0.02)
        connection.sendall(bytes([byte]))

def drip_records(connection):
    with server.wrap_socket(connection, server_side=True) as tls:
        tls.recv(65536)
        raw = socket.socket(fileno=os.dup(tls.fileno()))
        tls.sendall(HEAD)
        raw.sendall(RECORD_HEAD)
        for _ in range(1000):
            time.sleep(0.02)
            raw.sendall(b"x")

def flood(connection):
    connection.recv(1)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
    while True:
        connection.sendall(bytes(65536))

def fetch_by_requests(url):
    requests.get(url, verify=AUTHORITY)

def fetch_by_urllib(url):
    urllib.request.urlopen(url, context=ssl.create_default_context(cafile=AUTHORITY) if url[4] == "s" else None).read()

def fetch_by_http_client(url):
    host, port = url.split("/")[2].split(":")
    if url[4] == "s":
        connection = http.client.HTTPSConnection(host, int(port), context=ssl.create_default_context(cafile=AUTHORITY))
    else:
        connection = http.client.HTTPConnection(host, int(port))
    connection.request("GET", "/")
    connection.getresponse().read()
"""

# For programs that lose a file with what it could not send: from 3.13 on an interpreter's own files say so on standard
# error, some of them, and from 3.15 on all.
SILENT_LOSS = """
import io, sys
def unraisable(what, hook=sys.__unraisablehook__, kind=io.IOBase):
    if "finalizing file" not in (what.err_msg or "") and not isinstance(what.object, kind):
        hook(what)
sys.unraisablehook = unraisable
"""

# Two ends of one connection, plain or TLS, for programs whose arguments are the files of the fixture `certificates`.
PAIRS = """
import ssl
CERTIFICATE, AUTHORITY = sys.argv[1:]
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(CERTIFICATE)
client = ssl.create_default_context(cafile=AUTHORITY)

def tcp_pair():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        a = socket.create_connection(listener.getsockname())
        return a, listener.accept()[0]

def tls_pair(pair=socket.socketpair):
    a, b = pair()
    made = []
    serving = threading.Thread(target=lambda: made.append(server.wrap_socket(b, server_side=True)))
    serving.start()
    a = client.wrap_socket(a, server_hostname="127.0.0.1")
    serving.join()
    return a, made[0]

def stops(call, kind=TimeoutError):
    try:
        value = call()
    except kind as error:
        return error
    raise AssertionError(f"it gave {value!r}")

class Enough(Exception):
    pass

def stops_at_an_alarm(call, seconds):
    import signal
    def handler(*_):
        raise Enough
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    return stops(call, Enough)
"""
