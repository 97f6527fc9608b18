"""Mail, files and terminals, by the standard library, and mail by asyncio."""

from __future__ import annotations

from collections.abc import Callable

from . import DEAD_DNS, library


@library("smtplib", "greeting")
def smtp(host: str, port: int) -> Callable[[], object]:
    import smtplib

    return lambda: smtplib.SMTP(host, port).noop()


@library("logging.handlers.SMTPHandler", "greeting")
def logging_smtp(host: str, port: int) -> Callable[[], object]:
    import logging
    import smtplib
    from logging.handlers import SMTPHandler

    del smtplib  # It imports it when it sends.
    handler = SMTPHandler((host, port), "from@example", ["to@example"], "hello")
    return lambda: handler.emit(logging.makeLogRecord({"msg": "hello"}))


@library("logging.handlers.SocketHandler", "", faults=(DEAD_DNS,))
def logging_socket(host: str, port: int) -> Callable[[], object]:
    import logging
    from logging.handlers import SocketHandler

    handler = SocketHandler(host, port)
    return lambda: handler.emit(logging.makeLogRecord({"msg": "hello"}))


@library("logging.handlers.SysLogHandler, TCP", "", faults=(DEAD_DNS,))
def logging_syslog(host: str, port: int) -> Callable[[], object]:
    import socket
    from logging.handlers import SysLogHandler

    return lambda: SysLogHandler((host, port), socktype=socket.SOCK_STREAM)


@library("aiosmtplib, asyncio", "greeting")
def aiosmtplib(host: str, port: int) -> Callable[[], object]:
    import asyncio

    import aiosmtplib

    # It would look up this machine's own name first.
    client = aiosmtplib.SMTP(hostname=host, port=port, local_hostname="localhost")
    return lambda: asyncio.run(client.connect())


@library("poplib", "pop3")
def pop(host: str, port: int) -> Callable[[], object]:
    import poplib

    return lambda: poplib.POP3(host, port).stat()


@library("imaplib", "imap")
def imap(host: str, port: int) -> Callable[[], object]:
    import imaplib

    return lambda: imaplib.IMAP4(host, port).noop()


@library("ftplib", "greeting")
def ftp(host: str, port: int) -> Callable[[], object]:
    import ftplib

    def ask() -> object:
        session = ftplib.FTP()
        session.connect(host, port)
        return session.login()

    return ask


@library("nntplib", "greeting")
def nntp(host: str, port: int) -> Callable[[], object]:
    import nntplib

    return lambda: nntplib.NNTP(host, port)


@library("telnetlib", "telnet")
def telnet(host: str, port: int) -> Callable[[], object]:
    import telnetlib

    return lambda: telnetlib.Telnet(host, port).read_until(b"login:")
