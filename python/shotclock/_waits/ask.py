"""Asks another process what waits in it."""

from __future__ import annotations

import json
import os
import select
import sys
import time

from .._stock import stock_socket_module
from . import serve, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_USAGE = "usage: python -m shotclock.waits [--once] [--json] [--every SECONDS] PID"
_HELP = f"""{_USAGE}

Print what waits now in another process of yours, again and again.

  --once           once, and end
  --json           as JSON, a line each time
  --every SECONDS  how often; every second, if it is not said
  -h, --help       say this, and end

The process has to tell: start it by `python -m shotclock --serve-waits PROGRAM`, or with SHOTCLOCK=1 and
SHOTCLOCK_SERVE_WAITS=1 in its environment, or have it call shotclock.serve_waits().
"""
# For one answer; a process that has it takes a moment, unless code in C keeps its interpreter.
_PATIENCE = 10
# For what has let its connections go to be gone, in seconds.
_ENDING = 1
# To the top of the screen, and all beneath is gone.
_AT_THE_TOP = "\x1b[H\x1b[J"


class Refused(Exception):
    """Why there is no answer, in words."""


def main(words: list[str]) -> int:
    """Do what the words say; gives the exit code."""
    pid, once, as_json, every = _parsed(words)
    is_first = True
    try:
        while True:
            try:
                said = of_process(pid)
            except Refused as refusal:
                # That it has ended is no failure of who watches it.
                if is_first or not _has_ended(pid):
                    print(f"python -m shotclock.waits: {refusal}", file=sys.stderr)
                    return 1
                return 0
            _show(said, as_json)
            if once:
                return 0
            is_first = False
            time.sleep(every)
    except (KeyboardInterrupt, BrokenPipeError):
        # Nothing more can be written; else the interpreter would say so at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0


def of_process(pid: int) -> dict[str, Any]:
    """Ask the process; gives its number, its command line and its waits. Raises Refused."""
    stock = stock_socket_module()
    sock = stock.socket(stock.AF_UNIX, stock.SOCK_STREAM)
    try:
        sock.settimeout(_PATIENCE)
        try:
            sock.connect(serve.name_of(pid))
        except OSError as error:
            raise Refused(_why_not(pid, error)) from None
        # Anybody could have taken the name.
        if (owner := serve.credentials(stock, sock)[0]) != pid:
            raise Refused(f"process {owner} answers in the name of {pid}, and is not believed")
        try:
            answer = b"".join(iter(lambda: sock.recv(1 << 16), b""))
        except TimeoutError:
            raise Refused(f"process {pid} does not answer: code in C keeps its interpreter, or it is stopped") from None
        except OSError as error:
            raise Refused(f"process {pid} has not answered: {error}") from None
    finally:
        sock.close()
    if not answer:
        raise Refused(f"process {pid} is another user's, or has ended")
    said: dict[str, Any] = json.loads(answer)
    return said


def _why_not(pid: int, error: OSError) -> str:
    if not _is_there(pid):
        return f"there is no process {pid}"
    if isinstance(error, ConnectionRefusedError):
        return f"process {pid} does not serve its waits (python -m shotclock.waits --help says how it would)"
    return f"process {pid} cannot be asked: {error}"


def _is_there(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


def _has_ended(pid: int) -> bool:
    """Whether it has, or does now: what ends lets its connections go a moment before it is gone."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return not _is_there(pid)
    try:
        return bool(select.select([handle], [], [], _ENDING)[0])
    finally:
        os.close(handle)


def _show(said: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(said), flush=True)
        return
    top = _AT_THE_TOP if sys.stdout.isatty() else ""
    # A program may stand in its command line whole.
    program = " ".join(" ".join(said["program"]).split())
    title = table.cut(f"process {said['pid']}: {program}", 120)
    print(f"{top}{title}\n{table.of_waits(said['waits'])}", flush=True)


def _parsed(words: list[str]) -> tuple[int, bool, bool, float]:
    once, as_json, every, pid = False, False, 1.0, None
    rest = list(words)
    while rest:
        option, is_joined, value = rest.pop(0).partition("=")
        if option in ("-h", "--help"):
            print(_HELP, end="")
            sys.exit()
        elif option == "--once" and not is_joined:
            once = True
        elif option == "--json" and not is_joined:
            as_json = True
        elif option == "--every":
            every = _seconds(value if is_joined else rest.pop(0) if rest else "")
        elif pid is None and option.isdecimal() and not is_joined:
            pid = int(option)
        else:
            _refuse(f"{option}: no such option, and no number of a process")
    if pid is None:
        _refuse("which process? expected PID")
    return pid or 0, once, as_json, every


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 < seconds < 1e6:
        _refuse("--every: expected SECONDS, more than 0")
    return seconds


def _refuse(reason: str) -> None:
    print(f"{_USAGE}\npython -m shotclock.waits: {reason}", file=sys.stderr)
    sys.exit(2)
