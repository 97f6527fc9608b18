"""What a call gave or raised, in a form that two mounts can be compared by."""

import array
import socket

# Names whose results are descriptors of the caller's from then on.
_DESCRIPTORS = ("detach", "dup")

# Names whose results tell numbers of descriptors, ports, or names that the kernel picks.
_OWN_NUMBERS = (*_DESCRIPTORS, "_accept", "fileno", "__repr__", "layout", "getsockname", "getpeername")
_OWN_NUMBERS += ("recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into")


class Outcome:
    """What one call gave, or its exception: told, not kept, so that nothing stays alive by it."""

    def __init__(self, name, result=None, error=None):
        self.name = name
        self.error = type(error) if error is not None else None
        # For people, and to compare.
        self.text = f"{type(error).__name__}: {error}" if error is not None else f"-> {_normal(name, result)!r}"
        # The numbers that came with the result and are now the caller's.
        self.descriptors = _given(name, result)
        # Whether the same call gives the same again: not under a signal, nor beside another thread.
        self.is_repeatable = True
        # Whether it was to end by itself, and was ended by the harness.
        self.was_late = False

    @classmethod
    def of(cls, name, call, *arguments, **keywords):
        """Makes the call."""
        try:
            return cls(name, result=call(*arguments, **keywords))
        except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt is one of the exceptions that values raise.
            return cls(name, error=error)

    @property
    def is_broken(self):
        """Whether no argument, however bad, excuses it."""
        return self.was_late or self.error is SystemError


def _given(name, result):
    if name in _DESCRIPTORS and isinstance(result, int):
        return [result]
    if name == "_accept" and isinstance(result, tuple):
        return [result[0]]
    if name in ("recvmsg", "recvmsg_into") and isinstance(result, tuple):
        return [number for message in result[1] for number in _rights(*message)]
    return []


def _rights(level, kind, data):
    if (level, kind) != (socket.SOL_SOCKET, socket.SCM_RIGHTS):
        return ()
    numbers = array.array("i")
    numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
    return numbers


def _normal(name, result):
    """Without what differs from one socket to the next: numbers of descriptors, ports, names the kernel picks."""
    if isinstance(result, tuple | list):
        return tuple(_normal(name, part) for part in result)
    if hasattr(result, "getsockname"):
        return type(result).__mro__[-2].__name__, result.family, result.type, result.proto
    if name in _OWN_NUMBERS:
        if isinstance(result, int) and result >= 0:
            return "number"
        if isinstance(result, str | bytes):
            return type(result).__name__, len(result)
    return result
