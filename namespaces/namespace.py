"""A network, system files and processes of a trial's own: nothing it sends leaves, and nothing it starts stays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

# What a process in there is told, so that it does not make another one.
_INSIDE = "SHOTCLOCK_NAMESPACE_INSIDE"
_UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def is_inside() -> bool:
    """Whether this process is inside of the one that ``run_inside`` made."""
    return bool(os.environ.get(_INSIDE))


def run_inside(work: Path) -> None:
    """Run this same program inside a new namespace and exit as it does; inside, do nothing.

    Raises OSError if the system gives no namespaces here.
    """
    if is_inside():
        return
    work.mkdir(parents=True, exist_ok=True)
    if subprocess.run([*_UNSHARE, "true"], check=False).returncode != 0:
        raise OSError("no namespaces of users, networks, mounts and processes here: see unshare(1)")
    command = [*_UNSHARE, sys.executable, "-B", *sys.argv]
    sys.exit(subprocess.run(command, env=os.environ | {_INSIDE: "1"}, check=False).returncode)


def furnish(work: Path, files: Mapping[str, str], links: Iterable[str] = ()) -> None:
    """Inside: bring up the network, do to it what each of ``links`` tells ip(8), and put files over those of /etc."""
    for words in ("link set lo up", *links):
        subprocess.run(["ip", *words.split()], check=True)
    for name, content in files.items():
        file = work / name
        file.write_text(content)
        subprocess.run(["mount", "--bind", str(file), f"/etc/{name}"], check=True)
