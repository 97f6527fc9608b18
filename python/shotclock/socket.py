"""The interpreter's own ``socket`` module over the ``_socket`` in Rust, beside the one the interpreter has.

It is the ``socket.py`` that this interpreter ships. Its classes and enums are its own, equal to those of ``socket`` and
not identical; exceptions are the same. ``ssl`` turns its sockets into the interpreter's ``SSLSocket``.
"""

from ._socket_layer import execute_socket_layer

execute_socket_layer(globals())
del execute_socket_layer
