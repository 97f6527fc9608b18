"""Python code that runs in the middle of a call closes the socket, and a stranger gets its number."""

import pytest

# Closes the socket, and gives its number to one that nobody here speaks to.
STRANGER = """
import contextlib, os, signal, sys

class Stranger:
    def __init__(self, sock):
        self.sock = sock
        self.number = sock.fileno()
        self.one = self.other = None

    def comes(self):
        if self.one is None:
            self.sock.close()
            self.one, self.other = socket.socketpair(type=self.sock.type)
            if self.other.fileno() == self.number:
                self.other, self.one = self.one, self.other
            if self.one.fileno() != self.number:
                os.dup2(self.one.detach(), self.number)
                self.one = socket.socket(fileno=self.number)
            self.other.send(b"a stranger's")
            self.other.setblocking(False)

    def is_untouched(self):
        assert self.one is not None, "nothing ran in the call"
        with contextlib.suppress(BlockingIOError):
            return self.other.recv(99) and False
        assert os.get_blocking(self.number) and self.one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
        assert self.one.recv(99) == b"a stranger's"
        return True

    def close(self):
        for sock in (self.one, self.other):
            sock.close()

class Int:
    def __init__(self, value, stranger): self.value, self.stranger = value, stranger
    def __index__(self):
        self.stranger.comes()
        return self.value

def protected(sock):
    # Not of a client, nor of datagrams.
    with contextlib.suppress(ValueError):
        shotclock.Policy(total=30).protect(sock)
    return contextlib.nullcontext()

AROUND = {
    "nothing": lambda sock: contextlib.nullcontext(),
    "scope": lambda sock: shotclock.deadline(30),
    "canceller": lambda sock: shotclock.Canceller(),
    "policy": lambda sock: protected(sock),
}
CALLS = {
    "recv": lambda s, i: s.recv(i(9)),
    "recv, flags": lambda s, i: s.recv(9, i(0)),
    "recv_into": lambda s, i: s.recv_into(bytearray(9), i(9)),
    "recvfrom": lambda s, i: s.recvfrom(i(9)),
    "recvfrom_into": lambda s, i: s.recvfrom_into(bytearray(9), i(9)),
    "recvmsg": lambda s, i: s.recvmsg(9, i(0)),
    "recvmsg_into": lambda s, i: s.recvmsg_into([bytearray(9)], i(0)),
    "send": lambda s, i: s.send(b"x", i(0)),
    "sendall": lambda s, i: s.sendall(b"x", i(0)),
    "sendmsg": lambda s, i: s.sendmsg([b"x"], [], i(0)),
    "sendmsg, control": lambda s, i: s.sendmsg([b"x"], [(i(99), 99, b"")]),
    "getsockopt": lambda s, i: s.getsockopt(socket.SOL_SOCKET, i(socket.SO_TYPE)),
    "setsockopt": lambda s, i: s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, i(1)),
    "shutdown": lambda s, i: s.shutdown(i(socket.SHUT_RDWR)),
    "listen": lambda s, i: s.listen(i(1)),
}
TO_AN_ADDRESS = {
    "connect": lambda s, i: s.connect(("127.0.0.1", i(9))),
    "connect_ex": lambda s, i: os.strerror(s.connect_ex(("127.0.0.1", i(9)))),
    "bind": lambda s, i: s.bind(("127.0.0.1", i(0))),
    "sendto": lambda s, i: s.sendto(b"x", ("127.0.0.1", i(9))),
    "sendmsg, address": lambda s, i: s.sendmsg([b"x"], [], 0, ("127.0.0.1", i(9))),
}

def ends_with_ebadf(name, sock, call, around):
    stranger = Stranger(sock)
    try:
        with around(sock):
            result = call(sock, lambda value: Int(value, stranger))
        error = result == os.strerror(errno.EBADF)
    except OSError as raised:
        error = raised.errno == errno.EBADF
    assert error, name
    assert stranger.is_untouched(), name
    stranger.close()
"""


def test_arguments_that_close_the_socket(run_with_waits):
    run_with_waits(
        STRANGER
        + """
for timeout in (None, 30.0, 0.0):
    for around in AROUND:
        for name, call in CALLS.items():
            ours, theirs = socket.socketpair()
            ours.settimeout(timeout)
            ends_with_ebadf(f"{name}, {timeout}, {around}", ours, call, AROUND[around])
            theirs.close()
        for name, call in TO_AN_ADDRESS.items():
            ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ours.settimeout(timeout)
            ends_with_ebadf(f"{name}, {timeout}, {around}", ours, call, AROUND[around])
"""
    )


def test_audit_hooks_that_close_the_socket(run_with_waits):
    run_with_waits(
        STRANGER
        + """
hooked = None
def hook(event, arguments):
    if hooked and event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
        hooked.comes()
sys.addaudithook(hook)
def with_hook(call):
    def run(sock, index):
        global hooked
        hooked = index(0).stranger
        try:
            return call(sock, int)
        finally:
            hooked = None
    return run
calls = {**TO_AN_ADDRESS, "sendmsg": CALLS["sendmsg"]}
for timeout in (None, 30.0):
    for around in AROUND:
        for name, call in calls.items():
            ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ours.settimeout(timeout)
            ends_with_ebadf(f"{name}, {timeout}, {around}", ours, with_hook(call), AROUND[around])
"""
    )


def test_a_handler_in_the_middle_of_a_wait(run_with_waits):
    # It closes the socket and its number is another's at once: the wait must not go on, nor try, on that.
    run_with_waits(
        STRANGER
        + """
main = threading.main_thread()
WAITS = {name: make for name, make in KINDS.items() if "TLS" not in name}
# Where it is the same socket's, the stranger is a stream.
for around in ("scope", "canceller", "policy", "nothing"):
    for name, sock, call, keep in every(WAITS):
        if sock.gettimeout() is None and around == "nothing":
            # One plain call, which goes on by itself, as the interpreter's own.
            continue
        stranger = Stranger(sock)
        signal.signal(signal.SIGUSR1, lambda *_: stranger.comes())
        def kill():
            until(lambda: is_waiting(main))
            os.kill(os.getpid(), signal.SIGUSR1)
        killer = threading.Thread(target=kill)
        try:
            with AROUND[around](sock):
                killer.start()
                call()
            error = None
        except OSError as raised:
            error = raised.errno
        killer.join()
        assert error == errno.EBADF, (name, around, error)
        assert stranger.is_untouched(), (name, around)
        stranger.close()
"""
    )


@pytest.mark.parametrize("around", ["nothing", "scope", "canceller", "policy"])
def test_handlers_at_any_moment(run_with_waits, around):
    run_with_waits(
        STRANGER
        + f"around = AROUND[{around!r}]\n"
        + """
armed = stranger = None
def handler(*_):
    global armed
    if armed:
        armed = False
        stranger.comes()
signal.signal(signal.SIGALRM, handler)
for _ in range(400):
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    theirs.settimeout(30)
    stranger, armed = Stranger(ours), True
    signal.setitimer(signal.ITIMER_REAL, 20e-6)
    with contextlib.suppress(OSError), around(ours):
        while armed:
            ours.send(b"secret")
    assert stranger.is_untouched()
    stranger.close()
    ours.close()
    theirs.close()
"""
    )
