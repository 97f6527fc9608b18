"""The command line of ``python -m shotclock``."""

from __future__ import annotations

import sys

from .. import _environment
from .._native import __version__
from .limits import OPTIONS, Limits
from .program import Program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_USAGE = (
    "usage: python -m shotclock [LIMITS ..] [--graft] [--waits FILE] [--serve-waits]"
    " (-m MODULE | -c CODE | SCRIPT | -) [ARGUMENTS ..]"
)
_HELP = f"""{_USAGE}
       python -m shotclock --status | --version

Run a program as `python` would, with shotclock's sockets in the place of the interpreter's own.

  -m MODULE          run a module
  -c CODE            run the code itself
  SCRIPT             run a file, or a directory or zip file with a __main__.py
  -                  run what stands on standard input
  --graft            leave the socket type as it is and put the methods onto it, as shotclock.install() does
  --waits FILE       when the program ends, or is interrupted, write where its time went: a page of HTML, JSON if
                     the name ends with .json, a short table to standard error for -
  --serve-waits      tell `python -m shotclock.waits PID` what waits, whenever it asks
  --status           say what is replaced and what is not reached, and end
  --version          say which release this is, and end
  -h, --help         say this, and end

Limits, for a program that knows nothing of them:
  --timeout SECONDS         the timeout that new sockets begin with (by themselves they have none)
  --lookup-timeout SECONDS  for each lookup of a name: then it fails as when the resolver gives up (EAI_AGAIN)
  --total SECONDS           for all that the program and its children do with sockets, counted from its start:
                            from then on every call that would wait raises TimeoutError

Started child processes get the methods by the graft, and the limits: SHOTCLOCK=1 and more are put into the environment,
where SHOTCLOCK_TIMEOUT, SHOTCLOCK_LOOKUP_TIMEOUT and SHOTCLOCK_TOTAL say the same as the options.
SHOTCLOCK_ATTEMPT_DELAY is the pause between the connection attempts of create_connection: seconds, or none.

The command `shotclock` (echo servers, lookups, peers that misbehave) is a program in Rust and no part of this package:
`cargo install --path crates/shotclock-cli` in the repository. In Python the peers are shotclock.faults.
"""


def main() -> None:
    """Do what the command line says. The exit code is the program's; 2 for a wrong command line, 1 if that fails."""
    command = _Command(sys.argv[1:])
    _put_in_place(command)
    if command.program is not None:
        command.program.run()
    else:
        from .status import status

        print(status())


class _Command:
    """What a command line asks for. Ends the process for ``--help``, ``--version`` and a wrong command line."""

    def __init__(self, words: list[str]) -> None:
        self.graft = False
        # Where the account of waits goes; None where none is kept.
        self.waits: str | None = None
        self.serves_waits = False
        # None where only the status is wanted.
        self.program: Program | None = None
        self._words = words
        self._parse()

    def _parse(self) -> None:
        options: dict[str, str] = {}
        while True:
            option, is_joined, value = self._next().partition("=")
            if option in OPTIONS:
                options[option] = value if is_joined else self._value(option, "SECONDS")
            elif option == "--waits":
                self.waits = value if is_joined else self._value(option, "FILE")
            elif option == "--serve-waits" and not is_joined:
                self.serves_waits = True
            elif option == "--graft" and not is_joined:
                self.graft = True
            elif option == "--status" and not is_joined:
                break
            elif option in ("-h", "--help") and not is_joined:
                print(_HELP, end="")
                sys.exit()
            elif option == "--version" and not is_joined:
                print(f"shotclock {__version__}")
                sys.exit()
            else:
                self.program = self._program(option + is_joined + value)
                break
        self.limits = Limits(options, _refuse)
        try:
            _environment.attempt_delay(0)
        except ValueError as error:
            _refuse(error)

    def _next(self) -> str:
        if not self._words:
            _refuse("nothing to run: expected -m MODULE, -c CODE, SCRIPT or -")
        return self._words.pop(0)

    def _value(self, option: str, what: str) -> str:
        if not self._words:
            _refuse(f"{option}: expected {what}")
        return self._words.pop(0)

    def _program(self, word: str) -> Program:
        kind = word[:2]
        if kind == "-m":
            return Program.module(word[2:] or self._value(kind, "MODULE"), self._words)
        if kind == "-c":
            return Program.code(word[2:] or self._value(kind, "CODE"), self._words)
        if word == "-":
            return Program.standard_input(self._words)
        if word.startswith("-"):
            _refuse(f"{word}: no such option")
        return Program.path(word, self._words)


def _put_in_place(command: _Command) -> None:
    from . import startup

    # The environment may ask for the graft in this process: an outer `python -m shotclock` has put that there.
    startup.withdraw()
    try:
        # A start-up file may have imported socket already: then only the graft reaches everything.
        if command.graft or "socket" in sys.modules:
            from .._install import graft

            graft.install()
        else:
            from .._install import mount

            mount.mount()
    except ImportError as error:
        sys.exit(f"python -m shotclock: {error}")
    command.limits.put_in_place()
    command.limits.hand_on()
    if command.waits is not None:
        _keep_account(command.waits)
    if command.serves_waits or _environment.serves_waits():
        from .._waits import serve

        serve.serve_waits()


def _keep_account(path: str) -> None:
    from .._waits import report

    try:
        report.keep(path)
    except OSError as error:
        sys.exit(f"python -m shotclock: --waits {path}: {error}")


def _refuse(reason: str | ValueError) -> NoReturn:
    print(f"{_USAGE}\npython -m shotclock: {reason}", file=sys.stderr)
    sys.exit(2)
