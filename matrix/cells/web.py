"""HTTP and HTTPS by the libraries that people use."""

from __future__ import annotations

import functools
import http.client
import urllib.request
from collections.abc import Callable

from . import Place, cell, without_end
from .tls import authority, trusting

_HEAD, _BODY, _FLOOD = "http-drip-head", "http-drip-body", "http-flood"


@cell("http.client", "silent")
def http_silent(place: Place) -> Callable[[], object]:
    return _by_http_client(*place.address("silent"))


@cell("http.client", "drip, header")
def http_drip_head(place: Place) -> Callable[[], object]:
    return _by_http_client(*place.address(_HEAD))


@cell("http.client", "drip, body")
def http_drip_body(place: Place) -> Callable[[], object]:
    return _by_http_client(*place.address(_BODY))


@cell("http.client", "flood", is_busy=True)
def http_flood(place: Place) -> Callable[[], object]:
    return _by_http_client(*place.address(_FLOOD))


@cell("http.client", "three black holes")
def http_three(place: Place) -> Callable[[], object]:
    return _by_http_client("holes.example", 80)


@cell("http.client", "dead DNS")
def http_dead_dns(place: Place) -> Callable[[], object]:
    return _by_http_client("slow.example", 80)


@cell("http.client, upload", "sip")
def http_upload(place: Place) -> Callable[[], object]:
    host, port = place.address("sip")

    def upload() -> None:
        http.client.HTTPConnection(host, port).request("PUT", "/", body=(bytes(65536) for _ in range(10_000)))

    return upload


@cell("urllib", "silent")
def urllib_silent(place: Place) -> Callable[[], object]:
    return _by_urllib(_url(place, "silent"))


@cell("urllib", "drip, body")
def urllib_drip_body(place: Place) -> Callable[[], object]:
    return _by_urllib(_url(place, _BODY))


@cell("urllib", "flood", is_busy=True)
def urllib_flood(place: Place) -> Callable[[], object]:
    return _by_urllib(_url(place, _FLOOD))


@cell("urllib", "dead DNS")
def urllib_dead_dns(place: Place) -> Callable[[], object]:
    return _by_urllib("http://slow.example/")


@cell("requests", "silent")
def requests_silent(place: Place) -> Callable[[], object]:
    return _by_requests(place, _url(place, "silent"))


@cell("requests", "drip, header")
def requests_drip_head(place: Place) -> Callable[[], object]:
    return _by_requests(place, _url(place, _HEAD))


@cell("requests", "drip, body")
def requests_drip_body(place: Place) -> Callable[[], object]:
    return _by_requests(place, _url(place, _BODY))


@cell("requests", "flood", is_busy=True)
def requests_flood(place: Place) -> Callable[[], object]:
    return _by_requests(place, _url(place, _FLOOD))


@cell("requests", "dead DNS")
def requests_dead_dns(place: Place) -> Callable[[], object]:
    return _by_requests(place, "http://slow.example/")


@cell("https by http.client", "drip, handshake")
def https_drip_handshake(place: Place) -> Callable[[], object]:
    _, port = place.address("tls-drip-handshake")
    connection = http.client.HTTPSConnection("localhost", port, context=trusting())
    return functools.partial(_exchange, connection)


@cell("https by urllib", "stalled handshake")
def https_stall(place: Place) -> Callable[[], object]:
    return _by_urllib(_url(place, "tls-stall", "https"))


@cell("https by requests", "drip, handshake")
def requests_drip_handshake(place: Place) -> Callable[[], object]:
    return _by_requests(place, _url(place, "tls-drip-handshake", "https"))


@cell("https by requests", "drip, body")
def requests_drip_tls_body(place: Place) -> Callable[[], object]:
    return _by_requests(place, _url(place, "https-drip-body", "https"))


def _url(place: Place, peer: str, scheme: str = "http") -> str:
    return f"{scheme}://localhost:{place.address(peer)[1]}/"


def _by_http_client(host: str, port: int) -> Callable[[], object]:
    return functools.partial(_exchange, http.client.HTTPConnection(host, port))


def _exchange(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/")
    answer = connection.getresponse()
    # Thrown away part by part: a flood is not to fill the memory.
    without_end(lambda: answer.read(65536))()


def _by_urllib(url: str) -> Callable[[], object]:
    # What the machine says of proxies is for other traffic.
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting())]
    opener = urllib.request.build_opener(*handlers)

    def fetch() -> None:
        answer = opener.open(url)
        without_end(lambda: answer.read(65536))()

    return fetch


def _by_requests(place: Place, url: str) -> Callable[[], object]:
    import requests

    session = requests.Session()
    session.trust_env = False

    def fetch() -> None:
        # It tells its sockets its own default, which is none.
        answer = session.get(url, timeout=place.timeout, verify=authority(), stream=True)
        for _ in answer.iter_content(65536):
            pass

    return fetch
