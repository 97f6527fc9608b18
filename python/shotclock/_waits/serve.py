"""The waits of this process, for whoever of its user's asks from another one: ``python -m shotclock.waits PID``.

By a Unix socket in the abstract namespace: there is no file that others could open, or that stays behind. Anybody may
connect to such a name; so each end asks the system who the other one is. Who is neither this user nor root is told
nothing, and who asks believes nobody but the process that it means.
"""

from __future__ import annotations

import json
import os
import struct
import sys

from .. import _native
from .._fork import new_lock
from .._stock import stock_socket_module
from . import now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

# For whoever asks, and does not read.
_PATIENCE = 5
# Process, user and group: struct ucred, by SO_PEERCRED.
_CREDENTIALS = struct.Struct("=iII")

_lock = new_lock()
_served_by: int | None = None


def serve_waits() -> None:
    """Have this process tell its waits to ``python -m shotclock.waits PID``, from a daemon thread, from now on.

    Only its own user, and root, are told. It answers while the main thread hangs in a wait, but not while code in C
    holds the interpreter. From then on plain calls tell of their waits, too, and so does what waits beside sockets. A
    forked child serves none until it calls this itself. Asked again it changes nothing.

    Raises OSError where no socket can be had, and ImportError in a subinterpreter.

    >>> import shotclock
    >>> shotclock.serve_waits()                     # now python -m shotclock.waits PID has an answer
    """
    global _served_by
    from .._install import waits as hooks

    stock = stock_socket_module()
    with _lock:
        if _served_by == os.getpid():
            return
        listener = stock.socket(stock.AF_UNIX, stock.SOCK_STREAM)
        try:
            listener.bind(name_of(os.getpid()))
            listener.listen(8)
        except BaseException:
            listener.close()
            raise
        _served_by = os.getpid()
    hooks.install()
    _native.watch(True)
    _start(stock, listener)


def name_of(pid: int) -> bytes:
    """The socket's name in the abstract namespace."""
    return b"\0shotclock-waits-%d" % pid


def credentials(stock: ModuleType, sock: Any) -> tuple[int, int]:
    """The other end's process and user, by the system's word."""
    said = sock.getsockopt(stock.SOL_SOCKET, stock.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, _ = _CREDENTIALS.unpack(said)
    return pid, user


def _start(stock: ModuleType, listener: Any) -> None:
    import threading

    thread = threading.Thread(target=_serve, args=(stock, listener), name="shotclock-waits", daemon=True)
    # A child has the socket, and nobody who would answer.
    os.register_at_fork(after_in_child=listener.close)
    thread.start()


def _serve(stock: ModuleType, listener: Any) -> None:
    import signal
    from _thread import get_ident

    # Handlers of the program's are for its own threads.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    now.hide(get_ident())
    while True:
        try:
            number, _ = listener._accept()
        except OSError:
            # It was closed, by a program that closes whatever is open.
            return
        asker = stock.socket(fileno=number)
        try:
            _answer(stock, asker)
        except OSError:
            # Who asked has gone, or does not read.
            pass
        finally:
            asker.close()


def _answer(stock: ModuleType, asker: Any) -> None:
    asker.settimeout(_PATIENCE)
    _, user = credentials(stock, asker)
    if user not in (0, os.geteuid()):
        return
    said = {
        "pid": os.getpid(),
        "program": getattr(sys, "orig_argv", sys.argv),
        "waits": [dict(vars(wait)) for wait in now.waits()],
    }
    asker.sendall(json.dumps(said).encode() + b"\n")
