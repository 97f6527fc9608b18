"""TLS under the graft: what the guard promises beside the values, which CPython's own tests compare."""

import contextlib
import ctypes
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import types

import a_write_of_nothing
import call_filter
import pytest
import shotclock
from interpreter import check
from waits import PATIENCE, Waiter, sleeps, until


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


def test_a_handshake_that_times_out_says_what_stock_says_but_for_the_line_of_its_source():
    check(r"""
        import re, socket, ssl, shotclock
        context = ssl.create_default_context()
        def text():
            one, other = socket.socketpair()
            with one, other:
                one.settimeout(0.05)
                try:
                    context.wrap_socket(one, server_hostname="localhost")
                except TimeoutError as error:
                    return error.args
        stock = text()
        shotclock.install()
        ours = text()
        assert ours == tuple(re.sub(r"^_ssl\.c:\d+: ", "", part) for part in stock) != stock, (ours, stock)
    """)


REFUSED = {
    "read": [(), ("x",), (1, b"fixed"), (1, bytearray(1), 1)],
    "write": [(), ("x",), (b"x", b"y"), ((b"x",),)],
    "do_handshake": [(1,)],
    "shutdown": [(None,)],
}


@pytest.mark.parametrize("name", REFUSED)
def test_arguments_are_refused_in_the_interpreter_s_own_words(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    here, there = socket.socketpair()
    with here, there, context.wrap_socket(here, do_handshake_on_connect=False) as sock:

        def refusals():
            method = getattr(sock._sslobj, name)
            for arguments in REFUSED[name]:
                with pytest.raises(TypeError) as refused:
                    method(*arguments)
                yield str(refused.value)
            with pytest.raises(TypeError) as refused:
                method(unknown=1)
            yield str(refused.value)

        stock = list(refusals())
        shotclock.install()
        try:
            assert list(refusals()) == stock
            with shotclock.deadline(60):
                assert list(refusals()) == stock
        finally:
            shotclock.uninstall()


BOUNDS = {
    "no timeout": (None, contextlib.nullcontext),
    "a timeout": (60.0, contextlib.nullcontext),
    "a scope": (None, lambda: shotclock.deadline(60)),
    "a scope and a timeout": (60.0, lambda: shotclock.deadline(60)),
}


@pytest.fixture(params=BOUNDS)
def bounded(request):
    """A timeout and what is around a call: each way in which a call that waits is bounded, or not."""
    return BOUNDS[request.param]


@pytest.fixture
def tls_pair(grafted, certificate):
    """A function that makes a client's end of a connection and a server's."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with contextlib.ExitStack() as opened:

        def make(timeout=None, pair=socket.socketpair, prepare=lambda client: None):
            prepare(client)
            here, there = pair()
            theirs = []
            accepts = threading.Thread(target=lambda: theirs.append(server.wrap_socket(there, server_side=True)))
            accepts.start()
            ours = opened.enter_context(client.wrap_socket(here))
            accepts.join()
            opened.enter_context(theirs[0])
            ours.settimeout(timeout)
            theirs[0].settimeout(PATIENCE)
            return ours, theirs[0]

        yield make


def test_what_waits_goes_on_encrypted_whatever_shutdown_makes_of_the_socket(tls_pair, bounded):
    timeout, around = bounded
    ours, theirs = tls_pair(timeout)
    receives = Waiter(lambda: ours.recv(10), around)
    ours.shutdown(socket.SHUT_WR)
    theirs.sendall(b"more")
    assert receives.end() is None and receives.result == b"more"


def test_a_send_that_waits_never_goes_on_in_plaintext(tls_pair, bounded):
    timeout, around = bounded
    ours, theirs = tls_pair(timeout)
    data = bytes(range(256)) * (1 << 14)
    sends = Waiter(lambda: ours.send(data), around)
    ours.shutdown(socket.SHUT_RD)
    # Whatever is not a record of TLS ends this with an error.
    got = bytearray()
    while len(got) < len(data):
        got += theirs.recv(1 << 16)
    assert sends.end() is None and sends.result == len(data) and got == data


def test_what_a_waiting_send_sends_cannot_be_resized(tls_pair):
    ours, theirs = tls_pair()
    data = bytearray(1 << 22)
    sends = Waiter(lambda: ours.send(data), lambda: shotclock.deadline(60))
    with pytest.raises(BufferError):
        data.append(1)
    got = 0
    while got < len(data):
        got += len(theirs.recv(1 << 16))
    assert sends.end() is None
    data.append(1)


@pytest.mark.parametrize("is_flipped_first", [True, False])
@pytest.mark.parametrize("timeout", [None, 60.0])
def test_a_scope_ends_a_call_on_a_file_that_others_make_block(tls_pair, timeout, is_flipped_first):
    ours, theirs = tls_pair(timeout)
    if is_flipped_first:
        os.set_blocking(ours.fileno(), True)
    receives = Waiter(lambda: ours.recv(1), lambda: shotclock.deadline(0.2))
    os.set_blocking(ours.fileno(), True)
    # The beginning of a record: with more of it on the way, OpenSSL asks the system once more.
    with _raw(theirs) as outgoing:
        outgoing.send(b"\x17\x03\x03")
    assert isinstance(receives.end(), TimeoutError)
    assert os.get_blocking(ours.fileno())


@pytest.mark.parametrize("call", [lambda sock: sock.recv(1), lambda sock: sock.send(bytes(1 << 22))])
def test_a_timeout_ends_a_call_on_a_file_that_others_made_block(tls_pair, call):
    ours, theirs = tls_pair(0.1)
    os.set_blocking(ours.fileno(), True)
    waits = Waiter(lambda: call(ours))
    assert isinstance(waits.end(), TimeoutError)


@pytest.mark.parametrize("timeout", [None, 60.0])
def test_a_call_that_waits_by_itself_does_not_notice_one_in_a_scope(tls_pair, timeout):
    ours, theirs = tls_pair(timeout)
    spent = []

    def receive():
        began = time.thread_time()
        got = ours.recv(1)
        spent.append(time.thread_time() - began)
        return got

    receives = Waiter(receive)
    for _ in range(100):
        with pytest.raises(TimeoutError), shotclock.deadline(0.002):
            ours.recv(1)
    # Begins in the middle of others' tries, and neither fails nor spins.
    theirs.sendall(b"xy")
    assert receives.end() is None and receives.result == b"x" and ours.recv(1) == b"y"
    assert spent[0] < 0.05


def test_a_write_that_looks_like_the_end_of_the_connection_goes_on_where_openssl_does(certificate):
    """As one does where another thread's read meets it; where OpenSSL has given the connection up, it is an end at once."""
    environment = {**os.environ, "CERTIFICATE": os.fspath(certificate)}
    run = (sys.executable, a_write_of_nothing.__file__)
    done = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode == call_filter.NO_FILTER:
        pytest.skip(f"the system takes no filter of calls: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["a timeout", "a scope"])
def test_who_reads_and_who_writes_at_once_meet_no_end_of_the_connection(tls_pair, name):
    """OpenSSL says an end where they meet each other, and `_ssl` makes EOF or, from 3.13 on, EAGAIN of it."""
    timeout, around = BOUNDS[name]
    ends, pieces = tls_pair(timeout), 1000

    def send(sock):
        for _ in range(pieces):
            sock.sendall(bytes(1 << 16))

    def receive(sock):
        left = pieces << 16
        while left:
            data = sock.recv(1 << 14)
            assert data, left
            left -= len(data)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        waits = []
        for sock in ends:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            waits += [Waiter(lambda sock=sock: send(sock), around)]
            waits += [Waiter(lambda sock=sock: receive(sock), around)]
        assert [waiter.end() for waiter in waits] == [None] * 4
    finally:
        sys.setswitchinterval(interval)


WRITERS = {
    "with a timeout": (60.0, [contextlib.nullcontext] * 3),
    "in scopes": (None, [lambda: shotclock.deadline(60)] * 3),
    "one without a limit": (None, [lambda: shotclock.deadline(60), contextlib.nullcontext] * 2),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_threads_that_write_at_once_lose_nothing(tls_pair, kind):
    """OpenSSL wants a write that it has begun again before any other; of another one it says that its length is bad."""
    timeout, around = WRITERS[kind]
    ours, theirs = tls_pair(timeout)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    sizes = [1, 50_000, 100, 20_000] * 10

    def send(number):
        for size in sizes:
            ours.sendall(bytes([number]) * size)

    waits = [Waiter(lambda number=number: send(number), scope) for number, scope in enumerate(around)]
    came = bytearray()
    while len(came) < len(waits) * sum(sizes):
        data = theirs.recv(1 << 14)
        assert data, len(came)
        came += data
    assert [waiter.end() for waiter in waits] == [None] * len(waits)
    assert [came.count(number) for number in range(len(waits))] == [sum(sizes)] * len(waits)


def test_a_write_that_waits_for_its_turn_ends_by_its_own_limit(tls_pair):
    ours, theirs = tls_pair(60.0)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    fills = Waiter(lambda: ours.sendall(bytes(1 << 22)))
    spent = time.thread_time()
    with pytest.raises(TimeoutError), shotclock.deadline(0.3):
        ours.sendall(b"x")
    spent = time.thread_time() - spent
    left = 1 << 22
    while left:
        left -= len(theirs.recv(1 << 14))
    assert fills.end() is None and spent < 0.15
    ours.sendall(b"y")
    assert theirs.recv(2) == b"y"


def test_what_one_thread_leaves_of_a_record_another_one_is_given_at_once(tls_pair):
    """One that came while nobody knew yet what that would be: OpenSSL had the record, and the system nothing more."""
    began, is_second, others = threading.Event(), threading.Event(), []

    def receive():
        began.set()
        got.append(ours.recv(8))

    def receive_beside(_, direction, version, kind, *rest):
        if kind == ssl._TLSContentType.INNER_CONTENT_TYPE and direction == "read" and is_second.is_set() and not others:
            others.append(threading.Thread(target=receive, daemon=True))
            others[0].start()
            began.wait(PATIENCE)
            until(lambda: sleeps(others[0]))

    def prepare(client):
        client._msg_callback = receive_beside

    ours, theirs = tls_pair(PATIENCE, prepare=prepare)
    # Has the next read wait before it tries.
    first, got = Waiter(lambda: ours.recv(1)), []
    theirs.sendall(b"x")
    assert first.end() is None
    is_second.set()
    theirs.sendall(bytes(16))
    assert len(ours.recv(8)) == 8
    others[0].join(PATIENCE / 2)
    assert got == [bytes(8)]


def test_a_handler_that_writes_in_the_middle_of_a_read_is_no_error_of_the_read(tls_pair):
    """`_ssl` keeps in its object what OpenSSL said last, which is then the write's."""
    written = []

    def write(*_):
        # Once: the write interrupts, too.
        if connected and not written:
            written.append(b"w")
            ours.sendall(b"w")

    def prepare(client):
        # No code of Python's, in which the handler would run: so it does once OpenSSL has read the server's tickets.
        interrupt = ctypes.pythonapi["PyErr_SetInterrupt"]
        interrupt.argtypes, interrupt.restype = [ctypes.py_object] * 6, None
        ssl._ssl._SSLContext._msg_callback.__set__(client, interrupt)

    connected = False
    before = signal.signal(signal.SIGINT, write)
    try:
        ours, theirs = tls_pair(PATIENCE, prepare=prepare)
        assert ours.version() == "TLSv1.3"
        connected = True
        with pytest.raises(TimeoutError), shotclock.deadline(0.1):
            ours.recv(1)
        assert written == [b"w"] and theirs.recv(2) == b"w"
        theirs.sendall(b"r")
        assert ours.recv(2) == b"r"
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("timeout", [None, 60.0])
def test_calls_of_their_own_begin_and_end_beside_those_in_scopes(tls_pair, timeout):
    ours, theirs = tls_pair(timeout)
    is_over = threading.Event()

    def look():
        while not is_over.is_set():
            with pytest.raises(TimeoutError), shotclock.deadline(0.0005):
                ours.recv(1)

    # They meet each other's tries; no byte comes that they could take.
    lookers = [Waiter(look) for _ in range(2)]
    for _ in range(300):
        ours.sendall(b"x")
        assert theirs.recv(1) == b"x"
    is_over.set()
    assert [looker.end() for looker in lookers] == [None, None]
    assert ours.gettimeout() == timeout and os.get_blocking(ours.fileno()) == (timeout is None)


@pytest.fixture
def after_a_wait(tls_pair):
    """A pair whose last read in a scope had to wait, so that the next one may wait before it tries."""
    ours, theirs = tls_pair()

    def make(data=b"x"):
        receives = Waiter(lambda: ours.recv(1), lambda: shotclock.deadline(PATIENCE))
        theirs.sendall(data)
        assert receives.end() is None and receives.result == data[:1]
        return ours, theirs

    return make


def test_what_was_received_before_is_given_without_a_wait(after_a_wait):
    ours, theirs = after_a_wait(b"xyz")
    with shotclock.deadline(PATIENCE):
        assert ours.recv(1) == b"y" and ours.recv_into(bytearray(1)) == 1


def test_the_end_of_a_connection_is_given_without_a_wait_each_time(after_a_wait):
    ours, theirs = after_a_wait()
    # It stays open beneath, so that nothing makes it readable once the end was received.
    ends = Waiter(theirs.unwrap)
    with shotclock.deadline(PATIENCE):
        assert [ours.recv(1) for _ in range(3)] == [b""] * 3
    ours.unwrap().close()
    assert ends.end() is None


def test_an_end_that_was_received_without_a_limit_is_known_within_one(after_a_wait):
    ours, theirs = after_a_wait()
    ends = Waiter(theirs.unwrap)
    assert ours.recv(1) == b""
    with shotclock.deadline(PATIENCE):
        assert ours.recv(1) == b""
    ours.unwrap().close()
    assert ends.end() is None


@pytest.mark.parametrize("arguments", [(-1,), ("x",), (1, b"fixed"), (1, bytearray(1), 1), (1 << 40,)])
def test_wrong_arguments_are_refused_without_a_wait(after_a_wait, arguments):
    ours, theirs = after_a_wait()
    with shotclock.deadline(PATIENCE), pytest.raises((TypeError, ValueError, MemoryError)):
        ours._sslobj.read(*arguments)
    with shotclock.deadline(PATIENCE):
        assert ours._sslobj.read(0) == b"" and ours._sslobj.read(1, bytearray()) == 0


def test_what_a_read_waits_with_before_it_tries_cannot_be_resized(after_a_wait):
    ours, theirs = after_a_wait()
    room = bytearray(8)
    receives = Waiter(lambda: ours.recv_into(room), lambda: shotclock.deadline(PATIENCE))
    with pytest.raises(BufferError):
        room.append(1)
    theirs.sendall(b"data")
    assert receives.end() is None and receives.result == 4 and room[:4] == b"data"


def test_a_limit_ends_a_read_that_waits_before_it_tries(after_a_wait):
    ours, theirs = after_a_wait()
    for _ in range(2):
        with pytest.raises(TimeoutError), shotclock.deadline(0.05):
            ours.recv(1)
    theirs.sendall(b"y")
    with shotclock.deadline(PATIENCE):
        assert ours.recv(1) == b"y"


def test_recv_exact_goes_on_encrypted(tls_pair):
    ours, theirs = tls_pair(60)
    # Imported by now: to read a file is to wait, too.
    recv_exact = shotclock.recv_exact
    receives = Waiter(lambda: recv_exact(ours, 8))
    theirs.sendall(b"half")
    ours.shutdown(socket.SHUT_WR)
    theirs.sendall(b"more")
    assert receives.end() is None and receives.result == b"halfmore"


def tcp_pair():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return socket.create_connection(listener.getsockname()), listener.accept()[0]


@pytest.mark.parametrize("is_suppressed", [True, False])
def test_recv_exact_meets_a_ragged_end_as_recv_does(tls_pair, is_suppressed):
    def at_a_ragged_end():
        # TCP: OpenSSL 3.6 answers such an end, which a Unix socket whose peer is gone refuses.
        ours, theirs = tls_pair(60, tcp_pair)
        ours.suppress_ragged_eofs = is_suppressed
        theirs.sendall(b"half")
        with _raw(theirs) as outgoing:
            outgoing.shutdown(socket.SHUT_RDWR)
        return ours

    plain = at_a_ragged_end()
    assert plain.recv(8) == b"half"
    # Up to 3.11.4, over OpenSSL 3, the interpreter takes any end for a proper one.
    ends_properly = is_suppressed
    with contextlib.suppress(ssl.SSLEOFError):
        ends_properly = plain.recv(8) == b""
    assert ends_properly == is_suppressed or sys.version_info < (3, 11, 5)
    with pytest.raises(shotclock.IncompleteReadError if ends_properly else ssl.SSLEOFError) as raised:
        shotclock.recv_exact(at_a_ragged_end(), 8)
    assert raised.value.partial == b"half"


# Where warnings are errors 3.15 forks no more, and tells the client that it shakes no hands.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_child_that_is_forked_in_the_middle_of_a_try_has_the_program_s_timeout(grafted, certificate):
    told, tells = os.pipe()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)

    def fork(sock, *_):
        if os.fork() == 0:
            os.write(tells, repr((sock.gettimeout(), shotclock._native.layout(sock)[-1])).encode())
            os._exit(0)
        os.wait()

    server.sni_callback = fork
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    here, there = socket.socketpair()
    here.settimeout(PATIENCE)

    def accept():
        with shotclock.deadline(60):
            server.wrap_socket(there, server_side=True).close()

    accepts = Waiter(accept)
    client.wrap_socket(here, server_hostname="localhost").close()
    assert accepts.end() is None
    assert os.read(told, 99) == repr((None, -1_000_000_000)).encode()
    os.close(told), os.close(tells)


def _raw(sock):
    """A plain socket on the same file, which is not closed with it."""
    return socket.socket(sock.family, sock.type, sock.proto, os.dup(sock.fileno()))


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
