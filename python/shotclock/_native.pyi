from collections.abc import Callable
from socket import socket as _socket_object
from types import BuiltinFunctionType, ModuleType
from typing import Any

def prepare(stock: ModuleType, /) -> None:
    """Take documentation, exceptions and the socket type from the interpreter's own _socket.

    To be called before anything else.
    """

def descriptors(class_: type[Any], /) -> dict[str, Any]:
    """Methods, and `timeout`, to be set on this class, which derives from the interpreter's own _socket.socket."""

def layout(sock: _socket_object, /) -> tuple[int, int]:
    """Descriptor and timeout (ns) as the methods read them."""

def socket_type() -> type[Any]:
    """The type _socket.socket."""

def functions(module: ModuleType, /) -> dict[str, BuiltinFunctionType]:
    """The functions of _socket as those of the module."""

def capi() -> object:
    """The capsule _socket.CAPI."""

def sendfile(sock: _socket_object, file: int, offset: int, count: int, before: int = 0, /) -> int:
    """Send a part of a file, waiting as the socket's timeout has it. 0 at the end of the file.

    An exception's `sent` counts what went out before, too.
    """

def recv_exact(sock: _socket_object, room: bytearray, filled: int, /) -> int:
    """Fill the room from there on, under one limit for the whole; how much of it is full, less at the end of the data.

    An exception's `partial` is what is full.
    """

def wait_readable(sock: _socket_object, nanoseconds: int, accepts: bool, /) -> bool:
    """Wait until the socket is readable, for so long and no longer; negative is for ever.

    Scopes and cancellers raise what they raise in a call that accepts, or receives.
    """

def race(
    infos: list[Any], delay: int, prepare: Callable[[Any], _socket_object], failures: list[OSError], /
) -> _socket_object | None:
    """Connect a socket that prepare makes to each of getaddrinfo's entries, the next so many nanoseconds after the last.

    Give the first that is connected; None where all have failed, for reasons that are then in the list. The scope's end
    is raised, with the reasons in the list as well.
    """

def set_lookup_timeout(nanoseconds: int, /) -> None:
    """Limit each lookup of the process; 0 is no limit."""

def watch_chain(ask: Callable[[], tuple[object, ...] | None], /) -> None:
    """Take the function that gives what is in force around a call. The first call counts.

    Its answer is the scope that ends first, or None, and then the cancellers, the innermost first; None for nothing.
    """

def link_opened() -> None:
    """Count one more scope or canceller that was entered: only while there are any is anybody asked."""

def link_closed() -> None:
    """Count one less."""

def canceller() -> object:
    """A capsule with a canceller of the core."""

def cancel(core: object, /) -> None:
    """Cancel it: everybody who waits under it is woken."""

def is_cancelled(core: object, /) -> bool:
    """Whether it was cancelled."""

def waiters(number: int, /) -> int:
    """How many threads use the descriptor of this number at this moment."""
def set_policy(sock: _socket_object, first_byte: int, idle: int, total: int, /) -> None:
    """Put an open socket under a policy, in nanoseconds, -1 for no limit. What it accepts inherits it."""

def remove_policy(sock: _socket_object, /) -> None:
    """Put a socket under none."""

def policy(sock: _socket_object, /) -> tuple[int, int, int] | None:
    """Give the policy of a socket as set_policy takes it."""

def policies() -> int:
    """Count the sockets that are under a policy, and the numbers that are between two objects."""

def call_tls(
    call: Callable[..., Any],
    phase: str,
    message: str,
    sock: _socket_object,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    /,
) -> Any:
    """Call with the arguments until _ssl no longer wants to read or write, waiting in between as the timeout has it."""

def forget_after_fork() -> None:
    """For os.register_at_fork."""

def peer_modes() -> dict[str, str]:
    """How a peer can misbehave, each with the name of the argument it takes: "" where it takes none."""

def start_peer(
    mode: str,
    amount: int,
    content: bytes | bytearray | memoryview | None,
    when_asked: bool,
    host: str,
    port: int,
    skip: int,
    take: int,
    every: int,
    seed: int,
    max_connections: int,
    max_bytes: int,
    /,
) -> tuple[object, str, int]:
    """Start a misbehaving peer; gives it, and where it listens. Bytes and nanoseconds (amount) are 64 bits."""

def stop_peer(peer: object, /) -> None:
    """End it, and wait until nothing of it is left. Nothing in a forked child."""

def peer_events(peer: object, /) -> list[tuple[str, int, str | None, int, int, str | None, str | None]]:
    """What happened so far: event, number, client, sent, received, query, error."""
