"""``sendfile`` of socket objects without a selector: tried first, and its waits are the timed loop's."""

from __future__ import annotations

import errno
import io
import os

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

# More in one call is an OverflowError where the system's file sizes have 32 bits.
_LARGEST_BLOCK = 2**30


# The method's name in socket.py.
METHOD = "_sendfile_use_sendfile"


def replace(socket_module: ModuleType) -> None:
    """Put the method into the class of a module made from CPython's socket.py."""
    setattr(socket_module.socket, METHOD, method_for(socket_module))


def method_for(socket_module: ModuleType) -> Callable[..., int]:
    """The method for the class ``socket`` of a module made from CPython's socket.py."""

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
                part = _send_part(self, file_number, offset + sent, rest, give_up if sent == 0 else None)
                if part == 0:
                    break
                sent += part
            return sent
        finally:
            if sent > 0 and hasattr(file, "seek"):
                file.seek(offset + sent)

    return _sendfile_use_sendfile


def _regular_file(file: Any, give_up: type[Exception]) -> tuple[int, int]:
    """Descriptor and size of a file that the system can read by itself."""
    try:
        number = file.fileno()
    except (AttributeError, io.UnsupportedOperation) as error:
        raise give_up(error) from error
    try:
        return number, os.fstat(number).st_size
    except OSError as error:
        raise give_up(error) from error


def _send_part(sock: Any, file_number: int, offset: int, count: int, give_up: type[Exception] | None) -> int:
    try:
        return _native.sendfile(sock, file_number, offset, min(count, _LARGEST_BLOCK))
    except OSError as error:
        # A limit that has passed has no errno. Any other failure of the first part, but a cancellation, means: send it
        # some other way.
        is_limit = isinstance(error, TimeoutError) and error.errno is None
        if give_up is None or is_limit or error.errno == errno.ECANCELED:
            raise
        raise give_up(error) from error
