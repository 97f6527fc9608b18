"""What a scope may decorate: functions whose body runs while the call does."""

from __future__ import annotations

import functools
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType, MethodType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# inspect.CO_GENERATOR and its kin; to import inspect would cost more than this package.
_KINDS = {0x20: "a generator", 0x80: "a coroutine", 0x100: "a coroutine", 0x200: "an asynchronous generator"}
_SUSPENDED: dict[type, str] = {
    GeneratorType: "a generator",
    CoroutineType: "a coroutine",
    AsyncGeneratorType: "an asynchronous generator",
}
_ADVICE = "enter a scope where it runs, `with shotclock.deadline(..):` (asyncio's own sockets want asyncio.timeout)"


def check(function: Any) -> None:
    """Raise TypeError for a function that a limit on its calls would not bound."""
    if isinstance(function, type):
        raise TypeError(f"deadline() as a decorator: {function!r} is a class; decorate its methods")
    if not callable(function):
        raise TypeError(f"deadline() as a decorator: {function!r} cannot be called")
    for known in _within(function):
        kind = next((kind for flag, kind in _KINDS.items() if known.__code__.co_flags & flag), None)
        if kind is not None:
            raise TypeError(f"deadline() as a decorator: {function!r} gives {kind}, which runs after the call; {_ADVICE}")


def checked_result(result: Any, function: Any) -> Any:
    """Give the result of a call. Raise TypeError if its code is still to run, which would be outside of the scope."""
    kind = _SUSPENDED.get(type(result))
    if kind is None:
        return result
    if isinstance(result, (GeneratorType, CoroutineType)):
        result.close()
    raise TypeError(f"deadline() as a decorator: {function!r} gave {kind}, which runs after the call; {_ADVICE}")


def rewrapped(function: Any, wrap: Callable[[Any], Any]) -> Any:
    """Wrap a function; one inside a staticmethod or classmethod is wrapped in there."""
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(wrap(function.__func__))
    return wrap(function)


def _within(function: Any) -> list[FunctionType]:
    """Find the functions in which a call ends, through all that wraps them."""
    found: list[FunctionType] = []
    to_see, seen = [function], set()
    while to_see:
        known = to_see.pop()
        if known is None or id(known) in seen:
            continue
        seen.add(id(known))
        if isinstance(known, FunctionType):
            found.append(known)
            to_see.append(vars(known).get("__wrapped__"))
        elif isinstance(known, (functools.partial, functools.partialmethod)):
            to_see.append(known.func)
        elif isinstance(known, (staticmethod, classmethod, MethodType)):
            to_see.append(known.__func__)
        elif not isinstance(known, type):
            to_see += [getattr(known, "__wrapped__", None), getattr(type(known), "__call__", None)]
    return found
