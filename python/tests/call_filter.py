"""Filters of the system's calls, seccomp(2): for tests of what only another kernel, or a rare moment, would do."""

import ctypes
import platform
import struct

# Instructions of a filter: load a word of what it sees, jump if that is so, return.
LOAD, IF, RETURN = 0x20, 0x15, 0x06
# Where in what it sees the call's number is, the machine, and the low half of the first argument.
NUMBER, MACHINE, FIRST = 0, 4, 16
# What it returns: make the call, fail with this error, ask by the listener.
ALLOW, FAIL, ASK = 0x7FFF0000, 0x00050000, 0x7FC00000
# With what a program ends that cannot have its filter.
NO_FILTER = 77

# What calls are numbered, and how the system names the machine (AUDIT_ARCH).
_CALLS = {
    "x86_64": dict(write=1, getsockname=51, getsockopt=55, openat=257, seccomp=317, preadv2=327, pwritev2=328, pidfd_getfd=438),
    "aarch64": dict(openat=56, write=64, getsockname=204, getsockopt=209, seccomp=277, preadv2=286, pwritev2=287, pidfd_getfd=438),
}
_NAMES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_PR_SET_NO_NEW_PRIVS, _SET_MODE_FILTER = 38, 1

libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def number_of(call):
    """Raises OSError on a machine whose calls are not known here."""
    try:
        return _CALLS[platform.machine()][call]
    except KeyError as error:
        raise OSError(f"calls of {platform.machine()} are not known") from error


def name_of_machine():
    return _NAMES[platform.machine()]


def refusing(*calls, error=1):
    """The steps of a filter by which these calls fail, with EPERM if nothing else is said."""
    looks = [(IF, len(calls) - place, 0, number_of(call)) for place, call in enumerate(calls)]
    begin = [(LOAD, 0, 0, MACHINE), (IF, 0, len(calls) + 1, name_of_machine()), (LOAD, 0, 0, NUMBER)]
    return [*begin, *looks, (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, FAIL | error)]


def install(steps, flags=0):
    """Put this thread, and those that it starts, under a filter; gives what the system does. Raises OSError without."""
    program = _Program(len(steps), b"".join(struct.pack("HBBI", *step) for step in steps))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    outcome = libc.syscall(number_of("seccomp"), _SET_MODE_FILTER, flags, ctypes.byref(program))
    if outcome < 0:
        raise OSError(ctypes.get_errno(), "no filter")
    return outcome
