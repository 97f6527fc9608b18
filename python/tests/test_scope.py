"""Deadline scopes: what they end, when, and what they leave alone. Each program runs in an interpreter of its own."""

import textwrap

import pytest

from interpreter import check
from misbehaving import PEERS


@pytest.fixture(params=["graft", "type"])
def run(request):
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]

    def run_program(program):
        return check(PEERS + textwrap.dedent(program), beneath=beneath)

    return run_program


def test_every_wait_of_a_socket_ends(run):
    run(
        """
        a, b = socket.socketpair()
        full, _keep = full_pipe()
        full.setblocking(True)
        listener = socket.create_server(("127.0.0.1", 0))
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagram.bind(("127.0.0.1", 0))
        hung, _filling = full_backlog()
        waits = [
            lambda: a.recv(1),
            lambda: a.recv(1, socket.MSG_WAITALL),
            lambda: a.recv_into(bytearray(9)),
            lambda: a.recvfrom(1),
            lambda: a.recvfrom_into(bytearray(9)),
            lambda: a.recvmsg(1),
            lambda: a.recvmsg_into([bytearray(9)]),
            lambda: a.makefile("rb").readline(),
            lambda: full.send(b"x"),
            lambda: full.sendall(bytes(10)),
            lambda: full.sendmsg([b"x"]),
            lambda: full.makefile("wb", buffering=0).write(b"x"),
            lambda: listener.accept(),
            lambda: datagram.recv(1),
            lambda: socket.socket().connect(hung.getsockname()),
            lambda: socket.socket().connect_ex(hung.getsockname()),
            lambda: socket.create_connection(hung.getsockname()),
        ]
        for wait in waits:
            with expires():
                wait()
        # The descriptors block again.
        import os
        assert all(os.get_blocking(sock.fileno()) for sock in (a, full, listener, datagram))
        """
    )


def test_what_is_ready_does_not_outrun_it(run):
    run(
        """
        def flood(connection):
            with contextlib.suppress(OSError):
                while True:
                    connection.sendall(bytes(65536))
        sock = socket.create_connection(peer(flood))
        with expires():
            while True:
                sock.recv(1)
        """
    )


def test_it_keeps_what_a_call_without_a_timeout_promises(run):
    run(
        """
        a, b = socket.socketpair()
        data = bytes(range(256)) * 8192
        def late(parts):
            for part in parts:
                time.sleep(0.05)
                a.sendall(part)
        with shotclock.deadline(10):
            threading.Thread(target=late, args=([b"ab", b"cd", b"ef"],)).start()
            assert b.recv(6, socket.MSG_WAITALL) == b"abcdef"
            a.send(b"x")
            assert b.recv(100) == b"x"
            got = bytearray()
            def read():
                while len(got) < len(data):
                    got.extend(b.recv(65536))
            reader = threading.Thread(target=read)
            reader.start()
            assert a.send(data) == len(data)
            reader.join()
            assert got == data
        """
    )


def test_the_earliest_end_counts_and_a_shield_hides_it(run):
    run(
        """
        a, b = socket.socketpair()
        with shotclock.deadline(60) as outer:
            with expires():
                a.recv(1)
            assert 50 < shotclock.remaining() <= 60
            assert not outer.expired
        with expires():
            with shotclock.deadline(60):
                a.recv(1)
        with shotclock.deadline(0) as over:
            with shotclock.shield():
                assert shotclock.remaining() is None
                b.send(b"x")
                assert a.recv(1) == b"x"
                with shotclock.deadline(60):
                    b.send(b"y")
                    assert a.recv(1) == b"y"
            for call in (lambda: a.send(b"x"), lambda: a.recv(1), lambda: socket.create_connection(("127.0.0.1", 1))):
                try:
                    call()
                except TimeoutError as error:
                    assert error.scope is over
                else:
                    raise AssertionError("a scope that is over lets nothing pass")
        """
    )


def test_a_socket_timeout_ends_it_if_earlier_and_a_non_blocking_socket_is_untouched(run):
    run(
        """
        a, b = socket.socketpair()
        a.settimeout(0.1)
        with shotclock.deadline(60) as scope, takes(0.1):
            try:
                a.recv(1)
            except TimeoutError as error:
                assert not hasattr(error, "scope") and not scope.expired
        a.settimeout(60)
        with expires():
            a.recv(1)
        assert a.gettimeout() == 60
        a.setblocking(False)
        with shotclock.deadline(0):
            b.setblocking(False)
            b.send(b"x")
            assert a.recv(1) == b"x"
            try:
                a.recv(1)
            except BlockingIOError:
                pass
        """
    )


def test_threads_begin_without_and_carry_on_purpose(run):
    run(
        """
        import asyncio, concurrent.futures
        seen = {}
        with shotclock.deadline(60) as scope:
            def look(name): seen[name] = shotclock.remaining()
            thread = threading.Thread(target=look, args=("thread",)); thread.start(); thread.join()
            with concurrent.futures.ThreadPoolExecutor() as pool:
                pool.submit(look, "executor").result()
            carried = scope.carry()
            def look_within():
                with carried:
                    look("carried")
            thread = threading.Thread(target=look_within); thread.start(); thread.join()
            async def tasks():
                await asyncio.to_thread(look, "to_thread")
                await asyncio.create_task(asyncio.sleep(0))
                look("task")
            asyncio.run(tasks())
        # 3.14 lets a program decide about threads.
        inherits = getattr(sys.flags, "thread_inherit_context", False)
        assert (seen["thread"] is not None) == bool(inherits)
        assert seen["executor"] is None or inherits
        assert all(0 < seen[name] <= 60 for name in ("carried", "to_thread", "task")), seen
        """
    )


def test_a_scope_that_was_left_limits_nothing(run):
    run(
        """
        import contextvars
        a, b = socket.socketpair()
        with shotclock.deadline(0):
            kept = contextvars.copy_context()
        b.send(b"xy")
        assert kept.run(a.recv, 1) == b"x" and kept.run(shotclock.remaining) is None
        def generator():
            with shotclock.deadline(0):
                yield
        suspended = generator()
        next(suspended)
        assert shotclock.remaining() == 0.0
        thread = threading.Thread(target=suspended.close); thread.start(); thread.join()
        assert shotclock.remaining() is None and a.recv(1) == b"y"
        first, second = shotclock.deadline(50), shotclock.deadline(40)
        first.__enter__(); second.__enter__()
        first.__exit__(None, None, None)
        assert 30 < shotclock.remaining() <= 40
        second.__exit__(None, None, None)
        assert shotclock.remaining() is None
        """
    )


def test_decorator_move_on_and_the_exception_in_its_wrappings(run):
    run(
        """
        import pickle
        a, b = socket.socketpair()
        @shotclock.deadline(LIMIT)
        def read():
            "doc"
            return a.recv(1)
        assert read.__doc__ == "doc"
        for _ in range(2):
            with takes(LIMIT):
                try:
                    read()
                except TimeoutError as error:
                    again = pickle.loads(pickle.dumps(error))
                    assert again.scope.expired and "scope" in repr(again.scope)
        with takes(LIMIT):
            with shotclock.move_on_after(LIMIT) as scope:
                try:
                    a.recv(1)
                except OSError as error:
                    raise RuntimeError("wrapped") from error
        assert scope.expired
        try:
            with shotclock.move_on_after(60) as scope:
                raise ValueError("its own")
        except ValueError:
            assert not scope.expired
        """
    )


def test_bad_limits_are_refused_by_name():
    check(
        """
        import shotclock
        for bad, kind in ((-1, ValueError), (float("nan"), ValueError), (1e300, ValueError), ("5", TypeError),
                          (None, TypeError), (True, TypeError)):
            for make in (shotclock.deadline, shotclock.deadline_at, shotclock.move_on_after):
                try:
                    make(bad)
                except kind as error:
                    assert repr(bad) in str(error), error
                else:
                    raise AssertionError(bad)
        scope = shotclock.deadline(1)
        with scope:
            try:
                scope.__enter__()
            except RuntimeError:
                pass
        """
    )


def test_it_installs_unless_that_is_forbidden():
    check("import shotclock\nwith shotclock.deadline(1): assert shotclock.status().installed")
    check(
        """
        import shotclock
        try:
            with shotclock.deadline(1):
                raise AssertionError("a scope without effect")
        except RuntimeError as error:
            assert "SHOTCLOCK=0" in str(error)
        """,
        environment={"SHOTCLOCK": "0"}.items(),
    )


def test_a_receive_waits_for_the_low_water_mark(run):
    run(
        """
        listener = socket.create_server(("127.0.0.1", 0))
        a = socket.create_connection(listener.getsockname())
        b = listener.accept()[0]
        def send_later(seconds, data):
            threading.Timer(seconds, a.sendall, [data]).start()
        with shotclock.deadline(10):
            a.sendall(b"x")
            assert b.recv(100) == b"x", "the mark is 1 at first"
            b.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 6)
            for receive in (lambda: b.recv(100), lambda: b.recvfrom(100)[0]):
                a.sendall(b"abc")
                send_later(0.1, b"def")
                assert receive() == b"abcdef"
            b.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            a.sendall(b"x")
            assert b.recv(100) == b"x"
            # Another socket with the number of one that was known.
            for mark in (1, 6, 1, 6):
                b.close()
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)
                a = socket.create_connection(listener.getsockname())
                b = listener.accept()[0]
                a.sendall(b"abc")
                send_later(0.1, b"def")
                assert b.recv(100) == (b"abc" if mark == 1 else b"abcdef")
                if mark == 1:
                    assert b.recv(100) == b"def"
        """
    )
