"""Protocols of questions and answers: mail and files."""

from __future__ import annotations

import ftplib
import functools
import imaplib
import poplib
import smtplib
from collections.abc import Callable

from . import Place, cell
from .streams import MUCH


@cell("smtplib, connecting", "silent")
def smtp_silent(place: Place) -> Callable[[], object]:
    return functools.partial(smtplib.SMTP, *place.address("silent"))


@cell("smtplib, connecting", "dead DNS")
def smtp_dead_dns(place: Place) -> Callable[[], object]:
    return functools.partial(smtplib.SMTP, "slow.example", 25)


@cell("smtplib, greeting", "drip")
def smtp_greeting(place: Place) -> Callable[[], object]:
    return functools.partial(smtplib.SMTP, *place.address("greet-drip"))


@cell("smtplib, ehlo", "drip")
def smtp_ehlo(place: Place) -> Callable[[], object]:
    return smtplib.SMTP(*place.address("answer-drip"), local_hostname="localhost").ehlo


@cell("smtplib, sending a mail", "never reads it")
def smtp_send(place: Place) -> Callable[[], object]:
    session = smtplib.SMTP(*place.address("smtp-never-read"), local_hostname="localhost")
    # In few lines, each of which it looks at.
    mail = b"\r\n" + (bytes(65536) + b"\r\n") * (MUCH // 65536)
    return functools.partial(session.sendmail, "a@localhost", "b@localhost", mail)


@cell("ftplib, login", "silent")
def ftp_login(place: Place) -> Callable[[], object]:
    return _ftp(place, "answer-silent").login


@cell("ftplib, login", "drip")
def ftp_login_drip(place: Place) -> Callable[[], object]:
    return _ftp(place, "answer-drip").login


@cell("ftplib, fetching a file", "drip")
def ftp_fetch(place: Place) -> Callable[[], object]:
    session = _ftp(place, "ftp-drip")
    session.login()
    return functools.partial(session.retrbinary, "RETR file", lambda _: None)


@cell("poplib, greeting", "drip")
def pop_greeting(place: Place) -> Callable[[], object]:
    return functools.partial(poplib.POP3, *place.address("drip"))


@cell("imaplib, greeting", "silent")
def imap_greeting(place: Place) -> Callable[[], object]:
    return functools.partial(imaplib.IMAP4, *place.address("silent"))


def _ftp(place: Place, peer: str) -> ftplib.FTP:
    session = ftplib.FTP()
    session.connect(*place.address(peer))
    return session
