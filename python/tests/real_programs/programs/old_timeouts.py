"""timeoutsocket, imported first, and libraries that know nothing of it: `old_timeouts.py SILENT_PORT`, which takes
connections and says nothing."""

import timeoutsocket  # Before everything that uses sockets.

import ftplib
import http.client
import smtplib
import sys
import urllib.error
import urllib.request

from ends_in_time import ends_in_time

LIMIT = 0.05


def timeout_in(error):
    """The Timeout that a library wrapped in an exception of its own."""
    while error and not isinstance(error, timeoutsocket.Timeout):
        error = error.__cause__ or error.__context__
    return error


def greet(port):
    client = ftplib.FTP()
    try:
        client.connect("127.0.0.1", port)
    finally:
        client.close()


def main(port):
    port = int(port)
    timeoutsocket.setDefaultSocketTimeout(LIMIT)
    waits = [
        (timeoutsocket.Timeout, lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/")),
        (urllib.error.URLError, lambda: urllib.request.urlopen(f"ftp://127.0.0.1:{port}/file")),
        (smtplib.SMTPServerDisconnected, lambda: smtplib.SMTP("127.0.0.1", port, "me")),
        (timeoutsocket.Timeout, lambda: greet(port)),
    ]
    for kind, wait in waits:
        error = ends_in_time(LIMIT, kind, wait)
        assert timeout_in(error), repr(error)
        print(type(error).__name__)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    assert type(connection.sock) is timeoutsocket.TimeoutSocket and connection.sock.get_timeout() == LIMIT
    connection.sock.set_timeout(2 * LIMIT)
    ends_in_time(2 * LIMIT, timeoutsocket.Timeout, lambda: connection.sock.recv(1))
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
