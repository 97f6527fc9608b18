"""``create_connection``: one budget for the lookup and all addresses, and a dead address does not hold up the others.

The attempts are staggered by the core's race (RFC 8305), over sockets of the class that the program has.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import sys

from .. import _environment, _native
from .._bounds.cancel import Cancelled
from .._bounds.scope import MOST_SECONDS, Budget, checked_seconds
from .._bounds.shield import shield

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

_SECOND = 10**9
USUAL_DELAY, _LEAST_DELAY = (nanos / _SECOND for nanos in _native.attempt_delays())

# The type of methods written in C: a class whose ``connect`` is of it has no Python method over it.
_MethodInC = type(str.join)


def get_attempt_delay() -> float | None:
    """Say how many seconds after one attempt ``create_connection`` begins the next; None: only when it has failed.

    >>> import shotclock
    >>> shotclock.set_attempt_delay(None)
    >>> print(shotclock.get_attempt_delay())
    None
    """
    return _delay


def set_attempt_delay(seconds: float | None) -> None:
    """Set how many seconds after one attempt ``socket.create_connection`` begins the next, if none has failed.

    0.25 unless said otherwise, and 0.01 at the least (RFC 8305). None goes back to one address after another, in the
    resolver's order, each for as long as the timeout leaves it. It is the process's, and ``SHOTCLOCK_ATTEMPT_DELAY``
    sets what it begins with: seconds, or ``none``.

    Raises TypeError or ValueError for what is neither None nor a number of seconds from 0 to 9e9.

    >>> import shotclock
    >>> shotclock.set_attempt_delay(0.1)
    >>> shotclock.get_attempt_delay()
    0.1
    """
    global _delay
    _delay = None if seconds is None else max(checked_seconds(seconds), _LEAST_DELAY)


def create_connection_for(socket_module: ModuleType) -> Callable[..., Any]:
    """The function for a module made from CPython's socket.py, whose class and lookup it takes as they stand."""
    default: Any = socket_module._GLOBAL_DEFAULT_TIMEOUT

    @functools.wraps(socket_module.create_connection)
    def create_connection(
        address: tuple[Any, Any], timeout: Any = default, source_address: Any = None, *, all_errors: bool = False
    ) -> Any:
        host, port = address
        failures: list[OSError] = []
        call = _Call(socket_module, timeout, source_address, failures)
        try:
            sock = call.connect(host, port)
            if sock is not None:
                return sock
            if not failures:
                raise OSError("getaddrinfo returns an empty list")
        except TimeoutError as error:
            # A scope's end is its own exception, which a group would hide; so is a lookup's, which has no attempts.
            if hasattr(error, "scope") or not (all_errors and failures):
                raise
        try:
            if all_errors:
                raise ExceptionGroup("create_connection failed", failures)
            raise failures[-1]
        finally:
            # The failures' tracebacks hold this frame, which holds the list: a circle.
            failures.clear()

    return create_connection


class _Call:
    """One call of ``create_connection``."""

    def __init__(
        self, socket_module: ModuleType, timeout: Any, source_address: Any, failures: list[OSError]
    ) -> None:
        self._module: Any = socket_module
        self._is_default = any(timeout is default for default in _defaults(socket_module))
        self._timeout = self._default_timeout() if self._is_default else timeout
        self._source_address = source_address
        self._failures = failures

    def connect(self, host: Any, port: Any) -> Any:
        """Give the first socket that is connected; None where every attempt has failed."""
        seconds = _budget(self._timeout)
        if seconds is None:
            return self._connect(host, port)
        with Budget(seconds):
            return self._connect(host, port)

    def _connect(self, host: Any, port: Any) -> Any:
        infos = self._lookup(host, port)
        delay = get_attempt_delay()
        # One after another: two sockets cannot have one local port, and with timeout 0 there is nothing to stagger.
        has_local_port = bool(self._source_address) and self._source_address[1:2] != (0,)
        if delay is None or not infos or has_local_port or self._timeout == 0 or not _is_in_c(self._module.socket):
            return self._one_after_another(infos)
        return _native.race(infos, int(delay * _SECOND), self._prepare, self._failures)

    def _lookup(self, host: Any, port: Any) -> list[Any]:
        module = self._module
        try:
            return list(module.getaddrinfo(host, port, 0, module.SOCK_STREAM))
        except TimeoutError as error:
            if not isinstance(getattr(error, "scope", None), Budget):
                raise
            # Even after the end numeric addresses are known at once, since they need no lookup.
            with shield(), contextlib.suppress(module.gaierror):
                flags = module.AI_NUMERICHOST | module.AI_NUMERICSERV
                return list(module.getaddrinfo(host, port, 0, module.SOCK_STREAM, 0, flags))
            raise

    def _one_after_another(self, infos: list[Any]) -> Any:
        for info in infos:
            sock = None
            try:
                sock = self._prepare(info)
                sock.connect(info[4])
                return sock
            except BaseException as error:
                if sock is not None:
                    sock.close()
                if not isinstance(error, OSError):
                    raise
                self._failures.append(error)
                if hasattr(error, "scope") or isinstance(error, Cancelled):
                    # There is no time left for the others.
                    raise
        return None

    def _prepare(self, info: Any) -> Any:
        sock = self._module.socket(*info[:3])
        try:
            if not self._is_default:
                sock.settimeout(self._timeout)
            if self._source_address:
                sock.bind(self._source_address)
        except BaseException:
            sock.close()
            raise
        return sock

    def _default_timeout(self) -> Any:
        """Give the timeout that new sockets begin with; a subclass (timeoutsocket's) may have one of its own."""
        timeout = self._module.getdefaulttimeout()
        kind = self._module.socket
        if timeout is None and _is_in_c(kind) and getattr(kind.__init__, "__globals__", None) is not vars(self._module):
            with kind() as probe:
                timeout = probe.gettimeout()
        return timeout


def _is_in_c(kind: Any) -> bool:
    """Whether sockets of this class connect as the core does: it is no mock, and no class that uses a proxy."""
    return isinstance(kind, type) and type(getattr(kind, "connect", None)) is _MethodInC


def _budget(timeout: Any) -> float | None:
    """Give a timeout in seconds; None for None and 0, and for what ``settimeout`` will refuse in its own words."""
    if not isinstance(timeout, float):
        try:
            timeout = operator.index(timeout)
        except TypeError:
            return None
    return float(timeout) if 0 < timeout <= MOST_SECONDS else None


def _first_delay() -> float | None:
    try:
        delay = _environment.attempt_delay(USUAL_DELAY)
    except ValueError as error:
        _environment.warn(error)
        return USUAL_DELAY
    return None if delay is None else max(delay, _LEAST_DELAY)


_delay = _first_delay()


def _defaults(socket_module: ModuleType) -> list[object]:
    """Give the objects that mean "no timeout given": the module's, and ``socket``'s, whose users may call this one."""
    modules = (socket_module, sys.modules.get("socket"))
    defaults = (vars(module).get("_GLOBAL_DEFAULT_TIMEOUT") for module in modules if module is not None)
    return [default for default in defaults if default is not None]
