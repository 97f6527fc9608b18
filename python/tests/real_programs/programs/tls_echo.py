"""Bytes there and back over TLS: `tls_echo.py server KEY_AND_CERTIFICATE`, `tls_echo.py client PORT AUTHORITY
SILENT_PORT`, where SILENT_PORT takes connections and says nothing."""

import socket
import ssl
import sys

from ends_in_time import ends_in_time

LIMIT = 0.05
PART = bytes(range(256)) * 400


def serve(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("listening on {}:{}".format(*listener.getsockname()), file=sys.stderr)
        while True:
            client, _ = listener.accept()
            client.settimeout(20)
            try:
                with context.wrap_socket(client, server_side=True) as secured:
                    while data := secured.recv(1 << 16):
                        secured.sendall(data)
                    # The other's goodbye is answered before the connection ends.
                    secured.unwrap().close()
            except ssl.SSLError as error:
                print(error.reason)


def talk(secured):
    """Many bytes there and back, then words by a file, a silence, and the goodbyes."""
    for _ in range(5):
        # All at once fits into what the system holds; two threads must not use one SSLSocket, whatever is below it.
        secured.sendall(PART)
        received = bytearray(len(PART))
        view = memoryview(received)
        while view:
            view = view[secured.recv_into(view) :]
        assert received == PART
    with secured.makefile("rwb") as file:
        file.write(b"a line\nand half of one")
        file.flush()
        assert file.readline() == b"a line\n"
        assert file.read(15) == b"and half of one"
    secured.settimeout(LIMIT)
    ends_in_time(LIMIT, TimeoutError, lambda: secured.recv(1))
    secured.setblocking(False)
    try:
        secured.recv(1)
    except ssl.SSLWantReadError:
        pass
    else:
        raise AssertionError("received from a silent server")
    secured.settimeout(20)
    secured.sendall(b"still there")
    assert secured.recv(11) == b"still there"
    with secured.unwrap() as plain:
        assert plain.recv(1) == b""


def handshake_with(port, context):
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as sock:
        context.wrap_socket(sock, server_hostname="localhost")


def connect(port, authority, silent_port):
    context = ssl.create_default_context(cafile=authority)
    for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        context.maximum_version = version
        with socket.create_connection(("localhost", port), timeout=20) as sock:
            with context.wrap_socket(sock, server_hostname="localhost") as secured:
                print(secured.version(), dict(secured.getpeercert()["subjectAltName"])["DNS"])
                talk(secured)
    with socket.create_connection(("localhost", port), timeout=20) as sock:
        try:
            context.wrap_socket(sock, server_hostname="elsewhere")
        except ssl.SSLCertVerificationError as error:
            print(error.verify_message)
    ends_in_time(LIMIT, TimeoutError, lambda: handshake_with(silent_port, context))


if __name__ == "__main__":
    {"server": serve, "client": connect}[sys.argv[1]](*sys.argv[2:])
