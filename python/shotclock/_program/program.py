"""Runs a program as the interpreter itself would have: ``sys``, ``__main__``, tracebacks and exit codes."""

from __future__ import annotations

import builtins
import io
import os
import runpy
import sys
from importlib.machinery import BuiltinImporter, SourceFileLoader, SourcelessFileLoader
from types import ModuleType

from .._bounds.ended_runs import end_of_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, TracebackType

# What main programs have besides, where this interpreter's modules have it: 3.15's do not.
_CACHED = {"__cached__": None} if "__cached__" in globals() else {}
_CODE_NAME = "<string>"
_INPUT_NAME = "<stdin>"


class Program:
    """A program that has not run yet."""

    def __init__(self, run: Callable[[], object], name: str, arguments: list[str]) -> None:
        self._run = run
        self._argv = [name, *arguments]

    @classmethod
    def module(cls, name: str, arguments: list[str]) -> Program:
        """``-m NAME``"""
        # The function that the interpreter itself calls for -m; it puts the module's file into sys.argv[0].
        return cls(lambda: runpy._run_module_as_main(name), "-m", arguments)  # type: ignore[attr-defined]

    @classmethod
    def code(cls, text: str, arguments: list[str]) -> Program:
        """``-c TEXT``"""
        return cls(lambda: _run_text(text), "-c", arguments)

    @classmethod
    def standard_input(cls, arguments: list[str]) -> Program:
        """``-``"""
        return cls(_run_standard_input, "-", arguments)

    @classmethod
    def path(cls, path: str, arguments: list[str]) -> Program:
        """A file, or a directory or zip file with a ``__main__.py``."""
        run = _run_container if _is_container(path) else _run_file
        return cls(lambda: run(path), path, arguments)

    def run(self) -> None:
        """Run it. Its exceptions leave this call, and are printed without the calls of this file."""
        sys.argv = self._argv
        sys.modules["__main__"] = _fresh_main()
        error: BaseException | None = None
        try:
            self._run()
        except SystemExit:
            raise
        except BaseException as raised:
            error = raised
        # Of an event loop that the program's own limit has ended nobody else makes that.
        error = end_of_program(error)
        if error is not None:
            _print_without_own_calls(error)
            raise error


def _fresh_main() -> ModuleType:
    main = ModuleType("__main__")
    vars(main).update(__loader__=BuiltinImporter, __builtins__=builtins)
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    return main


def _run_text(text: str) -> None:
    _set_first_path("")
    if sys.version_info >= (3, 14):
        from textwrap import dedent

        text = dedent(text)
    if sys.version_info >= (3, 13):
        from linecache import cache

        cache[_CODE_NAME] = (len(text), None, text.splitlines(keepends=True), _CODE_NAME)
    _execute(compile(text, _CODE_NAME, "exec", dont_inherit=True))


def _run_standard_input() -> None:
    _set_first_path("")
    main = vars(sys.modules["__main__"])
    main.update(__file__=_INPUT_NAME, **_CACHED)
    # Without a standard input there is nothing to run.
    source = sys.stdin.buffer.read() if sys.stdin is not None else b""
    _execute(compile(source, _INPUT_NAME, "exec", dont_inherit=True))


def _run_file(path: str) -> None:
    # Symbolic links are followed to find the folder of imports, but not in __file__.
    _set_first_path(os.path.dirname(os.path.realpath(path)))
    full_path = _full(path)
    try:
        with io.open_code(full_path) as file:
            source = file.read()
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        print(f"{sys.orig_argv[0]}: can't open file {full_path!r}: {reason}", file=sys.stderr)
        sys.exit(2)
    main = vars(sys.modules["__main__"])
    main.update(__file__=full_path, **_CACHED)
    if path.endswith(".pyc"):
        compiled = SourcelessFileLoader("__main__", full_path)
        main["__loader__"] = compiled
        code = compiled.get_code("__main__")
        assert code is not None, "a loader of one file has its code"
    else:
        main["__loader__"] = SourceFileLoader("__main__", full_path)
        code = compile(source, full_path, "exec", dont_inherit=True)
    _execute(code)


def _run_container(path: str) -> None:
    full_path = _full(path)
    # The interpreter puts it first even with safe_path.
    if sys.flags.safe_path:
        sys.path.insert(0, full_path)
    else:
        sys.path[0] = full_path
    runpy._run_module_as_main("__main__", False)  # type: ignore[attr-defined]


def _execute(code: CodeType) -> None:
    exec(code, vars(sys.modules["__main__"]))


def _is_container(path: str) -> bool:
    for hook in sys.path_hooks:
        try:
            hook(path)
        except ImportError:
            continue
        return True
    return False


def _full(path: str) -> str:
    # As the interpreter does it: no path but this one is made simpler.
    return os.getcwd() if path == "." else os.path.join(os.getcwd(), path)


def _set_first_path(folder: str) -> None:
    # `python -m` has put the current folder there, unless safe_path forbids it.
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _print_without_own_calls(error: BaseException) -> None:
    """Have the interpreter print the exception, which is about to end the program, without the calls of this file."""
    hook = sys.excepthook
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_globals is globals():
        traceback = traceback.tb_next

    def excepthook(kind: type[BaseException], value: BaseException, whole: TracebackType | None) -> None:
        sys.excepthook = hook
        if value is error:
            value.__traceback__ = sys.last_traceback = whole = traceback
        hook(kind, value, whole)

    sys.excepthook = excepthook
