"""A network, system files and processes of its own, and the peers in it: nothing leaves, and nothing stays."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from catalogue import DRIPPED, HALF

# What a process in there is told, so that it does not make another one.
_INSIDE = "SHOTCLOCK_PROGRAMS_INSIDE"
_SYSTEM_FILES = {
    # Far longer than any trial is given.
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:30 attempts:2\n",
    "nsswitch.conf": "hosts: files dns\npasswd: files\ngroup: files\nservices: files\nprotocols: files\n",
    # Some programs look the machine's own name up.
    "hosts": f"127.0.0.1 localhost {socket.gethostname()}\n",
}
_UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def run_inside(work: Path) -> None:
    """Run this same program inside a new namespace and exit as it does; inside, do nothing.

    Raises OSError if the system gives no namespaces here.
    """
    if os.environ.get(_INSIDE):
        return
    work.mkdir(parents=True, exist_ok=True)
    if subprocess.run([*_UNSHARE, "true"], check=False).returncode != 0:
        raise OSError("no namespaces of users, networks, mounts and processes here: see unshare(1)")
    command = [*_UNSHARE, sys.executable, "-B", *sys.argv]
    sys.exit(subprocess.run(command, env=os.environ | {_INSIDE: "1"}, check=False).returncode)


def furnish(work: Path) -> None:
    """Inside: bring up the network, and put system files of our own over the system's."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, content in _SYSTEM_FILES.items():
        file = work / name
        file.write_text(content)
        subprocess.run(["mount", "--bind", str(file), f"/etc/{name}"], check=True)


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
