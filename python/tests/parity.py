"""Two socket types side by side: the interpreter's own and ours, asked the same and compared."""

import os
import socket
import warnings

import _socket
from shotclock import _native

_native.prepare(_socket)

STOCK = _socket.socket
OWN = _native.socket_type()


def outcome(call, *args, **kwargs):
    """What a call gives or raises, with the warnings on the way, as a value that can be compared."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = ("gives", call(*args, **kwargs))
        except BaseException as error:
            result = ("raises", type(error), error.args, getattr(error, "errno", None), str(error))
    return result, [(warning.category, str(warning.message)) for warning in caught]


def assert_alike(scenario, *args):
    """Runs the scenario on each type; what comes out of our own is held against the interpreter's."""
    expected, ours = outcome(scenario, STOCK, *args), outcome(scenario, OWN, *args)
    assert ours == expected, f"{args}: ours {ours}, stock {expected}"
    return expected[0]


def on_copy(kind, sock, family=None, protocol=None):
    """An object of that type on a descriptor of its own for the same file, of whatever family it is to think it is."""
    family = sock.family if family is None else family
    protocol = sock.proto if protocol is None else protocol
    return kind(family, sock.type, protocol, os.dup(sock.fileno()))


def open_descriptors():
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))


def datagram_pair(family=socket.AF_INET):
    """A bound socket, and a connected one that sends to it."""
    receiver, sender = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
    receiver.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    sender.connect(receiver.getsockname())
    return receiver, sender
