"""What a TimeoutError tells, at each phase, in both mounts. Each program runs in an interpreter of its own."""

import textwrap

import pytest

from interpreter import check
from misbehaving import PAIRS, PEERS

TOOLS = """
import io, os, pickle, re, traceback
SHORT = 0.1

def details(wait, phase, sent=0, partial=b"", text="timed out"):
    '''Of a wait that ends by the socket's timeout.'''
    before = starved()
    with takes(SHORT):
        try:
            wait()
        except TimeoutError as error:
            told = shotclock.timeout_details(error)
            # The interpreter's own words have a line of its own source before them.
            if re.fullmatch("_ssl[.]c:[0-9]+: " + text, str(error)):
                text = str(error)
            assert (str(error), error.args, error.errno) == (text, (text,), None), error
            assert not hasattr(error, "__notes__") and not hasattr(error, "scope")
            assert (error.phase, error.limit, error.partial) == (phase, "timeout", partial), vars(error)
            assert SHORT <= error.elapsed <= SHORT + LATE + starved() - before, error.elapsed
            assert error.sent == sent if not callable(sent) else sent(error.sent), error.sent
            assert told == shotclock.TimeoutDetails(phase, "timeout", error.elapsed, error.sent, partial, None)
            again = pickle.loads(pickle.dumps(error))
            assert (vars(again), again.args) == (vars(error), error.args)
            return error
    raise AssertionError("it ended by itself")

def full_pair():
    full, other = full_pipe()
    with contextlib.suppress(BlockingIOError):
        while True:
            full.send(b"x")
    full.settimeout(SHORT)
    return full, other

def drain(sock, count):
    while count > 0:
        count -= len(sock.recv(min(count, 1 << 16)))
"""


@pytest.fixture(params=["graft", "type"])
def run(request, certificates):
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]
    mount = "shotclock.install()\n" if request.param == "graft" else ""

    def run_program(program):
        return check(PEERS + PAIRS + TOOLS + mount + textwrap.dedent(program), *certificates, beneath=beneath)

    return run_program


def test_each_phase_of_a_plain_socket(run):
    run(
        """
        a, b = socket.socketpair()
        a.settimeout(SHORT)
        for wait in (lambda: a.recv(1), lambda: a.recv_into(bytearray(1)), lambda: a.recvfrom(1),
                     lambda: a.recvfrom_into(bytearray(1)), lambda: a.recvmsg(1), lambda: a.recvmsg_into([bytearray(1)]),
                     lambda: a.makefile("rb").read(1)):
            details(wait, "recv")
        full, other = full_pair()
        details(lambda: full.send(b"x"), "send")
        details(lambda: full.sendmsg([b"x", b"y"]), "send")
        details(lambda: full.sendall(b"x"), "send")
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(SHORT)
        details(listener.accept, "accept")
        hung, filling = full_backlog()
        connecting = socket.socket()
        connecting.settimeout(SHORT)
        details(lambda: connecting.connect(hung.getsockname()), "connect")
        """
    )


def test_after_the_bytes_that_were_sent_the_caller_goes_on(run):
    run(
        """
        a, b = socket.socketpair()
        a.settimeout(SHORT)
        data = os.urandom(1 << 22)
        error = details(lambda: a.sendall(data), "send", sent=lambda sent: 0 < sent < len(data))
        a.settimeout(20)
        sending = threading.Thread(target=a.sendall, args=(memoryview(data)[error.sent:],))
        sending.start()
        assert shotclock.recv_exact(b, len(data)) == data
        sending.join()
        """
    )


def test_sendfile_counts_all_its_parts(run):
    run(
        """
        import tempfile
        data = os.urandom(1 << 22)
        for wrap in (lambda file: file, lambda file: io.BytesIO(file.read())):
            with tempfile.TemporaryFile() as on_disk:
                on_disk.write(data)
                on_disk.seek(0)
                file = wrap(on_disk)
                a, b = socket.socketpair()
                a.settimeout(SHORT)
                # The peer takes what fits, and a little more, so that there is more than one part.
                reader = threading.Thread(target=drain, args=(b, 300_000))
                reader.start()
                try:
                    a.sendfile(file)
                    raise AssertionError("nobody took all of it")
                except TimeoutError as error:
                    sent = error.sent
                    assert shotclock.timeout_details(error).phase == "send"
                reader.join()
                assert 300_000 < sent < len(data) and file.tell() == sent
                b.settimeout(SHORT)
                drain(b, sent - 300_000)
                details(lambda: b.recv(1), "recv")
        """
    )


def test_tls_says_its_phases_and_does_not_know_what_was_sent(run):
    run(
        """
        theirs = []
        def connected():
            tls, other = tls_pair()
            theirs.append(other)
            tls.settimeout(SHORT)
            return tls
        tls = connected()
        details(lambda: tls.recv(1), "recv", text="The read operation timed out")
        details(lambda: tls.read(1), "recv", text="The read operation timed out")
        details(tls.unwrap, "shutdown", text="The read operation timed out")
        tls = connected()
        details(lambda: tls.sendall(bytes(50_000_000)), "send", sent=None, text="The write operation timed out")
        tls = connected()
        big = io.BytesIO(bytes(50_000_000))
        details(lambda: tls.sendfile(big), "send", sent=None, text="The write operation timed out")
        stalled = socket.create_connection(peer(silent), timeout=SHORT)
        details(lambda: client.wrap_socket(stalled, server_hostname="127.0.0.1"), "handshake",
                text="The handshake operation timed out")
        """
    )


def test_an_end_that_was_swallowed_tells_as_much(run):
    run(
        """
        a, b = socket.socketpair()
        try:
            with shotclock.deadline(SHORT) as scope:
                while True:
                    try:
                        a.recv(5)
                    except Exception:
                        pass
        except TimeoutError as error:
            overdue = error.__cause__
            told = shotclock.timeout_details(overdue)
            assert type(overdue) is shotclock.Overdue and told == shotclock.timeout_details(error), told
            assert (told.phase, told.limit, told.scope) == ("recv", "scope", scope), told
        else:
            raise AssertionError("it ended by itself")
        """
    )


def test_the_end_of_a_scope_has_the_scope_and_a_note(run):
    run(
        """
        a, b = socket.socketpair()
        b.sendall(b"abc")
        try:
            with shotclock.deadline(SHORT) as scope:
                a.recv(5, socket.MSG_WAITALL)
        except TimeoutError as error:
            told = shotclock.timeout_details(error)
            assert (told.phase, told.limit, told.partial, told.scope) == ("recv", "scope", b"abc", scope), told
            assert told.sent == 0 and SHORT - 0.05 <= told.elapsed <= SHORT + LATE
            assert (str(error), error.args) == ("timed out", ("timed out",))
            [note] = error.__notes__
            assert note.startswith("recv: the deadline scope ended, after 0."), note
            assert note in traceback.format_exc()
            again = pickle.loads(pickle.dumps(error))
            assert again.scope.expired and shotclock.timeout_details(again).partial == b"abc"
        else:
            raise AssertionError("it ended by itself")
        room = bytearray(5)
        b.sendall(b"de")
        try:
            with shotclock.deadline(SHORT):
                a.recv_into(room, 5, socket.MSG_WAITALL)
        except TimeoutError as error:
            assert error.partial == b"de" and room == b"de" + bytes(3)
        try:
            with shotclock.deadline(0):
                socket.getaddrinfo("localhost", 80)
        except TimeoutError as error:
            assert shotclock.timeout_details(error).phase == "lookup"
        else:
            raise AssertionError("it ended by itself")
        """
    )


def test_they_are_found_behind_a_library_s_exception(run):
    run(
        """
        import requests
        try:
            requests.get("http://%s:%d/" % peer(silent), timeout=SHORT)
        except requests.exceptions.ReadTimeout as error:
            told = shotclock.timeout_details(error)
            assert (told.phase, told.limit, told.scope) == ("recv", "timeout", None)
            assert SHORT <= told.elapsed <= SHORT + LATE
            assert str(told).startswith("recv: the socket's timeout passed, after 0."), str(told)
        else:
            raise AssertionError("it ended by itself")
        assert shotclock.timeout_details(ValueError()) is None
        assert shotclock.timeout_details(TimeoutError(110, "Connection timed out")) is None
        """
    )


def test_they_travel_between_processes(run):
    run(
        """
        import concurrent.futures, multiprocessing
        def wait():
            a, b = socket.socketpair()
            with shotclock.deadline(SHORT):
                a.recv(1)
        with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
            error = pool.submit(wait).exception(20)
        told = shotclock.timeout_details(error)
        assert (told.phase, told.limit) == ("recv", "scope") and told.scope.expired
        """
    )


def test_other_errors_of_sendall_say_how_much_was_sent_too(run):
    run(
        """
        a, b = socket.socketpair()
        a.settimeout(20)
        ending = threading.Thread(target=lambda: (drain(b, 500_000), b.close()))
        ending.start()
        try:
            a.sendall(bytes(1 << 24))
        except ConnectionError as error:
            assert 500_000 <= error.sent < 1 << 24
            assert shotclock.timeout_details(error) is None
        else:
            raise AssertionError("nobody took it")
        ending.join()
        """
    )
