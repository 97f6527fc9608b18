"""CPython's own tests over shotclock and over the stock module, compared test by test.

``python run.py --work FOLDER [--mount graft] [--mount type] [--inside KIND]… [--also-inside KIND] [--core]
[--waits] [SUITES…]`` runs them on the interpreter that runs this, which has shotclock installed. Needs root, for network
namespaces. `cargo xtask conformance` calls it.
"""

import argparse
import concurrent.futures
import pathlib
import platform
import signal
import subprocess
import sys
import test

import inside
import mounting
import suites
from bounded import Processes
from compare import expectations
from suites import Suite
from tally import AGAIN, Tally
from trial import STOCK, Trial, Way, try_children, try_suite

_VERSION = platform.python_version()
_EXPECTED = pathlib.Path(__file__).with_name("expected")
# As many suites at a time; each process has a network of its own.
_AT_ONCE = 2
# What stands before a command that is to have a network of its own.
_NETWORK = (sys.executable, str(pathlib.Path(__file__).parents[1] / "namespaces" / "loopback_only.py"))


def main() -> int:
    """Run what the command line asks for; the exit code."""
    arguments = _arguments()
    probe = [*_NETWORK, sys.executable, "-c", "pass"]
    made = subprocess.run(probe, stderr=subprocess.PIPE, text=True)
    if made.returncode != 0:
        print(f"conformance: {made.stderr.strip()}", file=sys.stderr)
        return 2
    chosen = _that_exist(arguments.suites)
    if not chosen:
        print("conformance: nothing to run", file=sys.stderr)
        return 2
    # The processes are to end with this one, whoever ends it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    processes = Processes(_NETWORK)
    try:
        return _compare(processes, chosen, arguments)
    finally:
        processes.end_all()


def _compare(processes: Processes, chosen: list[Suite], arguments: argparse.Namespace) -> int:
    work = arguments.work
    ways = [Way(mount, inside) for inside in arguments.inside or [None] for mount in arguments.mount]
    if arguments.also_inside:
        ways.append(Way(arguments.mount[0], arguments.also_inside))
    tallies = [Tally(_VERSION, way, _expected(way)) for way in ways]
    for mount in arguments.mount:
        complaints = try_children(processes, mount, work / mount)
        next(tally for tally in tallies if tally.way.mount == mount).complain("child processes", complaints)
    for suite, trials in _trials(processes, chosen, ways, work):
        for tally in tallies:
            tally.add(suite, trials[STOCK], trials[tally.way])
    for tally in tallies:
        for attempt in range(1, AGAIN + 1):
            for suite, only in tally.to_retry():
                again = try_suite(processes, suite, tally.way, work / f"{tally.way}-again-{attempt}", only)
                tally.retried(suite, again)
    fine = [tally.conclude() for tally in tallies]
    return 0 if all(fine) else 1


def _trials(processes: Processes, chosen: list[Suite], ways: list[Way], work: pathlib.Path):
    """Each suite with its trials by way, ``STOCK`` among them, as they end."""

    def in_all_ways(suite: Suite) -> tuple[Suite, dict[Way, Trial]]:
        return suite, {way: try_suite(processes, suite, way, work / str(way)) for way in (STOCK, *ways)}

    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            together = [pool.submit(in_all_ways, suite) for suite in chosen if not suite.alone]
            for done in concurrent.futures.as_completed(together):
                yield done.result()
        except BaseException:
            # Else the pool would wait for all that is still to come.
            pool.shutdown(wait=False, cancel_futures=True)
            processes.end_all()
            raise
    yield from (in_all_ways(suite) for suite in chosen if suite.alone)


def _that_exist(chosen: list[Suite]) -> list[Suite]:
    tests = pathlib.Path(test.__file__).parent
    for suite in chosen:
        if not suite.exists(tests):
            print(f"{_VERSION} has no {suite.name}", flush=True)
    return [suite for suite in chosen if suite.exists(tests)]


def _expected(way: Way) -> dict[str, str]:
    """Reasons of the tests that are known to do worse, by test; a list per version and way, absent if empty."""
    listed = _EXPECTED / f"{sys.version_info.major}.{sys.version_info.minor}-{way}.txt"
    return expectations(listed.read_text(encoding="utf-8")) if listed.exists() else {}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--mount", action="append", choices=mounting.MOUNTS, help="default: both")
    far = "a limit far away, or a canceller that is never used; default: nothing"
    parser.add_argument("--inside", action="append", choices=inside.KINDS, help=far)
    parser.add_argument("--also-inside", choices=inside.KINDS, help="the same once more, on the first mount alone")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="the folder for logs and records")
    parser.add_argument("--core", action="store_true", help="the socket-heavy part, if no suite is named")
    parser.add_argument("--waits", action="store_true", help="those that wait elsewhere than in sockets, if no suite is named")
    parser.add_argument("suites", nargs="*", help="names such as test_ssl; default: all")
    arguments = parser.parse_args()
    try:
        arguments.suites = suites.select(arguments.suites, arguments.core, arguments.waits)
    except LookupError as error:
        parser.error(error.args[0])
    arguments.work = arguments.work.resolve()
    arguments.mount = list(dict.fromkeys(arguments.mount or mounting.MOUNTS))
    return arguments


if __name__ == "__main__":
    sys.exit(main())
