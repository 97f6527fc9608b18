"""``python before_linux_6_4.py ARGUMENTS``: pytest, in a process whose pipes cannot say what is to be had without a wait.

Pipes know RWF_NOWAIT from Linux 6.4 on, eventfds from 5.12 on; a filter of this process has the calls that would ask fail as
they do before.
"""

import errno
import os
import sys

import call_filter


def refuse():
    """From here on the two calls fail. Raises OSError where the system has no filters."""
    call_filter.install(
        [
            (call_filter.LOAD, 0, 0, call_filter.MACHINE),
            (call_filter.IF, 0, 3, call_filter.name_of_machine()),
            (call_filter.LOAD, 0, 0, call_filter.NUMBER),
            (call_filter.IF, 2, 0, call_filter.number_of("preadv2")),
            (call_filter.IF, 1, 0, call_filter.number_of("pwritev2")),
            (call_filter.RETURN, 0, 0, call_filter.ALLOW),
            (call_filter.RETURN, 0, 0, call_filter.FAIL | errno.EOPNOTSUPP),
        ]
    )


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
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(call_filter.NO_FILTER)
    assert is_refused()
    sys.exit(pytest.main(["-q", *sys.argv[1:]]))
