"""Every TCP socket of an unmodified program gets a timeout.

Import this module before any module that uses sockets::

    import timeoutsocket
    timeoutsocket.setDefaultSocketTimeout(20)
    import urllib.request

From then on every TCP socket that the program makes, directly or through a library, is a ``TimeoutSocket``: a socket
with ``get_timeout`` and ``set_timeout`` beside its own methods, which begins with the default timeout. Datagram sockets
are untouched. A wait past the timeout raises ``Timeout``: in connect, accept, recv and send, and in files made by
makefile.

The names and their meaning are those that Timothy O'Malley's module of 2001 had, as books of its time document them.
Modules that were imported before this one, and took the class out of ``socket`` by name, keep the class they took.
"""

import socket

from shotclock._install.on_import import on_import

__all__ = ["Timeout", "TimeoutSocket", "getDefaultSocketTimeout", "setDefaultSocketTimeout"]

# What sockets raise by themselves when their timeout passes, so that no wait can slip through another exception.
Timeout = TimeoutError

_PlainSocket = socket.socket
_default = None


def getDefaultSocketTimeout():
    """Return the timeout that new TCP sockets begin with: seconds as a float, or None, which is for ever."""
    return _default


def setDefaultSocketTimeout(timeout):
    """Set the timeout that new TCP sockets begin with: seconds, or None. Sockets that exist keep theirs."""
    global _default
    _default = _checked(timeout)


class _AnySocket(type):
    """A datagram socket is made as before; to ask whether it is a socket still gets the answer yes."""

    def __call__(cls, *arguments, **keywords):
        # A subclass is what it is, and may take arguments of its own.
        if cls is TimeoutSocket and not _is_tcp(*arguments, **keywords):
            return _PlainSocket(*arguments, **keywords)
        return super().__call__(*arguments, **keywords)

    def __instancecheck__(cls, instance):
        return super().__instancecheck__(instance) or (cls is TimeoutSocket and isinstance(instance, _PlainSocket))

    def __subclasscheck__(cls, subclass):
        return super().__subclasscheck__(subclass) or (cls is TimeoutSocket and issubclass(subclass, _PlainSocket))


class TimeoutSocket(_PlainSocket, metaclass=_AnySocket):
    """A TCP socket with a timeout of its own."""

    __slots__ = ()

    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        super().__init__(family, type, proto, fileno)
        # A subclass may be of another kind.
        if _default is not None and _is_tcp(self.family, self.type):
            self.settimeout(_default)

    def get_timeout(self):
        """Return the timeout: seconds as a float, or None, which is for ever."""
        return self.gettimeout()

    def set_timeout(self, timeout):
        """Set the timeout: seconds, or None. It bounds each wait in connect, accept, recv, send and files."""
        self.settimeout(_checked(timeout))

    def accept(self):
        """Accept a connection: its socket begins with the default timeout, whatever the listener's."""
        connection, address = super().accept()
        if _default is not None and _is_tcp(connection.family, connection.type):
            connection.settimeout(_default)
        return connection, address


def _is_tcp(family=-1, type=-1, proto=-1, fileno=None):
    if fileno is not None:
        # The kinds that are not given are the descriptor's own.
        with _borrowed(fileno) as probe:
            family = probe.family if family == -1 else family
            type = probe.type if type == -1 else type
    family = socket.AF_INET if family == -1 else family
    type = socket.SOCK_STREAM if type == -1 else type
    kind = type & ~(getattr(socket, "SOCK_NONBLOCK", 0) | getattr(socket, "SOCK_CLOEXEC", 0))
    return family in (socket.AF_INET, socket.AF_INET6) and kind == socket.SOCK_STREAM


class _borrowed:
    """A look at somebody's descriptor, which is not closed afterwards."""

    def __init__(self, fileno):
        self._socket = _PlainSocket(fileno=fileno)

    def __enter__(self):
        return self._socket

    def __exit__(self, *_):
        self._socket.detach()


def _checked(timeout):
    if timeout is None:
        return None
    timeout = float(timeout)
    if not timeout >= 0:
        raise ValueError(f"timeout {timeout!r}: expected 0 or more seconds, or None")
    return timeout


def _let_sockets_travel(reduction):
    """Have multiprocessing send both kinds to other processes: by itself it knows the one that it finds."""
    for kind in (_PlainSocket, TimeoutSocket):
        reduction.register(kind, reduction._reduce_socket)


socket.socket = socket.SocketType = TimeoutSocket
on_import("multiprocessing.reduction", _let_sockets_travel)
