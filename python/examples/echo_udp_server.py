"""Sends each datagram back to where it came from: the UDP echo server of a book chapter of 2003 on Python's socket
module, in today's Python.

    python echo_udp_server.py [HOST [PORT]]

Without arguments any host may send, to port 8881. It believes every sender's address: two such servers that somebody
sets on each other send the same datagram to and fro for ever. `shotclock serve udp` does not.
"""

import socket
import sys


def main(host="", port="8881"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, int(port)))
        print("listening on {}:{}".format(*sock.getsockname()), file=sys.stderr)
        while True:
            data, address = sock.recvfrom(8192)
            print("Datagram from {}:{}".format(*address))
            sock.sendto(data, address)


if __name__ == "__main__":
    main(*sys.argv[1:])
