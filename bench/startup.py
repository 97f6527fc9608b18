"""What the package adds to the start of an interpreter, in milliseconds: differences within pairs of starts."""

import os
import pathlib
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv

import shotclock

from rounds import Quartiles

PAIRS = 40
# One start-up file costs less than two starts differ.
FILE_PAIRS = 150
# By its name whatever the file is called for this version: .pth, or .start.
STARTUP_FILE = "shotclock-startup.*"


def over_import_socket(*arguments: str) -> Quartiles | None:
    """What a start with these arguments takes over ``python -c "import socket"``; None if it fails."""
    ours = [sys.executable, *arguments]
    if subprocess.run(ours, env=_unasked(), capture_output=True, check=False).returncode:
        return None
    return _difference([sys.executable, "-c", "import socket"], ours, PAIRS)


def of_the_startup_file() -> Quartiles | None:
    """What the start-up file costs a program that does not ask for it; None where it is not installed."""
    files = list(pathlib.Path(sysconfig.get_path("purelib")).glob(STARTUP_FILE))
    if not files:
        return None
    with tempfile.TemporaryDirectory() as folder:
        # Two environments that differ in nothing else.
        without, with_it = (_make_environment(pathlib.Path(folder, name)) for name in ("without", "with"))
        for file in files:
            (_packages(with_it) / file.name).write_bytes(file.read_bytes())
        stock, ours = ([os.fspath(path / "bin" / "python"), "-c", "pass"] for path in (without, with_it))
        return _difference(stock, ours, FILE_PAIRS)


def _make_environment(path: pathlib.Path) -> pathlib.Path:
    venv.create(path, symlinks=True, with_pip=False)
    package = pathlib.Path(shotclock.__file__).parent
    (_packages(path) / package.name).symlink_to(package)
    return path


def _packages(path: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(sysconfig.get_path("purelib", "venv", vars={"base": os.fspath(path)}))


def _difference(stock: list[str], ours: list[str], pairs: int) -> Quartiles:
    """Milliseconds that the second takes over the first."""
    differences = []
    for turn in range(pairs):
        seconds = [0.0, 0.0]
        for place in range(2):
            command = (turn + place) % 2
            seconds[command] = _seconds((stock, ours)[command])
        differences.append((seconds[1] - seconds[0]) * 1e3)
    return Quartiles.of(differences)


def _seconds(command: list[str]) -> float:
    environment = _unasked()
    start = time.perf_counter()
    # Without a timeout, which would make it look for the end only now and then.
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def _unasked() -> dict[str, str]:
    """An environment in which nobody asks for the replacement."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SHOTCLOCK")}
