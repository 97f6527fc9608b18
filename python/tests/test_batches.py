"""Batches of datagrams, over both kinds of sockets, with the interpreter's own on the other side."""

import os
import signal
import socket
import threading

import pytest

import shotclock
import shotclock.socket
from shotclock import _native

PATIENCE = 20
# The best calls, messages of one datagram each, one call each.
WAYS = [0, 1, 2]
UDP_GRO = 104


@pytest.fixture(autouse=True, scope="module")
def leaves_nothing():
    # A scope grafts the process in which it is.
    yield
    shotclock.uninstall()


@pytest.fixture(params=WAYS, ids=["best", "many", "one-by-one"])
def way(request):
    _native.set_batch_calls(request.param)
    yield request.param
    _native.set_batch_calls(0)


@pytest.fixture(params=[socket, shotclock.socket], ids=["stock", "ours"])
def kind(request):
    return request.param


def udp(module):
    sock = module.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(PATIENCE)
    return sock


def pair(module):
    one, other = module.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.settimeout(PATIENCE)
    other.settimeout(PATIENCE)
    return one, other


def test_what_stock_sockets_send_is_received(kind, way):
    with udp(kind) as ours, udp(socket) as theirs:
        for data in (b"one", b"", b"three"):
            theirs.sendto(data, ours.getsockname())
        sender = theirs.getsockname()
        assert shotclock.recv_batch(ours, 8) == [(b"one", sender, 0), (b"", sender, 0), (b"three", sender, 0)]


def test_stock_sockets_receive_what_is_sent(kind, way):
    with udp(kind) as ours, udp(socket) as one, udp(socket) as two:
        sizes = [10, 10, 10, 4, 0, 700, 700, 1]
        datagrams = [bytes([n]) * sizes[n % 8] for n in range(40)]
        batch = [(data, (one if n < 25 else two).getsockname()) for n, data in enumerate(datagrams)]
        assert shotclock.send_batch(ours, iter(batch)) == 40
        assert [(one if n < 25 else two).recv(70000) for n in range(40)] == datagrams


def test_it_is_a_method_of_our_own_type():
    one, other = pair(shotclock.socket)
    with one, other:
        assert one.send_batch([b"one", bytearray(b"two"), memoryview(b"three")]) == 3
        assert [data for data, _, _ in other.recv_batch(8)] == [b"one", b"two", b"three"]


def test_joined_datagrams_come_apart(kind, way):
    with udp(kind) as ours, udp(kind) as other:
        try:
            ours.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        except OSError as error:
            pytest.skip(f"UDP_GRO: {error}")
        other.connect(ours.getsockname())
        datagrams = [bytes([n]) * 100 for n in range(150)] + [b"short"]
        shotclock.send_batch(other, datagrams)
        came = []
        while len(came) < 151:
            came += [data for data, _, _ in shotclock.recv_batch(ours, 4, join=True)]
        assert came == datagrams


def test_the_one_that_was_cut_says_so(kind, way):
    with udp(kind) as ours, udp(socket) as theirs:
        for data in (b"ten bytes.", b"more than ten", b"ten bytes."):
            theirs.sendto(data, ours.getsockname())
        came = [(data, flags) for data, _, flags in shotclock.recv_batch(ours, 8, 10)]
        assert came == [(b"ten bytes.", 0), (b"more than ", socket.MSG_TRUNC), (b"ten bytes.", 0)]


def test_more_than_the_system_takes_at_once(kind, way):
    one, other = pair(kind)
    with one, other:
        datagrams = [n.to_bytes(4, "little") for n in range(3000)]
        sender = threading.Thread(target=shotclock.send_batch, args=(one, datagrams))
        sender.start()
        came = []
        while len(came) < 3000:
            came += [data for data, _, _ in shotclock.recv_batch(other, 2000, 16)]
        sender.join()
        assert came == datagrams


@pytest.mark.parametrize("limit", ["timeout", "scope"])
def test_a_limit_in_the_middle_says_how_many_went(kind, way, limit):
    one, other = pair(kind)
    with one, other:
        one.settimeout(0.3 if limit == "timeout" else None)
        with pytest.raises(TimeoutError) as raised:
            if limit == "timeout":
                shotclock.send_batch(one, [bytes(1000)] * 5000)
            else:
                with shotclock.deadline(0.3):
                    shotclock.send_batch(one, [bytes(1000)] * 5000)
        went = raised.value.datagrams_sent
        assert 0 < went < 5000
        assert raised.value.sent == went * 1000
        came = []
        while len(came) < went:
            came += shotclock.recv_batch(other, 100)
        other.settimeout(0)
        with pytest.raises(BlockingIOError):
            shotclock.recv_batch(other, 100)


def test_waiting_for_a_batch_ends_as_any_wait(kind, way):
    with udp(kind) as ours:
        ours.settimeout(0.03)
        with pytest.raises(TimeoutError):
            shotclock.recv_batch(ours, 8)
        ours.settimeout(None)
        with pytest.raises(TimeoutError), shotclock.deadline(0.03):
            shotclock.recv_batch(ours, 8)
        canceller = shotclock.Canceller()
        timer = threading.Timer(0.03, canceller.cancel)
        timer.start()
        with pytest.raises(shotclock.Cancelled), canceller:
            shotclock.recv_batch(ours, 8)
        timer.join()


def test_a_wait_without_a_limit_takes_what_comes(kind, way):
    with udp(kind) as ours, udp(socket) as theirs:
        ours.settimeout(None)
        timer = threading.Timer(0.03, theirs.sendto, (b"late", ours.getsockname()))
        timer.start()
        assert [data for data, _, _ in shotclock.recv_batch(ours, 8)] == [b"late"]
        timer.join()


def test_a_datagram_that_is_too_long_is_named(kind, way):
    with udp(kind) as ours, udp(socket) as theirs:
        to = theirs.getsockname()
        with pytest.raises(OSError, match=f"datagram 2, of 70000 bytes, to 127.0.0.1:{to[1]}") as raised:
            shotclock.send_batch(ours, [(b"a", to), (b"b", to), (bytes(70000), to), (b"c", to)])
        assert (raised.value.errno, raised.value.datagrams_sent) == (90, 2)
        assert [theirs.recv(9), theirs.recv(9)] == [b"a", b"b"]


def test_what_is_no_batch_is_refused(kind):
    with udp(kind) as ours, kind.socket() as stream:
        with pytest.raises(ValueError, match="a batch of 0 datagrams"):
            shotclock.send_batch(ours, [])
        for n, size in ((0, 10), (10, 0), (-1, 10)):
            with pytest.raises(ValueError, match=f"room for {n} datagrams of {size} bytes"):
                shotclock.recv_batch(ours, n, size)
        with pytest.raises(ValueError, match="a socket of a stream"):
            shotclock.send_batch(stream, [b"x"])
        with pytest.raises(ValueError, match="a socket of a stream"):
            shotclock.recv_batch(stream, 8)
        with pytest.raises(TypeError, match="a tuple of 3 in a batch"):
            shotclock.send_batch(ours, [(b"x", 0, ours.getsockname())])
        with pytest.raises(TypeError):
            shotclock.send_batch(ours, ["text"])
        with pytest.raises(TypeError):
            shotclock.send_batch(ours, 5)
        with pytest.raises(TypeError, match="a socket"):
            shotclock.send_batch(object(), [b"x"])
        with pytest.raises(MemoryError):
            shotclock.recv_batch(ours, 1 << 60)


def test_a_closed_socket_says_so(kind, way):
    ours = udp(kind)
    ours.close()
    for call in (lambda: shotclock.recv_batch(ours, 8), lambda: shotclock.send_batch(ours, [b"x"])):
        with pytest.raises(OSError) as raised:
            call()
        assert raised.value.errno == 9


def test_a_handler_may_receive_a_batch_in_the_middle_of_one(kind, way):
    with udp(kind) as ours, udp(kind) as inner, udp(socket) as theirs:
        came = []

        def handler(*_):
            theirs.sendto(b"inner", inner.getsockname())
            came.extend(shotclock.recv_batch(inner, 8))
            theirs.sendto(b"outer", ours.getsockname())

        before = signal.signal(signal.SIGALRM, handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            came.extend(shotclock.recv_batch(ours, 8))
        finally:
            signal.signal(signal.SIGALRM, before)
        assert [data for data, _, _ in came] == [b"inner", b"outer"]


def test_a_forked_child_goes_on_with_batches(kind, way):
    one, other = pair(kind)
    with one, other:
        shotclock.send_batch(one, [b"before"])
        assert len(shotclock.recv_batch(other, 8)) == 1
        child = os.fork()
        if child == 0:
            try:
                shotclock.send_batch(one, [b"from", b"the child"])
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert [data for data, _, _ in shotclock.recv_batch(other, 8)] == [b"from", b"the child"]


def test_descriptors_beside_a_datagram_do_not_stay_open(kind, way):
    one, other = pair(kind)
    carried, far_end = socket.socketpair()
    with one, other, far_end:
        far_end.settimeout(PATIENCE)
        socket.send_fds(one, [b"x"], [carried.fileno()])
        carried.close()
        assert [data for data, _, _ in shotclock.recv_batch(other, 8)] == [b"x"]
        assert far_end.recv(1) == b""


def test_the_end_of_a_connection_of_messages_is_a_batch_of_none(kind, way):
    one, other = kind.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with other:
        other.settimeout(PATIENCE)
        one.send(b"last")
        one.close()
        assert [data for data, _, _ in shotclock.recv_batch(other, 8)] == [b"last"]
        assert shotclock.recv_batch(other, 8) == []


def test_room_for_which_there_is_no_memory(kind):
    with udp(kind) as ours, pytest.raises(MemoryError):
        shotclock.recv_batch(ours, 1 << 40, 1)
