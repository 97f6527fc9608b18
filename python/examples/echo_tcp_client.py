"""Sends three lines to an echo server and shows what comes back: the TCP echo client of a book chapter of 2003 on
Python's socket module, in today's Python.

    python echo_tcp_client.py [HOST [PORT]]

Without arguments to localhost, port 8881.
"""

import socket
import sys

DATA = """A few lines of data
to test the operation
of both server and client."""


def main(host="localhost", port="8881"):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.connect((host, int(port)))
        print("Connected to server")
        for line in DATA.splitlines():
            sock.sendall(line.encode())
            print("Sent:", line)
            response = sock.recv(8192)
            print("Received:", response.decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
