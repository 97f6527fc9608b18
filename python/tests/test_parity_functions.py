"""The functions of `_socket` against the interpreter's own: the same values, exceptions, texts and audit events.

What the interpreter's own function does is asked each time, and never written down here. What looks names up, or sets
the host name, runs in a child that has no network, a host name of its own and a hosts file made for it: this same file,
run as a program.
"""

import inspect
import itertools
import json
import os
import pathlib
import random
import subprocess
import sys

import _socket
import isolation
import pytest

from shotclock import _native

_native.prepare(_socket)
STOCK = dict(vars(_socket))
OURS = _native.functions(_socket)

# More digits than an int may have as text.
LARGEST = 10**5000


class Text(str):
    """A str, but not exactly one."""


class Number(int):
    """An int, but not exactly one."""


class Index:
    """Something that has an index and is no int."""

    def __init__(self, number):
        self.number = number

    def __index__(self):
        return self.number

    def __repr__(self):
        return f"Index({self.number})"


class Unruly:
    """Something whose conversions raise."""

    def __index__(self):
        raise LookupError("no index")

    def __fspath__(self):
        raise LookupError("no path")

    def __repr__(self):
        return "Unruly()"


def outcome(call, arguments, keywords=None):
    """What a call gives, or what it raises, as text that can be compared and carried."""
    try:
        value = call(*arguments, **(keywords or {}))
    except BaseException as error:
        kind = type(error)
        return repr((kind.__module__, kind.__qualname__, error.args, str(error), getattr(error, "errno", None)))
    return repr((type(value).__name__, value))


def calls(name, *choices, **keywords):
    """Calls of one function with each combination of arguments."""
    return [(name, arguments, keywords) for arguments in itertools.product(*choices)]


def label(case):
    """A short name for a call."""
    name, arguments, keywords = case
    shown = ["..." if value == LARGEST else ascii(value) for value in (*arguments, *keywords.values())]
    return f"{name}({', '.join(shown)[:40]})"


NUMBERS = [0, 1, -1, 80, 0xFFFF, 0x10000, 0x12345678, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1]
NUMBERS += [2**63, 2**64 - 1, 2**64, -(2**31), -(2**31) - 1, -(2**63) - 1, 2**200]
STRANGE = [None, True, False, 1.0, 80j, [], (), {}, object, Number(80), Number(2**40), Index(80), Index(-1), Unruly()]
TEXTS = ["", "127.0.0.1", "lo", "a\0b", "\0", "\ud800", "é", "x" * 20, Text("127.0.0.1"), pathlib.Path("lo")]
BYTES = [b"", b"lo", b"\x7f\0\0\1", bytes(16), bytes(5), b"a\0b", b"\xff", bytearray(4), memoryview(bytes(4))]
BYTES += [memoryview(bytes(8))[::2]]
ANYTHING = NUMBERS + STRANGE + TEXTS + BYTES

ADDRESSES = ["127.1", "0x7f.1", "0X7F.0xff", "017.1", "08", "0x", "1.2.3.4.5", "1.2.3.", ".1", "256.1", "1.65536.3"]
ADDRESSES += ["4294967295", "4294967296", "1.16777215", "1.16777216", "1 ", "1\t", "1\n", "1\v", "1\f", "1\r", " 1"]
ADDRESSES += ["1 x", "1. 2", "0x 1", "1\xa0", "1\u3000", "1\x1c", "1\x85", "+1", "-1", "1e1", "\uff11", "0b1"]
ADDRESSES += ["1.2.3.4 or so", "255.255.255.255", "1.2.3.4", "01.2.3.4", "1.2.3", "1.2.3.4 ", "0.0.0.0"]
ADDRESSES += ["::", "::1", "1::", "::1.2.3.4", "::ffff:1.2.3.4", "fe80::1%lo", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::"]
ADDRESSES += ["::2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "1::2::3", ":1", "12345::", "::G", "[::1]"]

PACKED = [bytes(15) + b"\1", bytes(12) + b"\1\2\3\4", bytes(10) + b"\xff\xff\1\2\3\4", bytes(14) + b"\xff\xff"]
PACKED += [bytes(12) + b"\0\1\2\3", bytes(range(16)), b"\0\1" * 8, b"\0\0\0\1" * 4, b"\1" + bytes(15), bytearray(16)]

ORDERS = ["htons", "ntohs", "htonl", "ntohl"]
CONTROL_SIZES = ["CMSG_LEN", "CMSG_SPACE"]
# Any other int may be somebody's descriptor.
NO_DESCRIPTORS = [-1, -(2**31), 10**6, 2**32 | 10**6, 2**33 - 1, 2**63, -(2**63) - 1, 2**200, "1", b"1", None, 1.0]
NO_DESCRIPTORS += [Index(-1), Number(10**6), Unruly(), []]
NO_PAIRS = [(5,), (1, 99), (2, 1), (-1,), ("x",), (1, None), (1, 1, 99), (2**40,), (1, 1, 0, 0)]

LOCAL = [case for name in (*ORDERS, *CONTROL_SIZES) for case in calls(name, ANYTHING)]
LOCAL += [case for name in CONTROL_SIZES for case in calls(name, range(2**31 - 40, 2**31 + 1))]
LOCAL += calls("inet_aton", ADDRESSES + ANYTHING)
LOCAL += calls("inet_pton", (2, 10), ADDRESSES + ANYTHING) + calls("inet_pton", ANYTHING, ["::1"])
LOCAL += calls("inet_ntoa", PACKED + ANYTHING)
LOCAL += calls("inet_ntop", (2, 10), PACKED + ANYTHING) + calls("inet_ntop", ANYTHING, [bytes(4)])
LOCAL += calls("if_nameindex") + calls("if_nametoindex", ANYTHING)
# With the largest unsigned long 3.11 and 3.12 say that they raise, and do not.
LOCAL += calls("if_indextoname", [value for value in ANYTHING if value != 2**64 - 1])
LOCAL += [case for name in ("close", "dup") for case in calls(name, NO_DESCRIPTORS)]
LOCAL += [("socketpair", arguments, {}) for arguments in NO_PAIRS]
LOCAL += calls("setdefaulttimeout", [*STRANGE, *TEXTS, -1, 2**200, float("nan"), float("inf"), 1e300])
LOCAL += [(name, (), {}) for name in OURS if name not in ("socketpair", "gethostname")]
LOCAL += [(name, (1, 2, 3, 4, 5, 6, 7), {}) for name in OURS]
LOCAL += [(name, arguments, {"x": 1}) for name in OURS for arguments in ((), ("1",), (80,))]


@pytest.fixture
def default_timeout():
    """Lets a test set the default timeout: the interpreter's and ours, which are two."""

    def set_default_timeout(seconds):
        STOCK["setdefaulttimeout"](seconds)
        OURS["setdefaulttimeout"](seconds)

    yield set_default_timeout
    set_default_timeout(None)


@pytest.mark.parametrize("case", LOCAL, ids=label)
def test_calls_without_lookups(case, default_timeout):
    name, arguments, keywords = case
    assert outcome(OURS[name], arguments, keywords) == outcome(STOCK[name], arguments, keywords)
    assert OURS["getdefaulttimeout"]() == STOCK["getdefaulttimeout"]()


def test_all_functions_are_there_and_look_the_same():
    assert set(OURS) == {name for name, value in STOCK.items() if inspect.isbuiltin(value)}
    for name, ours in OURS.items():
        stock = STOCK[name]
        for attribute in ("__doc__", "__text_signature__", "__module__", "__self__", "__name__", "__qualname__"):
            assert getattr(ours, attribute) == getattr(stock, attribute), f"{name}.{attribute}"
        assert (repr(ours), type(ours)) == (repr(stock), type(stock))
        assert outcome(inspect.signature, [ours]) == outcome(inspect.signature, [stock])


@pytest.mark.parametrize(
    ("name", "letters", "family"),
    [("inet_aton", "0123489.xXaf \t", ()), ("inet_pton", "0012589.", (2,)), ("inet_pton", "01f::.::2", (10,))],
)
def test_addresses_of_random_letters(name, letters, family):
    chance = random.Random(7)
    for _ in range(20_000):
        arguments = (*family, "".join(chance.choices(letters, k=chance.randrange(1, 16))))
        assert outcome(OURS[name], arguments) == outcome(STOCK[name], arguments)


def test_addresses_of_random_bytes():
    chance = random.Random(8)
    for _ in range(20_000):
        packed = bytes(chance.choices((0, 0, 0, 1, 0xFF), k=16))
        assert OURS["inet_ntop"](10, packed) == STOCK["inet_ntop"](10, packed)
        assert OURS["inet_ntop"](2, packed[:4]) == STOCK["inet_ntop"](2, packed[:4])
        assert OURS["inet_ntoa"](packed[:4]) == STOCK["inet_ntoa"](packed[:4])


def test_bad_arguments_are_refused_where_ours_took_the_place(monkeypatch):
    # Ours leaves some refusals to the interpreter's own function, and must not meet itself in its place.
    for name, ours in OURS.items():
        monkeypatch.setattr(_socket, name, ours)
    for name, arguments, keywords in LOCAL:
        if name in ("htons", "htonl", "inet_aton", "if_nametoindex", "if_indextoname"):
            assert outcome(getattr(_socket, name), arguments, keywords) == outcome(STOCK[name], arguments, keywords)


def test_interfaces_are_found_alike():
    for index, name in STOCK["if_nameindex"]():
        assert OURS["if_nametoindex"](name) == OURS["if_nametoindex"](os.fsencode(name)) == index
        assert OURS["if_indextoname"](index) == OURS["if_indextoname"](Number(index)) == name


def test_descriptors_are_copied_and_closed():
    one, other = os.pipe()
    try:
        copy = OURS["dup"](one)
        assert not os.get_inheritable(copy)
        assert os.path.sameopenfile(copy, one)
        assert OURS["close"](copy) is None
        for name in ("close", "dup"):
            assert outcome(OURS[name], (copy,)) == outcome(STOCK[name], (copy,))
    finally:
        os.close(one)
        os.close(other)


@pytest.mark.parametrize("timeout", [None, 0, 2.5])
@pytest.mark.parametrize(
    "arguments", [(), (1,), (1, 1), (1, 2), (1, 5, 0), (1, 1 | os.O_NONBLOCK), (1, 1 | os.O_CLOEXEC)]
)
def test_socket_pairs(arguments, timeout, default_timeout):
    def facts(functions):
        pair = one, other = functions["socketpair"](*arguments)
        try:
            one.send(b"x")
            received = other.recv(10)
            return received, [
                (end.family, end.type, end.proto, end.gettimeout(), end.getsockname(), type(end).__qualname__)
                + (os.get_inheritable(end.fileno()), os.get_blocking(end.fileno()))
                for end in pair
            ]
        finally:
            one.close()
            other.close()

    default_timeout(timeout)
    assert facts(OURS) == facts(STOCK)


# Some of each stage: accepted, refused by the parser, refused later.
REPEATED = [("htons", (80,)), ("htons", (-1,)), ("htonl", (80,)), ("htonl", (-1,)), ("inet_aton", ("1.2",))]
REPEATED += [("inet_aton", ("x",)), ("inet_ntoa", (bytes(4),)), ("inet_ntoa", (b"",)), ("inet_pton", (10, "::1"))]
REPEATED += [("inet_pton", (10, "x")), ("inet_ntop", (10, bytes(16))), ("inet_ntop", (10, bytes(4)))]
REPEATED += [("if_nametoindex", ("lo",)), ("if_nametoindex", ("nosuch",)), ("if_nameindex", ())]
REPEATED += [("if_indextoname", (1,)), ("if_indextoname", ("x",)), ("CMSG_LEN", (5,)), ("CMSG_LEN", (-1,))]
REPEATED += [("close", (-1,)), ("dup", (-1,)), ("gethostname", ()), ("sethostname", ("a\0b",)), ("sethostname", (5,))]
REPEATED += [("getaddrinfo", ("127.0.0.1", 80)), ("getaddrinfo", ("127.0.0.1", "\ud800"))]
REPEATED += [("getaddrinfo", (b"::1", "80")), ("getaddrinfo", ("127.0.0.1", 2**80)), ("getaddrinfo", (5, 5))]
REPEATED += [("getaddrinfo", ("127.0.0.1", None, 77)), ("getnameinfo", (("127.0.0.1", 80), 3))]
REPEATED += [("getnameinfo", (("::1", 80, 0, 0), 3)), ("getnameinfo", (("x", 80), 3)), ("getnameinfo", ((), 3))]
REPEATED += [("getnameinfo", (("127.0.0.1", 80, 0), 3)), ("gethostbyname", ("127.0.0.1",))]
REPEATED += [("gethostbyname", ("127.0.0.1\0",)), ("gethostbyname_ex", ("127.0.0.1",))]
REPEATED += [("gethostbyaddr", ("127.0.0.1",)), ("getservbyname", ("http", "tcp")), ("getservbyname", ("nosuch",))]
REPEATED += [("getservbyport", (80,)), ("getservbyport", (2**20,)), ("getprotobyname", ("tcp",))]
REPEATED += [("getprotobyname", ("nosuch",))]


@pytest.mark.parametrize("case", REPEATED, ids=lambda case: label((*case, {})))
def test_nothing_leaks(case):
    name, arguments = case

    def held():
        objects = [sys.getrefcount(one) for one in (OURS[name], *arguments)]
        return [*objects, len(os.listdir("/proc/self/fd")), sys.getallocatedblocks()]

    def repeat():
        for _ in range(1000):
            outcome(OURS[name], arguments)

    repeat()
    before = held()
    repeat()
    # Whatever else the interpreter keeps meanwhile, it is not one for each call.
    assert all(now - then < 300 for now, then in zip(held(), before, strict=True))


def test_socket_pairs_do_not_leak():
    before = os.listdir("/proc/self/fd")
    for _ in range(1000):
        for end in OURS["socketpair"]():
            end.close()
    assert len(os.listdir("/proc/self/fd")) == len(before)


SYSTEM_FILES = {
    "hosts": b"""
127.0.0.1 localhost
::1 localhost ip6-localhost
192.0.2.7 many.test one.test two.test
192.0.2.8 many.test
2001:db8::7 six.test both.test
192.0.2.9 both.test
192.0.2.10 last\xff.test
192.0.2.11 good.test alias\xff.test
192.0.2.12 xn--bcher-kva.test
""",
    "resolv.conf": b"nameserver 127.0.0.1\n",
    "nsswitch.conf": b"hosts: files dns\nservices: files\nprotocols: files\n",
    "services": b"http 80/tcp www\ndomain 53/tcp\ndomain 53/udp\nlast 65535/udp\nsyslog 514/udp\nshell 514/tcp\n",
    "protocols": b"icmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\n",
}

HOSTS = ["localhost", "many.test", "one.test", "six.test", "both.test", "b\xfccher.test", b"b\xfccher.test"]
HOSTS += ["no.invalid", "last\udcff.test", b"last\xff.test", b"good.test", b"alias\xff.test", bytearray(b"localhost")]
HOSTS += ["<broadcast>", "255.255.255.255", "127.1", "1.2.3.4", "192.0.2.10", "192.0.2.11", "192.0.2.99", "1.2.3.4.5"]
HOSTS += ["::1", "::ffff:1.2.3.4", "2001:db8::7", "2001:db8::99", "fe80::1%lo", "::1%1", "%", "0", "127.0.0.1 x"]
HOSTS += ["localhost\0x", b"localhost\0x", "localhost ", "é" * 80, "a..b", "a.", "...", "x" * 300, "x" * 70, "*"]
HOSTS += [Text("many.test"), *ANYTHING]

SERVICES = ["http", "80", "", "nosuch", "0080", "-1", "65536", "65537", "80x", "\0", "80\0x", "\ud800", "é", b"http"]
SERVICES += [b"\xff", b"80\0", None, 0, 80, -1, 65535, 65536, 2**31, 2**40, 2**63, -(2**63) - 1, 2**80, LARGEST]
SERVICES += [True, 1.0, Number(80), Index(80), bytearray(b"80"), Text("http"), [], Unruly()]

SOCKADDRS = [("127.0.0.1", 80), ("127.0.0.1", 80, 0), ("127.0.0.1", 80, 0, 0), ("127.0.0.1", -1), ("127.1", 80)]
SOCKADDRS += [("127.0.0.1", 2**16), ("127.0.0.1", 2**31), ("127.0.0.1",), (), ("192.0.2.7", "80"), ("192.0.2.99", 80)]
SOCKADDRS += [("192.0.2.10", 80), ("192.0.2.11", 80), ("many.test", 80), ("", 80), ("a\0b", 80), ("\ud800", 80)]
SOCKADDRS += [("é", 80), ["127.0.0.1", 80], None, "x", (None, 80), (b"::1", 80), (Text("::1"), Number(80))]
SOCKADDRS += [("::1", 80), ("::1", 80, 0), ("::1", 80, 0, 0), ("::1", 80, 0, 0, 0), ("::1", 80, 0, -1)]
SOCKADDRS += [("::1", 80, "x"), ("::1", 80, 2**20 - 1), ("::1", 80, 2**20, 0), ("::1", 80, 2**40), ("::1", 80, 5, 1)]
SOCKADDRS += [("fe80::1", 80, 0, 1), ("fe80::1", 80, 0, 99), ("fe80::1%lo", 80), ("fe80::1%lo", 80, 0, 7)]

PROTOCOLS = ["tcp", "udp", "nosuch", "", None, b"tcp", Text("tcp"), "a\0b"]
NAMES_TO_SET = ["name", b"name", "last\udcff", b"last\xff", b"a\0b", "x" * 64, "x" * 65, *ANYTHING]

LOOKUPS = [case for name in ("gethostbyname", "gethostbyname_ex", "gethostbyaddr") for case in calls(name, HOSTS)]
LOOKUPS += calls("getaddrinfo", HOSTS, [80]) + calls("getaddrinfo", ["localhost"], SERVICES)
LOOKUPS += calls("getaddrinfo", [None], SERVICES, [0], [1]) + calls("getaddrinfo", ["no.invalid"], [2**80, "nosuch"])
LOOKUPS += [
    case
    for host in ("many.test", "six.test", "both.test", None)
    for flags in (0, 1, 2, 4, 8, 0x40, 0x400, 2**30)
    for case in calls("getaddrinfo", [host], ["80"], (0, 1, 2, 10, 99, -1), (0, 1, 2, 3, 99), [0], [flags])
]
LOOKUPS += [("getaddrinfo", ("127.0.0.1", 1, *(0,) * place, *tail), {}) for place in range(4) for tail in zip(ANYTHING)]
LOOKUPS += calls("getaddrinfo", ["many.test"], [0], flags=2) + calls("getaddrinfo", host="many.test", port=1, proto=6)
LOOKUPS += calls("getaddrinfo", ["many.test"], port="http", family=2, type=1) + calls("getaddrinfo", ["a"])
LOOKUPS += calls("getaddrinfo", ["a"], [1], kind=1) + calls("getaddrinfo", ["a"], [1], host="b")
LOOKUPS += calls("getnameinfo", SOCKADDRS, (0, 1, 2, 3, 4, 8, 16, 2**20))
LOOKUPS += calls("getnameinfo", [("127.0.0.1", 80)], ANYTHING)
LOOKUPS += calls("getservbyname", ["http", "www", "nosuch", "80", *ANYTHING])
LOOKUPS += calls("getservbyname", ["http", "domain", "last", "a\0b"], PROTOCOLS)
LOOKUPS += calls("getservbyport", [53, 514, 64999, "80", *ANYTHING])
LOOKUPS += calls("getservbyport", [53, 80, 514, 65535, 65536, -1], PROTOCOLS)
LOOKUPS += calls("getprotobyname", ["tcp", "TCP", "icmp", "nosuch", *ANYTHING])
LOOKUPS += calls("gethostname") + calls("sethostname", NAMES_TO_SET)

AUDITED = [("getaddrinfo", ("::1", 80)), ("gethostbyname", ("::1",)), ("gethostbyname_ex", ("::1",))]
AUDITED += [("gethostbyaddr", ("::1",)), ("getnameinfo", (("::1", 80), 0)), ("getservbyname", ("http",))]
AUDITED += [("getservbyport", (80,)), ("gethostname", ()), ("sethostname", ("name",))]


@pytest.fixture(scope="module")
def isolated(tmp_path_factory):
    """What came of the lookups in the child: a pair each, the interpreter's and ours."""
    # Nothing in its network is up: whoever is asked over it cannot answer.
    without_network = isolation.isolated(tmp_path_factory.mktemp("isolated"), SYSTEM_FILES, set_up=())
    if without_network is None:
        pytest.skip("lookups alike: no namespaces of user, network, host name and mounts here")
    command = [*without_network, sys.executable, __file__]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=50)
    return json.loads(done.stdout)


@pytest.mark.parametrize("number", range(len(LOOKUPS)), ids=lambda number: f"{number}-{label(LOOKUPS[number])}")
def test_lookups(isolated, number):
    stock, ours = isolated["lookups"][number]
    assert ours == stock


@pytest.mark.parametrize("number", range(len(AUDITED)), ids=lambda number: AUDITED[number][0])
def test_audit_hooks_may_refuse(isolated, number):
    stock, ours = isolated["refused"][number]
    assert ours == stock
    assert "PermissionError" in ours["outcome"]


class Watch:
    """An audit hook that keeps what it sees of sockets, and refuses it if told to."""

    def __init__(self):
        self.seen = []
        self.refusing = False
        sys.addaudithook(self._hook)

    def _hook(self, event, arguments):
        if event.startswith("socket."):
            self.seen.append(f"{event}{arguments!r}")
            if self.refusing:
                raise PermissionError("refused")

    def call(self, call, arguments, keywords, refusing=False):
        """What came of one call, whatever came before it."""
        _socket.sethostname(b"before")
        self.seen.clear()
        self.refusing = refusing
        result = outcome(call, arguments, keywords)
        self.refusing = False
        return {"outcome": result, "events": self.seen.copy(), "host": repr(os.uname().nodename)}


def main():
    """Makes all lookups, both ways, and prints what came of them."""
    watch = Watch()

    def both(name, arguments, keywords, refusing=False):
        return [watch.call(functions[name], arguments, keywords, refusing) for functions in (STOCK, OURS)]

    lookups = [both(*case) for case in LOOKUPS]
    refused = [both(*case, {}, refusing=True) for case in AUDITED]
    json.dump({"lookups": lookups, "refused": refused}, sys.stdout)


if __name__ == "__main__":
    main()
