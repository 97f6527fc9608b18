"""Control messages as values: what is sent by one side and decoded on the other, the interpreter's own sockets and ours."""

import array
import contextlib
import doctest
import inspect
import os
import pathlib
import resource
import socket
import time

import pytest
import shotclock
from parity import OWN, STOCK, open_descriptors
from shotclock import control

PATIENCE = 20.0
IP, IPV6, UDP, SOCKET = 0, 41, 17, 1
# Options that ask for messages. Source: linux/in.h, linux/in6.h, linux/udp.h, asm-generic/socket.h.
PKTINFO, RECVERR, RECVTTL, RECVTOS = (IP, 8), (IP, 11), (IP, 12), (IP, 13)
RECVERR6, RECVPKTINFO, RECVHOPLIMIT, RECVTCLASS = (IPV6, 25), (IPV6, 49), (IPV6, 51), (IPV6, 66)
TIMESTAMPNS, TIMESTAMPING, RXQ_OVFL, ZEROCOPY, PASSPIDFD = (SOCKET, 35), (SOCKET, 37), (SOCKET, 40), (SOCKET, 60), (SOCKET, 76)
GRO = (UDP, 104)
MSG_ZEROCOPY = 0x4000000


@pytest.fixture(params=[(STOCK, OWN), (OWN, STOCK)], ids=["to ours", "to the interpreter's own"])
def kinds(request):
    return request.param


@pytest.fixture
def udp():
    """A maker of bound sockets, which are closed at the test's end."""
    with contextlib.ExitStack() as opened:

        def made(kind, family=socket.AF_INET):
            sock = kind(family, socket.SOCK_DGRAM)
            opened.callback(sock.close)
            sock.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
            sock.settimeout(PATIENCE)
            return sock

        yield made


def sent(one, other, *messages, data=b"x", room=1024):
    """What comes of these messages on the other side."""
    one.sendmsg([data], [message.cmsg() for message in messages], 0, other.getsockname())
    return shotclock.ancillary(other.recvmsg(1 << 16, room)[1])


def test_headers_of_ipv4(kinds, udp):
    one, other = (udp(kind) for kind in kinds)
    for option in (PKTINFO, RECVTTL, RECVTOS):
        other.setsockopt(*option, 1)
    info = control.PacketInfo(socket.if_nametoindex("lo"), "127.0.0.1", "127.0.0.1")
    got = sent(one, other, control.PacketInfo(0, "127.0.0.1"), control.Ttl(9), control.Tos(0xBA))
    assert sorted(got, key=repr) == [info, control.Tos(0xBA), control.Ttl(9)]
    assert got[-1].ecn == 2 and got[-1].dscp == 46


def test_headers_of_ipv6(kinds, udp):
    one, other = (udp(kind, socket.AF_INET6) for kind in kinds)
    for option in (RECVPKTINFO, RECVHOPLIMIT, RECVTCLASS):
        other.setsockopt(*option, 1)
    info = control.PacketInfo6(socket.if_nametoindex("lo"), "::1")
    got = sent(one, other, info, control.HopLimit(9), control.TrafficClass(3))
    assert sorted(got, key=repr) == [control.HopLimit(9), info, control.TrafficClass(3)]
    assert got[-1].ecn == 3


def test_an_answer_leaves_by_the_address_that_was_asked(kinds, udp):
    client = udp(kinds[0])
    with contextlib.closing(kinds[1](socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind(("0.0.0.0", 0))
        server.setsockopt(*PKTINFO, 1)
        asked = ("127.0.0.2", server.getsockname()[1])
        client.sendto(b"question", asked)
        _, cmsgs, _, address = server.recvmsg(100, 100)
        [info] = shotclock.ancillary(cmsgs)
        assert info.local == info.destination == "127.0.0.2"
        server.sendmsg([b"answer"], [info.cmsg()], 0, address)
        assert client.recvfrom(100) == (b"answer", asked)


def test_timestamps_drops_and_joined_datagrams(kinds, udp):
    one, other = (udp(kind) for kind in kinds)
    other.setsockopt(*GRO, 1)
    assert sent(one, other, control.GsoSize(1000), data=bytes(2500)) == [control.GroSize(1000)]
    before = time.time_ns()
    other.setsockopt(*TIMESTAMPNS, 1)
    [stamp] = sent(one, other)
    assert before - 10**6 <= stamp.nanoseconds <= time.time_ns()

    one, other = (udp(kind) for kind in kinds)
    other.setsockopt(*RXQ_OVFL, 1)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(100):
        one.sendto(bytes(1000), other.getsockname())
    other.settimeout(0)
    came = 0
    with pytest.raises(BlockingIOError):
        while other.recv(1):
            came += 1
    assert sent(one, other) == [control.Drops(100 - came)]


def test_descriptors_and_who_sends(kinds):
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one, other = (kind(socket.AF_UNIX, socket.SOCK_DGRAM, 0, end.detach()) for kind, end in zip(kinds, pair, strict=True))
    with contextlib.closing(one), contextlib.closing(other):
        descriptors_and_who_sends(one, other)


def descriptors_and_who_sends(one, other):
    before = open_descriptors()
    one.sendmsg([b"x"], [control.Rights((0, 1)).cmsg()])
    [rights] = shotclock.ancillary(other.recvmsg(1, 1024, socket.MSG_CMSG_CLOEXEC)[1])
    assert len(rights.fds) == 2 and not any(map(os.get_inheritable, rights.fds))
    for fd in rights.fds:
        os.close(fd)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    who = control.Credentials(os.getpid(), os.getuid(), os.getgid())
    one.sendmsg([b"x"], [who.cmsg()])
    assert shotclock.ancillary(other.recvmsg(1, 1024)[1]) == [who]
    # Room for one of three: the kernel closes the others.
    one.sendmsg([b"x"], [control.Rights((0, 1, 2)).cmsg()])
    other.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
    _, cmsgs, flags, _ = other.recvmsg(1, socket.CMSG_LEN(4))
    [rights] = shotclock.ancillary(cmsgs)
    assert len(rights.fds) == 1 and flags & socket.MSG_CTRUNC
    os.close(rights.fds[0])
    try:
        other.setsockopt(*PASSPIDFD, 1)
    except OSError:
        pytest.skip("SO_PASSPIDFD is there from Linux 6.5 on")
    one.send(b"x")
    [process] = shotclock.ancillary(other.recvmsg(1, 1024)[1])
    assert f"Pid:\t{os.getpid()}\n" in pathlib.Path(f"/proc/self/fdinfo/{process.fd}").read_text()
    os.close(process.fd)
    assert open_descriptors() == before


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("kind", [STOCK, OWN], ids=["stock", "own"])
def test_what_icmp_says(kind, family, udp):
    sock, nobody = udp(kind, family), udp(kind, family)
    sock.setsockopt(*(RECVERR6 if family == socket.AF_INET6 else RECVERR), 1)
    address = nobody.getsockname()
    nobody.close()
    sock.sendto(b"anybody?", address)
    data, cmsgs, flags, to = sock.recvmsg(100, 512, socket.MSG_ERRQUEUE)
    [error] = shotclock.ancillary(cmsgs)
    assert (data, to, flags) == (b"anybody?", address, socket.MSG_ERRQUEUE)
    assert error.errno == 111 and error.offender == address[0] and error.mtu is None and error.zerocopy is None
    assert str(error).startswith("port unreachable (ICMP") and str(error).endswith(f" from {address[0]}")


@pytest.mark.parametrize("kind", [STOCK, OWN], ids=["stock", "own"])
def test_what_became_of_a_send(kind, udp):
    one, other = udp(kind), udp(kind)
    one.setsockopt(*ZEROCOPY, 1)
    one.sendto(bytes(30_000), MSG_ZEROCOPY, other.getsockname())
    other.recv(1)
    [done] = shotclock.ancillary(one.recvmsg(0, 512, socket.MSG_ERRQUEUE)[1])
    assert done.zerocopy == (0, 0, True), "loopback copies"
    assert str(done) == "zero-copy sends 0 to 0 are done, by copies"
    # TX_SOFTWARE, SOFTWARE, OPT_ID, OPT_TSONLY. Source: linux/net_tstamp.h.
    one.setsockopt(*TIMESTAMPING, 1 << 1 | 1 << 4 | 1 << 7 | 1 << 11)
    one.sendto(b"x", other.getsockname())
    messages = shotclock.ancillary(one.recvmsg(0, 512, socket.MSG_ERRQUEUE)[1])
    stamp, entry = sorted(messages, key=lambda message: isinstance(message, control.QueuedError))
    assert abs(time.time_ns() - stamp.software) < PATIENCE * 1e9 and stamp.hardware is None
    assert entry.cause == "timestamp of 0 at stage 0"


def test_a_wait_for_the_error_queue_ends_in_time_and_burns_no_core(udp):
    sock, other = udp(OWN), udp(OWN)
    sock.setsockopt(*RECVERR, 1)
    other.sendto(b"ordinary data", sock.getsockname())
    sock.settimeout(0.3)
    began, spent = time.monotonic(), resource.getrusage(resource.RUSAGE_THREAD).ru_utime
    with pytest.raises(TimeoutError):
        sock.recvmsg(100, 512, socket.MSG_ERRQUEUE)
    assert time.monotonic() - began >= 0.3
    assert resource.getrusage(resource.RUSAGE_THREAD).ru_utime - spent < 0.1


def test_what_is_cut_and_what_nobody_knows(kinds, udp):
    one, other = (udp(kind) for kind in kinds)
    other.setsockopt(*PKTINFO, 1)
    for room in range(12):
        one.sendto(b"x", other.getsockname())
        _, cmsgs, flags, _ = other.recvmsg(1, socket.CMSG_LEN(room))
        assert flags & socket.MSG_CTRUNC
        assert shotclock.ancillary(cmsgs) == [control.Cut(*PKTINFO, cmsgs[0][2])] and len(cmsgs[0][2]) == room
    assert shotclock.ancillary([(9, 9, b"abc")]) == [control.Unknown(9, 9, b"abc")]
    assert control.Unknown(9, 9, b"abc").cmsg() == (9, 9, b"abc")
    assert shotclock.ancillary([(1, 1, array.array("i", [7, 8]).tobytes() + b"\x09")]) == [control.Rights((7, 8))]
    assert shotclock.ancillary([(1, 4, b"\x09")]) == [control.Unknown(1, 4, b"\x09")]
    assert shotclock.ancillary([]) == []


@pytest.mark.parametrize("cmsgs", [None, 3, [3], [(1, 2)], [("a", 1, b"")], [(1, 2, "text")], [(1, 2, None)]], ids=repr)
def test_what_is_no_control_message_is_refused(cmsgs):
    with pytest.raises(TypeError):
        shotclock.ancillary(cmsgs)


def test_values_that_cannot_be_are_named():
    with pytest.raises(ValueError, match="'300.0.0.1'"):
        control.PacketInfo(0, "300.0.0.1").cmsg()
    with pytest.raises(ValueError, match="'::1': expected an address of 4 bytes"):
        control.PacketInfo(0, "::1").cmsg()
    with pytest.raises(OverflowError, match="292 years"):
        shotclock.ancillary([control.TxTime(2**64 - 1).cmsg()])


def test_any_bytes_are_decoded():
    for level in (IP, IPV6, UDP, SOCKET):
        for kind in range(110):
            if (level, kind) not in ((1, 1), (1, 4), (1, 61)):
                for size in (0, 1, 2, 4, 8, 12, 16, 20, 28, 32, 44, 48):
                    [one] = shotclock.ancillary([(level, kind, b"\x7f" * size)])
                    if isinstance(one, (control.Cut, control.Unknown)):
                        assert (one.level, one.kind, one.data) == (level, kind, b"\x7f" * size)
                    elif hasattr(one, "cmsg"):
                        assert shotclock.ancillary([one.cmsg()]) == [one]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_examples():
    for name in control.__all__:
        value = getattr(control, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name
            for test in doctest.DocTestFinder(recurse=False).find(value, name, globs={}):
                assert doctest.DocTestRunner().run(test).failed == 0, name
