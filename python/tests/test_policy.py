"""Policies for servers: what they end, when, and what inherits them. Each program runs in an interpreter of its own."""

import textwrap

import pytest
import shotclock

from interpreter import check
from misbehaving import PEERS

# Servers under a policy, their clients, and what a wait may end by.
SERVERS = """
import ssl
from shotclock import _native

def served(**limits):
    listener = socket.create_server(("127.0.0.1", 0))
    shotclock.Policy(**limits).protect(listener)
    client = socket.create_connection(listener.getsockname())
    served.began = time.monotonic()
    return client, listener.accept()[0]

@contextlib.contextmanager
def ends_by(limit, after=LIMIT, since=None):
    start, before = time.monotonic() if since is None else since, starved()
    try:
        yield
    except TimeoutError as error:
        assert error.limit == limit, error.limit
        assert "timed out" in str(error), error
        details = shotclock.timeout_details(error)
        assert "the policy's" in str(details) and details.phase in ("recv", "send", "handshake"), details
    else:
        raise AssertionError("it ended by itself")
    took = time.monotonic() - start
    assert after <= took <= after + LATE + starved() - before, f"{took} s, expected {after}"

def drips(client, every=LIMIT / 3, each=b"x"):
    def drip():
        with contextlib.suppress(OSError):
            while True:
                client.sendall(each)
                time.sleep(every)
    threading.Thread(target=drip, daemon=True).start()
"""


@pytest.fixture(params=["graft", "type"])
def run(request):
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]

    def run_program(program, *arguments):
        return check(PEERS + SERVERS + textwrap.dedent(program), *arguments, beneath=beneath)

    return run_program


def test_a_policy_is_a_value():
    policy = shotclock.Policy(first_byte=5, idle=0.1)
    assert (policy.first_byte, policy.idle, policy.total) == (5.0, 0.1, None)
    assert repr(policy) == "Policy(first_byte=5.0, idle=0.1, total=None)"
    assert policy == shotclock.Policy(5, 0.1) != shotclock.Policy(5, 0.2)
    assert len({policy, shotclock.Policy(5, 0.1)}) == 1
    for change in (lambda: setattr(policy, "idle", 1), lambda: delattr(policy, "_idle"), lambda: vars(policy)):
        with pytest.raises((AttributeError, TypeError)):
            change()


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), 1e10])
def test_what_is_no_limit_is_refused_by_name(bad):
    with pytest.raises(ValueError, match=f"idle: {bad!r} seconds: expected"):
        shotclock.Policy(idle=bad)


@pytest.mark.parametrize("bad", ["5", True, b"", object()])
def test_what_is_no_number_is_refused_by_name(bad):
    with pytest.raises(TypeError, match="total: .*expected a number of seconds"):
        shotclock.Policy(total=bad)


def test_every_call_that_waits_ends_by_the_idle_limit(run):
    run(
        """
        import os, tempfile
        client, server = served(idle=LIMIT)
        for wait in [
            lambda: server.recv(1),
            lambda: server.recv(1, socket.MSG_WAITALL),
            lambda: server.recv(100_000),
            lambda: server.recv_into(bytearray(9)),
            lambda: server.recvfrom(1),
            lambda: server.recvfrom_into(bytearray(9)),
            lambda: server.recvmsg(1),
            lambda: server.recvmsg_into([bytearray(9)]),
            lambda: server.makefile("rb").readline(),
            lambda: server.makefile("r").read(),
        ]:
            with ends_by("idle"):
                wait()
        with contextlib.suppress(TimeoutError):
            server.sendall(bytes(1 << 25))
        with tempfile.TemporaryFile() as file:
            file.write(bytes(1 << 20))
            for wait in [
                lambda: server.send(b"x"),
                lambda: server.sendall(bytes(1 << 20)),
                lambda: server.sendto(b"x", client.getsockname()),
                lambda: server.sendmsg([b"x"]),
                lambda: server.sendfile(file),
                lambda: server.makefile("wb", buffering=0).write(b"x"),
            ]:
                with ends_by("idle"):
                    wait()
        assert os.get_blocking(server.fileno()), "the descriptor blocks again"
        """
    )


def test_bytes_that_move_put_the_idle_limit_off_and_not_the_total(run):
    run(
        """
        client, server = served(idle=LIMIT, total=4 * LIMIT)
        drips(client)
        with ends_by("total", 4 * LIMIT, since=served.began):
            server.recv(1000, socket.MSG_WAITALL)
        with ends_by("total", 0):
            server.recv(1)
        client, server = served(idle=LIMIT)
        threading.Thread(target=lambda: [time.sleep(LIMIT / 2), client.recv(1 << 22)], daemon=True).start()
        began = time.monotonic()
        try:
            server.sendall(bytes(1 << 25))
        except TimeoutError as error:
            assert error.limit == "idle" and 0 < error.sent < 1 << 25
        assert time.monotonic() - began > 1.4 * LIMIT
        """
    )


def test_the_total_ends_a_flood(run):
    run(
        """
        client, server = served(total=LIMIT)
        def flood():
            with contextlib.suppress(OSError):
                while True:
                    client.sendall(bytes(1 << 16))
        threading.Thread(target=flood, daemon=True).start()
        with ends_by("total", since=served.began):
            while server.recv(1 << 16):
                pass
        """
    )


def test_the_first_byte_is_counted_from_accept(run):
    run(
        """
        client, server = served(first_byte=LIMIT, idle=5)
        time.sleep(LIMIT / 2)
        with ends_by("first byte", since=served.began):
            server.recv(1)
        with ends_by("first byte", 0):
            server.recv(1)
        # It has come: late, but the call need not wait for it. From then on only the idle limit counts.
        client.sendall(b"x")
        assert server.recv(1) == b"x"
        shotclock.Policy(first_byte=LIMIT, idle=LIMIT).protect(server)
        with ends_by("idle"):
            server.recv(1)
        # A server that speaks first is not ended by it while it sends.
        client, server = served(first_byte=LIMIT / 4, idle=LIMIT)
        with contextlib.suppress(TimeoutError):
            server.sendall(bytes(1 << 25))
        with ends_by("idle"):
            server.sendall(b"x")
        """
    )


def test_the_earliest_limit_counts(run):
    run(
        """
        client, server = served(idle=5, total=50)
        server.settimeout(LIMIT)
        with takes(LIMIT):
            try:
                server.recv(1)
            except TimeoutError as error:
                assert getattr(error, "limit", None) not in ("idle", "total", "first byte")
        with expires():
            server.recv(1)
        shotclock.Policy(idle=LIMIT).protect(server)
        server.settimeout(5)
        with ends_by("idle"):
            server.recv(1)
        with shotclock.deadline(5), ends_by("idle"):
            server.recv(1)
        server.setblocking(False)
        try:
            server.recv(1)
        except BlockingIOError:
            pass
        """
    )


def test_what_is_accepted_inherits_what_the_listener_has_then(run):
    run(
        """
        listener = socket.create_server(("127.0.0.1", 0))
        def accepted():
            client = socket.create_connection(listener.getsockname())
            return client, listener.accept()[0]
        before = accepted()[1]
        policy = shotclock.Policy(idle=LIMIT)
        policy.protect(listener)
        assert shotclock.policy_of(listener) == policy
        client, server = accepted()
        assert shotclock.policy_of(server) == policy
        assert shotclock.policy_of(before) is None and shotclock.policy_of(client) is None
        shotclock.Policy(total=9).protect(listener)
        assert shotclock.policy_of(server) == policy and shotclock.policy_of(accepted()[1]).total == 9
        shotclock.remove_policy(listener)
        assert shotclock.policy_of(listener) is None and shotclock.policy_of(accepted()[1]) is None
        with ends_by("idle"):
            server.recv(1)
        shotclock.remove_policy(server)
        server.settimeout(LIMIT / 2)
        with takes(LIMIT / 2), contextlib.suppress(TimeoutError):
            server.recv(1)
        # Accept is bounded by the listener's own timeout alone.
        shotclock.Policy(LIMIT / 4, LIMIT / 4, LIMIT / 4).protect(listener)
        listener.settimeout(LIMIT)
        with takes(LIMIT), contextlib.suppress(TimeoutError):
            listener.accept()
        assert shotclock.policy_of(accepted()[1]).total == LIMIT / 4, "of a listener with a timeout, too"
        """
    )


def test_a_change_counts_from_the_same_accept(run):
    run(
        """
        client, server = served(total=50)
        time.sleep(LIMIT / 2)
        shotclock.Policy(total=LIMIT).protect(server)
        with ends_by("total", since=served.began):
            server.recv(1)
        """
    )


def test_tls_is_reached_with_its_handshake(run, certificate):
    run(
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1])
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        policy = shotclock.Policy(first_byte=LIMIT, idle=LIMIT)
        plain = socket.create_server(("127.0.0.1", 0))
        policy.protect(plain)
        address = plain.getsockname()

        def connect():
            client = trusting.wrap_socket(socket.create_connection(address))
            clients.append(client)
            client.sendall(b"hello")
        clients = []

        # Wrapped by the server, connection by connection.
        silent = socket.create_connection(address)
        with ends_by("first byte", since=time.monotonic()):
            context.wrap_socket(plain.accept()[0], server_side=True)
        threading.Thread(target=connect, daemon=True).start()
        server = context.wrap_socket(plain.accept()[0], server_side=True)
        assert shotclock.policy_of(server) == policy
        assert server.recv(5) == b"hello"
        with ends_by("idle"):
            server.recv(5)
        with ends_by("idle"):
            server.makefile("rb").readline()
        try:
            server.sendall(bytes(1 << 25))
        except TimeoutError as error:
            assert error.limit == "idle"

        # A listener that is wrapped: its accept makes the handshake.
        listener = context.wrap_socket(plain, server_side=True)
        assert shotclock.policy_of(listener) == policy and plain.fileno() == -1
        silent = socket.create_connection(address)
        with ends_by("first byte"):
            listener.accept()
        threading.Thread(target=connect, daemon=True).start()
        server, _ = listener.accept()
        assert server.recv(5) == b"hello"
        with ends_by("idle"):
            server.recv(5)
        """,
        certificate,
    )


def test_entries_go_with_their_sockets(run):
    run(
        """
        import gc, os
        assert _native.policies() == 0
        listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        shotclock.Policy(idle=5).protect(listener)
        for turn in range(10_000):
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
            if turn % 5 == 0:
                client.sendall(b"x")
                server.recv(1)
            if turn % 3 == 0:
                os.close(server.detach())
            elif turn % 3 == 1:
                server.close()
            else:
                import warnings
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    del server
            client.close()
        gc.collect()
        # Numbers that were given up with a policy, until they are given out again.
        assert _native.policies() <= 10, _native.policies()
        # What has one of these numbers now is another connection.
        pairs = [socket.socketpair() for _ in range(9)]
        assert not any(shotclock.policy_of(one) or shotclock.policy_of(other) for one, other in pairs)
        listener.close()
        assert _native.policies() <= 9
        """
    )


def test_forked_servers_keep_them(run):
    run(
        """
        import os
        client, server = served(idle=LIMIT)
        child = os.fork()
        if child == 0:
            try:
                with ends_by("idle"):
                    server.recv(1)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert shotclock.policy_of(server) is not None
        """
    )


def test_threads_share_it(run):
    run(
        """
        client, server = served(idle=LIMIT)
        # The server sends now and then, while another thread of it waits for the client.
        def send():
            for _ in range(4):
                time.sleep(LIMIT / 2)
                server.sendall(b"x")
        sender = threading.Thread(target=send)
        sender.start()
        with ends_by("idle", 3 * LIMIT):
            server.recv(1)
        sender.join()
        """
    )


def test_only_open_sockets_are_protected(run):
    run(
        """
        policy = shotclock.Policy(idle=1)
        for what, kind in [(b"", TypeError), (None, TypeError)]:
            for use in (policy.protect, shotclock.policy_of, shotclock.remove_policy):
                try:
                    use(what)
                except kind:
                    continue
                raise AssertionError(what)
        closed = socket.socket()
        closed.close()
        try:
            policy.protect(closed)
        except OSError as error:
            assert error.errno == 9
        assert shotclock.policy_of(closed) is None
        """
    )
