"""Addresses on the type in Rust are what they are on the interpreter's own: forms, values, errors and their texts."""

import collections
import errno
import gc
import os
import socket
import sys

import pytest

from parity import OWN, STOCK, assert_alike, on_copy, open_descriptors, outcome

AF_RDS, AF_QIPCRTR, AF_TIPC, AF_ALG, AF_CAN, AF_BLUETOOTH, AF_VSOCK = 21, 42, 30, 38, 29, 31, 40
CAN_RAW, CAN_BCM, CAN_ISOTP, CAN_J1939 = 1, 2, 6, 7
L2CAP, HCI, SCO, RFCOMM = 0, 1, 2, 3
HUGE = 1 << 70


class Text(str):
    """A str that is not quite one."""


class Index:
    def __index__(self):
        return 7


# What is no address of most families, or not quite; nothing that would be looked up.
ODD = [
    None, 5, "text", b"bytes", [], ["127.0.0.1", 80], (), (1,), ("a",), ("", ""), (1, 2), (None, None), object(),
    collections.OrderedDict(), ("127.0.0.1", 80, 1, 2, 3, 4, 5), ("lo",), Text("x"), {1: 2},
]
HOSTS = [
    "", "127.0.0.1", "<broadcast>", "255.255.255.255", "0", "127.1", b"127.0.0.1", b"", bytearray(b"127.0.0.1"),
    bytearray(), Text("127.0.0.1"), Text(""), "::1", "::", "::ffff:1.2.3.4", "::1%lo", "fe80::1%lo", "fe80::1%1",
    "1.2.3.4\0",
    b"1\0", "a\0b", "\udc80", "ä" * 70, "ä..b", "a" * 300, "\u3002", "127.0.0.\uff11", None, 5, 1.5, ["x"],
    memoryview(b"127.0.0.1"),
    object(), "010.0.0.1", "0x7f.1",
]
PORTS = [0, 65535, -1, 65536, 1 << 31, -(1 << 31), HUGE, -HUGE, "80", None, 1.0, True, Index()]
# No name here is asked of a name server.
INET6 = [(host, 7) for host in HOSTS] + [("127.0.0.1", port) for port in PORTS] + [("ä..b", HUGE), (None, HUGE)]
INET = [*INET6, ("localhost", 7)]
INET6 += [
    ("::1", 0, *rest)
    for rest in [(0,), (0xFFFFF, 1), (0x100000, 1), (-1,), (HUGE,), ("a",), (None,), (0, -1), (0, 1 << 32), (1, 2, 3)]
]
UNIX = [
    "", b"", "a", "x" * 107, "x" * 108, "x" * 500, b"x" * 107, b"x" * 108, b"\0" + b"x" * 107, b"\0" + b"x" * 108,
    "\0name",
    b"\0name", "a\0b", b"a\0b", "\udcff", "\ud800", bytearray(b"\0ba"), memoryview(b"\0mv"), memoryview(b"abcd")[::2],
]
NUMBERS = [0, 1, (1 << 32) - 1, 1 << 32, -1, HUGE, "1", None, 1.5, Index()]
PAIRS = [(number, 1) for number in NUMBERS] + [(1, number) for number in NUMBERS] + [(1, 2, 3)]
PACKET = [
    ("lo", 3), ("lo", 3, 0), ("lo", 3, 0, 1, b"123456"), ("lo", 3, 0, 1, b"12345678"), ("lo", 3, 0, 1, b"123456789"),
    ("lo", -1),
    ("lo", 65536), ("lo", HUGE), ("nosuch0", 3), ("", 3), ("x" * 40, 3), ("lo\0", 3), (b"lo", 3),
    ("lo", 3, 300, 70000, b""),
    ("lo", 3, 0, 1, "text"), ("lo", 3, 0, 1, b"", 5), ("nosuch0", 65536, 0, 0, b"123456789"),
    ("lo", 65536, 0, 0, b"123456789"),
]
TIPC = [(kind, 2, 3, 4, *rest) for kind in (0, 1, 2, 3, 4, 257, -1) for rest in [(), (1,), (1, 2)]] + [(1, "a", 2, 3)]
NAMES = ["", "lo", "nosuch0", "x" * 15, "x" * 16, b"lo", b"\xff", "\udcff", "a\0b", None, 5, bytearray(b"lo")]
CAN = [(name,) for name in NAMES]
ISOTP = [(name, 1, 2) for name in NAMES] + [("", HUGE, -1), ("", "a", 2), ("", 1), ("", 1, 2, 3)]
J1939 = [(name, 1, 2, 3) for name in NAMES] + [("", HUGE, -1, 300), ("", 1, 2, -1), ("", 1, 2), ("", 1, 2, 3, 4)]
ALG = [
    ("hash", "sha256"), ("x" * 13, "y" * 63), ("x" * 14, "y"), ("x", "y" * 64), ("x" * 14, "y" * 64), ("a\0", "b"),
    (b"a", "b"),
    ("a", "b", 1), ("a", "b", 1, 65536), ("a", "b", -1, HUGE), ("a", "b", "c"), ("ä", "b"), ("\ud800", "b"),
    ("a", "b", 1, 2, 3),
]
DEVICES = [
    "00:11:22:33:44:ff", "0:0:0:0:0:0", "00:11:22:33:44", "00:11:22:33:44:55:66", "00:11:22:33:44:155", "x", "",
    " 1:2:3:4:5:0x6", "1:2:3:4:5:6 ",
]
DEVICE_PAIRS = [(device, 1) for device in DEVICES] + [("0:0:0:0:0:0", number) for number in [70000, HUGE, -1, "a"]]

FAMILIES = {
    "unix": (socket.AF_UNIX, 0, UNIX),
    "inet": (socket.AF_INET, 0, INET),
    "inet6": (socket.AF_INET6, 0, INET6),
    "rds": (AF_RDS, 0, INET),
    "netlink": (socket.AF_NETLINK, 0, PAIRS),
    "qipcrtr": (AF_QIPCRTR, 0, PAIRS),
    "vsock": (AF_VSOCK, 0, PAIRS),
    "packet": (socket.AF_PACKET, 0, PACKET),
    "tipc": (AF_TIPC, 0, TIPC),
    "can-raw": (AF_CAN, CAN_RAW, CAN),
    "can-bcm": (AF_CAN, CAN_BCM, CAN),
    "can-isotp": (AF_CAN, CAN_ISOTP, ISOTP),
    "can-j1939": (AF_CAN, CAN_J1939, J1939),
    "can-other": (AF_CAN, 5, CAN),
    "alg": (AF_ALG, 0, ALG),
    "l2cap": (AF_BLUETOOTH, L2CAP, DEVICE_PAIRS),
    "rfcomm": (AF_BLUETOOTH, RFCOMM, DEVICE_PAIRS),
    "hci": (AF_BLUETOOTH, HCI, [(1,), (HUGE,), (-1,), 1, (1, 2), ("a",)]),
    "sco": (AF_BLUETOOTH, SCO, [device.encode() for device in DEVICES] + DEVICES),
    "bluetooth-other": (AF_BLUETOOTH, 9, [("0:0:0:0:0:0", 1)]),
    "none": (0, 0, [("127.0.0.1", 1)]),
    "key": (15, 0, [("127.0.0.1", 1)]),
}
CALLS = {
    "bind": lambda sock, address: sock.bind(address),
    "connect": lambda sock, address: sock.connect(address),
    "connect_ex": lambda sock, address: sock.connect_ex(address),
    "sendto": lambda sock, address: sock.sendto(b"", address),
    "sendmsg": lambda sock, address: sock.sendmsg([], [], 0, address),
}


def remove_files():
    """What was bound in this folder."""
    for path in os.listdir(b"."):
        os.unlink(path)


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    """Paths are relative here."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_form_is_taken_or_refused_alike(name, call, somewhere):
    # The descriptor is a Unix one whatever the object thinks, so that an address that is taken goes nowhere.
    family, protocol, addresses = FAMILIES[name]
    for address in addresses + ODD:

        def scenario(kind, address):
            remove_files()
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as base:
                sock = on_copy(kind, base, family, protocol)
                sock.setblocking(False)
                try:
                    return CALLS[call](sock, address)
                finally:
                    sock.close()

        assert_alike(scenario, address)


@pytest.mark.parametrize("call", CALLS)
def test_closed_sockets_look_at_the_address_first(call, somewhere):
    for family, protocol, addresses in FAMILIES.values():
        for address in addresses[:3] + ODD[:3]:

            def scenario(kind, family=family, protocol=protocol, address=address):
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as base:
                    sock = on_copy(kind, base, family, protocol)
                sock.close()
                return CALLS[call](sock, address)

            assert_alike(scenario)


def both_names(sock, call):
    """What `call` gives on each type, on the same file."""

    def scenario(kind):
        copy = on_copy(kind, sock)
        try:
            return getattr(copy, call)()
        finally:
            copy.close()

    return assert_alike(scenario)


@pytest.mark.parametrize(
    "address",
    ["", "path", "päth", b"bytes", b"\xff\xfe", b"\0abstract", b"\0", b"\0a\0b", "x" * 107, b"\0" + b"y" * 107],
    ids=repr,
)
def test_unix_names(address, somewhere):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(address)
        assert both_names(sock, "getsockname")[0] == "gives"
        both_names(sock, "getpeername")
        sock.listen()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(sock.getsockname())
            both_names(client, "getsockname")
            assert both_names(client, "getpeername")[0] == "gives"


def test_unix_names_that_we_bind_are_those_that_stock_binds(somewhere):
    for number, name in enumerate([b"\0one", b"\0two\0", "path", b"bytes", b"cut\0off", "", bytearray(b"\0array")]):

        def scenario(kind, number=number, name=name):
            remove_files()
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as base:
                sock = on_copy(kind, base)
                sock.bind(name)
                sock.close()
                bound = base.getsockname()
                return len(bound) if name == "" else bound

        assert assert_alike(scenario)[0] == "gives"


@pytest.mark.parametrize("family, host", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_internet_names(family, host):
    with socket.create_server((host, 0), family=family) as server:
        assert both_names(server, "getsockname")[0] == "gives"
        both_names(server, "getpeername")
        with socket.create_connection(server.getsockname()[:2]) as client:
            assert both_names(client, "getpeername")[0] == "gives"
            both_names(client, "getsockname")


def test_names_of_hosts_are_looked_up():
    def scenario(kind):
        hosts = [(socket.AF_INET, "localhost"), (socket.AF_INET, ""), (socket.AF_INET6, "::ffff:127.0.0.1")]
        for family, host in hosts:
            with socket.socket(family, socket.SOCK_DGRAM) as base:
                sock = on_copy(kind, base)
                sock.bind((host, 0))
                sock.close()
                yield base.getsockname()[0]

    assert_alike(lambda kind: list(scenario(kind)))


def test_scopes_and_flows_are_the_tuples():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("::1", 0))
        port = receiver.getsockname()[1]

        def scenario(kind):
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as base:
                sock = on_copy(kind, base)
                sock.connect(("::1", port, 0xABCDE, 1))
                sock.close()
                return base.getpeername()

        assert assert_alike(scenario)[0] == "gives"


def test_netlink_names():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        assert both_names(sock, "getsockname")[0] == "gives"

    def scenario(kind):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as base:
            sock = on_copy(kind, base)
            sock.bind((123456789, 1))
            sock.close()
            return base.getsockname()

    assert_alike(scenario)


def test_packet_names():
    try:
        base = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        pytest.skip("packet sockets need CAP_NET_RAW")
    with base:
        assert both_names(base, "getsockname")[0] == "gives"

    def scenario(kind):
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as base:
            sock = on_copy(kind, base)
            sock.bind(("lo", 0x88B5))
            sock.close()
            return base.getsockname()

    assert assert_alike(scenario) == ("gives", ("lo", 0x88B5, 0, 772, b"\0" * 6))


def test_vsock_names():
    try:
        base = socket.socket(AF_VSOCK, socket.SOCK_STREAM)
    except OSError as error:
        pytest.skip(f"no vsock here: {errno.errorcode[error.errno]}")
    with base:
        both_names(base, "getsockname")

    def scenario(kind):
        with socket.socket(AF_VSOCK, socket.SOCK_STREAM) as base:
            sock = on_copy(kind, base)
            sock.bind((socket.VMADDR_CID_ANY, 4242))
            sock.close()
            return base.getsockname()

    assert_alike(scenario)


def test_families_without_a_form_are_refused_before_the_system_is_asked():
    for family, protocol in [(0, 0), (15, 0), (AF_BLUETOOTH, 9), (AF_BLUETOOTH, L2CAP), (AF_ALG, 0), (1000, 0)]:
        for call in [
            lambda sock: sock.getsockname(),
            lambda sock: sock.getpeername(),
            lambda sock: sock.recvfrom(1),
            lambda sock: sock.recvfrom_into(bytearray(1)),
            lambda sock: sock.recvmsg(1),
            lambda sock: sock.recvmsg_into([bytearray(1)]),
            lambda sock: sock._accept(),
        ]:

            def scenario(kind, family=family, protocol=protocol, call=call):
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as base:
                    sock = on_copy(kind, base, family, protocol)
                    sock.setblocking(False)
                    try:
                        return call(sock)
                    finally:
                        sock.close()

            assert_alike(scenario)


@pytest.mark.parametrize("name", FAMILIES)
def test_nothing_leaks(name, somewhere):
    family, protocol, addresses = FAMILIES[name]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as base:
        sock = on_copy(OWN, base, family, protocol)
        sock.setblocking(False)

        # Small numbers and empty things are everybody's.
        watched = [item for item in addresses + ODD if isinstance(item, tuple | list | dict | bytearray) and item]

        def run(times):
            for _ in range(times):
                for address in addresses + ODD:
                    for call in ("connect", "sendto"):
                        outcome(CALLS[call], sock, address)
            gc.collect()
            return [sys.getrefcount(item) for item in watched], open_descriptors(), len(gc.get_objects())

        run(2)
        before = run(1)
        after = run(25)
        sock.close()
    assert after[:2] == before[:2]
    assert after[2] - before[2] < 20


def test_no_reference_is_lost_over_many_calls(somewhere):
    address = ("127.0.0.1", 9)
    encoded = ("127.0.0.\uff11", 9)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as base:
        sock = on_copy(OWN, base)
        watched = [address, *address, encoded, *encoded, sock]
        before = [sys.getrefcount(item) for item in watched]
        for _ in range(1000):
            sock.connect(address)
            sock.connect(encoded)
            sock.getpeername()
            outcome(sock.connect, (address, address))
        assert [sys.getrefcount(item) for item in watched] == before
        sock.close()


def test_a_host_that_changes_under_the_call_is_what_it_was():
    # The stock type reads what it has become, or memory that is no longer the object's.
    host = bytearray(b"127.0.0.1")

    class Port:
        def __index__(self):
            host[:] = b"127.0.0.9"
            host.clear()
            return 0

    sock = OWN(socket.AF_INET)
    try:
        sock.bind((host, Port()))
        assert sock.getsockname()[0] == "127.0.0.1"
    finally:
        sock.close()


def test_the_stock_type_is_the_interpreters():
    assert STOCK is not OWN
    assert STOCK.__name__ == OWN.__name__ == "socket"
