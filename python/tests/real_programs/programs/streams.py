"""asyncio's streams, datagrams and bare sockets, servers and clients in one loop: `streams.py KEY_AND_CERTIFICATE
AUTHORITY FOLDER`."""

import asyncio
import pathlib
import socket
import ssl
import sys

LARGE = bytes(range(256)) * 8_000


async def echo(reader, writer):
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def talk(reader, writer):
    sending = asyncio.create_task(send(writer, LARGE))
    assert await reader.readexactly(len(LARGE)) == LARGE
    await sending
    try:
        async with asyncio.timeout(0.05):
            await reader.read(1)
    except TimeoutError:
        print("silent")
    await send(writer, b"two\nlines\n")
    print(await reader.readline(), await reader.readline())
    writer.close()
    await writer.wait_closed()


async def send(writer, data):
    writer.write(data)
    await writer.drain()


async def over_tcp(server_context, client_context):
    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        await talk(*await asyncio.open_connection(*server.sockets[0].getsockname()))
    async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_context) as server:
        port = server.sockets[0].getsockname()[1]
        await talk(*await asyncio.open_connection("localhost", port, ssl=client_context))


async def from_plain_to_tls(server_context, client_context):
    async def echo_after_upgrade(reader, writer):
        writer.write(await reader.readline())
        await writer.start_tls(server_context)
        await echo(reader, writer)

    async with await asyncio.start_server(echo_after_upgrade, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await send(writer, b"upgrade\n")
        print(await reader.readline())
        await writer.start_tls(client_context, server_hostname="localhost")
        await talk(reader, writer)


async def over_a_path(folder):
    path = pathlib.Path(folder, "streams.sock")
    async with await asyncio.start_unix_server(echo, path):
        await talk(*await asyncio.open_unix_connection(path))


class EchoDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data.upper(), address)


class OneDatagram(asyncio.DatagramProtocol):
    def __init__(self):
        self.received = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, address):
        self.received.set_result(data)


async def datagrams():
    loop = asyncio.get_running_loop()
    server, _ = await loop.create_datagram_endpoint(EchoDatagrams, local_addr=("127.0.0.1", 0))
    address = server.get_extra_info("sockname")
    client, protocol = await loop.create_datagram_endpoint(OneDatagram, remote_addr=address)
    client.sendto(b"datagram")
    print(await protocol.received)
    client.close()
    server.close()


async def bare_sockets():
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        listener.setblocking(False)
        client.setblocking(False)
        accepting = asyncio.create_task(loop.sock_accept(listener))
        await loop.sock_connect(client, listener.getsockname())
        accepted, _ = await accepting
        with accepted:
            sending = asyncio.create_task(loop.sock_sendall(client, LARGE))
            received = bytearray()
            while len(received) < len(LARGE):
                received += await loop.sock_recv(accepted, 1 << 16)
            await sending
            assert received == LARGE
            waiting = asyncio.create_task(loop.sock_recv(client, 100))
            await loop.sock_sendall(accepted, b"answer")
            print(await waiting)


async def main(certificate, authority, folder):
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate)
    client_context = ssl.create_default_context(cafile=authority)
    await over_tcp(server_context, client_context)
    await from_plain_to_tls(server_context, client_context)
    await over_a_path(folder)
    await datagrams()
    await bare_sockets()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
