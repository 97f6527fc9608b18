"""Whether an exception is a scope's own end and nothing else, also after a library has wrapped it.

An exception wraps another one by its cause, its reason or its arguments, or as a group of nothing else. Its context
alone says only that the other one was being handled when it was raised, maybe by the program, whose own exception must
not be taken for the end. So the context counts only where a library did both: the frame that caught the earlier
exception and the frame that raised the later one belong to modules that are known to turn errors of sockets into their
own.

Where a connection was ended from outside, since a library in C waited for it, the library says so in words of its own.
"""

from __future__ import annotations

import errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

# Names of packages and modules. A library that another one carries in a folder of these names counts as well.
_WRAPPERS = frozenset(
    """
    ftplib http imaplib nntplib poplib smtplib socketserver ssl telnetlib urllib wsgiref xmlrpc
    requests urllib3 httplib2 httpx httpcore h11 websocket websockets botocore boto3 google_auth_httplib2
    redis valkey pymemcache memcache pymongo kafka pika amqp kombu stomp cassandra elastic_transport elasticsearch
    pymysql MySQLdb mysql pg8000 clickhouse_driver ldap3 paramiko dns thrift impacket shotclock
    psycopg psycopg2 psycopg_pool asyncpg sqlalchemy django peewee pymssql ibm_db oracledb
    """.split()
)
# What the system says of a connection that was ended from outside.
_ENDED = frozenset({errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ENOTCONN, errno.ESHUTDOWN, errno.ETIMEDOUT})
_CARRIERS = frozenset({"_vendor", "vendored", "packages"})


def is_end_of(scope: object, error: BaseException) -> bool:
    """Whether the exception is the end of this scope, as it was raised or as a library has wrapped it."""
    seen: set[int] = set()
    to_see: list[Any] = [error]
    while to_see:
        known = to_see.pop()
        # Exceptions that are no Exception are the program's own: an exit, an interrupt, the outcome of a test.
        if not isinstance(known, Exception) or id(known) in seen:
            continue
        seen.add(id(known))
        if isinstance(known, ExceptionGroup):
            if all(is_end_of(scope, leaf) for leaf in known.exceptions):
                return True
        elif isinstance(known, TimeoutError) and getattr(known, "scope", None) is scope:
            return True
        elif getattr(scope, "_ended_connection", False) and _is_of_connection(known):
            return True
        else:
            to_see += [known.__cause__, getattr(known, "reason", None), *known.args]
            if _is_made_by_library(known):
                to_see.append(known.__context__)
    return False


def _is_made_by_library(error: Exception) -> bool:
    raised_at, context = error.__traceback__, error.__context__
    if raised_at is None or context is None or (caught_at := context.__traceback__) is None:
        return False
    while raised_at.tb_next is not None:
        raised_at = raised_at.tb_next
    return _is_wrapper(caught_at) and _is_wrapper(raised_at)


def _is_of_connection(error: Exception) -> bool:
    """Whether this is how a library in C says that its connection has ended: it raised it itself, as an exception of its
    own or as the system's, or a module that is known to raise such errors did.
    """
    if type(error).__module__ == "builtins":
        return isinstance(error, EOFError) or isinstance(error, OSError) and error.errno in _ENDED
    raised_at = error.__traceback__
    # One that is kept and raised later, as psycopg does, has begun a new traceback.
    while raised_at is not None and raised_at.tb_next is not None:
        raised_at = raised_at.tb_next
    if raised_at is None or _is_wrapper(raised_at):
        return True
    # Seldom needed, and not to be paid for by each program.
    from opcode import opmap

    raises = (opmap["RAISE_VARARGS"], opmap["RERAISE"])
    return raised_at.tb_frame.f_code.co_code[raised_at.tb_lasti] not in raises


def _is_wrapper(traceback: TracebackType) -> bool:
    name = traceback.tb_frame.f_globals.get("__name__")
    if not isinstance(name, str):
        return False
    parts = name.split(".")
    carried = {after for before, after in zip(parts, parts[1:]) if before in _CARRIERS}
    return not _WRAPPERS.isdisjoint({parts[0]} | carried)
