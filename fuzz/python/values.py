"""A pool of values that argument checks seldom meet, each made by a kind: a size, a buffer, an address, anything.

All choices come from one random generator, so that a call can be made again. Some values do mischief while they are
looked at: they close the socket, empty lists, resize buffers, raise.
"""

import array
import ctypes
import gc
import mmap
import socket
import struct
import sys

BIG = (2**31 - 1, 2**31, -(2**31) - 1, 2**32, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 1 << 40, 1 << 62)
FLOATS = (0.0, -0.0, 0.5, -0.5, 1e-9, 1e-300, 1e300, -1e300, 2.0**63, float("nan"), float("inf"), float("-inf"))
TEXTS = (
    "",
    "\0",
    "a\0b",
    "\udcff",
    "é",
    "x" * 107,
    "x" * 108,
    "x" * 109,
    "x" * 70_000,
    "%s%n",
    "127.0.0.1",
    "::1",
    "::ffff:1.2.3.4",
    "fe80::1%lo",
    "1.2.3",
    "0",
    "256.1.1.1",
    "<broadcast>",
    "localhost",
    "lo",
    "tcp",
    "http",
    "80",
    "65536",
)
FLAGS = (
    0,
    socket.MSG_DONTWAIT,
    socket.MSG_PEEK,
    socket.MSG_TRUNC,
    socket.MSG_WAITALL,
    socket.MSG_OOB,
    socket.MSG_MORE,
    socket.MSG_NOSIGNAL,
    socket.MSG_CTRUNC,
    socket.MSG_ERRQUEUE,
    socket.MSG_CMSG_CLOEXEC,
    socket.MSG_PEEK | socket.MSG_TRUNC,
    -1,
    0x7FFFFFFF,
)
LEVELS = (socket.SOL_SOCKET, socket.IPPROTO_IP, socket.IPPROTO_IPV6, socket.IPPROTO_TCP, socket.IPPROTO_UDP)


class Text(str):
    """A str, and not just one."""

    __slots__ = ()


class Number(int):
    """An int, and not just one."""


class Refusal(Exception):
    """Raised by values that do not want to be looked at."""


class Mischief:
    """Answers every question with the same thing, after doing its deed."""

    def __init__(self, deed, answer):
        self._deed = deed
        self._answer = answer

    def _look(self, *_):
        self._deed()
        if isinstance(self._answer, type):
            raise self._answer("no")
        return self._answer

    __index__ = __int__ = __float__ = __bool__ = __len__ = __fspath__ = _look

    def __repr__(self):
        return "<mischief>"


class Passing(Mischief):
    """Mischief while it is iterated over."""

    def __init__(self, deed, answer, items):
        super().__init__(deed, answer)
        self._items = items

    def __iter__(self):
        for item in self._items:
            self._deed()
            yield item
        if isinstance(self._answer, type):
            raise self._answer("no")


class Lending(Mischief):
    """Mischief while its bytes are asked for (from 3.12 on Python code can lend bytes)."""

    def __init__(self, deed, answer, data):
        super().__init__(deed, answer)
        self._data = data

    def __buffer__(self, flags):
        self._look()
        return memoryview(self._data)


class Values:
    """Makes values for one call, out of one random generator."""

    # Numbers beyond most types; some are sizes that there might be memory for.
    big = BIG

    def __init__(self, rng, family=socket.AF_INET, addresses=(), descriptors=(), is_tame=False):
        self.rng = rng
        # Whether to leave out the mischief that crashes the interpreter's own module.
        self._is_tame = is_tame
        self.family = family
        # Where something listens or is bound.
        self.addresses = list(addresses)
        # Numbers that may be given away.
        self.descriptors = list(descriptors)
        # What mischief may resize, empty or release.
        self.bytearrays = []
        self.lists = []
        self.views = []
        # The socket under test, once it is known.
        self.socket = None

    def make(self, kind):
        """A value of the kind, or with some chance something quite different."""
        chance = self.rng.random()
        if chance < 0.06:
            return self.anything()
        if chance < 0.12 and kind in ("size", "flags", "number", "port", "timeout", "descriptor"):
            return self.mischief()
        return getattr(self, kind)()

    def forget(self):
        """Breaks the cycles that mischief makes."""
        self.socket = None
        for kept in (self.addresses, self.descriptors, self.bytearrays, self.lists, self.views):
            kept.clear()

    # Kinds.

    def size(self):
        return self._one_of((0, 1, 1, 2, 16, 4096, 4097, 65536, -1, *self.big))

    def flags(self):
        return self._one_of(FLAGS)

    def number(self):
        return self._one_of((0, 0, 1, 1, -1, 2, 3, 0x7F000001, 255, 256, 65535, 65536, Number(1), True, *self.big))

    def port(self):
        return self._one_of((0, 1, 65535, 65536, -1, "http", "80", b"80", None, "nonesuch", *TEXTS, *self.big))

    def timeout(self):
        edges = (9_223_372_036, 9_223_372_037)
        return self._one_of((None, 0, 0.002, 1e-9, -1, 1, True, 10**9, *edges, *FLOATS, *self.big))

    def descriptor(self):
        return self._one_of((*self.descriptors, *self.descriptors, -1, 987, 0, Number(987), *self.big))

    def family_number(self):
        known = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK)
        return self._one_of((-1, *known, 0, 9999, *self.big))

    def kind_number(self):
        plain = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)
        return self._one_of((-1, *plain, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 9999, *self.big))

    def level(self):
        return self._one_of(LEVELS) if self.rng.random() < 0.8 else self.number()

    def option(self):
        # SO_RCVTIMEO and SO_SNDTIMEO (20, 21; 66, 67) are what bounds calls on sockets without a timeout, SO_LINGER
        # (13) bounds close, and SO_PASSPIDFD and SO_PEERPIDFD (76, 77) give descriptors that look like any number.
        option = self.rng.randrange(80)
        return option if option not in (13, 20, 21, 66, 67, 76, 77) else self.number()

    def option_value(self):
        return self._one_of((0, 1, -1, None, b"", b"\0" * 4, struct.pack("ii", 1, 0), self.readable(), *self.big))

    def text(self):
        text = self._one_of(TEXTS)
        return self._one_of((text, text, Text(text), text.encode("utf-8", "replace")))

    def host(self):
        return self._one_of((None, b"127.0.0.1", bytearray(b"::1"), self.text()))

    def packed(self):
        return self._one_of((b"", b"\x7f\0\0\1", bytes(16), bytes(15), bytes(17), self.readable()))

    def readable(self):
        """Bytes to be read: most of them are."""
        make = self._one_of(
            (bytes, self._bytes, self._bytes, self._bytearray, self._view, array.array, self._lending, self.text)
        )
        return array.array("d", (1.0, 2.0)) if make is array.array else make()

    def writable(self):
        """Room to be written: most of it is."""
        make = self._one_of((self._bytearray, self._bytearray, self._view, self._map, self._bytes, self._lending))
        return make()

    def buffers(self):
        return self._collection(self.readable)

    def rooms(self):
        return self._collection(self.writable)

    def ancillary(self):
        return self._collection(self._control)

    def address(self):
        """An address of the socket's family, or of another."""
        if self.addresses and self.rng.random() < 0.5:
            return self._one_of(self.addresses)
        family = self.family if self.rng.random() < 0.7 else self._one_of(tuple(_ADDRESSES))
        kinds = _ADDRESSES.get(family, ("host", "port"))
        if family == socket.AF_UNIX and self.rng.random() < 0.8:
            return self._one_of((self.text(), b"\0name", "\0" + "n" * self.rng.randrange(120), self._bytearray()))
        return self._tuple(self.make(kind) for kind in kinds[: self.rng.choice((None, None, None, -1, 1))])

    def internet_address(self):
        """For getnameinfo."""
        address = (self.text(), *(self.make("number") for _ in range(3)))
        return self._tuple(address[: self._count()])

    def anything(self):
        return self._one_of(
            (None, True, "", b"", (), [], {}, object, ..., 1j, *FLOATS, *self.big, self.mischief(), self._bytearray())
        )

    def mischief(self):
        """Something that closes, resizes or raises while it is looked at."""
        # It must not keep the call from being made again: the choices are made now, not when it is looked at.
        deed = self._deed(
            _nothing,
            _nothing,
            self._close,
            self._detach,
            self._resize,
            self._empty,
            self._release,
            self._reenter,
            gc.collect,
        )
        answer = self._one_of((0, 1, 1, 4096, -1, 10**30, 0.5, "text", None, Refusal, KeyboardInterrupt, StopIteration))
        return self._one_of((Mischief(deed, answer), Passing(deed, answer, [b"x"]), Lending(deed, answer, b"xyz")))

    # Mischief.

    def _close(self):
        if self.socket is not None:
            self.socket.close()

    def _detach(self):
        if self.socket is not None:
            self.descriptors.append(self.socket.detach())

    def _resize(self):
        for room in self.bytearrays:
            try:
                room.clear()
                room.extend(b"longer" * 50)
            except BufferError:
                pass

    def _empty(self):
        for items in self.lists:
            items.clear()

    def _release(self):
        for view in self.views:
            try:
                view.release()
            except BufferError:
                pass

    def _reenter(self):
        if self.socket is not None:
            try:
                self.socket.settimeout(0)
                self.socket.recv(1)
            except OSError:
                pass

    # Parts.

    def _one_of(self, values):
        return values[self.rng.randrange(len(values))]

    def _deed(self, *deeds):
        deed = self._one_of(deeds)
        return _nothing if self._is_tame else deed

    def _count(self):
        return self._one_of((None, None, 2, 1, 0))

    def _bytes(self):
        return b"x" * self._one_of((0, 1, 1, 10, 4096, 70_000, 1_000_000))

    def _bytearray(self):
        made = bytearray(self._one_of((0, 1, 10, 4096, 70_000)))
        self.bytearrays.append(made)
        return made

    def _map(self):
        return mmap.mmap(-1, 4096)

    def _lending(self):
        deed = self._deed(_nothing, self._close, self._resize, self._empty, self._release)
        return Lending(deed, self._one_of((0, 1, Refusal)), self._bytearray())

    def _view(self):
        source = self._one_of((self._bytearray, self._bytes))()
        shape = self._one_of(("plain", "plain", "strided", "released", "read-only", "ctypes", "doubles", "empty"))
        view = memoryview(source)
        if shape == "strided":
            view = view[::2]
        elif shape == "read-only":
            view = view.toreadonly()
        elif shape == "ctypes":
            view = memoryview((ctypes.c_int * 5)())
        elif shape == "doubles":
            view = memoryview(bytearray(80)).cast("d")
        elif shape == "empty":
            view = view[:0]
        elif shape == "released":
            view.release()
        self.views.append(view)
        return view

    def _control(self):
        """One control message, most of them well formed."""
        rights = array.array("i", self.descriptors[:3])
        level, kind = self._one_of(((socket.SOL_SOCKET, socket.SCM_RIGHTS), (socket.IPPROTO_IP, 2), (1, 99)))
        data = self._one_of((rights, rights.tobytes(), b"", bytes(4), self.readable()))
        message = (level, kind, data)
        if self.rng.random() < 0.2:
            message = (self.make("number"), self.make("number"), data)
        return self._tuple(message[: self._one_of((None, None, None, None, 2, 1))])

    def _tuple(self, items):
        items = tuple(items)
        if self.rng.random() < 0.05:
            return self._kept(list(items))
        return items

    def _collection(self, make):
        """A list, a tuple, an iterator or worse, of a few."""
        items = [make() for _ in range(self._one_of((0, 1, 1, 2, 3, 8)))]
        if self.rng.random() < 0.01:
            items *= 1500
        shape = self._one_of(("list", "list", "tuple", "iterator", "generator", "passing", "growing"))
        if shape == "list":
            return self._kept(items)
        if shape == "tuple":
            return tuple(items)
        if shape == "iterator":
            return iter(self._kept(items))
        if shape == "generator":
            return (item for item in items)
        if shape == "passing":
            deed = self._deed(self._close, self._empty, self._resize, self._release)
            return Passing(deed, self._one_of((0, Refusal)), self._kept(items))
        # What is in the list closes the socket or empties the list while it is asked for its bytes.
        items.append(self._lending())
        return self._kept(items)

    def _kept(self, items):
        self.lists.append(items)
        return items


# What an address of the family is made of.
_ADDRESSES = {
    socket.AF_INET: ("host", "number"),
    socket.AF_INET6: ("host", "number", "number", "number"),
    socket.AF_UNIX: ("text",),
    socket.AF_NETLINK: ("number", "number"),
    socket.AF_PACKET: ("text", "number", "number", "number", "packed"),
    socket.AF_CAN: ("text", "number", "number", "number"),
    socket.AF_TIPC: ("number", "number", "number", "number", "number"),
    socket.AF_ALG: ("text", "text", "number", "number"),
    getattr(socket, "AF_QIPCRTR", 42): ("number", "number"),
}
if sys.version_info >= (3, 12):
    _ADDRESSES[getattr(socket, "AF_HYPERV", 43)] = ("text", "text")


def _nothing():
    pass
