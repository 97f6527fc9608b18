"""What a dripping peer says, by protocol: the beginning of an answer that a client has no reason to refuse.

Far less of it comes than there is: a byte each 0.1 s. What follows is the same byte again and again.
"""

from __future__ import annotations

_SIZE = 4096

# The beginning, and what goes on from there.
PROTOCOLS: dict[str, tuple[bytes, bytes]] = {
    "http": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "websocket": (b"HTTP/1.1 101 Switching Protocols\r\nX: ", b"x"),
    # SMTP, FTP.
    "greeting": (b"220 ", b"x"),
    "pop3": (b"+OK ", b"x"),
    "imap": (b"* OK ", b"x"),
    "telnet": (b"hello ", b"x"),
    # A length of 255, sequence 0, protocol 10, and a version that goes on.
    "mysql": (b"\xff\0\0\0\x0a8.0.30-", b"x"),
    # No TLS, and authentication of 256 bytes: PostgreSQL, Vertica.
    "postgres": (b"NR\0\0\1\0", b"\0"),
    # A response, the last packet, of 512 bytes.
    "tds": (b"\4\1\2\0\0\0\1\0", b"\0"),
    # Hello, and a name of 127 bytes.
    "clickhouse": (b"\0\x7f", b"x"),
    # An operation of four bytes that clients skip, again and again.
    "firebird": (b"", b"\0\0\0\x47"),
    # A packet of 4096 bytes that accepts.
    "tns": (b"\x10\0\0\0\2\0\0\0", b"\0"),
    "tarantool": (b"Tarantool 2.10.4 (Binary) ", b"x"),
    "redis": (b"+", b"x"),
    "memcache": (b"VALUE key 0 1000\r\n", b"x"),
    # A message of 1000 bytes.
    "mongo": (b"\xe8\3\0\0", b"\0"),
    # A method's frame on channel 0, of 512 bytes.
    "amqp": (b"\1\0\0\0\0\2\0", b"\0"),
    "stomp": (b"CONNECTED\nversion:1.2\nx:", b"x"),
    # A big-endian length of 256: Kafka, ZooKeeper, multiprocessing.
    "length": (b"\0\0\1\0", b"\0"),
    # The same, as little-endian.
    "frame": (b"\0\1\0\0", b"\0"),
    # CONNACK, of 127 bytes.
    "mqtt": (b"\x20\x7f", b"\0"),
    "nats": (b'INFO {"server_id":"', b"x"),
    # A message of 256 bytes whose number is 1.
    "ldap": (b"\x30\x82\1\0\2\1\1", b"\0"),
    # A packet of 256 bytes, not compressed.
    "rpyc": (b"\0\0\1\0\0", b"x"),
    "pyro": (b"PYRO\1\xf6", b"\0"),
    # An answer of 512 bytes.
    "dns": (b"\2\0", b"\0"),
    "ssh": (b"SSH-2.0-", b"x"),
    # A reply whose name is of 256 bytes.
    "thrift": (b"\x80\1\0\2\0\0\1\0", b"x"),
    "beanstalk": (b"USING ", b"x"),
    # The answer to the first request, of 255 bytes.
    "modbus": (b"\0\1\0\0\0\xff\1\3", b"\0"),
    # A message of 512 bytes.
    "smb": (b"\0\0\2\0\xfeSMB", b"\0"),
}


def content(protocol: str) -> bytes:
    """All that the peer has to say."""
    beginning, rest = PROTOCOLS[protocol]
    return beginning + rest * ((_SIZE - len(beginning)) // len(rest))
