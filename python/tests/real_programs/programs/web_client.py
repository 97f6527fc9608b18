"""http.client and urllib.request against web_server: `web_client.py PORT [AUTHORITY]`."""

import http.client
import ssl
import sys
import urllib.error
import urllib.request

from ends_in_time import ends_in_time
from web_server import bytes_of

LIMIT = 0.05


def by_urllib(base, context):
    def get(path, **options):
        with urllib.request.urlopen(base + path, timeout=20, context=context, **options) as answer:
            return answer.read()

    assert get("/bytes/5000000") == bytes_of(5_000_000)
    assert get("/chunked") == b"one two three"
    assert get("/any", data=b"posted") == b"POSTED"
    try:
        get("/nothing")
    except urllib.error.HTTPError as error:
        with error:
            assert error.code == 404
    else:
        raise AssertionError("found nothing")
    ends_in_time(LIMIT, TimeoutError, lambda: urllib.request.urlopen(base + "/silent", timeout=LIMIT, context=context))


def by_http_client(connection):
    def ask(method, path, body=None):
        connection.request(method, path, body)
        return connection.getresponse()

    # One connection for all.
    first = ask("GET", "/client").read()
    assert ask("POST", "/any", b"words").read() == b"WORDS"
    assert ask("POST", "/any", iter([b"in ", b"chunks"])).read() == b"IN CHUNKS"
    large = bytes_of(5_000_000)
    assert ask("POST", "/any", large).read() == large.upper()
    head = ask("HEAD", "/bytes/1000")
    assert (head.getheader("Content-Length"), head.read()) == ("1000", b"")
    parts = ask("GET", "/bytes/100000")
    buffer = bytearray(1000)
    assert parts.readinto(buffer) == 1000
    assert bytes(buffer) + parts.read(9000) + parts.read() == bytes_of(100_000)
    assert ask("GET", "/client").read() == first
    connection.sock.settimeout(LIMIT)
    connection.request("GET", "/silent")
    ends_in_time(LIMIT, TimeoutError, connection.getresponse)


def main(port, authority=None):
    context = ssl.create_default_context(cafile=authority) if authority else None
    by_urllib(f"{'https' if authority else 'http'}://localhost:{port}", context)
    if authority:
        connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=context)
    else:
        connection = http.client.HTTPConnection("localhost", port, timeout=20)
    by_http_client(connection)
    connection.close()
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
