"""TLS under the graft: what the guard promises beside the values, which CPython's own tests compare."""

import socket
import ssl
import threading
import types

import pytest
import shotclock
from interpreter import check


@pytest.fixture
def grafted():
    shotclock.install()
    yield
    shotclock.uninstall()


def test_who_looks_in_the_middle_of_a_call_sees_the_program_s_timeout(grafted, certificate, patience):
    seen = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    server.sni_callback = lambda sock, *_: seen.append((sock.gettimeout(), sock.timeout, sock.getblocking()))
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    here, there = socket.socketpair()
    here.settimeout(patience)
    there.settimeout(patience)

    def accept():
        server.wrap_socket(there, server_side=True).close()

    thread = threading.Thread(target=accept)
    thread.start()
    client.wrap_socket(here, server_hostname="localhost").close()
    thread.join()
    assert seen == [(patience, patience, True)]


def test_methods_of_tls_sockets_take_what_is_none(grafted):
    answers = types.SimpleNamespace(read=lambda size: b"x" * size)
    stand_in = types.SimpleNamespace(_sslobj=answers, _checkClosed=lambda: None)
    assert ssl.SSLSocket.read(stand_in, 3) == b"xxx"


def test_daemon_threads_are_no_crash_at_exit(certificate):
    # Their calls come back to an interpreter that is shut down, which ends threads by unwinding their stacks.
    talk = """
        import sys, time
        import shotclock
        shotclock.install()
        import socket, ssl, threading

        def talk(sock, begins, talking):
            while True:
                if begins:
                    sock.sendall(b"x")
                assert sock.recv(1) == b"x"
                if not begins:
                    sock.sendall(b"x")
                talking.set()

        def serve(sock, talking):
            talk(server.wrap_socket(sock, server_side=True), False, talking)

        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(sys.argv[1])
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        for _ in range(3):
            here, there = socket.socketpair()
            talking = threading.Event()
            threading.Thread(target=serve, args=(there, talking), daemon=True).start()
            one = client.wrap_socket(here)
            threading.Thread(target=talk, args=(one, True, talking), daemon=True).start()
            talking.wait()

        class Slow:
            def __del__(self, sleep=time.sleep):
                sleep(0.1)

        sys.slow = Slow()
    """
    assert check(talk, certificate) == ""
