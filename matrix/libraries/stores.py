"""Stores of keys, documents and files."""

from __future__ import annotations

from collections.abc import Callable

from . import library


@library("redis", "redis")
def redis(host: str, port: int) -> Callable[[], object]:
    import redis

    client = redis.Redis(host, port)
    return client.ping


@library("pymemcache", "memcache")
def pymemcache(host: str, port: int) -> Callable[[], object]:
    from pymemcache.client.base import Client

    client = Client((host, port))
    return lambda: client.get("key")


@library("pymongo", "mongo")
def pymongo(host: str, port: int) -> Callable[[], object]:
    import pymongo

    return lambda: pymongo.MongoClient(host, port).admin.command("ping")


@library("tarantool", "tarantool")
def tarantool(host: str, port: int) -> Callable[[], object]:
    import tarantool

    return lambda: tarantool.Connection(host, port).ping()


@library("hazelcast", "frame")
def hazelcast(host: str, port: int) -> Callable[[], object]:
    import hazelcast

    return lambda: hazelcast.HazelcastClient(cluster_members=[f"{host}:{port}"])


@library("smbprotocol", "smb")
def smb(host: str, port: int) -> Callable[[], object]:
    import uuid

    from smbprotocol.connection import Connection

    connection = Connection(uuid.uuid4(), host, port)
    return connection.connect
