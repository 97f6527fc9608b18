"""Servers and clients of the standard library, each pair in one process."""

import sys

# cryptography puts an object into sys.modules that says it is a module and is none.
LATE = """
import asyncio, cryptography.hazmat.bindings._rust, http.client, multiprocessing.connection, redis, requests, ssl
import shotclock
shotclock.install()
assert shotclock.status().installed
shotclock.uninstall()
assert not shotclock.status().installed
"""


def test_asyncio(run_over, mount, programs, authority, tmp_path):
    known, certificate = authority
    talk = ["silent", "b'two\\n' b'lines\\n'"]
    assert run_over(mount, programs / "streams.py", certificate, known, tmp_path) == [
        *talk,
        *talk,
        "b'upgrade\\n'",
        *talk,
        *talk,
        "b'DATAGRAM'",
        "b'answer'",
    ]


def test_socketserver(run_over, mount, programs, tmp_path):
    assert run_over(mount, programs / "socket_servers.py", tmp_path) == ["done"]


def test_smtplib(run_over, mount, programs, authority, silent_port):
    known, certificate = authority
    lines = run_over(mount, programs / "mail.py", certificate, known, silent_port)
    assert lines == ["100000 lines", "100000 lines"]


def test_ftplib(run_over, mount, programs, silent_port):
    assert run_over(mount, programs / "files.py", silent_port) == ["['sent', 'there']"] * 2


def test_xmlrpc(run_over, mount, programs):
    assert run_over(mount, programs / "procedures.py") == ["1024", "[27, 'text']", "<class 'TypeError'>"]


def test_multiprocessing(run_over, mount, programs, tmp_path):
    assert run_over(mount, programs / "processes.py", tmp_path) == ["[('one', 1), ('two', 2)]"]


def test_timeoutsocket_under_libraries_that_know_nothing_of_it(run_over, mount, programs, silent_port):
    lines = run_over(mount, programs / "old_timeouts.py", silent_port)
    assert lines == ["TimeoutError", "URLError", "SMTPServerDisconnected", "TimeoutError"]


def test_the_graft_after_all_libraries(start):
    program = start(sys.executable, "-c", LATE)
    assert program.rest("stderr") == []
    assert program.wait() == 0
