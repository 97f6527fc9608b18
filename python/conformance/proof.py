"""Which file the machine code behind a socket's methods comes from: a proof that cannot pass by accident.

What a module says of itself could be wrong; where in memory the called code lies cannot. As a script it prints what
``measure()`` finds, as JSON.
"""

import ctypes
import json
import os
import sys
import types

# Methods that every way of mounting replaces.
METHODS = ("recv", "recv_into", "send", "sendall")

_OURS = os.path.join("shotclock", "_native.")


def code_file(method) -> str:
    """The file that holds the machine code of a C method, bound or not."""
    head, pointer = object.__basicsize__, ctypes.sizeof(ctypes.c_size_t)
    if isinstance(method, types.MethodDescriptorType):
        # Behind the head: type, name, qualified name, definition.
        place = id(method) + head + 3 * pointer
    elif isinstance(method, types.BuiltinMethodType):
        place = id(method) + head
    else:
        return f"not in C: {method!r}"
    definition = ctypes.c_size_t.from_address(place).value
    name, code = (ctypes.c_size_t * 2).from_address(definition)
    if ctypes.string_at(name).decode() != method.__name__:
        raise RuntimeError(f"{method!r}: its definition is not where it is expected")
    return _mapped_file(code)


def measure() -> dict[str, dict[str, str]]:
    """The code files of the methods of the class, of a live object, and of the type in C, by name."""
    import _socket
    import socket

    one, other = socket.socketpair()
    with one, other:
        live = {name: code_file(getattr(one, name)) for name in METHODS}
    in_c = {name: method for name, method in vars(_socket.socket).items() if _is_method(method)}
    return {
        "socket.socket": {name: code_file(getattr(socket.socket, name)) for name in METHODS},
        "a live object": live,
        "_socket.socket": {name: code_file(method) for name, method in in_c.items()},
    }


def complaints(mount: str, measured: dict[str, dict[str, str]]) -> list[str]:
    """What contradicts that the process had this mount: ``stock``, ``graft`` or ``type``."""
    wanted_ours = {"stock": (), "graft": ("socket.socket", "a live object"), "type": tuple(measured)}[mount]
    found = []
    for place, files in measured.items():
        if mount == "graft" and place == "_socket.socket":
            continue
        strays = [name for name, file in files.items() if (_OURS in file) != (place in wanted_ours)]
        if strays or not files:
            found.append(f"{place}: {', '.join(strays) or 'no method at all'}: not the code that {mount} should run")
    return found


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
    json.dump(measure(), sys.stdout)
