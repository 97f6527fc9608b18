"""What ``move_on_after`` swallows: its own end, however a library wrapped it, and nothing else."""

import importlib.util
import textwrap

import pytest

from interpreter import check
from misbehaving import PEERS

# How each library talks to a server that never answers, and what it raises.
TALKS = {
    "requests": "requests.get(url)",
    "urllib3": "urllib3.PoolManager(retries=False).request('GET', url)",
    "urllib3 with retries": "urllib3.PoolManager().request('GET', url)",
    "urllib.request": "urllib.request.urlopen(url)",
    "http.client": "http.client.HTTPConnection(host, port).request('GET', '/') or fetch(http.client, host, port)",
    "smtplib": "smtplib.SMTP(host, port)",
    "ftplib": "ftplib.FTP().connect(host, port)",
    "poplib": "poplib.POP3(host, port)",
    "imaplib": "imaplib.IMAP4(host, port)",
    "xmlrpc.client": "xmlrpc.client.ServerProxy(url).method()",
    "redis": "redis.Redis(host, port).ping()",
    "redis without retries": "redis.Redis(host, port, retry=None).ping()",
    "pymysql": "pymysql.connect(host=host, port=port, user='u')",
    "pg8000": "pg8000.connect('u', host=host, port=port, password='p')",
    "httpx": "httpx.get(url, timeout=None, trust_env=False)",
}


@pytest.fixture(params=["graft", "type"])
def run(request):
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]
    return lambda program: check(PEERS + textwrap.dedent(program), beneath=beneath)


def own(program):
    return check(PEERS + textwrap.dedent(program))


@pytest.mark.parametrize("talk", TALKS)
def test_the_end_through_a_library(run, talk):
    module = talk.split(" ")[0]
    if importlib.util.find_spec(module.split(".")[0]) is None:
        pytest.skip(f"{module} is not installed")
    run(
        f"""
        import {module}
        def fetch(client, host, port):
            connection = client.HTTPConnection(host, port)
            connection.request("GET", "/")
            connection.getresponse()
        host, port = peer(lambda connection: time.sleep(30))
        url = f"http://{{host}}:{{port}}/"
        begun = time.monotonic()
        with shotclock.move_on_after(1) as scope:
            {TALKS[talk]}
        # Some load what they need, or sleep before they try again.
        assert scope.expired and 1 <= time.monotonic() - begun <= 25
        # And the program's own exception on top of it is the program's.
        try:
            with shotclock.move_on_after(0.3) as scope:
                try:
                    {TALKS[talk]}
                except Exception:
                    raise ValueError("its own")
        except ValueError:
            assert scope.expired
        else:
            raise AssertionError("swallowed")
        """
    )


def test_what_is_no_exception_passes():
    own(
        """
        import asyncio
        a, b = socket.socketpair()
        class Outcome(BaseException):
            pass
        for kind in (SystemExit, KeyboardInterrupt, GeneratorExit, Outcome, asyncio.CancelledError):
            for wrap in (lambda error: kind("no answer"), lambda error: kind(error)):
                for cause in (False, True):
                    try:
                        with shotclock.move_on_after(0.02) as scope:
                            try:
                                a.recv(1)
                            except TimeoutError as error:
                                raise wrap(error) from (error if cause else None)
                    except kind:
                        assert scope.expired
                    else:
                        raise AssertionError(kind)
        """
    )


def test_what_is_raised_while_the_end_is_handled_passes():
    own(
        """
        import http.client
        a, b = socket.socketpair()
        refusing = socket.socket()
        refusing.bind(("127.0.0.1", 0))
        host, port = refusing.getsockname()
        class Cleanup:
            def __enter__(self):
                return self
            def __exit__(self, *_):
                raise LookupError("clean-up")
        def plainly():
            raise ValueError("its own")
        def by_bug():
            return {}["missing"]
        def by_a_library():
            # Another error, of a library, to which the end is only the context.
            with shotclock.shield():
                http.client.HTTPConnection(host, port).request("GET", "/")
        for raises, kind in ((plainly, ValueError), (by_bug, KeyError), (by_a_library, ConnectionRefusedError)):
            try:
                with shotclock.move_on_after(0.02) as scope:
                    try:
                        a.recv(1)
                    except TimeoutError:
                        raises()
            except kind as error:
                assert scope.expired and shotclock.expired_scope(error) is scope
            else:
                raise AssertionError(kind)
        try:
            with shotclock.move_on_after(0.02), Cleanup():
                a.recv(1)
        except LookupError:
            pass
        else:
            raise AssertionError("clean-up")
        """
    )


def test_wrappings_and_groups():
    own(
        """
        a, b = socket.socketpair()
        def wrapped(wrap):
            try:
                a.recv(1)
            except TimeoutError as error:
                # Not "from None", which would take a cause away again.
                raise wrap(error)
        class Reason(Exception):
            def __init__(self, reason):
                self.reason = reason
        def caused(error):
            outer = RuntimeError("wrapped")
            outer.__cause__ = error
            return outer
        def deep(error):
            for _ in range(5000):
                error = RuntimeError(error)
            return error
        def ring(error):
            outer = RuntimeError("ring")
            outer.__cause__ = Reason(outer)
            return outer
        other = OSError("another")
        swallowed = [
            lambda error: error, Reason, caused, RuntimeError, deep,
            lambda error: ExceptionGroup("all its own", [error, caused(error), ExceptionGroup("within", [Reason(error)])]),
            lambda error: caused(ExceptionGroup("all its own", [error])),
        ]
        passing = [
            lambda error: ExceptionGroup("not only", [error, other]),
            lambda error: ExceptionGroup("not only", [ExceptionGroup("within", [error, other]), error]),
            lambda error: caused(ExceptionGroup("not only", [error, other])),
            lambda error: BaseExceptionGroup("with an exit", [error, SystemExit()]),
            ring,
        ]
        for wrap in swallowed:
            with shotclock.move_on_after(0.02) as scope:
                wrapped(wrap)
            assert scope.expired
        for wrap in passing:
            try:
                with shotclock.move_on_after(0.02) as scope:
                    wrapped(wrap)
            except BaseException:
                assert scope.expired
            else:
                raise AssertionError(wrap)
        # Nor another scope's end.
        try:
            with shotclock.move_on_after(60) as outer, shotclock.deadline(0.02):
                wrapped(RuntimeError)
        except RuntimeError:
            assert not outer.expired
        """
    )
