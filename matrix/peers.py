"""The peers, in processes of their own, so that they are the same for all contestants and nobody's sockets but theirs."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from talkers import DRIP_SECONDS

# `shotclock faults`, by the name the cells have for it. Far more than any contestant can take in its time.
_FAULTS = {
    "silent": ("silent",),
    "drip": ("drip", f"--interval={DRIP_SECONDS}", "--content={}"),
    "never-read": ("never-read",),
    "flood": ("flood", "--max-bytes=1000000000000"),
    "full-backlog": ("full-backlog",),
    "tls-stall": ("tls-stall", "--after=40"),
    "dns-dead": ("dns-dead", "--port=53"),
}
_TALKERS = Path(__file__).with_name("talkers.py")


@contextlib.contextmanager
def running(command: str, work: Path, certificate: Path, drips: Mapping[str, bytes]) -> Iterator[str]:
    """Start all, and one that drips each of these; gives ``name=where`` of each, for the contestants' environment."""
    # Without a line end in all the time there is.
    one_line = work / "one-line"
    one_line.write_bytes(bytes(65536))
    with contextlib.ExitStack() as stack:
        where = []
        for name, words in _FAULTS.items():
            told = [word.format(one_line) for word in words]
            where.append(f"{name}={_start(stack, [command, 'faults', *told, '--json'])}")
        for name, content in drips.items():
            said = work / f"{name}.bytes"
            said.write_bytes(content)
            told = ["drip", f"--interval={DRIP_SECONDS}", f"--content={said}"]
            where.append(f"{name}={_start(stack, [command, 'faults', *told, '--json'])}")
        talkers = _keep(stack, [sys.executable, str(_TALKERS), str(certificate)])
        assert talkers.stdout is not None
        for line in talkers.stdout:
            if not line.strip():
                break
            where.append(line.strip())
        else:
            raise RuntimeError("the talkers did not start")
        yield " ".join(where)


def _start(stack: contextlib.ExitStack, words: list[str]) -> str:
    peer = _keep(stack, words)
    assert peer.stdout is not None
    said = peer.stdout.readline()
    if not said:
        raise RuntimeError(f"{' '.join(words)}: it did not start")
    address: str = json.loads(said)["address"]
    # Its talk is nobody's from here on; a pipe that nobody reads would stop it.
    _drain(peer)
    return address


def _keep(stack: contextlib.ExitStack, words: list[str]) -> subprocess.Popen[str]:
    peer = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stack.enter_context(peer)
    stack.callback(peer.terminate)
    return peer


def _drain(peer: subprocess.Popen[str]) -> None:
    def read() -> None:
        assert peer.stdout is not None
        with contextlib.suppress(ValueError):
            for _ in peer.stdout:
                pass

    threading.Thread(target=read, daemon=True).start()
