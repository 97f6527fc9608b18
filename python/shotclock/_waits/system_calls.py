"""In which call of the system a thread of this process is, by the system's own word."""

from __future__ import annotations

import os

# The numbers of calls that wait, as the system counts them on each machine; and what they do for a program. Those
# whose first argument is the descriptor are marked.
_OF_X86_64 = {
    0: "read",
    1: "write",
    7: "poll",
    19: "read",
    20: "write",
    23: "select",
    34: "pause",
    35: "sleep",
    42: "connect",
    43: "accept",
    44: "send",
    45: "recv",
    46: "send",
    47: "recv",
    61: "child",
    73: "file lock",
    128: "signal",
    230: "sleep",
    232: "poll",
    247: "child",
    270: "select",
    271: "poll",
    281: "poll",
    288: "accept",
}
_OF_AARCH64 = {
    22: "poll",
    32: "file lock",
    63: "read",
    64: "write",
    65: "read",
    66: "write",
    72: "select",
    73: "poll",
    95: "child",
    101: "sleep",
    115: "sleep",
    137: "signal",
    202: "accept",
    203: "connect",
    206: "send",
    207: "recv",
    211: "send",
    212: "recv",
    242: "accept",
    260: "child",
}
_ON_A_DESCRIPTOR = frozenset(("read", "write", "connect", "accept", "send", "recv", "file lock"))

_MACHINE = os.uname().machine
_CALLS = {"x86_64": _OF_X86_64, "aarch64": _OF_AARCH64}.get(_MACHINE, {})


def of_thread(native_id: int) -> tuple[str, int | None] | None:
    """Say in which call the thread waits, and on which descriptor; None if in none that is known to wait.

    Waiting for the interpreter is a call of the system too, not told apart from waiting for a lock: neither is said.
    """
    try:
        with open(f"/proc/self/task/{native_id}/syscall", "rb", buffering=0) as file:
            words = file.read(256).split()
    except OSError:
        return None
    if not words or not words[0].isdigit() or (what := _CALLS.get(int(words[0]))) is None:
        return None
    if what not in _ON_A_DESCRIPTOR:
        return what, None
    # A register is 64 bits, of which a descriptor has the lower half.
    return what, int(words[1], 16) & 0x7FFFFFFF
