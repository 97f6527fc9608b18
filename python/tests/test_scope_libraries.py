"""Deadline scopes through libraries that know nothing of them, at peers that misbehave at every stage."""

import textwrap

import pytest

from interpreter import check
from misbehaving import PEERS

SERVERS = """
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
    # What a server says is made aside, and then given out by the byte.
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = server.wrap_bio(incoming, outgoing, server_side=True)
    while not outgoing.pending:
        incoming.write(connection.recv(65536))
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
    for byte in outgoing.read():
        time.sleep(0.02)
        connection.sendall(bytes([byte]))

def drip_records(connection):
    with server.wrap_socket(connection, server_side=True) as tls:
        tls.recv(65536)
        raw = socket.socket(fileno=os.dup(tls.fileno()))
        tls.sendall(HEAD)
        # A record of which only the length comes quickly.
        raw.sendall(bytes([23, 3, 3, 0x40, 0]))
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
FETCHES = ["fetch_by_requests", "fetch_by_urllib", "fetch_by_http_client"]
PLAIN = ["silent", "drip_header", "drip_body", "flood"]
TLS = ["silent", "drip_handshake", "drip_records", "over_tls(drip_header)", "over_tls(drip_body)", "over_tls(flood)"]


@pytest.fixture(params=["graft", "type"])
def run(request, certificate):
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]

    def run_program(program):
        return check(PEERS + SERVERS + textwrap.dedent(program), *certificate, beneath=beneath)

    return run_program


@pytest.mark.parametrize("fetch", FETCHES)
def test_http_ends_in_time_at_every_stage(run, fetch):
    run(
        f"""
        for talk in ({", ".join(PLAIN)}):
            url = "http://%s:%d/" % peer(talk)
            with expires(Exception):
                {fetch}(url)
        """
    )


@pytest.mark.parametrize("fetch", FETCHES)
def test_https_ends_in_time_at_every_stage(run, fetch):
    run(
        f"""
        for talk in ({", ".join(TLS)}):
            url = "https://%s:%d/" % peer(talk)
            with expires(Exception):
                {fetch}(url)
        """
    )


def test_a_timeout_of_the_library_s_own_still_counts(run):
    run(
        """
        url = "http://%s:%d/" % peer(drip_body)
        with shotclock.deadline(60) as scope, takes(0.2):
            try:
                requests.get("http://%s:%d/" % peer(silent), timeout=0.2)
            except requests.exceptions.ReadTimeout as error:
                assert shotclock.expired_scope(error) is None and not scope.expired
        """
    )


def test_every_call_of_a_tls_socket_ends_and_leaves_it_as_it_was(run):
    run(
        """
        def quiet(connection):
            connection.recv(1)
            time.sleep(30)
        client = ssl.create_default_context(cafile=AUTHORITY)
        for timeout in (None, 30):
            address = peer(over_tls(quiet))
            plain = socket.create_connection(address)
            plain.settimeout(timeout)
            tls = client.wrap_socket(plain, server_hostname="127.0.0.1")
            for wait in (lambda: tls.recv(1), lambda: tls.read(1), lambda: tls.recv_into(bytearray(1)),
                         lambda: tls.makefile("rb").read(1), lambda: tls.sendall(bytes(50_000_000))):
                with expires():
                    wait()
                assert tls.gettimeout() == timeout
                assert os.get_blocking(tls.fileno()) == (timeout is None)
            tls.close()
            stalled = socket.create_connection(peer(silent))
            stalled.settimeout(timeout)
            with expires():
                client.wrap_socket(stalled, server_hostname="127.0.0.1")
        """
    )


def test_smtp_and_ftp_end_in_time(run):
    run(
        """
        import ftplib, smtplib
        def log_in(host, port):
            ftp = ftplib.FTP()
            ftp.connect(host, port)
            ftp.login()
        for greeting in (b"220 ", b"220 hello\\r\\n"):
            for talk in (lambda host, port: smtplib.SMTP(host, port).ehlo(), log_in):
                def greet(connection):
                    connection.sendall(greeting)
                    drip(b"250")(connection)
                with expires(Exception):
                    talk(*peer(greet))
        """
    )
