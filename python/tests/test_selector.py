"""Libraries that wait for their socket by a selector beside it: what ends that, and which selectors are left alone."""

import textwrap

import pytest

from interpreter import check
from misbehaving import PEERS

SERVERS = """
import selectors, socketserver, tempfile

class Greeter(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.greeted = True

def servers():
    path = tempfile.mkdtemp() + "/server"
    yield socketserver.TCPServer(("127.0.0.1", 0), Greeter), "accept"
    yield socketserver.UDPServer(("127.0.0.1", 0), Greeter), "recv"
    yield socketserver.UnixStreamServer(path, Greeter), "accept"

def tcp_server():
    return socketserver.TCPServer(("127.0.0.1", 0), Greeter)

class Reader:
    # As telnetlib's class is made, which newer interpreters have no more.
    def __init__(self, sock):
        self.sock = sock
    def fileno(self):
        return self.sock.fileno()
    def select(self, timeout=None, events=selectors.EVENT_READ, kind=selectors.PollSelector):
        with kind() as selector:
            selector.register(self, events)
            return selector.select(timeout)
"""


@pytest.fixture(params=["graft", "type"])
def run(request):
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]

    def run_program(program):
        return check(PEERS + SERVERS + textwrap.dedent(program), beneath=beneath)

    return run_program


def test_a_server_that_waits_for_a_request_ends_with_the_scope(run):
    run(
        """
        for server, phase in servers():
            for wait in (server.handle_request, server.serve_forever):
                with expires():
                    wait()
            try:
                with shotclock.deadline(0):
                    server.handle_request()
            except TimeoutError as error:
                assert (str(error), error.phase, error.limit) == ("timed out", phase, "scope"), vars(error)
            server.server_close()
        """
    )


def test_the_timeout_of_the_server_is_its_own(run):
    run(
        """
        for server, _ in servers():
            gave_up = []
            server.handle_timeout = lambda: gave_up.append(True)
            server.timeout = LIMIT
            with shotclock.deadline(20) as scope, takes(LIMIT):
                server.handle_request()
            assert gave_up and not scope.expired
            server.timeout = 20
            with expires():
                server.handle_request()
            # Only to look is no wait, whatever is over.
            server.timeout = 0
            with shotclock.deadline(0):
                server.handle_request()
            assert len(gave_up) == 2
        """
    )


def test_requests_are_served_within_a_scope(run):
    run(
        """
        server = tcp_server()
        for wait in (server.handle_request, server.serve_forever):
            server.greeted = False
            with socket.create_connection(server.server_address), shotclock.move_on_after(LIMIT):
                wait()
            assert server.greeted
        with shotclock.deadline(20) as scope:
            timer = threading.Timer(0.1, server.shutdown)
            timer.start()
            server.serve_forever(poll_interval=0.02)
            timer.join()
            assert not scope.expired
        """
    )


def test_cancelling_and_closing_end_the_wait(run):
    run(
        """
        import errno
        server = tcp_server()
        canceller = shotclock.Canceller()
        threading.Timer(0.1, canceller.cancel).start()
        try:
            with canceller:
                server.handle_request()
        except shotclock.Cancelled:
            pass
        else:
            raise AssertionError("it went on")
        threading.Timer(0.1, server.server_close).start()
        try:
            with shotclock.deadline(20):
                server.handle_request()
        except OSError as error:
            assert error.errno == errno.EBADF, error
        else:
            raise AssertionError("it went on")
        """
    )


def test_a_signal_handler_runs_while_it_waits(run):
    run(
        """
        import signal
        class Enough(Exception):
            pass
        def handler(*_):
            raise Enough
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            with shotclock.deadline(20):
                tcp_server().handle_request()
        except Enough:
            pass
        else:
            raise AssertionError("it went on")
        """
    )


def test_an_object_that_reads_is_waited_for_as_well(run):
    run(
        """
        one, other = socket.socketpair()
        with expires():
            Reader(one).select()
        other.send(b"x")
        with shotclock.deadline(LIMIT):
            ready = Reader(one).select()
        assert [(key.fileobj.sock, events) for key, events in ready] == [(one, selectors.EVENT_READ)]
        assert one.recv(1) == b"x"
        """
    )


def test_other_selectors_go_on(run):
    run(
        """
        import os
        a, b = socket.socketpair()
        shotclock.install()

        def outlasts(wait):
            with shotclock.deadline(LIMIT / 3, waits=False), takes(LIMIT):
                assert wait() == []

        def bare(kind=selectors.PollSelector, socks=(a,)):
            with kind() as selector:
                for sock in socks:
                    selector.register(sock, selectors.EVENT_READ)
                return selector.select(LIMIT)

        # Where only sockets are bounded. An event loop's has sockets of its own and of others, and is not this code's to end.
        outlasts(bare)
        outlasts(lambda: bare(socks=(a, b)))
        outlasts(lambda: bare(selectors.DefaultSelector))
        outlasts(lambda: Reader(a).select(LIMIT, kind=selectors.DefaultSelector))
        outlasts(lambda: bare(socks=(Reader(a), Reader(b))))
        outlasts(lambda: bare(socks=(os.pipe()[0],)))
        with shotclock.deadline(0):
            assert [events for _, events in Reader(a).select(events=selectors.EVENT_WRITE)] == [selectors.EVENT_WRITE]
        with takes(LIMIT):
            assert Reader(a).select(LIMIT) == []
        """
    )


def test_it_is_named_and_put_back():
    check(
        """
        import selectors, shotclock
        before = dict(vars(selectors.PollSelector))
        for _ in range(2):
            shotclock.install()
            shotclock.install()
            assert "selectors.PollSelector.select" in shotclock.status().replaced
            shotclock.uninstall()
            assert dict(vars(selectors.PollSelector)) == before
        """
    )


def test_a_program_with_a_total_serves_no_longer():
    check(
        """
        import socketserver
        try:
            socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler).serve_forever()
        except TimeoutError:
            print("over")
        """,
        beneath=("-m", "shotclock", "--total", "0.3"),
    ) == "over\n"


def test_what_is_no_socket_is_refused():
    check(
        """
        from shotclock import _native
        import _socket
        _native.prepare(_socket)
        for bad in (None, 3, object()):
            try:
                _native.wait_readable(bad, 0, False)
            except TypeError as error:
                assert "takes a socket" in str(error)
            else:
                raise AssertionError(bad)
        """
    )
