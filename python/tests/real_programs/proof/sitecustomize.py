"""Every interpreter that a test starts writes down, when it ends, what its sockets were: found by PYTHONPATH.

So a program need not know of shotclock to prove that it ran over it.
"""

import atexit
import os
import pathlib
import sys


def implementation():
    """Where the methods of ``socket.socket`` come from: "stock", "graft" or "type"; "none" without sockets."""
    socket = sys.modules.get("socket")
    if socket is None:
        return "none"
    # timeoutsocket puts a class of its own in front.
    *_, plain, native, _object = socket.socket.__mro__
    shotclock = sys.modules.get("shotclock._native")
    if shotclock is None:
        return "stock"
    if hasattr(shotclock, "socket_type") and native is shotclock.socket_type():
        return "type"
    return "graft" if {"recv", "send", "recv_into", "sendall"} <= vars(plain).keys() else "stock"


def write_down():
    pathlib.Path(os.environ["SHOTCLOCK_TEST_PROOF"], str(os.getpid())).write_text(implementation())


if "SHOTCLOCK_TEST_PROOF" in os.environ:
    atexit.register(write_down)
