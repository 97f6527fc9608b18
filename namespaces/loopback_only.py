"""Runs a command in a network namespace of its own, in which only the loopback interface is up.

``python loopback_only.py COMMAND [ARGUMENTS…]``; needs root. Exits with 125 if the namespace cannot be made.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_IFF_UP = 0x1
_REQUEST = struct.Struct("16sh22x")


def enter() -> None:
    """Move this process into a new network namespace and bring its loopback interface up."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        _, flags = _REQUEST.unpack(fcntl.ioctl(sock, _SIOCGIFFLAGS, _REQUEST.pack(b"lo", 0)))
        fcntl.ioctl(sock, _SIOCSIFFLAGS, _REQUEST.pack(b"lo", flags | _IFF_UP))


if __name__ == "__main__":
    try:
        enter()
    except OSError as error:
        print(f"cannot make a network namespace: {error.strerror}", file=sys.stderr)
        sys.exit(125)
    os.execvp(sys.argv[1], sys.argv[1:])
