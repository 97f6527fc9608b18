"""Who looks something up: LDAP, DNS, ZooKeeper."""

from __future__ import annotations

from collections.abc import Callable

from . import library


@library("ldap3", "ldap")
def ldap(host: str, port: int) -> Callable[[], object]:
    import ldap3

    return lambda: ldap3.Connection(ldap3.Server(host, port)).bind()


@library("dnspython", "dns")
def dnspython(host: str, port: int) -> Callable[[], object]:
    import dns.message
    import dns.query
    import dns.rdtypes.IN.A
    import dns.resolver

    if host[0].isdigit():
        message = dns.message.make_query("name.example", "A")
        return lambda: dns.query.tcp(message, host, port=port)
    # A name: its own resolver asks, by UDP.
    return lambda: dns.resolver.resolve(host)


@library("kazoo", "length")
def kazoo(host: str, port: int) -> Callable[[], object]:
    from kazoo.client import KazooClient

    client = KazooClient(f"{host}:{port}")
    return client.start
