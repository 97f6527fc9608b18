"""ftplib and a small file server, in one process: `files.py SILENT_PORT`, which takes connections and says nothing."""

import ftplib
import io
import socket
import socketserver
import sys

from ends_in_time import ends_in_time
from serving import serving

LIMIT = 0.05
LARGE = bytes(range(256)) * 8_000


class Session(socketserver.StreamRequestHandler):
    timeout = 20
    # Answers are several sends.
    disable_nagle_algorithm = True

    def handle(self):
        self.say("220 ready")
        for line in self.rfile:
            command, _, argument = line.decode().strip().partition(" ")
            getattr(self, f"do_{command}")(argument)

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())

    def do_USER(self, _):
        self.say("331 and the password?")

    def do_PASS(self, _):
        self.say("230 welcome")

    def do_TYPE(self, _):
        self.say("200 as you wish")

    def do_PASV(self, _):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(20)
        port = listener.getsockname()[1]
        self.say(f"227 (127,0,0,1,{port >> 8},{port & 255})")
        with listener:
            self.data, _ = listener.accept()

    def do_PORT(self, argument):
        *host, high, low = argument.split(",")
        self.data = socket.create_connection((".".join(host), int(high) * 256 + int(low)), timeout=20)
        self.say("200 connected")

    def do_NLST(self, _):
        self.transfer(lambda: self.data.sendall("\r\n".join(sorted(self.server.files)).encode()))

    def do_RETR(self, name):
        self.transfer(lambda: self.data.sendfile(io.BytesIO(self.server.files[name])))

    def do_STOR(self, name):
        with self.data.makefile("rb") as incoming:
            self.transfer(lambda: self.server.files.update({name: incoming.read()}))

    def do_QUIT(self, _):
        self.say("221 bye")

    def transfer(self, transfer):
        self.say("150 now")
        with self.data:
            transfer()
        self.say("226 done")


def exchange(port, passive):
    with ftplib.FTP(timeout=20) as client:
        client.connect("127.0.0.1", port)
        client.login("me", "secret")
        client.set_pasv(passive)
        client.storbinary("STOR sent", io.BytesIO(LARGE))
        received = io.BytesIO()
        client.retrbinary("RETR sent", received.write)
        assert received.getvalue() == LARGE
        print(client.nlst())


def greet(port):
    client = ftplib.FTP(timeout=LIMIT)
    try:
        client.connect("127.0.0.1", port)
    finally:
        client.close()


def main(silent_port):
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)) as server:
        server.files = {"there": b""}
        for passive in (True, False):
            exchange(server.server_address[1], passive)
    ends_in_time(LIMIT, TimeoutError, lambda: greet(int(silent_port)))


if __name__ == "__main__":
    main(*sys.argv[1:])
