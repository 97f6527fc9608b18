"""Calls as libraries in C make them, past the interpreter, on connections of ours, and peers that say nothing.

For programs about scopes that are over while their thread sits in such a call. `starved` stands before them.
"""

import contextlib
import ctypes
import errno
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
import warnings

import shotclock

# Only a hang should meet it; what a deadline is late by is less than LATE, on a machine with other things to do.
PATIENCE, LATE = 20, 0.5
signal.alarm(PATIENCE * 2)

libc = ctypes.CDLL(None, use_errno=True)


class PollFd(ctypes.Structure):
    _fields_ = [("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short)]


def pair():
    """Two ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        return client, listener.accept()[0]


def failed(outcome):
    """The outcome of a call, or the system's error as an exception."""
    if outcome < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return outcome


def c_recv(sock):
    buffer = ctypes.create_string_buffer(1)
    got = failed(libc.recv(sock.fileno(), buffer, 1, 0))
    if not got:
        raise EOFError("the connection has ended")
    return buffer.raw[:got]


def c_poll(sock, milliseconds=PATIENCE * 1000):
    wanted = PollFd(sock.fileno(), select.POLLIN, 0)
    return failed(libc.poll(ctypes.byref(wanted), 1, milliseconds))


def c_select(sock, milliseconds=PATIENCE * 1000):
    number = sock.fileno()
    wanted = (ctypes.c_ulong * 16)()
    wanted[number // 64] |= 1 << number % 64
    limit = (ctypes.c_long * 2)(milliseconds // 1000, milliseconds % 1000 * 1000)
    return failed(libc.select(number + 1, wanted, None, None, limit))


def c_epoll(sock, milliseconds=PATIENCE * 1000):
    with select.epoll() as events:
        events.register(sock, select.EPOLLIN)
        buffer = ctypes.create_string_buffer(12)
        return failed(libc.epoll_wait(events.fileno(), buffer, 1, milliseconds))


def waits_in_c(call):
    """That a poll by C came to something before its time, and what it came to."""
    def wait(sock):
        assert call(sock) == 1, "nobody ended it"
        return c_recv(sock)
    return wait


def is_whole(ours, theirs):
    """Whether a byte goes through."""
    theirs.send(b"x")
    ours.settimeout(PATIENCE)
    return ours.recv(1) == b"x"


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.001)


@contextlib.contextmanager
def silence():
    """That nothing is said of an overdue scope."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        yield
    said = [str(each.message) for each in said if each.category is shotclock.OverdueWarning]
    assert not said, said


@contextlib.contextmanager
def takes(seconds):
    began, before = time.monotonic(), starved()
    yield
    took = time.monotonic() - began
    assert seconds <= took < seconds + LATE + starved() - before, took


def threads():
    return len(os.listdir("/proc/self/task"))
