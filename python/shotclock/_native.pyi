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

def sendfile(sock: _socket_object, file: int, offset: int, count: int, /) -> int:
    """Send a part of a file, waiting as the socket's timeout has it. 0 at the end of the file."""

def watch_scopes(ask: Callable[[], object], /) -> None:
    """Take the function that gives the scope around a call, with its deadline_ns, or None. The first call counts."""

def scope_opened() -> None:
    """Count one more open scope: only while there are any is anybody asked."""

def scope_closed() -> None:
    """Count one less."""

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
    message: str,
    sock: _socket_object,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    /,
) -> Any:
    """Call with the arguments until _ssl no longer wants to read or write, waiting in between as the timeout has it."""

def forget_after_fork() -> None:
    """For os.register_at_fork."""
