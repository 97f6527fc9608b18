"""A limit is never lost in silence: whatever a program decorates, mocks, patches or fakes, it holds, or something is said."""

import textwrap

import pytest

from interpreter import check
from misbehaving import PEERS


def run(program, **options):
    return check(PEERS + textwrap.dedent(program), **options)


@pytest.fixture(params=["graft", "type"])
def run_mounted(request):
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]
    return lambda program: run(program, beneath=beneath)


def test_what_runs_after_the_call_is_no_function_to_decorate():
    check(
        """
        import contextlib, functools, shotclock
        async def coroutine(): pass
        async def asynchronous_generator(): yield
        def generator(): yield
        class Called:
            def __init__(self, function): functools.update_wrapper(self, function)
            def __call__(self): return self.__wrapped__()
        class CalledCoroutine:
            async def __call__(self): pass
        class CalledGenerator:
            def __call__(self): yield
        class Methods:
            async def bound(self): pass
        bad = []
        for function in (coroutine, asynchronous_generator, generator):
            @functools.wraps(function)
            def wrapping(): return function()
            bad += [function, functools.partial(function), functools.partial(functools.partial(function)), wrapping,
                    staticmethod(function), classmethod(function), Called(function), functools.lru_cache(function)]
        bad += [CalledCoroutine(), CalledGenerator(), Methods().bound, Methods, int, contextlib.contextmanager(generator), 5]
        for function in bad:
            try:
                shotclock.deadline(1)(function)
            except TypeError as error:
                assert "decorator" in str(error), error
            else:
                raise AssertionError(function)
        """
    )


def test_what_is_given_to_be_run_later_is_refused_at_the_call():
    check(
        """
        import shotclock
        async def coroutine(): pass
        async def asynchronous_generator(): yield
        def generator(): yield
        for function in (coroutine, asynchronous_generator, generator):
            try:
                shotclock.deadline(1)(lambda: function())()
            except TypeError as error:
                assert "runs after the call" in str(error)
            else:
                raise AssertionError(function)
        assert shotclock.remaining() is None
        """
    )


def test_functions_methods_and_what_wraps_them_are_decorated():
    run(
        """
        import functools
        a, b = socket.socketpair()
        def read(sock=a): return sock.recv(1)
        class Reader:
            sock = a
            def __call__(self): return self.sock.recv(1)
            @shotclock.deadline(LIMIT)
            def method(self): return self.sock.recv(1)
            @shotclock.deadline(LIMIT)
            @staticmethod
            def static(): return a.recv(1)
            @shotclock.deadline(LIMIT)
            @classmethod
            def of_class(cls): return cls.sock.recv(1)
            @staticmethod
            @shotclock.deadline(LIMIT)
            def within(): return a.recv(1)
        limit = shotclock.deadline(LIMIT)
        for call in (limit(read), limit(functools.partial(read, a)), limit(Reader()), limit(Reader().__call__), Reader().method,
                     Reader.static, Reader().static, Reader.of_class, Reader().of_class, Reader().within):
            with takes(LIMIT):
                try:
                    call()
                except TimeoutError as error:
                    assert error.limit == "scope"
        """
    )


@pytest.mark.parametrize("clock", ["monotonic", "monotonic_ns", "time", "perf_counter", "time_ns"])
def test_a_fake_clock_changes_nothing(run_mounted, clock):
    run_mounted(
        f"""
        from unittest import mock
        import signal, shotclock._bounds.scope
        signal.alarm(20)
        a, b = socket.socketpair()
        real = time.monotonic
        def wait():
            begun, before = real(), starved()
            with shotclock.move_on_after(LIMIT) as scope:
                # The first one installs, which takes its time before.
                entered = real()
                assert 0 < shotclock.remaining() <= LIMIT
                a.recv(1)
            assert scope.expired and LIMIT <= real() - begun and real() - entered <= LIMIT + LATE + starved() - before
        with mock.patch("time.{clock}", return_value=1.5e9), mock.patch.object(time, "sleep"):
            wait()
        """
    )


def test_a_moment_of_another_clock_is_refused():
    check(
        """
        import time, shotclock
        for moment in (time.time() + 5, time.time(), 1.3e9, 9e9):
            try:
                shotclock.deadline_at(moment)
            except ValueError as error:
                assert "time.monotonic()" in str(error) and "time.time()" in str(error) and repr(moment) in str(error)
            else:
                raise AssertionError(moment)
        with shotclock.deadline_at(time.monotonic() + 3e8):
            assert shotclock.remaining() > 2.9e8
        with shotclock.deadline_at(0):
            assert shotclock.remaining() == 0
        """
    )


# What a test tool does to a class before the first scope, and after it: each is over when `connect` waits.
TOOLS = {
    "a mock of a method": 'mock.patch("socket.socket.connect")',
    "mocks of several": 'mock.patch.multiple("socket.socket", connect=mock.DEFAULT, recv=mock.DEFAULT, sendall=mock.DEFAULT)',
    "a mock of the file's maker": 'mock.patch("socket.socket.makefile")',
    "a mock of lookups": 'mock.patch.multiple("socket", getaddrinfo=mock.DEFAULT, gethostbyname=mock.DEFAULT)',
    "a mock of create_connection": 'mock.patch("socket.create_connection")',
    "a mock of all": 'mock.patch("socket.socket")',
    "a mock with a specification": 'mock.patch("socket.socket", autospec=True)',
    "the stock method put back": "put_back()",
}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("when", ["first", "later", "over install"])
def test_what_a_test_tool_takes_away_is_back_at_the_next_scope(tool, when):
    run(
        f"""
        from unittest import mock
        import signal
        signal.alarm(30)
        hung, _filling = full_backlog()
        stock_connect = socket.socket.__base__.connect
        @contextlib.contextmanager
        def put_back():
            yield
            socket.socket.connect = stock_connect
            del socket.socket.connect
        when = {when!r}
        if when == "later":
            with shotclock.deadline(1):
                pass
        with {TOOLS[tool]}:
            if when == "over install":
                shotclock.install()
            else:
                with shotclock.deadline(1):
                    pass
        if when == "over install":
            shotclock.install()
        with expires():
            socket.socket().connect(hung.getsockname())
        with expires():
            socket.create_connection(hung.getsockname())
        a, b = socket.socketpair()
        with expires():
            a.makefile("rb").read(1)
        assert {{"socket.socket.connect", "socket.socket.makefile", "_socket.getaddrinfo",
                "socket.gethostbyname", "socket.create_connection"}} <= set(shotclock.status().replaced)
        shotclock.uninstall()
        assert "connect" not in vars(socket.socket) and not shotclock.status().installed
        """
    )


def test_a_mock_stays_while_it_is_there():
    check(
        """
        import socket, shotclock
        from unittest import mock
        with mock.patch("socket.socket") as fake:
            fake.return_value.recv.return_value = b"x"
            with shotclock.deadline(1):
                assert socket.socket().recv(1) == b"x"
        with mock.patch("socket.socket.connect") as fake, mock.patch("socket.getaddrinfo", return_value=[]) as lookup:
            for _ in range(3):
                with shotclock.deadline(1):
                    socket.socket().connect("anywhere")
                    assert socket.getaddrinfo("a", 1) == []
            shotclock.install()
            socket.socket().connect("anywhere")
            assert fake.call_count == 4 and lookup.call_count == 3
        """
    )


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
@pytest.mark.parametrize("first", ["the library", "shotclock"])
def test_green_threads_are_an_error_at_the_with(run_mounted, library, first):
    run_mounted(
        f"""
        if {first!r} == "shotclock":
            with shotclock.deadline(1):
                pass
        class GreenSocket:
            __module__ = "{library}._socket3"
        stock, socket.socket = socket.socket, GreenSocket
        listener = stock()
        for _ in range(2):
            for enter in (shotclock.deadline(1), shotclock.move_on_after(1), shotclock.Canceller()):
                try:
                    with enter:
                        raise AssertionError("entered without effect")
                except (ImportError, RuntimeError) as error:
                    assert "{library}" in str(error), error
        assert shotclock.remaining() is None
        socket.socket = stock
        a, b = socket.socketpair()
        with expires():
            a.recv(1)
        """
    )


def test_another_class_is_a_warning_once(run_mounted):
    run_mounted(
        """
        import warnings
        stock = socket.socket
        a, b = socket.socketpair()
        class Fake:
            pass
        class Own(stock):
            pass
        socket.socket = Own
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with shotclock.deadline(1):
                pass
        socket.socket = Fake
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(3):
                with shotclock.deadline(1):
                    pass
        (warning,) = caught
        assert warning.category is RuntimeWarning and "Fake" in str(warning.message)
        with expires():
            a.recv(1)
        a.close()
        b.close()
        """
    )


def test_misuse_has_a_clear_answer():
    check(
        """
        import socket, shotclock
        a, b = socket.socketpair()
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        policy = shotclock.Policy(idle=5)
        listener = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listener.getsockname())
        accepted = listener.accept()[0]
        policy.protect(listener)
        policy.protect(accepted)
        for call, kind, word in (
            (lambda: shotclock.Policy(), ValueError, "without a limit"),
            (lambda: policy.protect(datagram), ValueError, "datagram"),
            (lambda: policy.protect(client), ValueError, "client"),
            (lambda: shotclock.recv_exact(a, "a"), TypeError, "'a'"),
            (lambda: shotclock.recv_exact(a, 1.0), TypeError, "1.0"),
            (lambda: shotclock.timeout_details(3), TypeError, "3: expected an exception"),
            (lambda: shotclock.expired_scope("x"), TypeError, "'x': expected an exception"),
        ):
            try:
                call()
            except kind as error:
                assert word in str(error), error
            else:
                raise AssertionError(word)
        """
    )
