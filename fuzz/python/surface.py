"""What there is to call, with the kinds of its arguments; and the three ways to mount it."""

import _socket
from dataclasses import dataclass

from shotclock import _native


@dataclass(frozen=True)
class Signature:
    """Kinds of the arguments (methods of `Values`), how many are required, and names where keywords are taken."""

    kinds: tuple
    required: int
    names: tuple = ()


def _takes(required, optional="", names=""):
    kinds = required.split() + optional.split()
    return Signature(tuple(kinds), len(required.split()), tuple(names.split()))


METHODS = {
    "_accept": _takes(""),
    "bind": _takes("address"),
    "close": _takes(""),
    "connect": _takes("address"),
    "connect_ex": _takes("address"),
    "detach": _takes(""),
    "fileno": _takes(""),
    "getblocking": _takes(""),
    "getpeername": _takes(""),
    "getsockname": _takes(""),
    "getsockopt": _takes("level option", "size"),
    "gettimeout": _takes(""),
    "listen": _takes("", "number"),
    "recv": _takes("size", "flags"),
    "recv_into": _takes("writable", "size flags", "buffer nbytes flags"),
    "recvfrom": _takes("size", "flags"),
    "recvfrom_into": _takes("writable", "size flags", "buffer nbytes flags"),
    "recvmsg": _takes("size", "size flags"),
    "recvmsg_into": _takes("rooms", "size flags"),
    "send": _takes("readable", "flags"),
    "sendall": _takes("readable", "flags"),
    "sendmsg": _takes("buffers", "ancillary flags address"),
    "sendmsg_afalg": _takes("", "buffers number readable number flags", "msg op iv assoclen flags"),
    "sendto": _takes("readable address", "flags"),
    "setblocking": _takes("number"),
    "setsockopt": _takes("level option option_value", "size"),
    "settimeout": _takes("timeout"),
    "shutdown": _takes("number"),
    # Not in the table of methods, but as much a part of the type.
    "__repr__": _takes(""),
    "timeout": _takes(""),
}

FUNCTIONS = {
    "CMSG_LEN": _takes("size"),
    "CMSG_SPACE": _takes("size"),
    "close": _takes("descriptor"),
    "dup": _takes("descriptor"),
    "getaddrinfo": _takes(
        "host port", "family_number kind_number number number", "host port family type proto flags"
    ),
    "getdefaulttimeout": _takes(""),
    "gethostbyaddr": _takes("text"),
    "gethostbyname": _takes("text"),
    "gethostbyname_ex": _takes("text"),
    "gethostname": _takes(""),
    "getnameinfo": _takes("internet_address number"),
    "getprotobyname": _takes("text"),
    "getservbyname": _takes("text", "text"),
    "getservbyport": _takes("number", "text"),
    "htonl": _takes("number"),
    "htons": _takes("number"),
    "if_indextoname": _takes("number"),
    "if_nameindex": _takes(""),
    "if_nametoindex": _takes("text"),
    "inet_aton": _takes("text"),
    "inet_ntoa": _takes("packed"),
    "inet_ntop": _takes("family_number packed"),
    "inet_pton": _takes("family_number text"),
    "ntohl": _takes("number"),
    "ntohs": _takes("number"),
    "setdefaulttimeout": _takes("timeout"),
    "sethostname": _takes("text"),
    "socketpair": _takes("", "family_number kind_number number"),
    # The type itself is called, too.
    "socket": _takes("", "family_number kind_number number descriptor", "family type proto fileno"),
}

# Ours alone.
EXTENSIONS = {
    "sendfile": _takes("anything descriptor number size", "size"),
    "recv_exact": _takes("anything writable size"),
    "layout": _takes("anything"),
}


class Mount:
    """One way to reach the methods: on the own type, as descriptors on stock objects, or, to compare, stock itself."""

    def __init__(self, name, compared_with=None):
        self.name = name
        _native.prepare(_socket)
        base = _native.socket_type() if name == "type" else _socket.socket
        functions = {key: getattr(_socket, key) for key in FUNCTIONS}
        if name != "stock":
            functions = {**_native.functions(_socket), "socket": base}
        middle = type("Middle", (base,), {"__slots__": ("__weakref__",)})
        if name == "graft":
            for key, method in _native.descriptors(middle).items():
                setattr(middle, key, method)
        deep = middle
        for _ in range(20):
            deep = type("Deep", (deep,), {"__slots__": ()})
        # Descriptors do not reach the base.
        self.classes = (middle if "graft" in (name, compared_with) else base, middle, deep)
        self.functions = functions
        self.extensions = {} if name == "stock" else {key: getattr(_native, key) for key in EXTENSIONS}
