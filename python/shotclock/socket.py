"""The interpreter's own ``socket`` module over the ``_socket`` in Rust, beside the one the interpreter has.

It is the ``socket.py`` that this interpreter ships, run once more. So its classes and enums are others than those of
the module ``socket``: enum members are equal and not identical, and its sockets are no instances of ``socket.socket``;
exceptions are the same objects. It has a default timeout of its own. ``ssl`` turns its sockets into the interpreter's
``SSLSocket``, whose waits are on the clock only after ``shotclock.install()``. ``sys.modules["socket"]`` stays as it
is.
"""

from ._install.socket_layer import execute_socket_layer

execute_socket_layer(globals())
del execute_socket_layer
