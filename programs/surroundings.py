"""The system files of the trials, and the peers in their network."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from catalogue import DRIPPED, HALF

SYSTEM_FILES = {
    # Far longer than any trial is given.
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:30 attempts:2\n",
    "nsswitch.conf": "hosts: files dns\npasswd: files\ngroup: files\nservices: files\nprotocols: files\n",
    # Some programs look the machine's own name up.
    "hosts": f"127.0.0.1 localhost {socket.gethostname()}\n",
}


@contextlib.contextmanager
def peers(command: str, work: Path) -> Iterator[dict[str, int]]:
    """Start all of them; gives the port of each by its name."""
    with contextlib.ExitStack() as stack:
        half = work / "half.bytes"
        half.write_bytes(HALF)
        faults = {
            "silent": ["silent"],
            "hole": ["full-backlog"],
            "half": ["stall", f"--after={len(HALF)}", f"--content={half}", "--when-asked"],
            "dns": ["dns-dead", "--port=53"],
        }
        for protocol, (beginning, rest) in DRIPPED.items():
            said = work / f"drip-{protocol}.bytes"
            said.write_bytes(beginning + rest * 4096)
            faults[f"drip-{protocol}"] = ["drip", "--interval=0.3", f"--content={said}"]
        yield {name: _start(stack, [command, "faults", *words, "--json"]) for name, words in faults.items()}


def _start(stack: contextlib.ExitStack, words: list[str]) -> int:
    peer = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stack.enter_context(peer)
    stack.callback(peer.terminate)
    assert peer.stdout is not None
    said = peer.stdout.readline()
    if not said:
        raise RuntimeError(f"{' '.join(words)}: it did not start")
    # Its talk is nobody's from here on; a pipe that nobody reads would stop it.
    threading.Thread(target=peer.stdout.read, daemon=True).start()
    return int(json.loads(said)["address"].rpartition(":")[2])
