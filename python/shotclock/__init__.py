"""Sockets on the clock, for Python programs as they are.

Three ways in, each with the same methods written in Rust:

- ``python -m shotclock PROGRAM ..`` runs an unmodified program over a ``_socket`` of this package;
- ``shotclock.install()`` grafts the methods onto the interpreter's own ``socket.socket``, at any time;
- ``from shotclock import socket`` is the interpreter's own ``socket`` module over them, beside the one it has.

All three end each call by its socket's timeout, as the interpreter's own methods do. Child processes that are not
forked follow where ``SHOTCLOCK=1`` is in their environment, which the first way sees to. ``status()`` says what is
replaced and what is not reached.

``socket.create_connection`` keeps its timeout for the lookup and all addresses together, and tries the next while one is
silent. ``with shotclock.deadline(5):`` limits everything that waits in a block, through any library, and ``with
canceller:`` lets another thread end it.
``shotclock.ancillary`` decodes what ``recvmsg`` gives beside the bytes.
``shotclock.faults`` has peers that misbehave, to test clients against.

``shotclock.Policy(first_byte=5, idle=10, total=60).protect(listener)`` keeps a server's clients from taking for ever.

Importing this package imports no ``socket``: what is to be replaced must not be there before it.

PYTEST_DONT_REWRITE: with ``SHOTCLOCK=1`` this package is imported before pytest could rewrite it,
of which pytest would warn.
"""

# First of all: a fork waits for the imports of the package's other modules.
from . import _fork as _fork

# What type checkers take to be true, without the import of `typing`, which would cost more than this package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import control as control
    from . import faults as faults
    from ._native import __version__ as __version__
    from . import socket as socket
    from ._bounds.batches import recv_batch, send_batch
    from ._bounds.cancel import Cancelled, Canceller
    from ._bounds.shield import shield
    from ._install.dial import get_attempt_delay, set_attempt_delay
    from ._install.graft import install, uninstall
    from ._bounds.overdue import OverdueWarning
    from ._bounds.lookup import get_lookup_timeout, set_lookup_timeout
    from ._bounds.overdue import Overdue
    from ._bounds.policy import Policy, policy_of, remove_policy
    from ._bounds.recv_exact import IncompleteReadError, recv_exact
    from ._bounds.resumable_file import resumable_file
    from ._bounds.scope import Scope, deadline, deadline_at, expired_scope, move_on_after, remaining
    from ._program.status import Status, status
    from ._bounds.timeout_details import TimeoutDetails, timeout_details
    from .control import ancillary
    from ._waits.now import Wait, waits
    from ._waits.serve import serve_waits

__all__ = [
    "Cancelled",
    "Canceller",
    "IncompleteReadError",
    "Overdue",
    "OverdueWarning",
    "Policy",
    "Scope",
    "Status",
    "TimeoutDetails",
    "Wait",
    "ancillary",
    "deadline",
    "deadline_at",
    "expired_scope",
    "get_attempt_delay",
    "get_lookup_timeout",
    "install",
    "move_on_after",
    "policy_of",
    "recv_batch",
    "recv_exact",
    "remaining",
    "remove_policy",
    "resumable_file",
    "send_batch",
    "serve_waits",
    "set_attempt_delay",
    "set_lookup_timeout",
    "shield",
    "status",
    "timeout_details",
    "uninstall",
    "waits",
]

_HOMES = {
    "Cancelled": "_bounds.cancel",
    "Canceller": "_bounds.cancel",
    "IncompleteReadError": "_bounds.recv_exact",
    "Overdue": "_bounds.overdue",
    "OverdueWarning": "_bounds.overdue",
    "Policy": "_bounds.policy",
    "Scope": "_bounds.scope",
    "Status": "_program.status",
    "TimeoutDetails": "_bounds.timeout_details",
    "Wait": "_waits.now",
    "__version__": "_native",
    "ancillary": "control",
    "control": "control",
    "deadline": "_bounds.scope",
    "deadline_at": "_bounds.scope",
    "expired_scope": "_bounds.scope",
    "faults": "faults",
    "get_attempt_delay": "_install.dial",
    "get_lookup_timeout": "_bounds.lookup",
    "install": "_install.graft",
    "move_on_after": "_bounds.scope",
    "policy_of": "_bounds.policy",
    "recv_batch": "_bounds.batches",
    "recv_exact": "_bounds.recv_exact",
    "remaining": "_bounds.scope",
    "remove_policy": "_bounds.policy",
    "resumable_file": "_bounds.resumable_file",
    "send_batch": "_bounds.batches",
    "serve_waits": "_waits.serve",
    "set_attempt_delay": "_install.dial",
    "set_lookup_timeout": "_bounds.lookup",
    "shield": "_bounds.shield",
    "socket": "socket",
    "status": "_program.status",
    "timeout_details": "_bounds.timeout_details",
    "uninstall": "_install.graft",
    "waits": "_waits.now",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = __import__(f"{__name__}.{home}", fromlist=[name])
    value = module if home == name else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | _HOMES.keys())
