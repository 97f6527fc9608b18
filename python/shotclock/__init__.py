"""Sockets on the clock, for Python programs as they are.

``install()`` grafts methods written in Rust onto the interpreter's own ``socket.socket``: programs and libraries go on
as before, and their calls cost less. This version grafts the four that move plain data; what else the package is to do
is not here yet, and ``status()`` says what is replaced and what is not.
"""

from ._graft import Status, install, status, uninstall

__all__ = ["Status", "install", "status", "uninstall"]
