"""One suite on one mount: the process that runs it, and what came of it."""

import json
import pathlib
import sys
from dataclasses import dataclass

import inside
import mounting
import outcomes
import proof
from bounded import Ending, Processes
from outcomes import Outcome
from suites import LEFT_OUT, Suite

# regrtest ends a suite by itself, with the stack of each thread; if it cannot, it is killed.
_LIMIT = 900
_GRACE = 30
# `network` is what suites ask for that are content with loopback too. No sound, no screen, no gigabytes on disk.
_RESOURCES = "all,-urlfetch,-audio,-gui,-largefile"
# As CPython's own continuous integration starts it.
_INTERPRETER = (sys.executable, "-u", "-W", "default", "-bb")
_EXIT_BAD_TEST, _EXIT_ENVIRONMENT_CHANGED, _EXIT_NO_TESTS = 2, 3, 4
_HERE = pathlib.Path(__file__).parent


@dataclass(frozen=True)
class Trial:
    """Outcomes by test, that of the process among them under ``whole(suite)``; and what speaks against the mount."""

    outcomes: dict[str, Outcome]
    complaints: list[str]
    seconds: float


@dataclass(frozen=True)
class Way:
    """How a suite is run: the mount, and what inside of, one of ``inside.KINDS``, if anything."""

    mount: str
    inside: str | None = None

    def __str__(self) -> str:
        return f"{self.mount}-{self.inside}" if self.inside else self.mount


STOCK = Way("stock")


def whole(suite: Suite) -> str:
    """Under this name stands how the test process itself ended."""
    return f"{suite.name} (its process)"


def try_suite(
    processes: Processes, suite: Suite, way: Way, folder: pathlib.Path, only: tuple[str, ...] = ()
) -> Trial:
    """Run a suite, or ``only`` these tests of it, and read what it wrote into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    record, proved, log = (folder / f"{suite.name}.{ending}" for ending in ("jsonl", "proof.json", "log"))
    for old in (record, proved):
        old.unlink(missing_ok=True)
    options = [*mounting.options(way.mount), *inside.options(way.inside, way.mount)]
    observe = [str(_HERE / "observe.py"), way.mount, way.inside or "", str(record), str(proved)]
    command = [*inside.prefix(way.inside, way.mount), *_INTERPRETER, *options, *observe, *_regrtest(suite, only)]
    ending = processes.run(command, log, _LIMIT + _GRACE)
    found = outcomes.fold(record.read_text(encoding="utf-8").splitlines()) if record.exists() else {}
    found[whole(suite)] = _of_process(ending, found, log)
    return Trial(found, _complaints(way.mount, proved), ending.seconds)


def try_children(processes: Processes, mount: str, folder: pathlib.Path) -> list[str]:
    """What speaks against the mount in child processes, started in each usual way."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "children.log"
    command = [sys.executable, *mounting.options(mount), str(_HERE / "children.py"), mount]
    ending = processes.run(command, log, 120)
    said = log.read_text(encoding="utf-8", errors="replace")
    if ending.code != 0:
        return [f"child processes could not be looked at: {said}"]
    # In children that are not forked, our methods come by the start-up file, which grafts.
    children = json.loads(said)
    mounts = {way: "graft" if mount == "type" and way != "fork" else mount for way in children}
    return [f"{way}: {what}" for way in children for what in proof.complaints(mounts[way], children[way])]


def _regrtest(suite: Suite, only: tuple[str, ...]) -> list[str]:
    arguments = ["-v", "--fail-env-changed", "--timeout", str(_LIMIT), "-u", _RESOURCES]
    if suite.folder is not None:
        arguments += ["--testdir", str(suite.folder)]
    for pattern in only or suite.match:
        arguments += ["-m", pattern]
    for pattern in LEFT_OUT:
        arguments += ["-i", pattern]
    return [*arguments, suite.name]


def _of_process(ending: Ending, found: dict[str, Outcome], log: pathlib.Path) -> Outcome:
    match ending.code:
        case 0:
            return Outcome("ok")
        case code if code == _EXIT_BAD_TEST and any(outcome.bad for outcome in found.values()):
            return Outcome("ok")
        case code if code == _EXIT_NO_TESTS:
            return Outcome("skip", "no test ran")
        case code if code == _EXIT_ENVIRONMENT_CHANGED:
            kind, why = "fail", "it left its environment changed"
        case None:
            kind, why = "error", f"it was killed after {ending.seconds:.0f} s"
        case code:
            kind, why = "error", f"it ended with exit code {code}"
    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-60:]
    return Outcome(kind, "\n".join([why, *tail]))


def _complaints(mount: str, proved: pathlib.Path) -> list[str]:
    if not proved.exists():
        return ["no proof: the process did not live to write it"]
    before, after = json.loads(proved.read_text(encoding="utf-8"))
    found = [f"before the tests: {what}" for what in proof.complaints(mount, before)]
    return found + [f"after the tests: {what}" for what in proof.complaints(mount, after)]
