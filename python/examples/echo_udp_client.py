"""Sends three datagrams to an echo server and shows what comes back: the UDP echo client of a book chapter of 2003 on
Python's socket module, in today's Python.

    python echo_udp_client.py [HOST [PORT]]

Without arguments to localhost, port 8881. As in the book it hangs for ever where no server answers, or a datagram is
lost. Unmodified it ends, and says why, by `python -m shotclock --timeout 5 echo_udp_client.py`.
"""

import socket
import sys

DATA = """A few lines of data
to test the operation
of both server and client."""


def main(host="localhost", port="8881"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for line in DATA.splitlines():
            sock.sendto(line.encode(), (host, int(port)))
            print("Sent:", line)
            response, _ = sock.recvfrom(8192)
            print("Received:", response.decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
