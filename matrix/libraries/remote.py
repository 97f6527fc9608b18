"""Calls of procedures, shells and devices elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from . import library


@library("rpyc", "rpyc")
def rpyc(host: str, port: int) -> Callable[[], object]:
    import rpyc

    return lambda: rpyc.connect(host, port).root


@library("Pyro5", "pyro")
def pyro(host: str, port: int) -> Callable[[], object]:
    import Pyro5.api

    return lambda: Pyro5.api.Proxy(f"PYRO:thing@{host}:{port}").ask()


@library("thrift", "thrift")
def thrift(host: str, port: int) -> Callable[[], object]:
    from thrift.protocol.TBinaryProtocol import TBinaryProtocol
    from thrift.Thrift import TMessageType
    from thrift.transport import TSocket, TTransport

    def ask() -> object:
        transport = TTransport.TBufferedTransport(TSocket.TSocket(host, port))
        transport.open()
        protocol = TBinaryProtocol(transport)
        protocol.writeMessageBegin("ask", TMessageType.CALL, 1)
        protocol.writeMessageEnd()
        transport.flush()
        return protocol.readMessageBegin()

    return ask


@library("multiprocessing.connection.Client", "length")
def multiprocessing_client(host: str, port: int) -> Callable[[], object]:
    import hmac
    from multiprocessing.connection import Client

    del hmac  # It imports it when it is asked for a password.
    return lambda: Client((host, port), authkey=b"key")


@library("paramiko", "ssh")
def paramiko(host: str, port: int) -> Callable[[], object]:
    import paramiko

    def ask() -> object:
        client = paramiko.SSHClient()
        return client.connect(host, port, "nobody", "nothing", allow_agent=False, look_for_keys=False)

    return ask


@library("netmiko", "ssh")
def netmiko(host: str, port: int) -> Callable[[], object]:
    import netmiko

    told = {"device_type": "linux", "host": host, "port": port, "username": "nobody", "password": "nothing"}
    return lambda: netmiko.ConnectHandler(**told)


@library("ncclient", "ssh")
def ncclient(host: str, port: int) -> Callable[[], object]:
    from ncclient import manager

    return lambda: manager.connect(
        host=host,
        port=port,
        username="nobody",
        password="nothing",
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
    )


@library("asyncssh, asyncio", "ssh")
def asyncssh(host: str, port: int) -> Callable[[], object]:
    import asyncio

    import asyncssh

    async def ask() -> object:
        return await asyncssh.connect(host, port, username="nobody", known_hosts=None, config=None)

    return lambda: asyncio.run(ask())


@library("pymodbus", "modbus")
def pymodbus(host: str, port: int) -> Callable[[], object]:
    from pymodbus.client import ModbusTcpClient

    client = ModbusTcpClient(host, port=port)
    return lambda: client.connect() and client.read_coils(1)


@library("pyserial, socket", "telnet")
def pyserial(host: str, port: int) -> Callable[[], object]:
    import serial
    import serial.urlhandler.protocol_socket

    return lambda: serial.serial_for_url(f"socket://{host}:{port}").read(1000)
