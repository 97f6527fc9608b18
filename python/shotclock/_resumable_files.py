"""Files over sockets that survive a timeout with every byte.

A file of the interpreter's own loses to a timeout what one of its calls had collected, and refuses for good to be read
after it. These keep it: what a call had taken goes back when it fails, and comes first in the next one.
"""

from __future__ import annotations

import codecs
import errno
import io
import re
import sys
from _thread import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def make(sock: Any, socket_io: type, mode: str, buffering: int | None, text_options: tuple[str | None, ...]) -> Any:
    """Make what ``sock.makefile`` makes over raw files of the type ``socket_io``; it has to have a buffer."""
    if not set(mode) <= {"r", "w", "b"}:
        raise ValueError(f"invalid mode {mode!r} (only r, w, b allowed)")
    size = io.DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
    raw = _raw_type(socket_io)(sock, "".join(letter for letter in "rw" if letter in mode) or "r")
    sock._io_refs += 1
    buffer = _buffer(raw, size)
    if "b" in mode:
        return buffer
    text = ResumableText(buffer, *text_options)
    vars(text)["mode"] = mode
    return text


class ResumableReader(io.BufferedReader):
    """A buffered reader whose calls take all that they want, or nothing.

    The raw file below does not raise: it keeps the exception and says that there is nothing now, at which the
    interpreter's own reader hands out what it had collected. That goes back, and the exception is raised.
    """

    raw: Any

    def read(self, size: int | None = -1, /) -> bytes:
        """As the interpreter's own."""
        return self._whole(super().read(size))

    def read1(self, size: int = -1, /) -> bytes:
        """As the interpreter's own."""
        return self._whole(super().read1(size))

    def peek(self, size: int = 0, /) -> bytes:
        """As the interpreter's own."""
        return self._whole(super().peek(size))

    def readinto(self, room: Any, /) -> int:
        """As the interpreter's own."""
        return self._filled(room, super().readinto(room))

    def readinto1(self, room: Any, /) -> int:
        """As the interpreter's own."""
        return self._filled(room, super().readinto1(room))

    def readline(self, size: int | None = -1, /) -> bytes:
        """As the interpreter's own; the next call gives the whole of a line that did not come in time."""
        return self._whole(super().readline(size))

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        """As the interpreter's own; after an exception the next call begins with the same lines."""
        return _readlines(self, hint, self._give_back)

    def _whole(self, data: bytes) -> bytes:
        if self.raw.ended is not None:
            self._fail(data or b"")
        return data

    def _filled(self, room: Any, count: int) -> int:
        if self.raw.ended is not None:
            with memoryview(room) as view:
                self._fail(bytes(view.cast("B")[: count or 0]))
        return count

    def _fail(self, collected: bytes) -> None:
        error, self.raw.ended = self.raw.ended, None
        # To the raw file, since the buffer is empty by now: nothing was asked of the socket before it was.
        self.raw.kept = collected
        if isinstance(error, TimeoutError):
            error.partial = collected  # type: ignore[attr-defined]
        raise error

    def _give_back(self, lines: list[bytes], error: BaseException) -> None:
        self.raw.kept = b"".join(lines) + self.raw.kept
        if isinstance(error, TimeoutError):
            error.partial = self.raw.kept  # type: ignore[attr-defined]


class ResumableWriter(io.BufferedIOBase):
    """A buffered writer that keeps what was not sent: ``flush`` goes on with it.

    ``write`` takes all of the data over, whatever comes.
    """

    def __init__(self, raw: Any, size: int) -> None:
        super().__init__()
        self.raw = raw
        self._size = size
        self._waiting = bytearray()
        self._lock = RLock()

    @property
    def name(self) -> Any:
        """The raw file's."""
        return self.raw.name

    @property
    def mode(self) -> str:
        """The raw file's."""
        return str(self.raw.mode)

    def fileno(self) -> int:
        """The socket's descriptor."""
        return int(self.raw.fileno())

    def writable(self) -> bool:
        """Whether it is open, which it has to be."""
        return bool(self.raw.writable())

    def write(self, data: Any, /) -> int:
        """Take the data over, and send if that is more than the buffer is to hold."""
        if self.closed:
            raise ValueError("write to closed file")
        with self._lock, memoryview(data) as view:
            self._waiting += view
            if len(self._waiting) > self._size:
                self.flush()
            return view.nbytes

    def flush(self) -> None:
        """Send everything. After an exception what was not sent is still there."""
        if self.closed:
            raise ValueError("flush of closed file")
        sent = 0
        with self._lock:
            try:
                while self._waiting:
                    count = self.raw.write(self._waiting)
                    if count is None:
                        raise BlockingIOError(errno.EAGAIN, "write could not complete without blocking", 0)
                    sent += count
                    del self._waiting[:count]
            except TimeoutError as error:
                # None stays: nobody knows how much of a write by TLS went out.
                if getattr(error, "sent", None) is not None:
                    error.sent = sent  # type: ignore[attr-defined]
                raise

    def close(self) -> None:
        """Send everything and close; what cannot be sent is lost then."""
        if not self.closed:
            try:
                super().close()
            finally:
                self.raw.close()


class ResumablePair(io.BufferedIOBase):
    """A reader and a writer over one socket."""

    def __init__(self, raw: Any, size: int) -> None:
        super().__init__()
        self._reader = ResumableReader(raw, size)
        self._writer = ResumableWriter(raw, size)
        for name in ("read", "read1", "peek", "readinto", "readinto1", "readline", "readlines"):
            setattr(self, name, getattr(self._reader, name))
        for name in ("write", "flush"):
            setattr(self, name, getattr(self._writer, name))

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._reader.closed

    def readable(self) -> bool:
        """Whether it is open, which it has to be."""
        return self._reader.readable()

    def writable(self) -> bool:
        """Whether it is open, which it has to be."""
        return self._writer.writable()

    def __next__(self) -> bytes:
        """The next line."""
        return next(self._reader)

    def close(self) -> None:
        """Send everything and close; what cannot be sent is lost then."""
        try:
            self._writer.close()
        finally:
            self._reader.close()


class ResumableText(io.TextIOWrapper):
    """Text over one of these. Its reading half is its own: the interpreter's loses a line that does not come in time."""

    def __init__(self, buffer: Any, encoding: str | None, errors: str | None, newline: str | None) -> None:
        super().__init__(buffer, encoding, errors, newline)
        self._newline = newline
        self._text = ""
        self._decoder: Any = None

    @property
    def newlines(self) -> Any:  # type: ignore[override]
        """The ends of lines that were translated so far."""
        return getattr(self._decoder, "newlines", None)

    def read(self, size: int | None = -1, /) -> str:
        """As the interpreter's own."""
        if size is None or size < 0:
            # Read before anything is changed.
            data = self._open_buffer().read()
            return self._take(len(self._text), self._decoded(data, True))
        while len(self._text) < size and self._more(size - len(self._text)):
            pass
        return self._take(size)

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        """As the interpreter's own; the next call gives the whole of a line that did not come in time."""
        looked = 0
        limit = sys.maxsize if size is None or size < 0 else size
        while (end := self._line_end(looked)) is None and len(self._text) < limit:
            # An end of two characters may have come by half.
            looked = max(len(self._text) - 1, 0)
            if not self._more(len(self._text)):
                break
        return self._take(min(len(self._text) if end is None else end, limit))

    def readlines(self, hint: int | None = -1, /) -> list[str]:  # type: ignore[override]
        """As the interpreter's own; after an exception the next call begins with the same lines."""
        return _readlines(self, hint, self._give_back)

    def reconfigure(self, **changes: Any) -> None:
        """As the interpreter's own."""
        if self._decoder is not None and not changes.keys().isdisjoint(("encoding", "errors", "newline")):
            raise io.UnsupportedOperation("not possible to set the encoding or newline of stream after the first read")
        super().reconfigure(**changes)
        self._newline = changes.get("newline", self._newline)

    def _more(self, wanted: int) -> bool:
        """Read what there is, more at once the more there is to be; false at the end."""
        data = self._open_buffer().read1(max(wanted, io.DEFAULT_BUFFER_SIZE))
        self._text += self._decoded(data, not data)
        return bool(data)

    def _open_buffer(self) -> Any:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        return self.buffer

    def _decoded(self, data: bytes | None, is_end: bool) -> str:
        if self._decoder is None:
            self._decoder = codecs.getincrementaldecoder(self.encoding)(self.errors or "strict")
            if not self._newline:
                self._decoder = io.IncrementalNewlineDecoder(self._decoder, translate=self._newline is None)
        return str(self._decoder.decode(data or b"", is_end))

    def _line_end(self, start: int) -> int | None:
        if self._newline == "":
            # The decoder gives out no \r before it knows whether a \n follows.
            found = _ANY_END.search(self._text, start)
            return found and found.end()
        newline = self._newline or "\n"
        at = self._text.find(newline, start)
        return None if at < 0 else at + len(newline)

    def _take(self, count: int, more: str = "") -> str:
        taken, self._text = self._text[:count], self._text[count:]
        return taken + more

    def _give_back(self, lines: list[str], error: BaseException) -> None:
        self._text = "".join(lines) + self._text


_ANY_END = re.compile(r"\r\n|\r|\n")


def _buffer(raw: Any, size: int) -> Any:
    if not raw.writable():
        return ResumableReader(raw, size)
    return ResumablePair(raw, size) if raw.readable() else ResumableWriter(raw, size)


# The raw files' class over each ``SocketIO`` there is: every module made from socket.py has its own.
_raw_types: dict[Any, Any] = {}


def _raw_type(socket_io: Any) -> Any:
    if socket_io not in _raw_types:
        _raw_types[socket_io] = _make_raw_type(socket_io)
    return _raw_types[socket_io]


def _make_raw_type(socket_io: Any) -> Any:
    class ResumableIO(socket_io):  # type: ignore[misc]
        """Keeps what a call gave back, and the exception that ended it."""

        kept = b""
        ended: BaseException | None = None

        def readinto(self, room: Any) -> int | None:
            """Give what was given back, or receive; None if that ended with an exception, which is kept."""
            if self.kept:
                count = min(len(self.kept), len(room))
                room[:count], self.kept = self.kept[:count], self.kept[count:]
                return count
            try:
                received: int | None = super().readinto(room)
                return received
            except BaseException as error:
                self.ended = error
                # By which the interpreter's own refuses to be read for good.
                self._timeout_occurred = False
                return None

    return ResumableIO


def _readlines(file: Any, hint: int | None, give_back: Callable[[list[Any], BaseException], None]) -> list[Any]:
    lines: list[Any] = []
    size = 0
    try:
        for line in file:
            lines.append(line)
            size += len(line)
            if hint is not None and 0 < hint < size:
                break
    except BaseException as error:
        give_back(lines, error)
        raise
    return lines
