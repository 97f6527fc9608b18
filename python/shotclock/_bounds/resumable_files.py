"""Files over sockets that survive a timeout with every byte.

When a timeout ends a call on a file of the interpreter's own, what the call had collected is lost, and the file refuses
to be read any more. These keep it: a call takes all that it wants, or nothing. The work on bytes and text is done in
Rust.
"""

from __future__ import annotations

import codecs
import io

from .. import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_READING = ("read", "read1", "peek", "readinto", "readinto1", "readline", "readlines")
_WRITING = ("write", "flush")


def make(sock: Any, socket_io: type, mode: str, buffering: int | None, text_options: tuple[str | None, ...]) -> Any:
    """Make what ``sock.makefile`` makes over raw files of the type ``socket_io``; it has to have a buffer."""
    if not set(mode) <= {"r", "w", "b"}:
        raise ValueError(f"invalid mode {mode!r} (only r, w, b allowed)")
    if getattr(sock, "_sslobj", None) is not None:
        # OpenSSL's object has to be guarded.
        _native.reach_every_socket()
    size = io.DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
    raw: Any = socket_io(sock, "".join(letter for letter in "rw" if letter in mode) or "r")
    sock._io_refs += 1
    buffer = _buffer(raw, sock, size)
    if "b" in mode:
        return buffer
    text = ResumableText(buffer, *text_options)
    vars(text)["mode"] = mode
    return text


class _OverRaw(io.BufferedIOBase):
    """What reader and writer share."""

    raw: Any

    @property
    def name(self) -> Any:
        """The raw file's name."""
        return self.raw.name

    @property
    def mode(self) -> str:
        """The raw file's mode."""
        return str(self.raw.mode)

    def fileno(self) -> int:
        """The socket's descriptor."""
        return int(self.raw.fileno())


class ResumableReader(_OverRaw):
    """A buffered reader whose calls take all that they want, or nothing."""

    # A slot is found sooner than what is in the object's dict and in a base class as well.
    __slots__ = _READING

    def __init__(self, raw: Any, sock: Any, size: int) -> None:
        super().__init__()
        self.raw = raw
        self.reader = _native.file_reader(sock, size)
        for name in _READING:
            setattr(self, name, getattr(self.reader, name))

    def readable(self) -> bool:
        """Whether it is open, which it has to be."""
        return bool(self.raw.readable())

    def __iter__(self) -> Iterator[bytes]:
        """Give the lines."""
        self._checkClosed()
        lines: Iterator[bytes] = self.reader
        return lines

    def close(self) -> None:
        """Close."""
        if not self.closed:
            self.reader.close()
            try:
                super().close()
            finally:
                self.raw.close()


class ResumableWriter(_OverRaw):
    """A buffered writer that keeps what was not sent: ``flush`` goes on with it.

    ``write`` takes all of the data over, even if it raises.
    """

    __slots__ = _WRITING

    def __init__(self, raw: Any, sock: Any, size: int) -> None:
        super().__init__()
        self.raw = raw
        self.writer = _native.file_writer(sock, size)
        self.begin_to_close = self.writer.begin_to_close
        for name in _WRITING:
            setattr(self, name, getattr(self.writer, name))

    def writable(self) -> bool:
        """Whether it is open, which it has to be."""
        return bool(self.raw.writable())

    def close(self) -> None:
        """Send everything and close; what cannot be sent is lost then, which is an error.

        If a write was ended and none has gone on with it since, closing does not wait again.
        """
        if not self.closed:
            self.begin_to_close()
            try:
                super().close()
            finally:
                self.writer.close()
                self.raw.close()


class ResumablePair(io.BufferedIOBase):
    """A reader and a writer over one socket."""

    __slots__ = (*_READING, *_WRITING)

    def __init__(self, raw: Any, sock: Any, size: int) -> None:
        super().__init__()
        self._reader = ResumableReader(raw, sock, size)
        self._writer = ResumableWriter(raw, sock, size)
        self.reader, self.writer = self._reader.reader, self._writer.writer
        for name in _READING:
            setattr(self, name, getattr(self._reader, name))
        for name in (*_WRITING, "begin_to_close"):
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

    def __iter__(self) -> Iterator[bytes]:
        """Give the lines."""
        return iter(self._reader)

    def close(self) -> None:
        """Send everything and close, as a writer."""
        try:
            self._writer.close()
        finally:
            self._reader.close()


class ResumableText(io.TextIOWrapper):
    """Text over one of these. It reads by itself: the interpreter's class loses a line that does not come in time."""

    def __init__(self, buffer: Any, encoding: str | None, errors: str | None, newline: str | None) -> None:
        super().__init__(buffer, encoding, errors, newline)
        self._newline = newline
        self._newlines: Any = None
        self._text: Any = None
        self._begin()

    def _begin(self) -> None:
        """Begin to decode and encode as the attributes say."""
        buffer: Any = self.buffer
        errors = self.errors or "strict"
        is_utf8 = codecs.lookup(self.encoding).name == "utf-8"
        if buffer.readable():
            decoder = None if is_utf8 else codecs.getincrementaldecoder(self.encoding)(errors)
            self._newlines = None if self._newline else io.IncrementalNewlineDecoder(None, self._newline is None)
            end = "\n" if self._newline is None else self._newline
            self._text = _native.file_text(buffer.reader, errors, decoder, self._newlines, end)
            for name in ("read", "readline", "readlines"):
                setattr(self, name, getattr(self._text, name))
        if buffer.writable():
            encoder = None if is_utf8 and errors == "strict" else codecs.getincrementalencoder(self.encoding)(errors)
            newline = self._newline if self._newline in ("\r", "\r\n") else None
            self._encoded = _native.file_text_writer(buffer.writer, encoder, newline)
            vars(self)["write"], vars(self)["flush"] = self._encoded.write, self._encoded.flush

    @property
    def newlines(self) -> Any:  # type: ignore[override]
        """The ends of lines that were translated so far."""
        return getattr(self._newlines, "newlines", None)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]
        """Give the lines."""
        self._checkClosed()
        if not self.readable():
            return super().__iter__()
        lines: Iterator[str] = self._text
        return lines

    def reconfigure(self, **changes: Any) -> None:
        """Change settings as the interpreter's own method does."""
        if not changes.keys().isdisjoint(("encoding", "errors", "newline")):
            if self.readable() and self._text.has_read():
                why = "not possible to set the encoding or newline of stream after the first read"
                raise io.UnsupportedOperation(why)
            super().reconfigure(**changes)
            self._newline = changes.get("newline", self._newline)
            self._begin()
        else:
            super().reconfigure(**changes)

    def close(self) -> None:
        """Send everything and close, as a writer."""
        buffer: Any = self.buffer
        if buffer is not None and not self.closed and buffer.writable():
            buffer.begin_to_close()
        super().close()


def _buffer(raw: Any, sock: Any, size: int) -> Any:
    if not raw.writable():
        return ResumableReader(raw, sock, size)
    return ResumablePair(raw, sock, size) if raw.readable() else ResumableWriter(raw, sock, size)
