"""What a TimeoutError of a socket knows, as typed attributes."""

from __future__ import annotations

from dataclasses import dataclass

from .causes import causes
from .overdue import Overdue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .scope import Scope


@dataclass(frozen=True)
class TimeoutDetails:
    """Which limit ended a call, what the call was at, for how long, and how much had moved; see ``timeout_details``.

    >>> import shotclock
    >>> print(shotclock.timeout_details(ValueError("no limit stands behind this")))
    None
    """

    # "lookup", "connect", "accept", "handshake", "recv", "send" or "shutdown" (the end of TLS);
    # "library": a library in C waited for a connection of its own, since whenever within the scope.
    phase: str
    # "timeout": the socket's own; "scope": a deadline scope; "program": the program's (``--total``, ``SHOTCLOCK_TOTAL``);
    # "first byte", "idle", "total": those of a server's policy. There may be others some day.
    limit: str
    # How long the call had waited, in seconds.
    elapsed: float
    # How many bytes the call had sent; None where nobody knows: after a write by TLS (a file that survives does know).
    sent: int | None
    # What had come, of a call that collects; a str if it collects text.
    partial: bytes | str
    # The scope, if one ended the call.
    scope: Scope | None

    def __str__(self) -> str:
        text = f"{self.phase}: {_LIMITS.get(self.limit, self.limit)} passed, after {self.elapsed:.3f} s in this call"
        if self.sent is None:
            return f"{text}; nobody knows how much was sent"
        return text + (f"; {self.sent} bytes were sent" if self.sent else "") + (
            f"; {len(self.partial)} {'characters' if isinstance(self.partial, str) else 'bytes'} had come" if self.partial else ""
        )


_LIMITS = {
    "timeout": "the socket's timeout",
    "scope": "the deadline of the scope",
    "program": "the total time of the program",
    "first byte": "the policy's limit until the first byte",
    "idle": "the policy's idle limit",
    "total": "the policy's limit for the connection",
}


def timeout_details(error: BaseException) -> TimeoutDetails | None:
    """Find the TimeoutError of a limit behind an exception: itself, or in its causes, its reason or its arguments.

    Gives its attributes, with types: ``phase``, ``limit``, ``elapsed``, ``sent``, ``partial``, and ``scope``, which the
    exception has only if a scope ended the call. None if no limit stands behind the exception: the network's own
    ETIMEDOUT, which is a TimeoutError too, is no limit. Of ``Overdue`` it tells the same.

    After ``sent`` bytes of ``sendall`` or ``sendfile`` go on with the rest. Where it is None, which it is after a
    write by TLS, the connection must not be used again: some of the data may have gone out.

    ``partial`` is what had come in ``recv_exact``, in a receive with ``MSG_WAITALL`` under a scope, or in a read of a
    file that survives its timeouts (``makefile(resume=True)``), which still has it; of text it is a str. For other
    calls it is empty, and nothing is lost.

    Raises TypeError for what is no exception.

    >>> import shotclock, socket
    >>> one, other = socket.socketpair()
    >>> one.settimeout(0.05)
    >>> shotclock.install()                         # so that calls outside of scopes tell as much
    >>> try:
    ...     one.sendall(bytes(10_000_000))          # nobody reads
    ... except TimeoutError as error:
    ...     details = shotclock.timeout_details(error)
    >>> details.phase, details.limit, details.elapsed >= 0.05, 0 < details.sent < 10_000_000
    ('send', 'timeout', True, True)
    """
    for known in causes(error):
        if isinstance(known, (TimeoutError, Overdue)) and isinstance(getattr(known, "phase", None), str):
            told = {"scope": None, **vars(known)}
            return TimeoutDetails(**{name: told[name] for name in TimeoutDetails.__dataclass_fields__})
    return None
