import socket
from typing import Any, SupportsFloat, SupportsIndex

__all__ = ["Timeout", "TimeoutSocket", "getDefaultSocketTimeout", "setDefaultSocketTimeout"]

Timeout = TimeoutError

def getDefaultSocketTimeout() -> float | None:
    """Return the timeout that new TCP sockets begin with: seconds as a float, or None, which is for ever."""

def setDefaultSocketTimeout(timeout: str | SupportsFloat | SupportsIndex | None) -> None:
    """Set the timeout that new TCP sockets begin with: seconds, or None. Sockets that exist keep theirs."""

class _AnySocket(type):
    def __call__(cls, *arguments: Any, **keywords: Any) -> Any: ...

class TimeoutSocket(socket.socket, metaclass=_AnySocket):
    """A TCP socket with a timeout of its own."""

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None: ...
    def get_timeout(self) -> float | None:
        """Return the timeout: seconds as a float, or None, which is for ever."""

    def set_timeout(self, timeout: str | SupportsFloat | SupportsIndex | None) -> None:
        """Set the timeout: seconds, or None. It bounds each wait in connect, accept, recv, send and files."""

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection: its socket begins with the default timeout, whatever the listener's."""
