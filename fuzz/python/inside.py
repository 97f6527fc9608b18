"""The child: many calls in namespaces of their own, and what they left behind."""

import ctypes
import fcntl
import gc
import mmap
import os
import resource
import socket
import struct
import sys
import time

from calls import Calls
from parity import compare
from surface import Mount
from values import BIG, Values

# In the leak check: calls of each name in a round, and bytes that a round may add. An object a call is far more.
_CALLS_OF_EACH = 150
_STRAY_BYTES = 1_000
# Caches fill up at first; a leak goes on.
_ROUNDS = 20
# References to what all calls share that may come and go.
_STRAY_REFERENCES = 40
# Of address space: who asks for more gets MemoryError at once, and the machine stays usable.
_MOST_MEMORY = 4 << 30
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def run(options):
    """Does what the options say; 1 if there are findings."""
    _raise_loopback()
    if options.valgrind:
        # To memcheck the length of a receive is an int, and allocations of that size are mistakes.
        Values.big = tuple(number for number in BIG if not 2**30 < number < 2**63)
    else:
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    report = _Report(options)
    calls = Calls(Mount(options.mount), options.seed, options.names, options.parity)
    if options.only is not None:
        return _one(report, calls, options)
    if options.leaks:
        return _memory(report, calls)
    if options.parity:
        return compare(report, calls, options)
    return _many(report, calls, options)


class _Report:
    """Lines to the parent, by a descriptor that no call names, and the number of the call that runs."""

    def __init__(self, options):
        self.findings = 0
        self._where = f"--seed {options.seed} --mount {options.mount} --only"
        self._out = os.fdopen(fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 500), "w", buffering=1, errors="backslashreplace")
        with open(options.inside, "r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 8)

    def begins(self, number):
        """The call of this number is about to be made."""
        struct.pack_into("q", self._shared, 0, number)

    def say(self, line):
        """One line."""
        self._out.write(line + "\n")

    def found(self, number, findings):
        """Tells the findings of one call, if any."""
        for finding in findings:
            self.findings += 1
            self.say(f"finding: {finding!r} at {self._where} {number}")


def _many(report, calls, options):
    began = time.monotonic()
    outcomes = 0
    shared = (None, True, b"", (), 1, OSError, TimeoutError, *calls.mount.classes)
    for number in range(options.first, options.first + options.calls):
        if number - options.first == options.calls // 4:
            # By now everything is there that is made at first need.
            before, references = _resident(), _references(shared)
        report.begins(number)
        made, findings = calls.run(number)
        outcomes += len(made)
        report.found(number, findings)
    for value, was, now in zip(shared, references, _references(shared), strict=True):
        # A method that loses or leaks one does so in every sixtieth call or so.
        if abs(now - was) > _STRAY_REFERENCES + options.calls // 200:
            report.found(-1, [f"references to {value!r}: {was} after a quarter, {now} at the end"])
    report.say(
        f"{options.mount}: {options.calls} cases, {outcomes} calls, {report.findings} findings,"
        f" {time.monotonic() - began:.0f} s;"
        f" resident {before >> 20} MiB after a quarter, {_resident() >> 20} MiB at the end"
    )
    return 1 if report.findings else 0


def _references(shared):
    gc.collect()
    return [sys.getrefcount(value) for value in shared]


def _one(report, calls, options):
    made, findings = calls.run(options.only)
    for outcome in made:
        report.say(f"{outcome.name} {outcome.text[:500]}")
    report.found(options.only, findings)
    return 1 if findings else 0


def _memory(report, calls):
    """Each name's calls, again and again: some round must not need more memory than the one before left."""
    for subject in calls.subjects:
        if not _settles(calls, subject):
            report.found(-1, [f"memory grows: {subject}"])
    report.say(f"{len(calls.subjects)} names, {report.findings} of them grow")
    return 1 if report.findings else 0


def _settles(calls, subject):
    for _ in range(_ROUNDS):
        before = _allocated()
        for number in range(_CALLS_OF_EACH):
            calls.run(number, subject)
        grown = _allocated() - before
        if grown < _STRAY_BYTES:
            return True
    return False


class _Mallinfo(ctypes.Structure):
    """``struct mallinfo2`` of glibc's malloc.h."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


def _allocated():
    """Bytes that malloc has given out, Python's (PYTHONMALLOC=malloc) and Rust's alike."""
    gc.collect()
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = _Mallinfo
    told = mallinfo()
    return told.uordblks + told.hblkhd


def _resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def _raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        name, flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", name, flags | _IFF_UP))
