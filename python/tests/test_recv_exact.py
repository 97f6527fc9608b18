"""recv_exact: one limit for the whole, and no byte lost to it. Each program runs in an interpreter of its own."""

import textwrap

import pytest

from interpreter import check
from misbehaving import PAIRS, PEERS

TOOLS = """
import pickle
SHORT = 0.2
"""


@pytest.fixture(params=["graft", "type"])
def run(request, certificates):
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]

    def run_program(program):
        return check(PEERS + PAIRS + TOOLS + textwrap.dedent(program), *certificates, beneath=beneath)

    return run_program


def test_it_goes_on_from_what_had_come(run):
    run(
        """
        for pair in (socket.socketpair, tls_pair):
            a, b = pair()
            a.settimeout(SHORT)
            b.sendall(b"abc")
            with takes(SHORT):
                error = stops(lambda: shotclock.recv_exact(a, 6))
            assert error.partial == b"abc" and error.phase == "recv" and error.sent == 0, vars(error)
            b.sendall(b"d")
            error = stops(lambda: shotclock.recv_exact(a, 6, partial=error.partial))
            assert error.partial == b"abcd"
            b.sendall(b"efgh")
            assert shotclock.recv_exact(a, 6, partial=error.partial) == b"abcdef"
            assert shotclock.recv_exact(a, 2, partial=memoryview(b"")) == b"gh"
            assert shotclock.recv_exact(a, 0) == b"" and shotclock.recv_exact(a, 2, partial=b"xy") == b"xy"
            assert a.gettimeout() == SHORT
        """
    )


def test_the_system_s_own_timeout_ends_it_as_it_ends_recv(run):
    run(
        """
        import struct
        a, b = socket.socketpair()
        a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(SHORT * 1e6)))
        b.sendall(b"abc")
        error = stops(lambda: shotclock.recv_exact(a, 6), BlockingIOError)
        assert error.partial == b"abc"
        b.sendall(b"def")
        assert shotclock.recv_exact(a, 6, partial=error.partial) == b"abcdef"
        """
    )


def test_a_peer_that_drips_does_not_outrun_it(run):
    run(
        """
        def over_tls(talk):
            def talk_over_tls(connection):
                with server.wrap_socket(connection, server_side=True) as tls:
                    talk(tls)
            return talk_over_tls
        for is_tls in (False, True):
            talk = drip(b"")
            sock = socket.create_connection(peer(over_tls(talk) if is_tls else talk), timeout=20)
            if is_tls:
                sock = client.wrap_socket(sock, server_hostname="127.0.0.1")
            sock.sendall(b"go")
            sock.settimeout(SHORT)
            with takes(SHORT):
                error = stops(lambda: shotclock.recv_exact(sock, 1000))
            assert error.limit == "timeout" and set(error.partial) == set(b"x") and 1 < len(error.partial) < 15
            sock.settimeout(None)
            with takes(SHORT):
                try:
                    with shotclock.deadline(SHORT) as scope:
                        shotclock.recv_exact(sock, 1000)
                except TimeoutError as error:
                    assert error.scope is scope and 1 < len(error.partial) < 15
        """
    )


def test_the_end_of_the_data_is_an_error_with_what_had_come(run):
    run(
        """
        # TCP: OpenSSL 3.6 answers an end without goodbye, which a Unix socket whose peer is gone refuses.
        for pair in (socket.socketpair, lambda: tls_pair(tcp_pair)):
            a, b = pair()
            a.settimeout(20)
            b.sendall(b"abc")
            b.close()
            error = stops(lambda: shotclock.recv_exact(a, 6), shotclock.IncompleteReadError)
            assert isinstance(error, EOFError) and not isinstance(error, OSError)
            assert (error.partial, error.expected) == (b"abc", 6)
            assert str(error) == "the peer ended the data: expected 6 bytes, got 3"
            again = pickle.loads(pickle.dumps(error))
            assert (again.partial, again.expected, str(again)) == (b"abc", 6, str(error))
        """
    )


def test_it_does_not_wait_on_a_socket_that_does_not(run):
    run(
        """
        for pair, kind in ((socket.socketpair, BlockingIOError), (tls_pair, ssl.SSLWantReadError)):
            a, b = pair()
            a.setblocking(False)
            b.sendall(b"abc")
            assert stops(lambda: shotclock.recv_exact(a, 6), kind).partial == b"abc"
        """
    )


def test_without_a_timeout_it_waits_for_all(run):
    run(
        """
        data = bytes(range(256)) * 4096
        for pair in (socket.socketpair, tls_pair):
            a, b = pair()
            sending = threading.Thread(target=b.sendall, args=(data,))
            sending.start()
            assert shotclock.recv_exact(a, len(data)) == data
            sending.join()
        """
    )


def test_bad_arguments_are_named(run):
    run(
        """
        a, b = socket.socketpair()
        for call in (lambda: shotclock.recv_exact(a, -1), lambda: shotclock.recv_exact(a, 2, partial=b"abc")):
            error = stops(call, ValueError)
            assert "-1" in str(error) or "2 bytes: expected a number from 3" in str(error), error
        stops(lambda: shotclock.recv_exact(a, 1.5), TypeError)
        stops(lambda: shotclock.recv_exact(a, 1, partial="a"), TypeError)
        stops(lambda: shotclock.recv_exact(object(), 1), TypeError)
        a.close()
        stops(lambda: shotclock.recv_exact(a, 1), OSError)
        """
    )


def test_it_needs_no_install_for_a_plain_socket():
    check(
        """
        import shotclock, socket
        a, b = socket.socketpair()
        b.sendall(b"ab")
        assert shotclock.recv_exact(a, 2) == b"ab"
        assert not shotclock.status().installed
        """
    )


def test_a_signal_handler_s_exception_has_what_had_come(run):
    run(
        """
        for pair in (socket.socketpair, tls_pair):
            a, b = pair()
            b.sendall(b"abc")
            assert stops_at_an_alarm(lambda: shotclock.recv_exact(a, 6), SHORT).partial == b"abc"
        """
    )
