"""What befalls a socket in the middle of a call, by a handler of signals or by another thread."""

import os
import socket
import warnings


def choose(rng, target):
    """One deed, to be done once; None for a target whose number may be another file's by now."""
    if target.state == "stale":
        return None
    deed = rng.choice((_close, _shut_down, _block, _unblock, _block, _unblock, _replace, _fork, _set_timeout, _nothing))
    return lambda: deed(target)


def _close(target):
    target.socket.close()


def _shut_down(target):
    target.socket.shutdown(socket.SHUT_RDWR)


def _block(target):
    """As whoever has a copy may: the flag is the file's."""
    os.set_blocking(target.socket.fileno(), True)


def _unblock(target):
    os.set_blocking(target.socket.fileno(), False)


def _set_timeout(target):
    target.socket.settimeout(0.001)


def _replace(target):
    """By another file, under the same number."""
    number = target.socket.fileno()
    if number >= 0:
        # The call may close it first, and then this opens it.
        target.numbers.append(number)
        with open(os.devnull, "rb") as null:
            os.dup2(null.fileno(), number, inheritable=False)


def _fork(target):
    """A child that uses the socket, too, and goes."""
    with warnings.catch_warnings():
        # That other threads are there is the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.set_blocking(target.socket.fileno(), True)
            target.socket.recv(1, socket.MSG_DONTWAIT)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _nothing(_):
    pass
