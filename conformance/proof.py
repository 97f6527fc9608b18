"""Which file the machine code behind a socket's methods, and other functions that wait, comes from: a proof that cannot pass
by accident.

What a module says of itself could be wrong; where in memory the called code lies cannot. As a script it prints what
``measure_in_scope()`` finds, as JSON.
"""

import contextlib
import ctypes
import importlib
import json
import operator
import os
import sys
import types

# Where code is looked for; the class of ssl's inner objects besides, in a process that has it.
PLACES = ("socket.socket", "a live object", "lookups", "_socket.socket", "other waits")
LOOKUPS = ("getaddrinfo", "gethostbyaddr", "gethostbyname", "gethostbyname_ex", "getnameinfo")
# Of those that have hooks, one of each table that every process has.
_WAITS = {
    "time": ("sleep",),
    "posix": ("read", "write", "waitpid"),
    "_thread": ("LockType.acquire", "LockType.__enter__"),
    "_io": ("FileIO.read",),
    "select": ("select", "epoll.poll"),
    "_signal": ("sigwait",),
}
_TLS = ("read", "write", "do_handshake", "shutdown")

_OURS = os.path.join("shotclock", "_native.")


def code_file(method) -> str:
    """The file that holds the machine code of a C method, bound or not, or the code of a Python function."""
    if isinstance(method, types.FunctionType):
        return method.__code__.co_filename
    head, pointer = object.__basicsize__, ctypes.sizeof(ctypes.c_size_t)
    if isinstance(method, types.MethodDescriptorType):
        # Behind the head: type, name, qualified name, definition.
        place = id(method) + head + 3 * pointer
    elif isinstance(method, types.BuiltinMethodType):
        place = id(method) + head
    else:
        return f"no function: {method!r}"
    definition = ctypes.c_size_t.from_address(place).value
    name, code = (ctypes.c_size_t * 2).from_address(definition)
    if ctypes.string_at(name).decode() != method.__name__:
        raise RuntimeError(f"{method!r}: its definition is not where it is expected")
    return _mapped_file(code)


def measure(inside=contextlib.nullcontext) -> dict[str, dict[str, str]]:
    """By place and name, the code files: on a class or object, of the methods that socket.py leaves to C.

    Functions that wait are looked at within ``inside()``, since in a process that started by itself the first scope
    brings the hooks.
    """
    import _socket
    import socket

    in_c = {name: method for name, method in vars(_socket.socket).items() if _is_method(method)}
    left_to_it = [name for name in in_c if _is_method(getattr(socket.socket, name))]
    one, other = socket.socketpair()
    with one, other:
        live = {name: code_file(getattr(one, name)) for name in left_to_it}
    measured = {
        "socket.socket": {name: code_file(getattr(socket.socket, name)) for name in left_to_it},
        "a live object": live,
        "lookups": {name: code_file(getattr(_socket, name)) for name in LOOKUPS},
        "_socket.socket": {name: code_file(method) for name, method in in_c.items()},
    }
    # After the sockets, which are to be reached without a scope.
    with inside():
        measured["other waits"] = {
            f"{module}.{name}": code_file(operator.attrgetter(name)(importlib.import_module(module)))
            for module, names in _WAITS.items()
            for name in names
        }
    if "ssl" in sys.modules:
        inner = sys.modules["_ssl"]._SSLSocket
        measured["_ssl._SSLSocket"] = {name: code_file(getattr(inner, name)) for name in _TLS}
    return measured


def measure_in_scope() -> dict[str, dict[str, str]]:
    """What ``measure()`` gives, the functions that wait as they are in a scope."""
    import shotclock

    return measure(lambda: shotclock.deadline(60))


def complaints(mount: str, measured: dict[str, dict[str, str]]) -> list[str]:
    """What contradicts that the process had this mount: ``stock``, ``graft`` or ``type``."""
    found = [f"{place}: not looked at" for place in PLACES if place not in measured]
    for place, files in measured.items():
        # The graft leaves the type in C as it is; over our own type hooks come with the first scope.
        if (mount, place) in (("graft", "_socket.socket"), ("type", "other waits")):
            continue
        strays = [name for name, file in files.items() if _is_ours(file) != (mount != "stock")]
        if strays or not files:
            found.append(f"{place}: {', '.join(strays) or 'no method at all'}: not the code that {mount} should run")
    return found


def _is_ours(file: str) -> bool:
    return _OURS in file


def _is_method(method) -> bool:
    return isinstance(method, types.MethodDescriptorType)


def _mapped_file(address: int) -> str:
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            span, *_, file = line.rstrip("\n").split(maxsplit=5)
            start, end = (int(bound, 16) for bound in span.split("-"))
            if start <= address < end:
                return file
    raise RuntimeError(f"no file is mapped at {address:#x}")


if __name__ == "__main__":
    json.dump(measure_in_scope(), sys.stdout)
