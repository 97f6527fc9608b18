"""Calls made of a seed and a number, and what is looked for around each: exceptions that must not be, descriptors."""

import functools
import gc
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings

import deeds
from around import Around, inside
from outcomes import Outcome
from sockets import Sockets, close_if_open
from surface import EXTENSIONS, FUNCTIONS, METHODS
from values import Values

# A call that takes longer is a finding: everything in it is bounded by a few milliseconds.
PATIENCE = 5.0
# Of methods on one socket, one after the other.
_MOST_CALLS = 3
# Calls may close them, if they are asked to.
_STANDARD = {0, 1, 2}
# How the core wakes waits: a bounded number for the process, made when first needed.
_BELL = "anon_inode:[eventfd]"


class Alarm(Exception):
    """Raised by the signal handler in the middle of a call."""


class Calls:
    """All calls of one mount and seed."""

    def __init__(self, mount, seed, names=(), is_tame=False):
        self.mount = mount
        self._seed = seed
        self._is_tame = is_tame
        self._methods_to_call = [name for name in METHODS if not names or name in names]
        self._sockets = Sockets(mount.classes)
        self._subjects = [("method", name) for name in self._methods_to_call] * 3
        self._subjects += [("function", name) for name in FUNCTIONS if not names or name in names]
        self._subjects += [("extension", name) for name in EXTENSIONS if not names or name in names]
        self._alarms = _Alarms()
        # Stock has none, and what is compared with it is to be in the same place.
        self._around = None if is_tame or mount.name == "stock" else Around(mount.classes)
        self._swallowed = []

    @property
    def subjects(self):
        """Every (kind, name) there is to call."""
        return sorted(set(self._subjects))

    def run(self, number, subject=None):
        """Makes the calls of this number, or only one of the subject; gives outcomes, and findings, if any."""
        rng = random.Random(f"{self._seed}:{number}")
        chosen = rng.choice(self._subjects)
        kind, name = subject or chosen
        self._swallowed.clear()
        sys.unraisablehook = self._unraisable
        before = _files()
        if kind == "method":
            outcomes = self._methods(rng, name, is_alone=subject is not None)
        else:
            outcomes = [self._function(rng, kind, name)]
        findings = [f"{made.name}: {made.text}" for made in outcomes if made.is_broken]
        findings += [f"unraisable: {text}" for text in self._swallowed]
        findings += self._around.findings() if self._around else []
        findings += self._leaks(before)
        for name in os.listdir("."):
            # Bound to, by a socket of AF_UNIX.
            os.unlink(name)
        return outcomes, findings

    def _methods(self, rng, first, is_alone):
        with warnings.catch_warnings():
            warnings.simplefilter(rng.choice(("ignore",) * 19 + ("error",)), ResourceWarning)
            target = self._sockets.make(rng)
            values = Values(rng, target.socket.family, target.addresses, target.numbers, self._is_tame)
            more = 0 if is_alone else rng.randrange(_MOST_CALLS)
            names = [first, *rng.choices(self._methods_to_call, k=more)]
            outcomes = []
            for name in names:
                arguments = arguments_of(rng, values, METHODS[name])
                if target.state == "stale" and not outcomes:
                    close_if_open(target.socket.fileno())
                values.socket = target.socket
                blocks = self._around.choose(rng, target) if self._around else []
                outcomes.append(self._with_trouble(rng, target, name, arguments, blocks))
                del arguments
            return self._finish(target, values, outcomes)

    def _finish(self, target, values, outcomes):
        target.numbers = list(values.descriptors) + target.numbers
        for outcome in outcomes:
            target.numbers += outcome.descriptors
        if target.state == "stale":
            # The number may be another file's by now.
            _forget_number(target.socket)
        values.forget()
        target.socket = None
        target.end()
        return outcomes

    def _with_trouble(self, rng, target, name, arguments, blocks):
        """The call inside of the blocks, in a few cases with a deed of a handler or of another thread in its middle."""
        call = functools.partial(inside, blocks, functools.partial(self._method, target, name, arguments))
        trouble = rng.random()
        if trouble < 0.02:
            act = deeds.choose(rng, target) if rng.random() < 0.5 else None
            return self._alarms.interrupt(call, rng.choice((0.0005, 0.001, 0.002)), rng.choice((True, False)), act)
        act = deeds.choose(rng, target) if trouble < 0.04 else None
        if act is None:
            return self._bounded(target, call)
        other = threading.Thread(target=_quietly, args=(act,))
        other.start()
        outcome = self._bounded(target, call)
        other.join()
        outcome.is_repeatable = False
        return outcome

    def _bounded(self, target, call):
        # A call before this one may have set a timeout that is longer than anybody wants to wait.
        if (target.socket.gettimeout() or 0) > 0.1:
            return self._alarms.interrupt(call, 0.01, True)
        return self._alarms.limit(call)

    def _method(self, target, name, arguments):
        positional, keywords = arguments
        if name == "timeout":
            return Outcome.of(name, lambda: target.socket.timeout)
        return Outcome.of(name, getattr(target.socket, name), *positional, **keywords)

    def _function(self, rng, kind, name):
        table, functions = FUNCTIONS, self.mount.functions
        if kind == "extension":
            table, functions = EXTENSIONS, self.mount.extensions
        numbers = [os.dup(2), *os.pipe()]
        if rng.random() < 0.5:
            one, other = socket.socketpair()
            numbers += [one.detach(), other.detach()]
        values = Values(rng, descriptors=numbers, is_tame=self._is_tame)
        target = self._sockets.make(rng) if kind == "extension" else None
        arguments, keywords = arguments_of(rng, values, table[name])
        if target is not None and arguments and rng.random() < 0.8:
            arguments[0] = target.socket
        function = functions.get(name, _absent)
        blocks = self._around.choose(rng) if self._around else []
        call = functools.partial(Outcome.of, name, function, *arguments, **keywords)
        outcome = self._alarms.limit(functools.partial(inside, blocks, call))
        for number in (*numbers, *outcome.descriptors):
            close_if_open(number)
        values.forget()
        if target is not None:
            target.socket = None
            target.end()
        self.mount.functions["setdefaulttimeout"](None)
        return outcome

    def _leaks(self, before):
        """Descriptors that are open now and were not, or the other way round."""
        if _files() != before:
            gc.collect()
        now = _files()
        left, lost = now.items() - before.items(), before.items() - now.items()
        for number in _STANDARD - now.keys():
            # Closed by a call that was asked to; `open` takes the lowest number.
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        return [
            f"descriptor {how}: {number} {file}"
            for how, files in (("left open", left), ("of somebody else's closed", lost))
            for number, file in sorted(files)
            if number not in _STANDARD
        ]

    def _unraisable(self, raised):
        if not isinstance(raised.exc_value, (ResourceWarning, Alarm)):
            self._swallowed.append(repr(raised.exc_value))


class _Alarms:
    """SIGALRM in the middle of a call; its handler does a deed, if there is one, and raises or only returns."""

    def __init__(self):
        self._armed = False
        self._act = None
        self._due = 0.0

    def interrupt(self, call, seconds, raises, act=None):
        """The outcome of a call that is interrupted after so many seconds, unless it has ended by then."""
        signal.signal(signal.SIGALRM, self._handle)
        self._act = act
        self._armed = raises
        self._due = time.monotonic() + seconds
        outcome = None
        try:
            # Again and again: one that comes just before a call begins to wait does not end the wait.
            signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
            try:
                outcome = call()
            finally:
                self._armed, self._act = False, None
        except Alarm:
            # Between two lines of ours.
            pass
        signal.setitimer(signal.ITIMER_REAL, 0)
        outcome = outcome or Outcome("interrupted", error=Alarm())
        outcome.is_repeatable = False
        return outcome

    def limit(self, call):
        """The outcome of a call that should end by itself."""
        outcome = self.interrupt(call, PATIENCE, True)
        outcome.was_late = outcome.error is Alarm
        outcome.is_repeatable = not outcome.was_late
        return outcome

    def _handle(self, *_):
        # A signal of the call before may come late.
        is_due = time.monotonic() >= self._due
        if self._act is not None and is_due:
            act, self._act = self._act, None
            _quietly(act)
        if self._armed and is_due:
            self._armed = False
            raise Alarm


def arguments_of(rng, values, signature):
    """Positional arguments and keywords: most of them in number and kind as they should be."""
    count = rng.randint(signature.required, len(signature.kinds))
    odd = rng.random()
    if odd < 0.02:
        count = rng.randint(0, len(signature.kinds))
    made = [values.make(kind) for kind in signature.kinds[:count]]
    if 0.02 <= odd < 0.04:
        made.append(values.anything())
    keywords = {}
    if signature.names and odd > 0.7:
        split = rng.randint(0, len(made))
        keywords = dict(zip(signature.names[split:], made[split:], strict=False))
        made = made[:split]
    if 0.04 <= odd < 0.06:
        keywords[rng.choice(("flags", "fileno", "nonesuch", "", "\udcff"))] = 1
    return made, keywords


def _files():
    """Open descriptors but for bells, and what they stand for."""
    files = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            file = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            # The one by which the folder was read.
            continue
        if file != _BELL:
            files[int(number)] = file
    return files


def _forget_number(made):
    try:
        made.detach()
    except OSError:
        pass


def _quietly(act):
    try:
        act()
    except OSError:
        pass


def _absent(*_, **__):
    return None
