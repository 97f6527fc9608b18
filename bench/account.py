"""What keeping account of waits costs a request over loopback TCP that waits: ``python bench/account.py``.

Each request is made with an account being kept and without, in turns, in one process; the other end is a process of its own
that knows nothing of it. On one core both share it, so that a request takes as little time as it can, and the account the
most of it.

Needs the package installed in the interpreter that runs it; ``cargo xtask bench account`` sees to that.
"""

import argparse
import contextlib
import http.client
import os
import pathlib
import platform
import signal
import socket
import subprocess
import sys
import time

import shotclock
from rounds import Quartiles
from shotclock import _native
from shotclock._waits import account
from workloads import only_on

# Whatever hangs is ended after so many seconds.
WHOLE_LIMIT = 900
# One part of a round takes about so long, in nanoseconds.
PART = 5_000_000
# What an account may cost, as a ratio.
GOAL = 1.03

SERVER = """
import http.server, signal
signal.alarm(%d)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm, wbufsize = True, -1
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
""" % WHOLE_LIMIT


@contextlib.contextmanager
def ping_pong(timeout):
    """A byte there, and a byte back."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        echo = [sys.executable, pathlib.Path(__file__).with_name("echo.py"), str(listener.getsockname()[1])]
        with subprocess.Popen(echo) as process, listener.accept()[0] as sock:
            sock.settimeout(timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def ask(times):
                for _ in range(times):
                    sock.send(b"x")
                    sock.recv(4096)

            yield ask
            sock.close()
            process.wait()


@contextlib.contextmanager
def get(timeout):
    """A GET by http.client, on one connection."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        connection = http.client.HTTPConnection("127.0.0.1", int(process.stdout.readline()), timeout=timeout)

        def ask(times):
            for _ in range(times):
                connection.request("GET", "/")
                connection.getresponse().read()

        yield ask
        connection.close()
        process.kill()


REQUESTS = {
    "ping-pong, timeout 30, one core": (ping_pong, 30.0, True),
    "ping-pong, timeout None, one core": (ping_pong, None, True),
    "ping-pong, timeout 30": (ping_pong, 30.0, False),
    "ping-pong, timeout None": (ping_pong, None, False),
    "GET by http.client, timeout 30, one core": (get, 30.0, True),
    "GET by http.client, timeout 30": (get, 30.0, False),
}


def main() -> int:
    """Measure, print, and say by the exit code whether the goal was met."""
    parser = argparse.ArgumentParser(prog="bench account", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="rounds of each request")
    rounds = parser.parse_args().rounds
    signal.alarm(WHOLE_LIMIT)
    shotclock.install()
    print(f"CPython {platform.python_version()}, {rounds} rounds; time as a ratio to the same without an account, median and")
    print("quartiles; without against without, which says what means nothing; microseconds without, median and least;")
    print("what the account adds to the least, in microseconds\n")
    print("| request | with an account | without | us | adds |\n| --- | --- | --- | --- | --- |")
    missed = []
    for name, (make, timeout, on_one_core) in REQUESTS.items():
        around = only_on(max(os.sched_getaffinity(0))) if on_one_core else contextlib.nullcontext()
        with around, make(timeout) as ask:
            ratio, noise, least, plain = _measured(ask, rounds)
        adds = least - plain.low
        print(f"| {name} | {ratio:.3f} | {noise:.3f} | {plain:.1f} | {adds:+.2f} |", flush=True)
        # A whole middle half above the goal is no noise.
        if ratio.low > GOAL:
            missed.append(name)
    for miss in missed:
        print(f"over the goal of {GOAL}: {miss}", file=sys.stderr)
    return 1 if missed else 0


def _measured(ask, rounds):
    """The ratios, the noise, the least with an account, and what it takes without: its least stands for its quartile."""
    with_account, without, again = [], [], []
    times = _calibrated(ask)
    for turn in range(rounds):
        parts = [(with_account, True), (without, False), (again, False)]
        for into, is_kept in parts[turn % 3 :] + parts[: turn % 3]:
            if is_kept:
                account.keep()
            start = time.perf_counter_ns()
            ask(times)
            into.append((time.perf_counter_ns() - start) / times / 1e3)
            if is_kept:
                _native.close_account()
                _native.watch(False)
    ratio = Quartiles.of([kept / (one + two) * 2 for kept, one, two in zip(with_account, without, again, strict=True)])
    noise = Quartiles.of([two / one for one, two in zip(without, again, strict=True)])
    plain = Quartiles.of(without)
    return ratio, noise, min(with_account), Quartiles(min(without + again), plain.median, plain.high)


def _calibrated(ask):
    times = 1
    while True:
        start = time.perf_counter_ns()
        ask(times)
        if (took := time.perf_counter_ns() - start) > PART:
            return max(1, times * PART // took)
        times *= 2


if __name__ == "__main__":
    sys.exit(main())
