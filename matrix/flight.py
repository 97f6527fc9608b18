"""What a TLS server says, in parts that a peer can hold back. Programs of python/tests begin with this text, too."""

import contextlib
import socket
import ssl

# RFC 8446, 5.2: the head of a record of application data, of which so nothing but the length is known.
RECORD_HEAD = bytes([23, 3, 3, 0x40, 0])


def first_flight(server: ssl.SSLContext, connection: socket.socket) -> bytes:
    """Read a client's hello, and give all that the server has to say to it, of which nothing is sent."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = server.wrap_bio(incoming, outgoing, server_side=True)
    while not outgoing.pending:
        incoming.write(connection.recv(65536))
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
    return outgoing.read()
