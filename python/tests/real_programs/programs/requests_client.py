"""requests against web_server: `requests_client.py PORT FULL_PORT [AUTHORITY]`, where FULL_PORT takes no connection."""

import sys

import requests
from ends_in_time import ends_in_time
from web_server import bytes_of

LIMIT = 0.05


def talk(session, base):
    # One connection for all.
    first = session.get(f"{base}/client").text
    assert session.get(f"{base}/bytes/5000000").content == bytes_of(5_000_000)
    assert session.get(f"{base}/chunked").text == "one two three"
    assert session.post(f"{base}/any", data=b"words").text == "WORDS"
    assert session.post(f"{base}/any", data=iter([b"in ", b"chunks"])).text == "IN CHUNKS"
    assert session.post(f"{base}/any", json={"key": [1, 2]}).text == '{"KEY": [1, 2]}'
    with session.get(f"{base}/bytes/100000", stream=True) as answer:
        assert b"".join(answer.iter_content(4096)) == bytes_of(100_000)
    assert session.head(f"{base}/bytes/1000").headers["Content-Length"] == "1000"
    assert session.get(f"{base}/client").text == first, "the connection was not kept"
    assert session.get(f"{base}/nothing").status_code == 404


def main(port, full_port, authority=None):
    scheme = "https" if authority else "http"
    base = f"{scheme}://localhost:{port}"
    with requests.Session() as session:
        session.verify = authority
        talk(session, base)
    assert requests.get(f"{base}/bytes/1000", verify=authority, timeout=20).content == bytes_of(1000)
    if authority:
        try:
            requests.get(base, timeout=20)
        except requests.exceptions.SSLError:
            pass
        else:
            raise AssertionError("believed a server of an authority that nobody knows")

    def silent():
        return requests.get(f"{base}/silent", verify=authority, timeout=(20, LIMIT))

    def full():
        return requests.get(f"{scheme}://127.0.0.1:{full_port}/", verify=authority, timeout=(LIMIT, 20))

    ends_in_time(LIMIT, requests.exceptions.ReadTimeout, silent)
    ends_in_time(LIMIT, requests.exceptions.ConnectTimeout, full)
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
