"""A client of requests, tested against a server that drips: its own timeout never passes, the scope around it does.

`pytest python/examples/test_client_in_time.py`, with the package, pytest and requests installed.
"""

import pytest
import requests
import shotclock

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


def fetch(url):
    """The client under test."""
    with shotclock.deadline(0.5):
        return requests.get(url, timeout=10)


def test_a_dripping_server_does_not_hold_it_up(misbehaving_peer):
    peer = misbehaving_peer("drip", every=0.02, content=HEAD + bytes(1000))
    with pytest.raises(requests.RequestException) as caught:
        fetch(f"http://{peer.host}:{peer.port}/")
    assert shotclock.expired_scope(caught.value)
    peer.stop()
    assert peer.events()[-1].sent < 60, "it had half a second, and 50 bytes come in one"


def test_a_good_server_is_no_matter(misbehaving_peer):
    peer = misbehaving_peer("stall", after=2**20, content=HEAD + bytes(1000))
    assert fetch(f"http://{peer.host}:{peer.port}/").content == bytes(1000)
