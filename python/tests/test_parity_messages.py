"""Datagrams and messages on the type in Rust: arguments, values, errors, waits and descriptors as on the stock type."""

import contextlib
import array
import collections
import gc
import mmap
import os
import socket
import struct
import sys
import threading
import time
import warnings

import _socket
import pytest

from parity import OWN, assert_alike, datagram_pair, on_copy, open_descriptors, outcome

HUGE = 1 << 70
SIZES = [0, 1, 5, 10, 4096, 4097, 70_000, True, -1, -5, None, "1", 1.0, 1 << 62, (1 << 63) - 1, 1 << 63, HUGE, -HUGE]
FLAGS = [
    0, socket.MSG_PEEK, socket.MSG_TRUNC, socket.MSG_TRUNC | socket.MSG_PEEK, socket.MSG_DONTWAIT,
    "0", None, HUGE, 1 << 31,
]
FAMILIES = [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX]


@pytest.fixture(params=FAMILIES, ids=lambda family: family.name)
def pair(request, tmp_path, monkeypatch):
    """A receiver, and a sender that has a name."""
    monkeypatch.chdir(tmp_path)
    if request.param is socket.AF_UNIX:
        receiver, sender = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
        receiver.bind(b"receiver")
        sender.bind("sender-\udcff")
        sender.connect(b"receiver")
    else:
        receiver, sender = datagram_pair(request.param)
    with receiver, sender:
        yield receiver, sender


@pytest.fixture
def streams():
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def using(sock, call, *args, timeout=0.0, **kwargs):
    """Calls `call(object, ...)` with an object of each type on the same file, and compares; `before` runs first."""

    def scenario(kind):
        copy = on_copy(kind, sock)
        copy.settimeout(timeout)
        try:
            return call(copy, *args, **kwargs)
        finally:
            copy.close()

    return assert_alike(scenario)


def received(pair, call, data=b"0123456789"):
    """As `using`, with one datagram there for the call and none left after it."""
    receiver, sender = pair

    def with_data(sock):
        sender.send(data)
        try:
            return call(sock)
        finally:
            receiver.setblocking(False)
            outcome(receiver.recv, 1)

    return using(receiver, with_data)


@pytest.mark.parametrize("size", SIZES, ids=repr)
def test_recvfrom_takes_every_size(pair, size):
    received(pair, lambda sock: sock.recvfrom(size))
    received(pair, lambda sock: sock.recvmsg(size))
    received(pair, lambda sock: sock.recvmsg(3, size))


@pytest.mark.parametrize("flags", FLAGS, ids=repr)
def test_flags_are_passed_on(pair, flags):
    # What lies behind the end of a message that did not fit is not defined; its length is.
    def lengths(sock):
        data, address = sock.recvfrom(4, flags)
        return data[:4], len(data), address

    received(pair, lengths)
    received(pair, lambda sock: sock.recvmsg(4, 0, flags))
    received(pair, lambda sock: sock.recvmsg_into([bytearray(4)], 0, flags))
    received(pair, lambda sock: sock.recvfrom_into(bytearray(4), 0, flags))
    using(pair[1], lambda sock: sock.sendmsg([b""], [], flags), timeout=None)
    using(pair[1], lambda sock: sock.sendto(b"", flags, None))


def test_what_did_not_fit_is_zeroes(pair):
    receiver, sender = pair
    for size in (4, 5000):
        data = b"abcd" * (size // 4)
        sender.send(data + b"efgh")
        copy = on_copy(OWN, receiver)
        if makes_room_for_what_does_not_fit():
            assert copy.recvfrom(size, socket.MSG_TRUNC)[0] == data + b"\0" * 4
        else:
            with pytest.raises(ValueError):
                copy.recvfrom(size, socket.MSG_TRUNC)
        copy.close()


def makes_room_for_what_does_not_fit():
    """Whether the interpreter's own does; 3.15 raises."""
    receiver, sender = _socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.send(b"two")
    received, _ = outcome(receiver.recv, 1, socket.MSG_TRUNC)
    receiver.close(), sender.close()
    return received[0] == "gives"


BUFFERS = {
    "bytearray": lambda: bytearray(8),
    "memoryview": lambda: memoryview(bytearray(8)),
    "part": lambda: memoryview(bytearray(8))[2:5],
    "array": lambda: array.array("i", [0, 0]),
    "mmap": lambda: mmap.mmap(-1, 8),
    "empty": bytearray,
    "bytes": lambda: b"12345678",
    "read-only": lambda: memoryview(b"12345678"),
    "strided": lambda: memoryview(bytearray(8))[::2],
    "str": lambda: "12345678",
    "none": lambda: None,
}


@pytest.mark.parametrize("make", BUFFERS.values(), ids=BUFFERS)
def test_buffers_to_receive_into(pair, make):
    for size in (0, 1, 3, 8, 9, -1, HUGE, "a", None):

        def into(sock, size=size):
            buffer = make()
            return sock.recvfrom_into(buffer, size), bytes(buffer)

        received(pair, into)

    def alone(sock):
        buffer = make()
        return sock.recvfrom_into(buffer), bytes(buffer)

    def many(sock):
        buffers = [bytearray(2), make(), bytearray(20)]
        return sock.recvmsg_into(buffers), [bytes(buffer) for buffer in buffers]

    received(pair, alone)
    received(pair, many)


class Sequence:
    """A sequence, though no list."""

    def __init__(self, *items):
        self.items = items

    def __getitem__(self, index):
        return self.items[index]

    def __len__(self):
        return len(self.items)


class Broken:
    def __iter__(self):
        yield bytearray(2)
        raise LookupError("broken")


ITERABLES = {
    "none": lambda: None,
    "int": lambda: 5,
    "bytes": lambda: b"ab",
    "bytearray": lambda: bytearray(3),
    "str": lambda: "ab",
    "empty": list,
    "list": lambda: [bytearray(b"ab"), bytearray(b"cd")],
    "tuple": lambda: (bytearray(b"ab"),),
    "generator": lambda: (bytearray(b"xy") for _ in range(3)),
    "sequence": lambda: Sequence(bytearray(b"ab")),
    "deque": lambda: collections.deque([bytearray(b"ab")]),
    "twice": lambda: [bytearray(b"ab")] * 2,
    "broken": Broken,
    "mixed": lambda: [bytearray(1), "str"],
    "dict": lambda: {b"k": 1},
    "many": lambda: [bytearray(1) for _ in range(1024)],
    "too-many": lambda: [bytearray(1) for _ in range(1025)],
}


@pytest.mark.parametrize("make", ITERABLES.values(), ids=ITERABLES)
def test_iterables_of_buffers(pair, make):
    received(pair, lambda sock: sock.recvmsg_into(make()))

    def send(sock):
        sent = sock.sendmsg(make())
        return sent, pair[0].recv(2000)

    using(pair[1], send)


ANCILLARY = [
    None, 5, [None], [()], [(1, 2)], [(1, 2, 3)], [(1, 2, b"", 4)], [("a", 2, b"")], [(1, "b", b"")], [(HUGE, 1, b"")],
    [[1, 2]], ["abc"], [(1, 2, "str")], [(0, 0, b"")], [(0, 0, b"x" * 1000)], [(77, 88, b"abc"), (0, 0, b"")],
    Sequence((0, 0, b"")), [Sequence(0, 0, b"")], [[0, 0, b""]], [(0, 8, struct.pack("i", 0))], {},
]


@pytest.mark.parametrize("ancillary", ANCILLARY, ids=range(len(ANCILLARY)))
def test_control_messages_to_send(pair, ancillary):
    using(pair[1], lambda sock: sock.sendmsg([b"a"], ancillary))


def test_control_messages_out_of_a_generator(pair):
    using(pair[1], lambda sock: sock.sendmsg([b"a"], ((level, 1, b"") for level in range(3))))


def test_control_messages_may_be_too_large():
    # Two gibibytes that are never touched.
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
    with mmap.mmap(-1, (1 << 31) + 64, flags=flags) as memory:
        view = memoryview(memory)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as base:
            using(base, lambda sock: sock.sendmsg([], [(1, 1, view)]))
            using(base, lambda sock: sock.sendmsg([], [(1, 1, view[: 1 << 30]), (1, 1, view[: (1 << 30) - 16])]))
        view.release()


def test_wrong_arguments(pair):
    calls = ("recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into", "sendto", "sendmsg", "sendmsg_afalg")
    for name in calls:
        for args in [(), (1,), (b"",), (1, 2, 3, 4, 5), ("x", "y", "z"), (b"", 0), (b"", 0, 0), (b"", "f", ("h", 1))]:
            for keywords in [{}, {"buffer": bytearray(1)}, {"nbytes": 1}, {"flags": 0}, {"op": 1}, {"bufsize": 1}]:
                using(pair[0], lambda sock: getattr(sock, name)(*args, **keywords))


def test_keywords(pair):
    received(pair, lambda sock: sock.recvfrom_into(buffer=bytearray(4), nbytes=2, flags=socket.MSG_PEEK))
    received(pair, lambda sock: sock.recvfrom_into(bytearray(4), flags=0))


def test_sendto(pair):
    receiver, sender = pair
    address = receiver.getsockname()
    for data in (b"abc", b"", bytearray(b"abc"), memoryview(b"abcdef")[::2], "str", None, b"x" * 70_000):
        for args in [(address,), (0, address), (socket.MSG_CONFIRM, address), (1 << 40, address), (b"", address)]:

            def send(sock, data=data, args=args):
                return sock.sendto(data, *args), receiver.recvfrom(100_000, socket.MSG_DONTWAIT)

            using(sender, send)


def test_streams_have_no_address(streams):
    one, other = streams
    for call in (
        lambda sock: sock.recvfrom(2),
        lambda sock: sock.recvfrom_into(bytearray(2)),
        lambda sock: sock.recvmsg(2),
        lambda sock: sock.recvmsg_into([bytearray(2)]),
    ):

        def scenario(sock, call=call):
            other.send(b"ab")
            return call(sock)

        assert using(one, scenario)[0] == "gives"
        using(one, call)
    other.close()
    using(one, lambda sock: (sock.recvfrom(5), sock.recvmsg(5)))
    using(one, lambda sock: sock.sendmsg([b"x"]))


def test_tcp_has_no_address():
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as one:
        other, _ = listener.accept()
        with other:
            other.sendall(b"0123456789")
            peek = socket.MSG_PEEK
            using(one, lambda sock: (sock.recvfrom(2, peek), sock.recvmsg(2, 100, peek)), timeout=5)
            copy = on_copy(OWN, one)
            assert copy.recvfrom(5, socket.MSG_TRUNC) == (b"\0" * 5, None)
            assert copy.recvmsg(5, 0, socket.MSG_TRUNC)[0] == b"\0" * 5
            copy.close()


def test_closed_sockets(pair):
    def closed(call):
        def scenario(kind):
            sock = on_copy(kind, pair[0])
            sock.close()
            return call(sock)

        return assert_alike(scenario)

    closed(lambda sock: sock.recvfrom(1))
    closed(lambda sock: sock.recvfrom(-1))
    closed(lambda sock: sock.recvfrom_into(bytearray(1)))
    closed(lambda sock: sock.recvmsg(1))
    closed(lambda sock: sock.recvmsg(1, -1))
    closed(lambda sock: sock.recvmsg_into([bytearray(1)]))
    closed(lambda sock: sock.sendmsg([b""]))
    closed(lambda sock: sock.sendto(b"", pair[1].getsockname()))


@pytest.mark.parametrize("timeout", [0.0, 0.02])
def test_nothing_there(pair, timeout):
    for call in (
        lambda sock: sock.recvfrom(1),
        lambda sock: sock.recvfrom(0),
        lambda sock: sock.recvfrom_into(bytearray(1)),
        lambda sock: sock.recvmsg(1),
        lambda sock: sock.recvmsg(0, 10),
        lambda sock: sock.recvmsg_into([]),
    ):
        started = time.monotonic()
        assert using(pair[0], call, timeout=timeout)[0] == "raises"
        assert time.monotonic() - started >= 2 * timeout


@pytest.mark.parametrize("timeout", [0.0, 0.05])
def test_no_room_to_send(timeout):
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        one.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                one.send(b"x" * 1000)
        assert using(one, lambda sock: sock.sendmsg([b"x" * 500] * 2), timeout=timeout)[0] == "raises"


@pytest.mark.parametrize("timeout", [None, 5.0])
def test_waits_end_with_the_data(pair, timeout):
    receiver, sender = pair
    for call in (
        lambda sock: sock.recvfrom(9),
        lambda sock: sock.recvfrom_into(bytearray(9)),
        lambda sock: sock.recvmsg(9, 9),
        lambda sock: sock.recvmsg_into([bytearray(4), bytearray(5)]),
    ):

        def scenario(sock, call=call):
            later = threading.Thread(target=sender.send, args=(b"later",))
            later.start()
            try:
                return call(sock)
            finally:
                later.join()

        receiver.setblocking(timeout is None)
        assert using(receiver, scenario, timeout=timeout)[0] == "gives"


def pass_descriptors(one, count, credentials=False):
    with open(os.devnull, "rb") as null:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null.fileno()] * count))]
        if credentials:
            rights.append((socket.SOL_SOCKET, 2, struct.pack("3i", os.getpid(), os.getuid(), os.getgid())))
        return one.sendmsg([b"data"], rights)


def taken(result):
    """The result with descriptors counted and closed."""
    data, ancillary, flags, address = result
    listed = []
    for level, kind, content in ancillary:
        if kind == socket.SCM_RIGHTS:
            numbers = array.array("i", content[: len(content) - len(content) % 4])
            for number in numbers:
                os.close(number)
            listed.append((level, kind, len(content)))
        else:
            listed.append((level, kind, content))
    return data, listed, flags, address


@pytest.mark.parametrize("credentials", [False, True])
def test_descriptors(streams, credentials):
    one, other = streams
    if credentials:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    before = open_descriptors()
    for room in [*range(0, 65, 4), 1, 15, 17, 19, 21, 23, 27, 1000, -1, 1 << 31, (1 << 31) - 1, HUGE]:
        for flags in (0, socket.MSG_CMSG_CLOEXEC):

            def scenario(sock):
                pass_descriptors(one, 2, credentials)
                try:
                    return taken(sock.recvmsg(10, room, flags))
                finally:
                    outcome(other.recv, 10, socket.MSG_DONTWAIT)

            using(other, scenario)

        def into(sock):
            pass_descriptors(one, 2, credentials)
            try:
                return taken(sock.recvmsg_into([bytearray(2), bytearray(5)], room))
            finally:
                outcome(other.recv, 10, socket.MSG_DONTWAIT)

        using(other, into)
    assert open_descriptors() == before


def test_our_own_descriptors_arrive(streams):
    one, other = streams

    def scenario(kind):
        sender = on_copy(kind, one)
        pass_descriptors(sender, 3, True)
        sender.close()
        return taken(other.recvmsg(10, 1000))

    assert assert_alike(scenario)[0] == "gives"


def test_descriptors_are_closed_if_there_is_no_result(streams):
    testcapi = pytest.importorskip("_testcapi", reason="no _testcapi, to run out of memory by")
    one, other = streams
    ours = on_copy(OWN, other)
    before = open_descriptors()
    refused = 0
    for allocations in range(40):
        pass_descriptors(one, 3)
        result = None
        testcapi.set_nomemory(allocations, allocations + 1)
        try:
            result = ours.recvmsg(10, 100, socket.MSG_DONTWAIT)
        except MemoryError:
            refused += 1
        finally:
            testcapi.remove_mem_hooks()
        if result is not None:
            taken(result)
        outcome(other.recv, 10, socket.MSG_DONTWAIT)
        assert open_descriptors() == before, allocations
    assert refused
    ours.close()


def test_audit_events(pair):
    events = []
    recording = threading.local()

    def hook(event, args):
        if getattr(recording, "on", False) and event.startswith("socket."):
            events.append((event, args[1:]))

    sys.addaudithook(hook)
    address = pair[0].getsockname()

    def scenario(kind):
        sock = on_copy(kind, pair[1])
        sock.setblocking(False)
        events.clear()
        recording.on = True
        try:
            outcome(sock.sendto, b"", address)
            outcome(sock.sendto, b"", 0, address)
            outcome(sock.sendto, b"", None)
            outcome(sock.sendmsg, [b""])
            outcome(sock.sendmsg, [b""], [], 0, None)
            outcome(sock.sendmsg, [b""], [], 0, address)
            outcome(sock.sendmsg, None)
            outcome(sock.sendmsg, [b""], [], 0, 5)
            outcome(sock.recvfrom, 1)
            outcome(sock.recvmsg, 1)
        finally:
            recording.on = False
            sock.close()
        return list(events)

    assert len(assert_alike(scenario)[1]) > 4


def test_hooks_may_refuse():
    class Refused(Exception):
        pass

    recording = threading.local()

    def hook(event, args):
        if getattr(recording, "on", False) and event in ("socket.sendto", "socket.sendmsg"):
            raise Refused(event)

    sys.addaudithook(hook)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as base:
        data = bytearray(b"abc")

        def scenario(sock):
            recording.on = True
            try:
                first = outcome(sock.sendto, data, ("127.0.0.1", 9))
                return first, outcome(sock.sendmsg, [data]), outcome(sock.sendmsg, [data], [], 0, ("127.0.0.1", 9))
            finally:
                recording.on = False

        copy = on_copy(OWN, base)
        assert all(result[0][1] is Refused for result in scenario(copy))
        data.append(1)  # No buffer is held any more.
        copy.close()


ALG_ARGUMENTS = [
    {}, {"op": -1}, {"op": HUGE}, {"op": "a"}, {"op": None}, {"op": 0, "assoclen": -1}, {"op": 0, "assoclen": HUGE},
    {"op": 0, "assoclen": "a"}, {"op": 0, "iv": "a"}, {"op": 0, "iv": 5}, {"op": 0, "flags": "a"}, {"op": 0, "msg": 5},
    {"op": 0, "msg": ["a"]}, {"op": 0, "msg": None}, {"op": 1, "nonsense": 2}, {"op": 0},
    {"op": 0, "iv": b"", "assoclen": 0},
    {"op": 1, "iv": b"x" * 16, "assoclen": 16, "msg": [b"a", b"b"]}, {"op": True}, {"op": 1 << 31},
    {"op": 0, "assoclen": 1 << 31},
    {"op": 0, "flags": HUGE},
]


def test_algorithm_messages(streams):
    # A Unix socket takes the message, and leaves control messages of other levels alone.
    one, other = streams
    for arguments in ALG_ARGUMENTS:

        def scenario(kind, arguments=arguments):
            sock = on_copy(kind, one, family=38)
            sock.setblocking(False)
            try:
                return sock.sendmsg_afalg(**arguments), outcome(other.recv, 10, socket.MSG_DONTWAIT)
            finally:
                sock.close()

        assert_alike(scenario)
        using(one, lambda sock: sock.sendmsg_afalg(**arguments))
    using(one, lambda sock: sock.sendmsg_afalg([b"a"], 1))


def test_a_buffer_stays_put_during_a_call(pair):
    receiver, sender = pair
    buffer = bytearray(10)

    class Resizing:
        def __index__(self):
            buffer.extend(b"x")
            return 0

    using(receiver, lambda sock: sock.recvfrom_into(buffer, Resizing()))


def test_a_list_may_shrink_while_it_is_read(pair):
    class Shrinking:
        def __index__(self):
            messages.clear()
            return 0

    # What it held when the call began counts, as in the newest versions of CPython; older ones raise IndexError, or crash.
    messages = [(Shrinking(), 0, b""), (0, 0, b"")] * 20
    copy = on_copy(OWN, pair[1])
    try:
        # Some families know no such message.
        with contextlib.suppress(OSError):
            copy.sendmsg([b"a"], messages)
    finally:
        copy.close()
    assert not messages


def test_nothing_leaks(pair):
    receiver, sender = pair
    ours, peer = on_copy(OWN, receiver), on_copy(OWN, sender)
    address, data, buffer = receiver.getsockname(), b"some data", bytearray(20)
    buffers, ancillary = [buffer, bytearray(3)], []
    watched = [address, data, buffer, buffers, ancillary, ours, peer, None]
    if isinstance(address, tuple):
        watched += address[:1]

    def run(times):
        for _ in range(times):
            peer.sendto(data, address)
            ours.recvfrom(100)
            peer.sendto(data, 0, address)
            ours.recvfrom_into(buffer)
            peer.sendmsg([data, data], ancillary, 0, address)
            ours.recvmsg(5000, 100)
            peer.sendmsg((data,))
            ours.recvmsg_into(buffers, 10)
            outcome(peer.sendmsg, [data, 5])
            outcome(peer.sendmsg, [data], [(1, 2, 3)])
            outcome(peer.sendto, data, 5)
            outcome(ours.recvmsg_into, [buffer, data])
            outcome(ours.recvfrom, -1)
        gc.collect()
        return [sys.getrefcount(item) for item in watched], open_descriptors(), len(gc.get_objects())

    run(10)
    before = run(1)
    after = run(1000)
    assert max(late - early for early, late in zip(before[0], after[0], strict=True)) < 20
    assert after[1] == before[1]
    assert after[2] - before[2] < 20
    buffer.append(1)
    ours.close()
    peer.close()


def test_descriptors_do_not_leak(streams):
    one, other = streams
    ours = on_copy(OWN, other)
    before = open_descriptors()
    for _ in range(1000):
        pass_descriptors(one, 2)
        taken(ours.recvmsg(10, 24))
        pass_descriptors(one, 2)
        taken(ours.recvmsg_into([bytearray(10)], 16))
    ours.close()
    assert open_descriptors() == before - 1


def test_warnings_are_the_stock_ones(pair):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        received(pair, lambda sock: sock.recvmsg(10, 17))
