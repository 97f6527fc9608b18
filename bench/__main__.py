"""What the calls of the socket module cost beside the interpreter's own, in one process: ``python bench``.

Needs the package installed in the interpreter that runs it; ``cargo xtask bench python`` sees to that.
"""

import argparse
import signal
import sys

import beside
import counts
import report
import sides
import startup
import threads
import tls
from rounds import times
from workloads import WORKLOADS

# Whatever hangs is ended after so many seconds.
WHOLE_LIMIT = 1500


def main() -> int:
    """Measure, print, and say by the exit code whether each count met its goal."""
    parser = argparse.ArgumentParser(prog="bench python", description=__doc__)
    parser.add_argument("--mount", choices=sides.MOUNTS, required=True)
    parser.add_argument("--rounds", type=int, default=200, help="rounds of each workload")
    parser.add_argument("--count", choices=("stock", "ours"), help="only run a side's workloads, for counting them")
    arguments = parser.parse_args()
    signal.alarm(WHOLE_LIMIT)
    both = sides.load(arguments.mount)
    if arguments.count:
        counts.be_counted(getattr(both, arguments.count), arguments.count == "ours")
        return 0
    report.heading(arguments.rounds)
    return 0 if report.show(_measure(both, arguments.mount, arguments.rounds)) else 1


def _measure(both: sides.Sides, mount: str, rounds: int) -> report.Measured:
    timed = {}
    for workload in WORKLOADS:
        if workload.timed:
            _say(f"{workload.name}: {rounds} rounds")
            timed[workload.name] = times(workload, both, mount, rounds)
    _say("beside a computing thread")
    rates = beside.rates(both)
    _say("two threads; a server with threads")
    ping_pong = threads.ping_pong(mount, rounds)
    servers = {clients: threads.server(mount, clients, max(2, rounds // 10)) for clients in threads.CLIENTS}
    _say("TLS")
    of_tls = tls.ratios(both, rounds) if mount == "graft" else {}
    _say("counting")
    calls = {side: counts.system_calls(mount, side) for side in ("stock", "ours")}
    instructions = {side: counts.instructions(mount, side) for side in ("stock", "ours")}
    _say("starting interpreters")
    return report.Measured(
        mount=mount,
        times=timed,
        calls=calls,
        instructions=instructions,
        beside=rates,
        two_threads=ping_pong,
        servers=servers,
        tls=of_tls,
        starts=[startup.over_import_socket(*arguments) for _, arguments in report.STARTS],
        startup_file=startup.of_the_startup_file(),
    )


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
