"""Each kind of server that socketserver has, and clients on plain sockets: `socket_servers.py FOLDER`."""

import pathlib
import socket
import socketserver
import sys

from serving import serving


class Lines(socketserver.StreamRequestHandler):
    timeout = 20

    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


class Datagrams(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        sock.sendto(data.upper(), self.client_address)


def lines_of(client):
    client.settimeout(20)
    with client.makefile("rw", newline="\n") as file:
        for number in range(100):
            print("line", number, file=file, flush=True)
            assert file.readline() == f"LINE {number}\n"
        client.shutdown(socket.SHUT_WR)
        assert file.read() == ""


def datagrams_of(client, address):
    client.settimeout(20)
    for size in (0, 1, 8000):
        client.sendto(b"d" * size, address)
        assert client.recvfrom(10_000) == (b"D" * size, address)


def main(folder):
    nowhere = ("127.0.0.1", 0)
    for kind in (socketserver.TCPServer, socketserver.ThreadingTCPServer, socketserver.ForkingTCPServer):
        with serving(kind(nowhere, Lines)) as server, socket.create_connection(server.server_address) as client:
            lines_of(client)
    for kind in (socketserver.UDPServer, socketserver.ThreadingUDPServer):
        with serving(kind(nowhere, Datagrams)) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
            datagrams_of(client, server.server_address)
    path = str(pathlib.Path(folder, "stream.sock"))
    with serving(socketserver.ThreadingUnixStreamServer(path, Lines)), socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        lines_of(client)
    path, own = (str(pathlib.Path(folder, name)) for name in ("datagram.sock", "own.sock"))
    with serving(socketserver.UnixDatagramServer(path, Datagrams)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.bind(own)
            datagrams_of(client, path)
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
