"""``with shotclock.deadline(2): requests.get(url)``, at servers that would keep it for much longer.

At a dead name server: test_lookups_in_time.py.
"""

import pytest

from interpreter import check
from misbehaving import PEERS, SERVERS

TWO_SECONDS = """
def fetch(url):
    # What the first call and the first scope ever do by the way is not what is measured.
    with contextlib.suppress(requests.RequestException), shotclock.deadline(2):
        requests.get("http://127.0.0.1:1/")
    start, before = time.monotonic(), starved()
    try:
        with shotclock.deadline(2) as scope:
            requests.get(url, verify=AUTHORITY)
    except requests.RequestException as error:
        took = time.monotonic() - start
        assert shotclock.expired_scope(error) is scope and scope.expired, repr(error)
    else:
        raise AssertionError("it ended by itself")
    assert 2.0 <= took <= 2.1 + starved() - before, took
"""


@pytest.mark.parametrize("beneath", [(), ("-m", "shotclock")], ids=["graft", "type"])
@pytest.mark.parametrize(
    ("scheme", "talk"),
    [
        ("http", "drip_header"),
        ("http", "drip_body"),
        ("http", "flood"),
        ("https", "drip_handshake"),
        ("https", "drip_records"),
        ("https", "over_tls(drip_body)"),
        ("https", "over_tls(flood)"),
    ],
)
def test_two_seconds_are_two_seconds(scheme, talk, beneath, certificates):
    program = f'fetch("{scheme}://%s:%d/" % peer({talk}))'
    check(PEERS + SERVERS + TWO_SECONDS + program, *certificates, beneath=beneath)
