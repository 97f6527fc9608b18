"""``python before_linux_6_4.py ARGUMENTS``: pytest, in a process whose pipes cannot say what is to be had without a wait.

Pipes and eventfds know RWF_NOWAIT from Linux 6.4 and 5.12 on; a seccomp(2) filter of this process has the calls that would
ask fail as they do before. What such a filter sees of a call are numbers, hence the table.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

# preadv2, pwritev2, and how the system names the machine (AUDIT_ARCH).
MACHINES = {"x86_64": (327, 328, 0xC000003E), "aarch64": (286, 287, 0xC00000B7)}
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
ALLOW, FAIL = 0x7FFF0000, 0x00050000
# Instructions of the filter: load a word, jump if it is so, return.
LOAD, IF, RETURN = 0x20, 0x15, 0x06
# Ends the program where it cannot have the filter.
NO_FILTER = 77


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def refuse():
    """From here on the two calls fail. Raises OSError where the system has no filters."""
    reads, writes, machine = MACHINES[platform.machine()]
    steps = [
        (LOAD, 0, 0, 4),
        (IF, 0, 3, machine),
        (LOAD, 0, 0, 0),
        (IF, 2, 0, reads),
        (IF, 1, 0, writes),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, FAIL | errno.EOPNOTSUPP),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    libc, program = ctypes.CDLL(None, use_errno=True), Program(len(steps), code)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)
    ):
        raise OSError(ctypes.get_errno(), "no filter")


def is_refused():
    reading, writing = os.pipe()
    try:
        os.preadv(reading, [bytearray(1)], -1, getattr(os, "RWF_NOWAIT", 8))
    except OSError as error:
        return error.errno == errno.EOPNOTSUPP
    finally:
        os.close(reading)
        os.close(writing)
    return False


if __name__ == "__main__":
    import pytest

    try:
        refuse()
    except (KeyError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(NO_FILTER)
    assert is_refused()
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
