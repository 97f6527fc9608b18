"""Misbehaving peers of the package, met by Python's own sockets; what each does on the wire is the core's tests'."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import socket
import ssl
import time

import pytest

from shotclock import _native, faults
from interpreter import check

STREAMS = ["silent", "drip", "sip", "stall", "reset", "half-close", "never-read", "garbage", "flood", "tls-stall"]
LIMIT = 0.1


@pytest.fixture(name="connected")
def connected_to_a_peer(misbehaving_peer, patience):
    """A peer, and a client of it."""
    with contextlib.ExitStack() as clients:

        def connected(mode, **settings):
            peer = misbehaving_peer(mode, **settings)
            return peer, clients.enter_context(socket.create_connection(peer.address, patience))

        yield connected


@pytest.fixture(name="asked")
def asked_by_udp(misbehaving_peer, datagram_socket):
    """The answers to some datagrams; None stands for what did not come in time."""

    def asked(mode, *questions, **settings):
        peer = misbehaving_peer(mode, **settings)
        for question in questions:
            datagram_socket.sendto(question, peer.address)
        datagram_socket.settimeout(LIMIT)
        answers = []
        with contextlib.suppress(TimeoutError):
            while True:
                answers.append(datagram_socket.recv(1000))
        return answers

    return asked


def rest(client):
    return b"".join(iter(lambda: client.recv(65536), b""))


def is_silent(client):
    client.settimeout(LIMIT)
    with pytest.raises(TimeoutError):
        client.recv(1)


def kinds(peer):
    peer.stop()
    return [event.event for event in peer.events()]


def test_silent(connected):
    peer, client = connected("silent")
    is_silent(client)
    assert kinds(peer) == ["opened", "stalled", "closed"]


def test_full_backlog(misbehaving_peer):
    with socket.socket() as client:
        client.settimeout(LIMIT)
        with pytest.raises(TimeoutError):
            client.connect(misbehaving_peer("full-backlog").address)


def test_drip(connected):
    start = time.monotonic()
    peer, client = connected("drip", every=0.05, content=b"abcd")
    assert rest(client) == b"abcd"
    assert time.monotonic() - start >= 0.15
    assert kinds(peer) == ["opened", "dripped", "dripped", "dripped", "dripped", "closed"]


def test_sip(connected):
    peer, client = connected("sip", every=0)
    client.sendall(b"abc")
    client.shutdown(socket.SHUT_WR)
    rest(client)
    assert kinds(peer) == ["opened", "sipped", "sipped", "sipped", "closed"]


def test_stall(connected):
    peer, client = connected("stall", after=3, content=b"abcdef")
    assert client.recv(3, socket.MSG_WAITALL) == b"abc"
    is_silent(client)
    assert kinds(peer) == ["opened", "stalled", "closed"]


def test_reset(connected):
    _, client = connected("reset", after=3, content=b"abcdef", when_asked=True)
    client.sendall(b"?")
    assert client.recv(3, socket.MSG_WAITALL) == b"abc"
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_when_asked(connected, patience):
    peer, client = connected("half-close", after=3, content=b"abcdef", when_asked=True)
    is_silent(client)
    client.settimeout(patience)
    client.sendall(b"?")
    assert rest(client) == b"abc"
    client.close()
    peer.stop()
    assert [(event.event, event.received) for event in peer.events()][1:] == [("half_closed", 1), ("closed", 1)]


def test_half_close(connected):
    peer, client = connected("half-close", after=3, content=b"abcdef")
    assert rest(client) == b"abc"
    client.sendall(b"still heard")
    client.close()
    peer.stop()
    assert [(event.event, event.sent) for event in peer.events()][1:] == [("half_closed", 3), ("closed", 3)]


def test_never_read(connected):
    _, client = connected("never-read")
    client.settimeout(LIMIT)
    with pytest.raises(TimeoutError):
        client.sendall(bytes(20_000_000))


def test_garbage(connected):
    def received(seed):
        return rest(connected("garbage", after=2, seed=seed, content=b"abcdef" * 10)[1])

    assert received(1).startswith(b"ab") and len(received(1)) == 60
    assert received(1) == received(1) != received(2)


def test_flood_ends_with_its_bytes(connected):
    assert len(rest(connected("flood", max_bytes=1_000_000)[1])) == 1_000_000


def test_tls_stall(connected):
    peer, client = connected("tls-stall", after=5)
    client.settimeout(LIMIT)
    with pytest.raises(TimeoutError):
        ssl.create_default_context().wrap_socket(client, server_hostname="localhost")
    assert kinds(peer) == ["opened", "client_hello", "stalled", "closed"]


def test_datagrams(asked):
    assert asked("udp-drop", b"1", b"2", b"3", every_nth=2) == [b"1", b"3"]
    assert asked("udp-duplicate", b"1", b"2", skip=1) == [b"1", b"2", b"2"]
    assert asked("udp-reorder", b"1", b"2", take=1) == [b"2", b"1"]
    assert asked("udp-late", b"1", delay=30) == []
    assert asked("udp-late", b"1", delay=0) == [b"1"]


def test_name_servers(asked):
    query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04test\0\0\x01\0\x01"
    assert asked("dns-dead", query) == []
    assert asked("dns-slow", query, delay=30) == []
    assert asked("dns-slow", query, delay=0)[0].endswith(bytes([127, 0, 0, 1]))
    [truncated] = asked("dns-truncated", query)
    assert truncated[:2] == query[:2] and truncated[2] & 2
    [garbage] = asked("dns-garbage", query)
    assert garbage[:2] == query[:2] and not garbage.endswith(bytes([127, 0, 0, 1]))


def test_a_name_server_tells_the_question(misbehaving_peer, datagram_socket):
    peer = misbehaving_peer("dns-slow", delay=0)
    datagram_socket.sendto(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04test\0\0\x01\0\x01", peer.address)
    datagram_socket.recv(1000)
    peer.stop()
    assert "test" in peer.events()[0].query


def test_the_modes_are_those_of_the_command(start, shotclock):
    words = "\n".join(start(shotclock, "faults", "--help").rest())
    listed = words[words.index("Modes:") : words.index("Options:")]
    assert tuple(re.findall(r"^  ([a-z-]+)  ", listed, re.MULTILINE)) == faults.MODES


def test_the_docstring_lists_the_modes_as_they_are():
    def line(mode, does, argument, default):
        told = f", ``{argument}={default}``" if argument else ""
        return f"    - ``{mode}``{told}: {does}\n"

    table = "".join(line(*entry) for entry in _native.peer_modes())
    source = pathlib.Path(faults.__file__).read_text(encoding="utf-8")
    assert f"\n\n{table}\n" in source, f"the docstring of Peer needs this list:\n{table}"


@pytest.mark.parametrize(("mode", "after"), [("drip", ()), ("half-close", ("after", 4)), ("garbage", ("after", 4))])
def test_the_events_are_those_of_the_command(mode, after, start, shotclock, misbehaving_peer, connect, tmp_path):
    def meet(port):
        client = connect(port)
        assert len(rest(client)) == (4 if mode == "half-close" else 6)
        client.close()

    content = tmp_path / "content"
    content.write_bytes(b"abcdef")
    options = [f"--{after[0]}={after[1]}"] if after else ["--interval=0"]
    program = start(shotclock, "faults", mode, *options, "--json", "--content", content)
    meet(int(json.loads(program.line())["address"].rpartition(":")[2]))
    theirs = [json.loads(program.line())]
    while theirs[-1]["event"] != "closed":
        theirs.append(json.loads(program.line()))
    peer = misbehaving_peer(mode, content=b"abcdef", **(dict([after]) if after else {"every": 0}))
    meet(peer.port)
    peer.stop()
    ours = [
        {name: value for name, value in dataclasses.asdict(event).items() if value is not None}
        for event in peer.events()
    ]
    for event in (*ours, *theirs):
        assert event.pop("client").startswith("127.0.0.1:")
    assert ours == theirs


def test_a_peer_tells_where_it_is(misbehaving_peer):
    peer = misbehaving_peer("silent", address=("::1", 0))
    assert peer.host == "::1" and peer.port > 0 and peer.address == (peer.host, peer.port)
    with pytest.raises(OSError, match="in use"):
        misbehaving_peer("silent", address=peer.address)


@pytest.mark.parametrize(
    ("error", "arguments", "text"),
    [
        (ValueError, {"mode": "drop"}, r"mode 'drop': expected one of silent, full-backlog, .*, proxy-limit$"),
        (TypeError, {"mode": 3}, r"mode 3: expected a str, one of silent, .*, proxy-limit$"),
        (TypeError, {"mode": "silent", "after": 3}, r"after=3: silent takes no after; stall, .*, proxy-limit do"),
        (TypeError, {"mode": "drip", "delay": 3}, r"delay=3: drip takes no delay; udp-late, dns-slow, proxy-late, .* do"),
        (ValueError, {"mode": "stall", "after": -1}, r"after=-1: expected an int from 0 to 18446744073709551615"),
        (TypeError, {"mode": "stall", "after": 1.5}, r"after=1.5: expected an int"),
        (TypeError, {"mode": "stall", "after": True}, r"after=True: expected an int"),
        (TypeError, {"mode": "drip", "every": "x"}, r"every='x': expected a number of seconds"),
        (ValueError, {"mode": "drip", "every": float("nan")}, r"every=nan: expected seconds from 0 to 9e\+09"),
        (ValueError, {"mode": "dns-slow", "delay": -1}, r"delay=-1: expected seconds"),
        (TypeError, {"mode": "silent", "content": "x"}, r"content='x': expected bytes"),
        (ValueError, {"mode": "silent", "seed": 2**64}, r"seed=18446744073709551616: expected an int from 0 to"),
        (ValueError, {"mode": "silent", "every_nth": 0}, r"every_nth=0: expected an int from 1 to"),
        (ValueError, {"mode": "silent", "max_connections": 0}, r"max_connections=0: expected an int from 1 to 65536"),
        (ValueError, {"mode": "silent", "address": ("localhost", 0)}, r"'localhost'.*expected an IP address as the host"),
        (TypeError, {"mode": "silent", "address": "::1"}, r"address='::1': expected a tuple \(host, port\)"),
        (TypeError, {"mode": "proxy-late"}, r"proxy-late needs to=\(host, port\)"),
        (TypeError, {"mode": "silent", "to": ("::1", 1)}, r"silent stands in front of no server"),
        (ValueError, {"mode": "proxy-late", "to": ("localhost", 1)}, r"to=.*expected an IP address as the host"),
        (ValueError, {"mode": "silent", "side": "left"}, r"side='left': expected one of server, client, both"),
        (TypeError, {"mode": "proxy-slice", "size": 1.5}, r"size=1.5: expected an int"),
        (ValueError, {"mode": "silent", "address": ("::1", 65536)}, r"port=65536: expected an int from 0 to 65535"),
    ],
)
def test_bad_arguments_are_named(error, arguments, text):
    with pytest.raises(error, match=text):
        faults.Peer(**arguments)


@pytest.mark.parametrize("mode", faults.MODES)
def test_nothing_is_left_however_it_ends(mode):
    def left():
        # Without the core's wake-up descriptors, of which a process keeps up to 64.
        files = [os.readlink(entry) for entry in pathlib.Path("/proc/self/fd").iterdir() if os.path.lexists(entry)]
        return len([file for file in files if "eventfd" not in file]), len(os.listdir("/proc/self/task"))

    def met():
        is_proxy = mode.startswith("proxy-")
        peer = faults.Peer(mode, **({"to": real.getsockname()} if is_proxy else {}))
        if (is_proxy or mode in STREAMS) and not mode.endswith("reset"):
            socket.create_connection(peer.address, 5).close()
        return peer

    with socket.create_server(("127.0.0.1", 0)) as real:
        before = left()
        peer = met()
        assert left() > before
        peer.stop()
        peer.stop()
        peer.events()
        with met():
            pass
        del peer
        met()
        deadline = time.monotonic() + 10
        # A thread that was joined may still be listed for a moment.
        while left() != before:
            assert time.monotonic() < deadline, left()


def test_a_proxy_stands_in_front_of_a_real_server(misbehaving_peer):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = misbehaving_peer("proxy-limit", after=5, side="client", to=listener.getsockname())
        with socket.create_connection(proxy.address, 5) as client:
            server, _ = listener.accept()
            with server:
                server.settimeout(5)
                server.sendall(b"much more than five")
                assert client.recv(100) == b"much more than five"
                client.sendall(b"12345")
                assert server.recv(100) == b"12345"
                assert server.recv(100) == b""
    proxy.stop()
    assert [(event.event, event.sent, event.received) for event in proxy.events()] == [
        ("opened", 0, 0),
        ("cut_off", 19, 5),
        ("closed", 19, 5),
    ]


def test_there_is_an_end_to_the_events(connected):
    peer, client = connected("drip", every=0, content=bytes(70_000))
    rest(client)
    with pytest.raises(RuntimeError, match="65536 events"):
        peer.events()


def test_a_peer_ends_with_the_interpreter():
    assert check(
        """
        import socket, sys
        import shotclock
        peer = shotclock.faults.Peer("flood")
        client = socket.create_connection(peer.address)
        client.recv(1)
        sys.modules["kept"] = peer, client
        client.detach()
        print("over")
        """
    ) == "over\n"


def test_a_forked_child_leaves_it_to_its_parent():
    check(
        """
        import os, socket, warnings
        import shotclock
        # Threads of ours are none of the interpreter's.
        warnings.simplefilter("ignore", DeprecationWarning)
        with shotclock.faults.Peer("stall", after=1) as peer:
            with socket.create_connection(peer.address, 5) as client:
                assert client.recv(1)
                if (child := os.fork()) == 0:
                    peer.stop()
                    try:
                        peer.events()
                    except RuntimeError as error:
                        assert "forked child" in str(error)
                        del peer
                        os._exit(0)
                    os._exit(1)
                assert os.waitpid(child, 0)[1] == 0
                client.settimeout(0.05)
                try:
                    client.recv(1)
                except TimeoutError:
                    pass
                else:
                    raise AssertionError("the child cut it off")
            with socket.create_connection(peer.address, 5) as client:
                assert client.recv(1)
        """
    )


def test_a_capsule_of_others_is_refused():
    for other in (None, socket.CAPI, 3):
        with pytest.raises(ValueError, match="PyCapsule"):
            _native.stop_peer(other)


def test_the_package_does_not_import_it_by_itself():
    check("import sys, shotclock\nassert not {'shotclock.faults', 'dataclasses', 'ipaddress', 'socket'} & set(sys.modules)")
