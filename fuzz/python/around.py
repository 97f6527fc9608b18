"""What a call may be inside of: scopes, cancellers, shields and policies, each of them in several states."""

import contextlib
import socket
import threading

import shotclock

# Seconds: longer than any run; about as long as a call.
_FAR, _NEAR = 1_000, 0.002


class Around:
    """Blocks to be inside of, chosen by chance, and a look at whether they were all left."""

    def __init__(self, classes):
        # Entering a first scope does it; calls are to find it done.
        shotclock.install()
        ours, self._feed = socket.socketpair()
        self._probe = classes[0](ours.family, ours.type, ours.proto, fileno=ours.detach())
        self._cancellers = []
        self._timers = []
        self._kinds = (
            self._far,
            self._near,
            self._over,
            self._moved_on,
            self._unused,
            self._cancelled,
            self._cancelled_soon,
            self._shielded,
        )

    def choose(self, rng, target=None):
        """Blocks, the outermost first; none in most cases. The target, if it listens, may get a policy as well."""
        if target is not None and target.state == "listening" and rng.random() < 0.3:
            limits = {name: rng.choice((None, _NEAR, _FAR)) for name in ("first_byte", "idle", "total")}
            # Of no limit at all, for what is closed, or of a class without weak references, which no program has.
            with contextlib.suppress(OSError, TypeError, ValueError):
                shotclock.Policy(**limits).protect(target.socket)
        if rng.random() < 0.6:
            return []
        return [block for _ in range(rng.choice((1, 1, 2, 3))) for block in rng.choice(self._kinds)()]

    def findings(self):
        """Tells what the last call was left inside of, and forgets its blocks."""
        for timer in self._timers:
            timer.join()
        for canceller in self._cancellers:
            canceller.cancel()
        found = []
        if shotclock.remaining() is not None:
            found.append("a scope was not left")
        elif self._cancellers:
            self._feed.send(b"x")
            try:
                self._probe.recv(1)
            except shotclock.Cancelled:
                found.append("a canceller was not left")
                # For the next one.
                with shotclock.shield():
                    self._probe.recv(1)
        self._timers.clear()
        self._cancellers.clear()
        return found

    def _far(self):
        return [shotclock.deadline(_FAR)]

    def _near(self):
        return [shotclock.deadline(_NEAR)]

    def _over(self):
        return [shotclock.deadline(0)]

    def _moved_on(self):
        return [shotclock.move_on_after(_NEAR)]

    def _unused(self):
        canceller = shotclock.Canceller()
        self._cancellers.append(canceller)
        return [canceller]

    def _cancelled(self):
        (canceller,) = self._unused()
        canceller.cancel()
        return [canceller]

    def _cancelled_soon(self):
        (canceller,) = self._unused()
        timer = threading.Timer(_NEAR, canceller.cancel)
        timer.start()
        self._timers.append(timer)
        return [canceller]

    def _shielded(self):
        return [shotclock.deadline(0), shotclock.shield(), shotclock.deadline(_NEAR)]


def inside(blocks, call):
    """The call inside of the blocks: by plain ``with`` statements, between which and the blocks no signal falls."""
    if not blocks:
        return call()
    with blocks[0]:
        return inside(blocks[1:], call)
    return None
