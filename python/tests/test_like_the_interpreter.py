"""All that a program can look up in `socket` and `_socket`, with each mount and without: the same on whatever runs this.

Nothing is written down here of what an interpreter has. So what a new one adds follows by itself, or this fails. The same
holds for what lies above sockets and has methods of ours: ssl, and the selector of socketserver.
"""

import json
import sys

import pytest
from interpreter import check

# What stands between the interpreter and the program's own words, and what the program does first.
MOUNTS = {"graft": ((), "import shotclock; shotclock.install()"), "type": (("-m", "shotclock"), "")}

# Prints what there is, by name: of a value what it is, of what can be called how it looks to help() and to tools.
DESCRIBE = """
import importlib, inspect, json, re, sys

def signature(value):
    try:
        return re.sub(" at 0x[0-9a-f]+", "", str(inspect.signature(value)))
    except (ValueError, TypeError) as error:
        return type(error).__name__

def looks(value):
    if isinstance(value, (bool, int, float, str, bytes, tuple, type(None))) and not hasattr(value, "__call__"):
        return [type(value).__name__, repr(value)]
    if not callable(value) and not inspect.isdatadescriptor(value):
        return [type(value).__name__]
    own = {name: getattr(value, name, None) for name in ("__module__", "__name__", "__qualname__", "__doc__")}
    own["__text_signature__"] = getattr(value, "__text_signature__", None)
    own["signature"] = signature(value)
    own["type"] = type(value).__name__
    return own

found = {}
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    found[name] = [module.__name__, module.__doc__]
    for attribute in dir(module):
        value = getattr(module, attribute)
        found[f"{name}.{attribute}"] = looks(value)
        if isinstance(value, type) and value.__module__ in sys.argv[1:]:
            found[f"{name}.{attribute} bases"] = [base.__qualname__ for base in value.__mro__]
            for member in dir(value):
                found[f"{name}.{attribute}.{member}"] = looks(inspect.getattr_static(value, member))
print(json.dumps(found, default=repr))
"""

MODULES = ("_socket", "socket", "_ssl", "ssl", "selectors", "socketserver")

# All that is compared of what can be called.
ANYTHING = {"__module__", "__name__", "__qualname__", "__doc__", "__text_signature__", "signature", "type"}

# Where our `_socket` lies.
OF_THE_FILE = {"_socket.__file__", "_socket.__loader__"}
# A file of sockets keeps these for itself, beside what socket.py gives it.
OF_THE_RAW_FILE = {
    f"socket.SocketIO.{name}"
    for name in ("_dealloc_warn", "_readall_by_io", "_readinto_by_socket_py", "_write_by_socket_py", "_write_ending")
}


def found(mount=None):
    beneath, first = MOUNTS.get(mount, ((), ""))
    return json.loads(check(first + DESCRIBE, *MODULES, beneath=beneath))


def differences(stock, ours):
    """What is not the same, by name, and in what; without what is said here to be otherwise."""
    different = {}
    for name in stock.keys() | ours.keys():
        theirs, own = stock.get(name), ours.get(name)
        if isinstance(theirs, dict) and isinstance(own, dict):
            different[name] = {what for what in theirs if theirs[what] != own[what]}
        elif theirs != own:
            different[name] = {"all"}
    return {name: what - allowed(name) for name, what in different.items() if what - allowed(name)}


def allowed(name):
    """In what a name may be different."""
    module, _, rest = name.partition(".")
    if name in OF_THE_FILE or name in OF_THE_RAW_FILE:
        return {"all", *ANYTHING}
    if rest == "SocketIO.closed":
        # The class has it by itself, where it was inherited.
        return {"__qualname__"}
    if rest in ("SocketIO.readinto", "SocketIO.write", "SocketIO.readall"):
        # C functions of the class, where Python's own are functions of socket.py, and inherited.
        return {"__module__", "__qualname__", "__text_signature__", "signature", "type"}
    if rest.endswith(("ocket.send_batch", "ocket.recv_batch")):
        # What sockets of our own type have beside.
        return {"all"}
    if rest.endswith("ocket.makefile"):
        # It has one keyword more.
        return {"__doc__", "signature"}
    if sys.version_info < (3, 12) and module in ("_socket", "socket", "ssl"):
        # The type of 3.11 is a static one, which shows less of itself; ours is as from 3.12 on.
        return {
            "__module__": {"all"},
            "__annotations__": {"all"},
            "__getattribute__": {"__qualname__"},
        }.get(rest.rpartition(".")[2], set())
    return set()


@pytest.fixture(scope="module")
def stock():
    """What the interpreter has by itself."""
    return found()


@pytest.mark.parametrize("mount", MOUNTS)
def test_all_that_can_be_looked_up_is_the_same(mount, stock):
    assert len(stock) > 3000
    assert differences(stock, found(mount)) == {}


@pytest.mark.parametrize("mount", MOUNTS)
def test_what_has_one_keyword_more_has_the_others(mount, stock):
    name = "socket.socket.makefile"
    theirs, ours = stock[name], found(mount)[name]
    assert ours["signature"] == theirs["signature"].replace(")", ", resume=False)")
    assert ours["__doc__"].startswith(theirs["__doc__"].rstrip())


def test_a_difference_is_found(stock):
    ours = json.loads(json.dumps(stock))
    ours["_socket.inet_aton"]["__doc__"] += "."
    del ours["socket.AF_INET"]
    ours["socket.SOCK_STREAM"][1] = "2"
    assert differences(stock, ours) == {
        "_socket.inet_aton": {"__doc__"},
        "socket.AF_INET": {"all"},
        "socket.SOCK_STREAM": {"all"},
    }
