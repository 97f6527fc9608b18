"""What a blocking call promises without a limit it keeps inside one, and never waits longer for it."""

import pytest

SCENARIOS = """
import array, contextlib, os, struct, sys

S = socket
def protected(sock):
    # Not of a client, nor of datagrams.
    with contextlib.suppress(ValueError):
        shotclock.Policy(total=30).protect(sock)
    return contextlib.nullcontext()

AROUND = {
    "scope": lambda sock: shotclock.deadline(30),
    "canceller": lambda sock: shotclock.Canceller(),
    "policy": lambda sock: protected(sock),
}

def tcp():
    with S.create_server(("127.0.0.1", 0)) as listener:
        here = S.create_connection(listener.getsockname())
        there, _ = listener.accept()
    return here, there

def unix(): return S.socketpair()
def datagrams(): return S.socketpair(type=S.SOCK_DGRAM)
def messages(): return S.socketpair(type=S.SOCK_SEQPACKET)

def into(call, size=4):
    # What a call that fills a buffer gives, as bytes.
    def run(sock, flags):
        room = bytearray(size)
        length = call(sock, room, flags)
        return bytes(room[:length])
    return run

RECEIVE = {
    "recv": lambda s, f: s.recv(4, f),
    "recv_into": into(lambda s, room, f: s.recv_into(room, 4, f)),
    "recvfrom": lambda s, f: s.recvfrom(4, f)[0],
    "recvfrom_into": into(lambda s, room, f: s.recvfrom_into(room, 4, f)[0]),
    "recvmsg": lambda s, f: s.recvmsg(4, 64, f)[0],
    "recvmsg_into": into(lambda s, room, f: s.recvmsg_into([memoryview(room)[:1], memoryview(room)[1:]], 64, f)[0]),
}

def outcome(call, *args):
    begun = time.monotonic()
    try:
        result = call(*args)
    except OSError as error:
        result = type(error), error.errno
    return result, time.monotonic() - begun

def receive_at_once(flags, parts, then=None):
    # Each part is sent as soon as the call before it waits, or has ended.
    def scenario(call):
        def run(make, around):
            here, there = make()
            there.sendall(parts[0])
            with here, there, around(here):
                waiter = Waiter(lambda: outcome(call, here, flags)[0], lambda: around(here))
                for part in parts[1:]:
                    until(lambda: is_waiting(waiter) or not waiter.is_alive())
                    there.sendall(part)
                if then: then(there)
                assert waiter.end() is None, waiter.error
                here.setblocking(False)
                rest = b""
                with contextlib.suppress(OSError):
                    while more := here.recv(100): rest += more
                return waiter.result, rest
        return run
    return scenario

def alike(name, run, *args):
    expected = run(*args, lambda sock: contextlib.nullcontext())
    for around in AROUND:
        found = run(*args, AROUND[around])
        assert found == expected, f"{name}, {around}: {found}, without a limit {expected}"
    return expected
"""


def test_what_waits_for_all_of_it(run_with_waits):
    run_with_waits(
        SCENARIOS
        + """
for kind in (tcp, unix, datagrams, messages):
    for name, call in RECEIVE.items():
        found = alike(f"{name}, {kind.__name__}", receive_at_once(S.MSG_WAITALL, [b"ab", b"cd"])(call), kind)
        assert found == ((b"abcd", b"") if kind in (tcp, unix) else (b"ab", b"cd")), (name, kind, found)
    found = alike(f"the end, {kind.__name__}", receive_at_once(
        S.MSG_WAITALL, [b"ab"], lambda there: there.shutdown(S.SHUT_WR))(RECEIVE["recv"]), kind)
    assert found == (b"ab", b"")
"""
    )


def test_what_peeks_for_all_of_it_invents_nothing(run_with_waits):
    run_with_waits(
        SCENARIOS
        + """
for kind in (tcp, unix):
    for name, call in RECEIVE.items():
        (seen, rest) = alike(name, receive_at_once(S.MSG_WAITALL | S.MSG_PEEK, [b"ab", b"cd"])(call), kind)
        assert seen in (b"ab", b"abcd") and rest == b"abcd", (name, kind, seen, rest)
"""
    )


def test_the_low_water_mark(run_with_waits):
    run_with_waits(
        SCENARIOS
        + """
def low(make):
    def made():
        here, there = make()
        here.setsockopt(S.SOL_SOCKET, S.SO_RCVLOWAT, 3)
        return here, there
    return made
for kind in (tcp, unix, datagrams):
    for name, call in RECEIVE.items():
        found = alike(f"{name}, {kind.__name__}", receive_at_once(0, [b"ab", b"cdefg"])(call), low(kind))
        assert found == ((b"abcd", b"efg") if kind in (tcp, unix) else (b"ab", b"cdefg")), (name, kind, found)
"""
    )


def test_the_low_water_mark_with_a_timeout(run_with_waits):
    run_with_waits("""
        # What stock says where it has a mark of 3 and a timeout, whatever its calls before had to wait for.
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 3)
        for around in (contextlib.nullcontext, lambda: shotclock.deadline(PATIENCE)):
            there = socket.create_connection(listener.getsockname())
            here, _ = listener.accept()
            room = bytearray(9)
            calls = [lambda: here.recv(9), lambda: here.recv_into(room), lambda: here.recvfrom(9),
                     lambda: here.recvmsg(9), lambda: here.recv(9, socket.MSG_PEEK)]
            for call in calls * 2:
                there.sendall(b"ab")
                with around():
                    here.settimeout(0.05)
                    try:
                        call()
                        raise AssertionError("it took less")
                    except TimeoutError as error:
                        assert error.limit == "timeout"
                    there.sendall(b"cd")
                    here.settimeout(PATIENCE)
                    call()
                    here.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        assert here.recv(9) == b"abcd"
    """)


def test_an_error_after_some_bytes_waits_for_the_next_call(run_with_waits):
    run_with_waits(
        SCENARIOS
        + """
def reset(there):
    there.setsockopt(S.SOL_SOCKET, S.SO_LINGER, struct.pack("ii", 1, 0))
    there.close()
def run(around):
    here, there = tcp()
    there.sendall(b"ab")
    with here, around(here):
        waiter = Waiter(lambda: here.recv(4, S.MSG_WAITALL), lambda: around(here))
        reset(there)
        assert waiter.end() is None, waiter.error
        return waiter.result, outcome(here.recv, 4)[0]
assert alike("reset", run) == (b"ab", (ConnectionResetError, errno.ECONNRESET))
"""
    )


def test_what_never_waits(run_with_waits):
    run_with_waits(
        SCENARIOS
        + """
D = S.MSG_DONTWAIT
def at_once(call):
    def run(make, around):
        here, there = make()
        with here, there, around(here):
            result, took = outcome(call, here)
            assert took < LATE, took
            return result
    return run
for name, call in RECEIVE.items():
    for kind in (tcp, unix, datagrams):
        alike(name, at_once(lambda sock: call(sock, D)), kind)
    alike(f"{name}, urgent", at_once(lambda sock: call(sock, S.MSG_OOB)), tcp)
    alike(f"{name}, errors", at_once(lambda sock: call(sock, S.MSG_ERRQUEUE)), tcp)
    alike(f"{name}, errors", at_once(lambda sock: call(sock, S.MSG_ERRQUEUE)), lambda: (datagram(), datagram()))
big = bytes(8 << 20)
for name, call in {
    "send": lambda s: s.send(big, D), "sendmsg": lambda s: s.sendmsg([big, big], [], D),
}.items():
    # How much fits is the system's affair.
    def some(sock):
        sent = call(sock)
        assert 0 < sent < len(big)
        return outcome(call, sock)[0] if sock.family == S.AF_UNIX else None
    for kind in (tcp, unix):
        alike(name, at_once(some), kind)
"""
    )


@pytest.mark.parametrize("option, limit", [("SO_RCVTIMEO", 0.2), ("SO_SNDTIMEO", 0.2)])
def test_the_sockets_own_limit(run_with_waits, option, limit):
    run_with_waits(
        SCENARIOS
        + f"OPTION, LIMIT = S.{option}, {limit}\n"
        + """
def limited(sock):
    sock.setsockopt(S.SOL_SOCKET, OPTION, struct.pack("ll", 0, int(LIMIT * 1e6)))
    return sock
def timed(call, times=1):
    def run(make, around):
        here, *keep = make()
        with limited(here), around(here):
            result, took = outcome(call, here)
            # Strict below, up to a tick of the system's clock.
            assert LIMIT * times * 0.95 <= took < LIMIT * times + LATE, took
            return result
    return run
if OPTION == S.SO_RCVTIMEO:
    for kind in (tcp, unix, datagrams):
        for name, call in RECEIVE.items():
            for flags in (0, S.MSG_WAITALL):
                found = alike(name, timed(lambda sock: call(sock, flags)), kind)
                assert found == (BlockingIOError, errno.EAGAIN), (name, found)
    def part():
        here, there = unix()
        there.send(b"ab")
        return here, there
    for name, call in RECEIVE.items():
        assert alike(name, timed(lambda sock: call(sock, S.MSG_WAITALL)), part) == b"ab", name
    assert alike("accept", timed(S.socket.accept), lambda: [S.create_server(("127.0.0.1", 0))]) == (
        BlockingIOError, errno.EAGAIN)
else:
    big = bytes(64 << 20)
    for kind in (tcp, unix):
        for name, call in {"send": lambda s: s.send(big), "sendmsg": lambda s: s.sendmsg([big])}.items():
            # How much fits is the system's affair; that it says so is not.
            assert alike(name, timed(lambda s: 0 < call(s) < len(big)), kind) is True
    def full():
        here, there = full_pipe()
        here.setblocking(True)
        return here, there
    for name, call in {"send": lambda s: s.send(b"x"), "sendmsg": lambda s: s.sendmsg([b"x"]),
                       "sendall": lambda s: s.sendall(b"x")}.items():
        assert alike(name, timed(call), full) == (BlockingIOError, errno.EAGAIN), name
    # Of several calls each has that time.
    assert alike("sendall", timed(lambda s: s.sendall(big), 2), unix) == (BlockingIOError, errno.EAGAIN)
    def connects(around):
        listener, filling = full_backlog()
        sock = S.socket()
        found = timed(lambda s: s.connect(listener.getsockname()))(lambda: (sock,), around)
        return found
    assert alike("connect", connects) == (BlockingIOError, errno.EINPROGRESS)
"""
    )


def test_all_bytes_of_a_send(run_with_waits):
    run_with_waits(
        SCENARIOS
        + """
size = 4 << 20
data = os.urandom(size)
def count(sock, got):
    carried = []
    while True:
        more, control, _, _ = sock.recvmsg(1 << 16, S.CMSG_SPACE(4))
        for level, kind, numbers in control:
            carried.append((level, kind))
            os.close(array.array("i", numbers)[0])
        if not more: break
        got.extend(more)
    got.append(carried)
def whole(call):
    def run(make, around):
        here, there = make()
        got = []
        reader = threading.Thread(target=count, args=(there, got))
        with there, here, around(here):
            reader.start()
            sent = call(here)
            here.shutdown(S.SHUT_WR)
            reader.join(PATIENCE)
            carried = got.pop()
            assert bytes(got) == data
            return sent, carried
    return run
cut = [data[:5], b"", data[5:1 << 20], data[1 << 20:]]
for kind in (tcp, unix):
    assert alike("send", whole(lambda s: s.send(data)), kind) == (size, [])
    assert alike("sendmsg", whole(lambda s: s.sendmsg([data])), kind) == (size, [])
    assert alike("sendmsg, several", whole(lambda s: s.sendmsg(cut)), kind) == (size, [])
assert alike("sendto", whole(lambda s: s.sendto(data, s.getpeername())), tcp) == (size, [])
rights = [(S.SOL_SOCKET, S.SCM_RIGHTS, array.array("i", [0]))]
assert alike("sendmsg, rights", whole(lambda s: s.sendmsg(cut, rights)), unix) == (
    size, [(S.SOL_SOCKET, S.SCM_RIGHTS)])
"""
    )


def test_fast_open_waits_for_its_connection(run_with_waits):
    run_with_waits(
        SCENARIOS
        + """
FASTOPEN = getattr(S, "MSG_FASTOPEN", 0x20000000)
def run(around):
    with S.create_server(("127.0.0.1", 0)) as listener, S.socket() as sock, around(sock):
        result = outcome(sock.sendto, b"hello", FASTOPEN, listener.getsockname())[0]
        there, _ = listener.accept()
        with there:
            sock.shutdown(S.SHUT_WR)
            return result, there.recv(9, S.MSG_WAITALL)
assert alike("fast open", run) == (5, b"hello")
"""
    )


def test_what_had_moved_is_told_by_what_is_ours_alone(run_with_waits):
    run_with_waits(
        SCENARIOS
        + """
import signal
class Mine(Exception):
    sent = partial = "mine"
error = Mine()
def handler(*_): raise error
signal.signal(signal.SIGUSR1, handler)
main = threading.main_thread()
def interrupted(call):
    def kill():
        until(lambda: is_waiting(main))
        os.kill(os.getpid(), signal.SIGUSR1)
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        call()
        raise AssertionError("nothing was raised")
    except Mine as raised:
        assert raised is error and vars(raised) == {}, vars(raised)
    killer.join()
for timeout in (None, 30):
    for around in AROUND:
        here, there = unix()
        here.settimeout(timeout)
        with here, there, AROUND[around](here):
            interrupted(lambda: here.sendall(bytes(4 << 20)))
            there.sendall(b"ab")
            interrupted(lambda: here.recv(4, S.MSG_WAITALL) and here.recv(1))
for name, call in RECEIVE.items():
    here, there = unix()
    there.send(b"ab")
    try:
        with here, there, shotclock.deadline(0.1):
            call(here, S.MSG_WAITALL)
        raise AssertionError(name)
    except TimeoutError as raised:
        assert raised.partial == b"ab", (name, raised.partial)
for call in (lambda s: s.send(bytes(4 << 20)), lambda s: s.sendmsg([bytes(1 << 20)] * 4), lambda s: s.sendall(bytes(4 << 20))):
    here, there = unix()
    try:
        with here, shotclock.deadline(0.1):
            call(here)
        raise AssertionError
    except TimeoutError as raised:
        there.setblocking(False)
        came = 0
        with contextlib.suppress(BlockingIOError):
            while more := there.recv(1 << 16): came += len(more)
        assert raised.sent == came > 0
"""
    )
