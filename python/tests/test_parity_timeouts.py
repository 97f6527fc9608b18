"""Timeouts and blocking of the type in Rust are what they are on the interpreter's own, refusals included."""

import socket

import pytest
from parity import assert_alike


class Truth:
    def __init__(self, value):
        self.value = value

    def __bool__(self):
        return self.value()


class Index:
    def __index__(self):
        return 1


FLAGS = [
    True, False, 1, 0, -1, 5, 1 << 70, -(1 << 70), 0.0, 1.5, None, "", "x", [], [0], Index(), Truth(lambda: True),
    Truth(lambda: False), Truth(lambda: 1 / 0), Truth(lambda: 5),
]


@pytest.mark.parametrize("flag", FLAGS, ids=repr)
def test_what_setblocking_takes(flag):
    def scenario(kind):
        one, other = socket.socketpair()
        with other:
            sock = kind(one.family, one.type, one.proto, one.detach())
            try:
                sock.settimeout(7)
                sock.setblocking(flag)
                return sock.gettimeout(), sock.getblocking()
            finally:
                sock.close()

    assert_alike(scenario)


@pytest.mark.parametrize("name, argument", [("settimeout", 5), ("settimeout", None), ("setblocking", False)])
def test_closed_sockets_keep_what_they_cannot_have(name, argument):
    def scenario(kind):
        sock = kind()
        sock.close()
        try:
            getattr(sock, name)(argument)
        except OSError as error:
            return error.errno, sock.gettimeout()

    assert_alike(scenario)
