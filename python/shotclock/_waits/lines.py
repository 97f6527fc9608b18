"""Which line of a program waits: the innermost outside of the standard library, and the innermost of all."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType

# Where the standard library is, and this package; what is installed into a folder of the library's is not of it.
_LIBRARY = os.path.dirname(os.path.realpath(os.__file__)) + os.sep
_PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + os.sep
_INSTALLED = ("site-packages", "dist-packages")

# The same for the methods in Rust.
LIBRARY = [_LIBRARY, *({os.path.dirname(os.__file__) + os.sep} - {_LIBRARY})]
PACKAGES = [_PACKAGE, *({os.path.dirname(os.path.dirname(__file__)) + os.sep} - {_PACKAGE})]

# By its file, so that each is looked at once.
_known: dict[str, bool] = {}


def of_frame(frame: FrameType | None) -> tuple[str | None, str | None]:
    """Name a thread's line outside of the standard library and, where that is another, its innermost one.

    Where all are of the library's the first is None.
    """
    innermost = frame
    while frame is not None and is_library(frame.f_code):
        frame = frame.f_back
    outside = None if frame is None else _line(frame)
    return outside, None if innermost is None or innermost is frame else _line(innermost)


def is_library(code: CodeType) -> bool:
    """Whether this is code of the standard library, or of this package."""
    name = code.co_filename
    known = _known.get(name)
    if known is None:
        known = _known[name] = _is_library(name)
    return known


def _is_library(name: str) -> bool:
    if name.startswith("<frozen "):
        return True
    path = os.path.realpath(name)
    if path.startswith(_PACKAGE):
        return True
    return path.startswith(_LIBRARY) and not path[len(_LIBRARY) :].startswith(_INSTALLED)


def _line(frame: FrameType) -> str:
    code = frame.f_code
    return text(code.co_filename, frame.f_lineno, code.co_qualname)


def text(file: str, line: int | None, function: str) -> str:
    """Say it as one reads it: the file as short as it is clear from here."""
    folder = os.path.join(_current_folder(), "")
    if file.startswith(folder):
        file = file[len(folder) :]
    elif file.startswith(_LIBRARY):
        file = file[len(_LIBRARY) :]
    return f"{file}:{line or '?'} ({function})"


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return sys.prefix
