"""``SocketIO``, the raw file of socket.py, does and says what the interpreter's own does; its short ways are ours."""

import pytest

from interpreter import check

TOOLS = """
import ctypes, io, select, socket, struct, sys, threading
TURNS = 40

def said(call):
    try:
        return repr(call())
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def pair(timeout, mode="r"):
    a, b = socket.socketpair()
    a.settimeout(timeout)
    b.settimeout(20)
    return socket.SocketIO(a, mode), a, b

def show(*what):
    print(*what, flush=True)
"""

# Each call comes so often that it has gone every way there is.
READS = """
for timeout in (20, None, 0):
    raw, a, b = pair(timeout)
    if timeout != 20:
        show(said(lambda: raw.readinto(bytearray(3))) if timeout == 0 else "")
    for turn in range(TURNS):
        b.sendall(b"some bytes")
        room = bytearray(4)
        show(turn, raw.readinto(room), bytes(room), raw.readinto(memoryview(room)[1:]), bytes(room), raw.read(3))
        if timeout == 0:
            show(raw.readinto(room), said(lambda: raw.read(3)), raw.readall())
    b.sendall(bytes(9000))
    show(raw.readinto(bytearray()), raw.readinto(bytearray(20_000)) > 4000)
    for wrong in (b"unwritable", 5, None):
        show(said(lambda: raw.readinto(wrong)))
    show(said(raw.readinto)[:9], said(lambda: raw.readinto(bytearray(1), 1))[:9])
    b.close()
    a.settimeout(20)
    while raw.readinto(bytearray(9000)):
        pass
    show([raw.readinto(bytearray(3)) for turn in range(TURNS)])

raw, a, b = pair(0.02)
show(said(lambda: raw.readinto(bytearray(3))))
b.sendall(b"late")
show([said(lambda: raw.readinto(bytearray(3))) for turn in range(TURNS)], raw._timeout_occurred, a.recv(9))
"""

WRITES = """
for timeout in (20, None, 0):
    raw, a, b = pair(timeout, "w")
    for data in (b"abc", bytearray(b"abc"), memoryview(b"abcdef")[::2], b"", "text"):
        for turn in range(TURNS):
            show(said(lambda: raw.write(data)), len(data) > 0 and select.select([b], [], [], 0)[0] and b.recv(9))
    show(said(lambda: raw.write(5)), said(lambda: raw.readinto(bytearray(2))), said(lambda: raw.read(2)))
    if timeout == 0:
        for size in (1 << 16, 1):
            while raw.write(bytes(size)) is not None:
                pass
        show([raw.write(b"abc") for turn in range(TURNS)])
    b.close()
    show([said(lambda: raw.write(b"abc")) for turn in range(TURNS)])
show(said(lambda: pair(20, "r")[0].write(b"abc")))
"""

CLOSED = """
raw, a, b = pair(20, "rw")
def state():
    return raw.closed, said(raw.readable), said(raw.writable), said(lambda: raw.fileno() > 0), raw.name == -1
show(state(), "closed" in dir(raw))
show(said(lambda: setattr(raw, "closed", True))[:14], said(lambda: delattr(raw, "closed"))[:14])
raw.close()
raw.close()
show(state(), vars(raw).get("closed"))
show([(said(lambda: raw.readinto(bytearray(1))), said(lambda: raw.write(b"a"))) for turn in range(TURNS)])

class Own(socket.SocketIO):
    closed = property(lambda self: self.says)
    says = False
own = Own(a, "r")
show(own.closed, own.readable())
own.says = True
show(own.closed, said(own.readable), said(lambda: own.readinto(bytearray(1))))
own.says = False
a._io_refs += 1
own.close()
own.says = True

class Mute(socket.SocketIO):
    def readable(self):
        return False
show([said(lambda: Mute(a, "r").readinto(bytearray(1))) for turn in range(TURNS)])

class Half(socket.SocketIO):
    def close(self):
        io.RawIOBase.close(self)
half = Half(a, "r")
half.close()
show(half.closed, said(lambda: half.readinto(bytearray(1))))

file = b.makefile("rb")
file.raw.close()
show(file.closed, said(file.readline), said(lambda: file.peek(1)), said(lambda: next(file)))
"""

# What the system tells of a connection once is told once, whichever way the call takes.
RESETS = """
for turn in range(TURNS):
    for name in ("readinto", "write"):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            a = socket.create_connection(listener.getsockname(), 20)
            b, _ = listener.accept()
        raw = socket.SocketIO(a, "rw")
        call = (lambda: raw.readinto(bytearray(4))) if name == "readinto" else (lambda: raw.write(b"abc"))
        b.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        b.close()
        select.select([a], [], [])
        show(name, said(call), said(call), said(lambda: raw.readinto(bytearray(4))))
        a.close()
"""

# A read that has to wait, and what may come in then. Each so often that it goes both ways.
WAITS = """
import errno, os, signal, time
def later(call):
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread

def interrupted(how):
    def handler(*_):
        how()
        b.sendall(b"by handler")
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.01)

def raising(error):
    def how():
        raise error
    return how

class Odd(OSError):
    errno = "none"

for timeout in (20, None):
    raw, a, b = pair(timeout)
    for turn in range(TURNS):
        room = bytearray(20)
        thread = later(lambda: b.sendall(b"late"))
        show(turn, raw.readinto(room), bytes(room))
        thread.join()
    for turn in range(3):
        interrupted(lambda: None)
        show(raw.readinto(bytearray(20)))
    for error in (KeyboardInterrupt, OSError(errno.EAGAIN, "again"), OSError(errno.EINPROGRESS, "now"), OSError(5, "io"), Odd(), ValueError("no")):
        for turn in range(3):
            raw, a, b = pair(timeout)
            interrupted(raising(error))
            try:
                show(raw.readinto(bytearray(20)))
            except BaseException as raised:
                show(type(raised).__name__, raised.args, raised.__context__)
            b.sendall(b"more")
            show(raw._timeout_occurred, raw.readinto(bytearray(20)))
    for turn in range(3):
        raw, a, b = pair(timeout)
        interrupted(raising(TimeoutError(5, "of the program's own")))
        show(said(lambda: raw.readinto(bytearray(20))))
        b.sendall(b"more")
        show(raw._timeout_occurred, said(lambda: raw.readinto(bytearray(20))), a.recv(20))
    for turn in range(3):
        raw, a, b = pair(timeout)
        thread = later(b.close)
        show(raw.readinto(bytearray(20)), raw.readinto(bytearray(20)))
        thread.join()

for turn in range(3):
    raw, a, b = pair(0.01)
    file = io.BufferedReader(raw)
    b.sendall(b"half a li")
    show(said(file.readline), raw._timeout_occurred)
    b.sendall(b"ne")
    show(said(file.readline))
    raw, a, b = pair(20)
    interrupted(lambda: (a.settimeout(0), b.sendall(b"one")))
    show(raw.readinto(bytearray(20)))
"""


@pytest.fixture(scope="module")
def stock():
    """What the interpreter's own does, by program."""
    known = {}

    def outcome(program):
        if program not in known:
            known[program] = check(TOOLS + program)
        return known[program]

    return outcome


@pytest.fixture(params=["graft", "type"])
def run(request):
    """Runs a program over a mount."""
    is_type = request.param == "type"
    beneath, first = ["-m", "shotclock"] if is_type else [], "" if is_type else "import shotclock\nshotclock.install()\n"
    return lambda program: check(first + TOOLS + program, beneath=beneath)


@pytest.mark.parametrize(
    "program", [READS, WAITS, WRITES, CLOSED, RESETS], ids=["reads", "waits", "writes", "closed", "resets"]
)
def test_the_raw_file_does_and_says_what_the_interpreter_s_own_does(program, run, stock):
    assert run(program).splitlines() == stock(program).splitlines()


@pytest.mark.parametrize("at_once", [True, False])
def test_an_exception_from_another_thread_comes_through_while_bytes_come(at_once, run):
    run(
        f"""
class Enough(Exception):
    pass

a, b = socket.socketpair()
for end in (a, b):
    end.settimeout(20)
b.setblocking(False)
file, begun, ended = a.makefile("rb"), threading.Event(), []

def reads():
    try:
        begun.set()
        file.read(1 << 28)
    except Enough:
        ended.append(True)

def send():
    try:
        b.send(bytes({1 << 16 if at_once else 1}))
    except BlockingIOError:
        pass

thread = threading.Thread(target=reads)
thread.start()
begun.wait()
send()
assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Enough)) == 1
while thread.is_alive():
    send()
assert ended
"""
    )


def test_an_exception_from_another_thread_waits_for_one_piece_at_the_most(run):
    run(
        """
class Enough(Exception):
    pass

def reads():
    try:
        file.readline()
    except Enough:
        ended.append(True)

for turn in range(5):
    a, b = socket.socketpair()
    a.settimeout(20)
    file, ended = a.makefile("rb"), []
    thread = threading.Thread(target=reads)
    thread.start()
    for piece in range(10):
        b.sendall(b"x")
        while select.select([a], [], [], 0)[0]:
            pass
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Enough)) == 1
    b.sendall(b"x")
    thread.join(20)
    assert ended, turn
    b.close()
    file.close()
"""
    )
