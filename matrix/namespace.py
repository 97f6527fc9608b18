"""A network, system files and processes of the matrix's own: nothing it sends leaves, and nothing it starts stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# What a process in there is told, so that it does not make another one.
_INSIDE = "SHOTCLOCK_MATRIX_INSIDE"
_SYSTEM_FILES = {
    # Far longer than any cell is given.
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:10 attempts:2\n",
    "nsswitch.conf": "hosts: files dns\nservices: files\nprotocols: files\n",
    "hosts": """127.0.0.1 localhost
192.0.2.9 holes.example
192.0.2.10 holes.example
192.0.2.11 holes.example
2001:db8:1::9 dead-first.example
127.0.0.1 dead-first.example
""",
}
# What is sent to these networks goes out by loopback, comes back, and is nobody's.
_LINKS = (
    "link set lo up",
    "addr add 192.0.2.20/32 dev lo",
    "route add 192.0.2.8/30 dev lo src 192.0.2.20",
    "-6 addr add 2001:db8::1/128 dev lo",
    "-6 route add 2001:db8:1::/64 dev lo src 2001:db8::1",
)
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
    for words in _LINKS:
        subprocess.run(["ip", *words.split()], check=True)
    for name, content in _SYSTEM_FILES.items():
        file = work / name
        file.write_text(content)
        subprocess.run(["mount", "--bind", str(file), f"/etc/{name}"], check=True)
