"""Fuzzes the argument surface: every method and function of the Rust `_socket`, with arguments good and bad.

    python fuzz/python/arguments.py --calls 100000 --seed 1
    python fuzz/python/arguments.py --seed 1 --mount type --only 4711     # one call again
    python fuzz/python/arguments.py --parity                              # against the interpreter's own
    python fuzz/python/arguments.py --leaks                               # every name twice, memory compared
    python fuzz/python/arguments.py --valgrind --calls 300

The package `shotclock` must be importable. The calls run in a child process in network and host name namespaces of
their own, of which only loopback is up: nothing leaves the machine. Ends with 1 if there were findings.
"""

import argparse
import mmap
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# Far more than any child takes: a call that hangs without heeding signals is to be found, too.
_STALLED = 60.0


def main():
    """Runs the child for each mount asked for, and says how it ended."""
    options = _options()
    if options.inside:
        from inside import run

        return run(options)
    print(f"seed {options.seed}", flush=True)
    mounts = ("type", "graft") if options.mount == "both" else (options.mount,)
    failed = [mount for mount in mounts if not _child_is_clean(options, mount)]
    return 1 if failed else 0


def _options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000, help="how many, for each mount")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--first", type=int, default=0, help="number of the first call")
    parser.add_argument("--only", type=int, help="this one call, told in full")
    parser.add_argument("--mount", choices=("type", "graft", "both", "stock"), default="both")
    parser.add_argument("--names", nargs="+", default=[], help="these methods and functions alone")
    parser.add_argument("--parity", action="store_true", help="compare each outcome with the interpreter's own module")
    parser.add_argument("--leaks", action="store_true", help="make each name's calls twice, and compare the memory")
    parser.add_argument("--valgrind", action="store_true", help="under memcheck")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    return parser.parse_args()


def _child_is_clean(options, mount):
    with tempfile.TemporaryDirectory() as folder:
        progress = pathlib.Path(folder, "progress")
        progress.write_bytes(bytes(8))
        command = [*_surroundings(options, folder), sys.executable, "-X", "faulthandler", str(HERE / "arguments.py")]
        command += [*sys.argv[1:], "--seed", str(options.seed), "--mount", mount, "--inside", str(progress)]
        with progress.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
            status = _watched(command, _environment(options), folder, shared)
            number = struct.unpack("q", shared)[0]
    if status < 0 or status > 1:
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        print(f"finding: {mount} ended by {how} at --seed {options.seed} --mount {mount} --only {number}")
    return status == 0


def _watched(command, environment, folder, shared):
    """The child's status; it is killed when no call has ended for long."""
    # Standard input and output are its own, since calls may close or write to them.
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL) as child:
        seen = None
        while True:
            try:
                return child.wait(_STALLED)
            except subprocess.TimeoutExpired:
                now, seen = bytes(shared), (seen, bytes(shared))
                if now == seen[0]:
                    child.kill()
                    return child.wait()
                seen = now


def _surroundings(options, folder):
    """Programs that the child runs under."""
    command = ["unshare", "--net", "--uts"]
    if os.geteuid() != 0:
        command.append("--map-root-user")
    if options.valgrind:
        command += ["valgrind", "--quiet", "--error-exitcode=9", f"--suppressions={HERE / 'valgrind.supp'}"]
        command.append("--num-callers=40")
        if sys.version_info < (3, 12):
            # That interpreter reads a digit of ints that have none, and what follows from it is everywhere.
            command.append("--undef-value-errors=no")
    if shutil.which(command[0]) is None:
        sys.exit("unshare(1) is not installed")
    return command


def _environment(options):
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0")
    if options.valgrind or options.leaks:
        # Each object on its own, for whoever counts or checks them.
        environment["PYTHONMALLOC"] = "malloc"
        # What is freed is not in use, as it would be in glibc's books while a thread keeps it for itself.
        environment["GLIBC_TUNABLES"] = "glibc.malloc.tcache_count=0"
    return environment


if __name__ == "__main__":
    sys.exit(main())
