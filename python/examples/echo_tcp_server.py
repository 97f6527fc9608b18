"""Sends back what it receives, to one client after another: the TCP echo server of a book chapter of 2003 on Python's
socket module, in today's Python.

    python echo_tcp_server.py [HOST [PORT]]

Without arguments any host may connect, to port 8881. As in the book it waits without limits: a client who falls silent
keeps the others out. Unmodified it gets limits by `python -m shotclock --timeout 60 echo_tcp_server.py`, the wait for
the next client too.
"""

import socket
import sys


def main(host="", port="8881"):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        # So that it can start again at once, whatever connections of its last run the system still remembers.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(5)
        print("listening on {}:{}".format(*listener.getsockname()), file=sys.stderr)
        while True:
            client, address = listener.accept()
            with client:
                print("Connected from {}:{}".format(*address))
                while data := client.recv(8192):
                    client.sendall(data)
            print("Disconnected from {}:{}".format(*address))


if __name__ == "__main__":
    main(*sys.argv[1:])
