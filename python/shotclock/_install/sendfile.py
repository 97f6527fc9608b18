"""``sendfile`` of socket objects without a selector: it tries first, and the core waits."""

from __future__ import annotations

import errno
import functools
import io
import os

from .. import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

# A larger count is an OverflowError where the system's file sizes have 32 bits.
_LARGEST_BLOCK = 2**30


# The methods' names in socket.py.
METHODS = ("_sendfile_use_sendfile", "_sendfile_use_send")


def replace(socket_module: ModuleType) -> None:
    """Put the methods into the class of a module made from CPython's socket.py."""
    owner = socket_module.socket
    for name, method in methods_for(socket_module, owner).items():
        setattr(owner, name, functools.wraps(getattr(owner, name))(method))


def methods_for(socket_module: ModuleType, owner: Any) -> dict[str, Callable[..., int]]:
    """The methods for the class ``socket`` of a module made from CPython's socket.py."""
    by_sending = owner._sendfile_use_send

    def _sendfile_use_sendfile(self: Any, file: Any, offset: int = 0, count: int | None = None) -> int:
        self._check_sendfile_params(file, offset, count)
        give_up = socket_module._GiveupOnSendfile
        file_number, file_size = _regular_file(file, give_up)
        if not file_size:
            return 0
        if self.gettimeout() == 0:
            raise ValueError("non-blocking sockets are not supported")
        if self.fileno() < 0:
            raise ValueError(f"Invalid file descriptor: {self.fileno()}")
        sent = 0
        try:
            while (rest := count - sent if count else _LARGEST_BLOCK) > 0:
                part = _send_part(self, file_number, offset, sent, rest, give_up)
                if part == 0:
                    break
                sent += part
            return sent
        finally:
            if sent > 0 and hasattr(file, "seek"):
                file.seek(offset + sent)

    def _sendfile_use_send(self: Any, file: Any, offset: int = 0, count: int | None = None) -> int:
        counted = _Counted(self)
        try:
            return int(by_sending(counted, file, offset, count))
        except OSError as error:
            # With None nobody knows how much went out (a write by TLS): then the sum is unknown as well.
            if getattr(error, "sent", None) is not None:
                error.sent = counted.sent  # type: ignore[attr-defined]
            raise

    return dict(zip(METHODS, (_sendfile_use_sendfile, _sendfile_use_send)))


class _Counted:
    """A socket that counts what is sent by it."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.sent = 0

    def send(self, data: Any) -> int:
        sent: int = self._sock.send(data)
        self.sent += sent
        return sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def _regular_file(file: Any, give_up: type[Exception]) -> tuple[int, int]:
    """Give the descriptor and size of a file that the system can read by itself."""
    try:
        number = file.fileno()
    except (AttributeError, io.UnsupportedOperation) as error:
        raise give_up(error) from error
    try:
        return number, os.fstat(number).st_size
    except OSError as error:
        raise give_up(error) from error


def _send_part(sock: Any, file_number: int, offset: int, sent: int, count: int, give_up: type[Exception]) -> int:
    try:
        return _native.sendfile(sock, file_number, offset + sent, min(count, _LARGEST_BLOCK), sent)
    except OSError as error:
        # A limit's TimeoutError has no errno. Any other failure of the first part, but a cancellation, means that
        # sendfile does not work here: the caller sends in another way.
        is_limit = isinstance(error, TimeoutError) and error.errno is None
        if sent > 0 or is_limit or error.errno == errno.ECANCELED:
            raise
        raise give_up(error) from error
