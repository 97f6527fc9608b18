"""Files over sockets in a scope or canceller are the interpreter's own, and lose or send twice nothing for it."""

import textwrap

import pytest

from interpreter import check
from misbehaving import PAIRS, PEERS, SILENT_LOSS

TOOLS = """
import io, os, gc
SHORT = 0.05

def drained(sock):
    '''Everything there is, without a wait.'''
    got = bytearray()
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while data := sock.recv(1 << 16):
            got += data
    sock.setblocking(True)
    return bytes(got)

DATA = bytes(range(256)) * 8192

def stuff(sock):
    '''So full that not a byte more goes in.'''
    before = sock.gettimeout()
    sock.setblocking(False)
    for size in (1 << 16, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                sock.send(bytes(size))
    sock.settimeout(before)

class Pair:
    '''A writer, and what has arrived.'''
    def __init__(self, timeout, mode, **options):
        self.a, self.b = socket.socketpair()
        self.a.settimeout(timeout)
        self.file = self.a.makefile(mode, **options)
"""


@pytest.fixture(params=["graft", "type", "beside"])
def run(request, certificates):
    beneath = ["-m", "shotclock"] if request.param == "type" else []
    mount = {
        "graft": "shotclock.install()\n",
        "type": "",
        "beside": "from shotclock import socket\n",
    }[request.param]

    def run_program(program):
        return check(PEERS + PAIRS + SILENT_LOSS + TOOLS + mount + textwrap.dedent(program), *certificates, beneath=beneath)

    return run_program


def test_they_are_the_interpreter_s_own_types(run):
    run(
        """
        with shotclock.deadline(20), shotclock.Canceller():
            a, b = socket.socketpair()
            assert type(a.makefile("rb", 0)) is socket.SocketIO
            for mode, kind in [("rb", io.BufferedReader), ("wb", io.BufferedWriter), ("rwb", io.BufferedRWPair),
                               ("r", io.TextIOWrapper), ("w", io.TextIOWrapper), ("rw", io.TextIOWrapper)]:
                file = a.makefile(mode)
                assert type(file) is kind
                raw = getattr(file, "buffer", file)
                assert kind in (io.BufferedRWPair,) or mode == "rw" or type(raw.raw) is socket.SocketIO
            with a.makefile("rwb") as file:
                file.write(b"x" * 10)
                file.flush()
                assert b.recv(20) == b"x" * 10
                b.sendall(b"line\\nrest")
                assert file.readline() == b"line\\n"
        assert isinstance(a.makefile("rb", resume=True), io.BufferedIOBase)
        """
    )


def test_no_byte_is_sent_twice_and_sent_tells_how_many_were(run):
    run(
        """
        for timeout in (None, 20):
            for mode, size in [("wb", -1), ("wb", 100), ("rwb", -1), ("wb", 0)]:
                pair = Pair(timeout, mode, buffering=size)
                count, written = None, b""
                with shotclock.move_on_after(SHORT) as scope:
                    try:
                        if size:
                            pair.file.write(b"begin")
                            pair.file.flush()
                            written = b"begin"
                        while True:
                            written += DATA[: pair.file.write(DATA)]
                    except TimeoutError as error:
                        count = error.sent
                        raise
                assert scope.expired
                got = drained(pair.b)
                assert got == (written + DATA)[: len(got)], (len(got), len(written))
                assert len(got) == len(written) + count, (mode, size, timeout, len(got), len(written), count)
                pair.file.close()
                assert drained(pair.b) == b""
        """
    )


def test_what_a_buffer_holds_goes_out_once(run):
    run(
        """
        for how in ("scope", "canceller"):
            for mode in ("wb", "rwb", "w"):
                pair = Pair(None, mode)
                piece = b"0123456789" * 100
                taken = 0
                canceller = shotclock.Canceller()
                if how == "canceller":
                    threading.Timer(SHORT, canceller.cancel).start()
                around = shotclock.deadline(SHORT) if how == "scope" else canceller
                try:
                    with around:
                        while True:
                            taken += pair.file.write(piece if "b" in mode else piece.decode())
                except (TimeoutError, shotclock.Cancelled):
                    pass
                else:
                    raise AssertionError("it went on")
                got = bytearray(drained(pair.b))
                if mode != "w":
                    with shotclock.deadline(20):
                        pair.file.flush()
                    got += drained(pair.b)
                    # The call that failed took nothing.
                    assert len(got) == taken, (len(got), taken)
                assert got == (piece * (len(got) // 1000 + 1))[: len(got)]
        """
    )


def test_a_handler_s_exception_loses_no_count(run):
    run(
        """
        import signal
        for timeout in (None, 20):
            for _ in range(5):
                pair = Pair(timeout, "wb")
                pieces, stop = bytearray(), False
                def drip():
                    while not stop:
                        pieces.extend(pair.b.recv(3000) if select.select([pair.b], [], [], 0.001)[0] else b"")
                import select
                dripping = threading.Thread(target=drip)
                dripping.start()
                taken = 0
                def handler(*_):
                    # Once: the next is not to come while this one is dealt with.
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    raise Enough
                signal.signal(signal.SIGALRM, handler)
                with shotclock.deadline(20):
                    try:
                        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.003)
                        while True:
                            pair.file.write(DATA[taken % 256:][:4096])
                            taken += 4096
                    except Enough:
                        pass
                    finally:
                        signal.setitimer(signal.ITIMER_REAL, 0)
                    pair.file.flush()
                stop = True
                dripping.join()
                got = bytes(pieces) + drained(pair.b)
                assert taken <= len(got) <= taken + 4096, (len(got), taken)
                assert got == (DATA * (len(got) // len(DATA) + 1))[: len(got)]
        """
    )


def test_tls_counts_records_and_refuses_to_spoil_one(run):
    run(
        """
        import socket
        shotclock.install()
        a, b = tls_pair()
        a.settimeout(None)
        file = a.makefile("wb")
        with shotclock.move_on_after(SHORT) as scope:
            file.write(DATA)
        assert scope.expired
        # What was in the middle is gone; other data would be sent as a part of it.
        file.write(b"other")
        with shotclock.deadline(20):
            assert "TLS" in str(stops(file.flush, OSError))
        stops(file.close, OSError)

        a, b = tls_pair()
        a.settimeout(None)
        file = a.makefile("wb", buffering=100_000)
        with shotclock.move_on_after(SHORT) as scope:
            written = 0
            while True:
                written += file.write(DATA[written % 256:][:5000])
        got = bytearray()
        def drain():
            # OpenSSL 3.6 answers the end, and so meets a socket that is gone.
            with contextlib.suppress(ConnectionError):
                while data := b.recv(1 << 16):
                    got.extend(data)
        draining = threading.Thread(target=drain)
        draining.start()
        with shotclock.deadline(20):
            # The same bytes again are what it waits for.
            file.flush()
            file.write(b"end")
            file.close()
        a.unwrap() if False else a.shutdown(socket.SHUT_RDWR)
        a.close()
        draining.join()
        assert got.endswith(b"end") and len(got) >= written + 3
        del got[-3:]
        assert got == (DATA * (len(got) // len(DATA) + 1))[: len(got)]
        """
    )


def test_after_a_limit_neither_finalizer_nor_close_waits(run):
    run(
        """
        for timeout in (None, 60):
            for mode in ("wb", "rwb", "w", "rw"):
                def fill(pair):
                    stuff(pair.a)
                    piece = "x" * 5000
                    with shotclock.move_on_after(SHORT) as scope:
                        while True:
                            pair.file.write(piece.encode() if "b" in mode else piece)
                    assert scope.expired
                # The finalizer.
                pair = Pair(timeout, mode)
                fill(pair)
                start = time.monotonic()
                pair.file = None
                gc.collect()
                assert time.monotonic() - start < 5
                # close() says that bytes are lost, if the buffer holds some.
                pair = Pair(timeout, mode)
                fill(pair)
                if "b" in mode:
                    stops(pair.file.close, BlockingIOError)
                else:
                    with contextlib.suppress(BlockingIOError):
                        pair.file.close()
                assert time.monotonic() - start < 5
                # As does a flush; in a scope it waits again, and the peer reads.
                pair = Pair(timeout, mode)
                fill(pair)
                if "b" in mode:
                    stops(pair.file.flush, BlockingIOError)
                    threading.Thread(target=lambda pair=pair: [pair.b.recv(1 << 16) for _ in range(1000)], daemon=True).start()
                    with shotclock.deadline(20):
                        pair.file.flush()
                        pair.file.close()
        """
    )


def test_a_process_ends_with_such_a_file(run):
    run(
        """
        pair = Pair(None, "wb")
        with shotclock.move_on_after(SHORT):
            while True:
                pair.file.write(bytes(5000))
        text = Pair(None, "w")
        with shotclock.move_on_after(SHORT):
            while True:
                text.file.write("x" * 5000)
        """
    )


def test_reading_it_all_is_as_the_interpreter_s(run):
    run(
        """
        data = os.urandom(3 << 20)
        for size in (0, -1):
            a, b = socket.socketpair()
            sending = threading.Thread(target=lambda: (b.sendall(data), b.close()))
            sending.start()
            with shotclock.deadline(20):
                file = a.makefile("rb", size)
                assert file.read(10) == data[:10]
                assert file.read() == data[10:] and file.read() == b""
            sending.join()
        a, b = socket.socketpair()
        a.setblocking(False)
        with shotclock.deadline(20):
            raw = a.makefile("rb", 0)
            assert raw.read() is None and raw.readall() is None
            b.sendall(b"abc")
            assert raw.readall() == b"abc"
        """
    )


def test_a_file_over_an_object_that_stands_for_a_socket_uses_that_socket(run):
    run(
        """
        class Stands:
            '''Hands a socket's methods out as its own, as wrappers that log or count do.'''
            def __init__(self, sock):
                self.sock = sock
            def __getattr__(self, name):
                return getattr(self.sock, name)
        a, b = socket.socketpair()
        for end in (a, b):
            end.settimeout(20)
        for resume in (False, True):
            stands = Stands(a)
            if resume:
                stands._io_refs = 0
                file = shotclock.resumable_file(stands, "rwb")
            else:
                file = io.BufferedRWPair(socket.SocketIO(stands, "r"), socket.SocketIO(stands, "w"))
            for bounds in (contextlib.nullcontext(), shotclock.deadline(20)):
                with bounds:
                    b.sendall(b"a question\\n")
                    assert file.readline() == b"a question\\n"
                    file.write(b"an answer")
                    file.flush()
                    assert b.recv(99) == b"an answer"
        """
    )


def test_uninstall_puts_the_raw_file_back():
    check(
        """
import socket
before = dict(vars(socket.SocketIO))
import shotclock
shotclock.install()
assert vars(socket.SocketIO)["write"] is not before["write"]
assert "socket.SocketIO.write" in shotclock.status().replaced, shotclock.status().replaced
shotclock.uninstall()
assert dict(vars(socket.SocketIO)) == before
"""
    )
