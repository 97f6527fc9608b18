"""HTTP and WebSocket."""

from __future__ import annotations

from collections.abc import Callable

from . import library


@library("http.client", "http")
def http_client(host: str, port: int) -> Callable[[], object]:
    import http.client

    def ask() -> object:
        connection = http.client.HTTPConnection(host, port)
        connection.request("GET", "/")
        return connection.getresponse().read()

    return ask


@library("urllib.request", "http")
def urllib_request(host: str, port: int) -> Callable[[], object]:
    import urllib.request

    return lambda: urllib.request.urlopen(f"http://{host}:{port}/").read()


@library("urllib3", "http")
def urllib3(host: str, port: int) -> Callable[[], object]:
    import urllib3

    return lambda: urllib3.PoolManager().request("GET", f"http://{host}:{port}/").data


@library("urllib3, retries with pauses", "http")
def urllib3_retries(host: str, port: int) -> Callable[[], object]:
    import urllib3

    pool = urllib3.PoolManager(retries=urllib3.Retry(10, backoff_factor=0.3))
    # Each try is short, so that the limit falls into a pause as well as into a try.
    return lambda: pool.request("GET", f"http://{host}:{port}/", timeout=urllib3.Timeout(connect=0.4, read=0.4)).data


@library("requests", "http")
def requests(host: str, port: int) -> Callable[[], object]:
    import requests

    return lambda: requests.get(f"http://{host}:{port}/").content


@library("httpx", "http")
def httpx(host: str, port: int) -> Callable[[], object]:
    import httpx

    client = httpx.Client()
    return lambda: client.get(f"http://{host}:{port}/").content


@library("httpx, asyncio", "http")
def httpx_asyncio(host: str, port: int) -> Callable[[], object]:
    import asyncio

    import httpx

    async def ask() -> object:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"http://{host}:{port}/")).content

    return lambda: asyncio.run(ask())


@library("aiohttp, asyncio", "http")
def aiohttp(host: str, port: int) -> Callable[[], object]:
    import asyncio

    import aiohttp

    async def ask() -> object:
        async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/") as response:
            return await response.read()

    return lambda: asyncio.run(ask())


@library("asyncio streams", "telnet")
def asyncio_streams(host: str, port: int) -> Callable[[], object]:
    import asyncio

    async def ask() -> object:
        reader, _ = await asyncio.open_connection(host, port)
        return await reader.readline()

    return lambda: asyncio.run(ask())


@library("websocket-client", "websocket")
def websocket_client(host: str, port: int) -> Callable[[], object]:
    import websocket

    return lambda: websocket.create_connection(f"ws://{host}:{port}/").recv()


@library("websockets.sync", "websocket")
def websockets_sync(host: str, port: int) -> Callable[[], object]:
    from websockets.sync.client import connect

    return lambda: connect(f"ws://{host}:{port}/").recv()


@library("python-socketio", "http")
def socketio(host: str, port: int) -> Callable[[], object]:
    import socketio

    client = socketio.Client()
    return lambda: client.connect(f"http://{host}:{port}/")
