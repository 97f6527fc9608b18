"""Files that survive a timeout with their bytes. Each program runs in an interpreter of its own."""

import textwrap

import pytest

from interpreter import check
from misbehaving import PAIRS, PEERS, SILENT_LOSS

TOOLS = """
import io, os
SHORT = 0.05

@contextlib.contextmanager
def received(sock, count):
    '''What comes meanwhile, all of it at the end.'''
    got = bytearray()
    def read():
        while len(got) < count:
            got.extend(sock.recv(1 << 16))
    reader = threading.Thread(target=read)
    reader.start()
    yield got
    reader.join()

def pair():
    a, b = socket.socketpair()
    a.settimeout(SHORT)
    return a, b
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
        return check(PEERS + PAIRS + TOOLS + mount + textwrap.dedent(program), *certificates, beneath=beneath)

    return run_program


def test_without_it_they_are_as_the_interpreter_has_them(run):
    run(
        """
        a, b = pair()
        assert type(a.makefile("rb")) is io.BufferedReader
        assert type(a.makefile("wb")) is io.BufferedWriter
        assert type(a.makefile("rwb")) is io.BufferedRWPair
        assert type(a.makefile()) is io.TextIOWrapper
        file = a.makefile("rb")
        b.sendall(b"half a li")
        stops(file.readline)
        b.sendall(b"ne\\n")
        assert str(stops(file.readline, OSError)) == "cannot read from timed out object"
        """
    )


def test_each_way_to_read_takes_all_or_nothing(run):
    run(
        """
        for mode in ("rb", "rwb"):
            a, b = pair()
            file = a.makefile(mode, resume=True)
            for first in (b"", b"left over\\n"):
                def waits(read):
                    # What is in the buffer from before, what comes now, and what comes later are one.
                    if first:
                        b.sendall(first)
                        assert file.peek()[:1] == first[:1]
                    b.sendall(b"abc")
                    for _ in range(2):
                        error = stops(read)
                        assert error.partial == first + b"abc" and error.phase == "recv", error.partial
                    b.sendall(b"def\\n")
                    return first + b"abcdef\\n"
                if not first:
                    whole = waits(file.readline)
                    assert file.readline() == whole
                else:
                    b.sendall(b"x")
                    assert file.read(1) == b"x"
                whole = waits(lambda: file.read(40))
                assert file.read(len(whole)) == whole
                whole = waits(lambda: file.readinto(bytearray(40)))
                room = bytearray(len(whole))
                assert file.readinto(room) == len(whole) and room == whole
                whole = waits(file.read)
                assert b"".join(file.readline() for _ in range(whole.count(b"\\n"))) == whole
                whole = waits(file.readlines)
                assert file.readlines(len(whole) - 1) == whole.splitlines(keepends=True)
                whole = waits(lambda: list(file)) if not first else None
                assert whole is None or next(file) == whole
            # Single reads have nothing to lose.
            for read in (lambda: file.read1(), lambda: file.read1(3), lambda: file.peek(),
                         lambda: file.readinto1(bytearray(3)), lambda: file.read(1)):
                assert stops(read).partial == b""
            b.sendall(b"abcdef")
            assert file.peek()[:3] == b"abc" and file.read1(2) == b"ab"
            room = bytearray(2)
            assert file.readinto1(room) == 2 and room == b"cd"
            b.close()
            assert file.read() == b"ef" and file.read() == b"" and file.readline() == b""
        """
    )


def test_text_keeps_lines_and_characters(run):
    run(
        """
        for newline in (None, "", "\\n", "\\r\\n"):
            a, b = pair()
            file = a.makefile("r", encoding="utf-8", newline=newline, resume=True)
            text = "grün\\r\\nzwei\\rdrei\\nvier"
            b.sendall(text.encode())
            b.shutdown(socket.SHUT_WR)
            expected = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8", newline=newline)
            assert file.readlines() == expected.readlines()
            assert file.newlines == expected.newlines
            assert file.readline() == "" and file.read() == "" and file.read(3) == ""
        a, b = pair()
        file = a.makefile("r", encoding="utf-8", resume=True)
        whole = "zwölf Boxkämpfer\\r\\n"
        # A timeout at each byte, in the middle of characters and between \\r and \\n as well.
        for byte in whole.encode()[:-1]:
            b.sendall(bytes([byte]))
            a.settimeout(0.001)
            stops(file.readline)
        b.sendall(b"\\nab\\xc3")
        a.settimeout(20)
        assert file.readline() == "zwölf Boxkämpfer\\n"
        a.settimeout(SHORT)
        stops(lambda: file.read(3))
        stops(file.read)
        stops(file.readlines)
        stops(lambda: list(file))
        b.sendall(b"\\xa4d\\nend\\n")
        assert file.read(3) == "abä" and file.readline(1) == "d" and next(file) == "\\n"
        stops(file.readlines)
        assert file.readline() == "end\\n"
        b.close()
        assert file.read() == ""
        """
    )


def test_text_reads_as_the_interpreter_s_own_does(run):
    run(
        """
        import random
        random.seed(1)
        for newline in (None, "", "\\n", "\\r", "\\r\\n"):
            for encoding in ("utf-8", "utf-16", "latin-1"):
                text = "".join(random.choice("aä\\r\\n") for _ in range(3000))
                a, b = socket.socketpair()
                a.settimeout(20)
                b.sendall(text.encode(encoding))
                b.close()
                ours = a.makefile("r", encoding=encoding, newline=newline, resume=True)
                own = io.TextIOWrapper(io.BytesIO(text.encode(encoding)), encoding, newline=newline)
                for _ in range(300):
                    name, *arguments = random.choice([("readline",), ("readline", 3), ("read", 2), ("readlines", 5)])
                    assert getattr(ours, name)(*arguments) == getattr(own, name)(*arguments)
                assert ours.read() == own.read() and ours.newlines == own.newlines
        """
    )


def test_what_was_not_sent_goes_out_with_the_next_flush(run):
    run(
        """
        data = os.urandom(1 << 22)
        for mode in ("wb", "rwb"):
            a, b = pair()
            file = a.makefile(mode, resume=True)
            assert file.write(b"begin") == 5
            error = stops(lambda: file.write(data))
            assert error.phase == "send" and 0 < error.sent < len(data)
            assert stops(file.flush).sent == 0
            # It was taken over as a whole.
            a.settimeout(20)
            with received(b, 5 + len(data)) as got:
                file.flush()
            assert got == b"begin" + data
            file.write(b"end")
            file.close()
            assert b.recv(10) == b"end" and file.closed
            stops(lambda: file.write(b"x"), ValueError)
        a, b = pair()
        text = a.makefile("w", encoding="utf-8", resume=True)
        stops(lambda: (text.write("ä" * (1 << 21)), text.flush()))
        a.settimeout(20)
        with received(b, 1 << 22) as got:
            text.flush()
        assert got.decode() == "ä" * (1 << 21)
        """
    )


def test_it_goes_on_over_tls(run):
    run(
        """
        import socket
        shotclock.install()
        a, b = tls_pair()
        a.settimeout(SHORT)
        file = a.makefile("rwb", resume=True)
        b.sendall(b"half a li")
        stops(file.readline)
        b.sendall(b"ne\\n")
        assert file.readline() == b"half a line\\n"
        data = os.urandom(1 << 23)
        # It counts whole records; of one that was begun nothing can be read.
        sent = stops(lambda: file.write(data)).sent
        assert 0 < sent < len(data)
        b.setblocking(False)
        got = bytearray()
        with contextlib.suppress(ssl.SSLWantReadError):
            while True:
                got += b.recv(1 << 16)
        assert got == data[:sent], (len(got), sent)
        b.setblocking(True)
        a.settimeout(20)
        # OpenSSL takes the record that it had begun up again where it is given the same bytes.
        with received(b, len(data) - sent) as rest:
            file.flush()
        assert got + rest == data
        """
    )


def test_over_tls_a_record_that_was_begun_is_counted_although_more_was_written_behind_it(run):
    # What is left in a file at the end of each part has no way out.
    run(
        SILENT_LOSS
        + textwrap.dedent("""
        import socket
        shotclock.install()
        ALL = object()
        def drained(sock):
            count = 0
            with contextlib.suppress(ssl.SSLWantReadError):
                while data := sock.recv(1 << 16):
                    count += len(data)
            return count
        def sent_by(write, *data):
            # What it says to have sent, and ALL where it found room.
            try:
                with shotclock.deadline(SHORT):
                    count = write(*data)
            except TimeoutError as error:
                # Without the count of what survives, nothing is said of TLS.
                return error.sent or 0
            return count if data and count < len(data[0]) else ALL
        def with_resume(file, data):
            file.write(data)
            return sent_by(file.flush)
        def by_the_raw_file(file, data):
            return sent_by(file.write, data)
        for way, options in (
            (with_resume, {"buffering": 1 << 13, "resume": True}), (by_the_raw_file, {"buffering": 0})
        ):
            ended = 0
            for part in range(4000, 8000, 250):
                a, b = tls_pair()
                a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                b.setblocking(False)
                file = a.makefile("wb", **options)
                # A record is begun, for which there is too little room; then it grows, and has room only for itself.
                while way(file, b"x" * part) is ALL:
                    pass
                drained(b)
                more = b"y" * 10
                said = way(file, more if way is with_resume else b"x" * part + more)
                came = drained(b)
                assert said is ALL or said == came, (way, part, said, came)
                ended += said is not ALL
                a.settimeout(0)
                b.close()
            assert ended > 0, way
        """)
    )


def test_descriptors_and_closing_are_those_of_any_file(run):
    run(
        """
        for mode in ("rb", "wb", "rwb", "r", "w", "rw"):
            a, b = pair()
            file = a.makefile(mode, resume=True)
            number = a.fileno()
            assert isinstance(file, io.TextIOWrapper if "b" not in mode else io.BufferedIOBase)
            assert (file.readable(), file.writable()) == ("r" in mode, "w" in mode)
            assert not file.seekable() and not file.isatty() and not file.closed
            if mode in ("rb", "wb", "r", "w"):
                assert file.fileno() == number
            a.close()
            assert os.fstat(number)
            file.close()
            file.close()
            assert file.closed and b.recv(1) == b""
            stops(lambda: file.read(1) if "r" in mode else file.write(b"" if "b" in mode else ""), ValueError)
        a, b = pair()
        with a.makefile("rb", resume=True) as file:
            assert isinstance(file.raw, socket.SocketIO) and file.name == a.fileno() and file.mode == "rb"
        assert "invalid mode" in str(stops(lambda: a.makefile("a", resume=True), ValueError))
        assert "resume=True" in str(stops(lambda: a.makefile("rb", 0, resume=True), ValueError))
        # Nothing holds the socket once they are gone.
        a.close()
        assert b.recv(1) == b""
        """
    )


def test_a_signal_handler_s_exception_loses_nothing_either(run):
    run(
        """
        a, b = pair()
        a.settimeout(20)
        for mode in ("rb", "r"):
            file = a.makefile(mode, resume=True)
            b.sendall(b"half a li")
            stops_at_an_alarm(file.readline, SHORT)
            b.sendall(b"ne\\n")
            assert file.readline() in (b"half a line\\n", "half a line\\n")
        """
    )


ENDED = """
import gc, socket
shotclock.install()
# Since 3.13 the interpreter says what a finalizer loses.
sys.unraisablehook = lambda told: None

def ended(mode, is_tls):
    '''A file whose write a scope has ended, with bytes left, and the peer.'''
    a, b = tls_pair() if is_tls else socket.socketpair()
    file = a.makefile(mode, resume=True)
    piece = b"x" * 100_000 if "b" in mode else "x" * 100_000
    with shotclock.move_on_after(SHORT) as scope:
        while True:
            file.write(piece)
    assert scope.expired
    return file, a, b
"""


def test_after_a_limit_close_says_what_is_lost_and_does_not_wait(run):
    run(
        ENDED
        + """
for is_tls in (False, True):
    for mode in ("wb", "rwb", "w", "rw"):
        file, a, b = ended(mode, is_tls)
        start = time.monotonic()
        stops(file.close, BlockingIOError)
        assert time.monotonic() - start < 5 and file.closed
        # It is closed, and loses nothing more.
        file.close()
        # Where there is room again they go out, and nothing is lost.
        file, a, b = ended(mode, False)
        b.setblocking(False)
        with shotclock.deadline(20):
            while True:
                with contextlib.suppress(BlockingIOError):
                    while b.recv(1 << 20):
                        pass
                a.settimeout(0)
                with contextlib.suppress(BlockingIOError):
                    file.flush()
                    break
            file.close()
"""
    )


def test_after_a_limit_the_finalizer_does_not_wait(run):
    run(
        ENDED
        + """
for is_tls in (False, True):
    for mode in ("wb", "rwb", "w", "rw"):
        file, a, b = ended(mode, is_tls)
        start = time.monotonic()
        file = None
        gc.collect()
        assert time.monotonic() - start < 5
"""
    )


@pytest.mark.parametrize("mode", ["wb", "rwb", "w"])
def test_a_process_ends_with_such_a_file(mode, run):
    # The watchdog of `check` is what fails where one of them waits.
    run(ENDED + f"kept = [ended({mode!r}, False), ended({mode!r}, True)]")


def test_time_grows_with_what_comes_and_no_faster(run):
    run(
        """
        import select
        def seconds_for(count, mode):
            a, b = pair()
            a.settimeout(None)
            file = a.makefile(mode, resume=True, **({} if "b" in mode else {"encoding": "utf-8"}))
            piece = b"y" * 16384
            start = time.thread_time()
            for _ in range(count):
                # A limit ends each read; what had come stays.
                b.sendall(piece)
                # On a busy machine one may pass before anything was read.
                while select.select([a], [], [], 0)[0]:
                    with shotclock.move_on_after(0.0001):
                        file.readline()
            took = time.thread_time() - start
            b.sendall(b"\\n")
            assert len(file.readline()) == count * len(piece) + 1
            return took
        for mode in ("rb", "r"):
            # Four times as much: four times the work, not sixteen.
            assert min(seconds_for(1600, mode) / seconds_for(400, mode) for _ in range(3)) < 9, mode
        """
    )


def test_text_takes_would_block_for_no_end(run):
    run(
        """
        a, b = pair()
        a.setblocking(False)
        file = a.makefile("r", encoding="utf-8", resume=True)
        b.sendall("gr\u00fc".encode()[:-1])
        for read in (file.readline, file.read, file.readlines, lambda: file.read(3)):
            stops(read, BlockingIOError)
        b.sendall("\u00fcn\\n".encode()[1:])
        assert file.readline() == "gr\u00fcn\\n"
        """
    )


def test_a_text_that_a_handler_kept_from_being_encoded_goes_out(run):
    run(
        """
        import codecs
        class Encoder(codecs.IncrementalEncoder):
            ends = True
            def encode(self, text, final=False):
                if Encoder.ends:
                    Encoder.ends = False
                    raise KeyboardInterrupt
                return text.encode()
        def found(name):
            whole = codecs.lookup("utf-8")
            return codecs.CodecInfo(whole.encode, whole.decode, whole.streamreader, whole.streamwriter, Encoder,
                whole.incrementaldecoder, name="slow") if name == "slow" else None
        codecs.register(found)
        a, b = pair()
        file = a.makefile("w", encoding="slow", resume=True)
        stops(lambda: file.write("one "), KeyboardInterrupt)
        file.write("two")
        file.flush()
        assert b.recv(20) == b"one two"
        Encoder.ends = True
        stops(lambda: file.write(" three"), KeyboardInterrupt)
        file.close()
        assert b.recv(20) == b" three"
        file = a.makefile("w", encoding="latin-1", resume=True)
        file.reconfigure(encoding="utf-16-le")
        file.write("x")
        file.close()
        assert b.recv(20) == b"x\\0"
        """
    )


def test_a_handler_s_exception_loses_no_byte_of_tls(run):
    run(
        """
        import signal, socket
        shotclock.install()
        class Alarm(TimeoutError):
            pass
        armed = []
        def handler(*_):
            if armed:
                armed.clear()
                raise Alarm
        signal.signal(signal.SIGALRM, handler)
        def ends(call):
            armed.append(True)
            signal.setitimer(signal.ITIMER_REAL, 0.02, 0.002)
            try:
                return call()
            except Alarm:
                return None
            finally:
                armed.clear()
                signal.setitimer(signal.ITIMER_REAL, 0)
        # Bytes that are all the mark; a handler that raises while the call waits, and is an OSError.
        a, b = tls_pair()
        file = a.makefile("rwb", resume=True)
        b.sendall(b"\\xff" * 3)
        assert ends(lambda: file.read(4)) is None
        assert ends(lambda: file.readline()) is None
        b.sendall(b"\\xff")
        assert file.read(4) == b"\\xff" * 4
        data = os.urandom(1 << 22)
        assert ends(lambda: file.write(data)) is None
        with received(b, len(data)) as got:
            file.flush()
        assert got == data
        error = None
        b.sendall(b"\\xff" * 5)
        armed.append(True)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        error = stops(lambda: shotclock.recv_exact(a, 9), Alarm)
        assert error.partial == b"\\xff" * 5
        """
    )


def test_the_function_makes_what_the_method_makes(run):
    run(
        """
        a, b = pair()
        for mode in ["rb", "wb", "rwb", "r", "w", "rw"]:
            with shotclock.resumable_file(a, mode) as one, a.makefile(mode, resume=True) as other:
                assert type(one) is type(other), mode
        with shotclock.resumable_file(a, encoding="utf-8") as file:
            b.sendall("half a lí".encode()[:-1])
            assert stops(file.readline).partial == "half a l"
            b.sendall("í\\n".encode()[1:])
            assert file.readline() == "half a lí\\n"
        for wrong in [dict(mode="rb", buffering=0), dict(mode="x")]:
            stops(lambda: shotclock.resumable_file(a, **wrong), ValueError)
        """
    )


def test_the_function_needs_no_install():
    check(
        """
        import socket, shotclock
        a, b = socket.socketpair()
        a.settimeout(0.05)
        with shotclock.resumable_file(a, "rb") as file:
            b.sendall(b"half a li")
            try:
                file.readline()
            except TimeoutError:
                b.sendall(b"ne\\n")
            assert file.readline() == b"half a line\\n"
        assert not shotclock.status().replaced
        """
    )
