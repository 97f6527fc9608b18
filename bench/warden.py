"""What ``shotclock run`` costs a program's start, and the machine beside many sockets: ``cargo xtask bench warden``.

The start is measured in turns with the program alone. The sockets are both ends of connections on which nothing
moves, in several processes beneath one warden, in a network of their own: no limit on descriptors is in the way.
"""

import argparse
import os
import platform
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

# Whatever hangs is ended after so many seconds.
WHOLE_LIMIT = 600
# How long the warden is looked at, in seconds.
LOOKED_AT = 20
# Sockets, and the part of a core that the warden may take, in per cent.
GOALS = {1_000: 0.5, 20_000: 3.0}
# What a start may take more, in milliseconds.
START_GOAL = 2.0
# So many sockets has each process.
EACH = 4_000


def start_cost(command, rounds):
    """What a start takes more than the program alone, in milliseconds, with and without what is loaded."""
    words = {"alone": [], "run": [command, "run", "--"], "run --no-preload": [command, "run", "--no-preload", "--"]}
    taken = {name: [] for name in words}
    for _ in range(rounds):
        for name, before in words.items():
            line = [*before, shutil.which("true")]
            began = time.perf_counter()
            os.waitpid(os.posix_spawn(line[0], line, os.environ), 0)
            taken[name].append((time.perf_counter() - began) * 1e3)
    alone = taken.pop("alone")
    print(f"| `true` | {_quartiles(alone)} ms | |")
    met = True
    for name, times in taken.items():
        more = [ours - theirs for ours, theirs in zip(times, alone, strict=True)]
        met &= statistics.median(more) <= START_GOAL
        least = min(times) - min(alone)
        print(f"| `{name} -- true` | {_quartiles(times)} ms | {least:.2f} ms more at best, {_quartiles(more)} |")
    return met


def _quartiles(values):
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{median:.2f} [{low:.2f}, {high:.2f}], at least {min(values):.2f}"


def hold(sockets):
    """Be the program: so many sockets, in children."""
    children = []
    while sockets > 0:
        share = min(sockets, EACH)
        sockets -= share
        reading, writing = os.pipe()
        if not os.fork():
            os.close(reading)
            held = _hold_here(share // 2, writing)
            # Whoever started all this closes it.
            os.read(0, 1)
            os._exit(len(held) == 0)
        os.close(writing)
        children.append(reading)
    for reading in children:
        if os.read(reading, 1) != b"x":
            sys.exit("a child could not open its sockets")
    print("ready", flush=True)
    os.read(0, 1)
    return 0


def _hold_here(connections, ready):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    held = [(socket.create_connection(listener.getsockname()), listener.accept()[0]) for _ in range(connections)]
    os.write(ready, b"x")
    return held


def share_of_core(command, sockets, limit):
    """The warden's processor time beside so many sockets, in per cent of a core."""
    alone = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
    line = [*alone, command, "run", "--timeout", limit, "--total", str(WHOLE_LIMIT), "--", sys.executable, __file__]
    with subprocess.Popen(
        [*line, "--hold", str(sockets)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        try:
            assert run.stdout.readline() == "ready\n", "the program did not begin"
            warden = int(Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()[0])
            before, began = _on_processor(warden), time.monotonic()
            time.sleep(LOOKED_AT)
            return (_on_processor(warden) - before) / (time.monotonic() - began) / 1e7
        finally:
            run.stdin.close()
            run.terminate()


def _on_processor(pid):
    """Nanoseconds of all its threads."""
    return sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def main():
    """Measure both, and fail where a goal is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--command", default="shotclock", help="the command shotclock")
    parser.add_argument("--rounds", type=int, default=200, help="how often a program is started")
    parser.add_argument("--hold", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.hold:
        return hold(arguments.hold)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}")
    print(f"{arguments.rounds} rounds, median [quartiles]; load {os.getloadavg()[0]:.1f}")
    met = start_cost(arguments.command, arguments.rounds)
    for sockets, goal in GOALS.items():
        for limit in ("60", "1200"):
            share = share_of_core(arguments.command, sockets, limit)
            met &= share <= goal
            print(f"| {sockets} sockets, `--timeout {limit}` | {share:.2f} % of a core | at most {goal} |")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
