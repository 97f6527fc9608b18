"""The module ``_socket`` in Rust beneath the interpreter's own socket.py, in interpreters of their own."""

import pytest
from interpreter import check

# What each program begins with: the two pairs of modules to compare.
BOTH = """
import sys
import _socket as stock, socket
from shotclock._install import mount
own = mount.own_socket_module()
"""


def test_the_module_has_all_that_the_stock_one_has():
    check(
        BOTH
        + """
assert dir(own) == dir(stock)
assert own is mount.own_socket_module() and own is not stock
assert own.__name__ == "_socket" and own.__doc__ == stock.__doc__ and not hasattr(own, "__all__")
assert own.__spec__.name == "_socket" and own.__spec__.loader is own.__loader__
assert "shotclock" in repr(own)
own_by_nature = {"socket", "SocketType", "CAPI", "__spec__", "__loader__", "__file__"}
for name, value in vars(stock).items():
    ours = vars(own)[name]
    if type(value) is type(len):
        assert type(ours) is type(len) and ours is not value, name
        assert ours.__self__ is own and ours.__module__ == "_socket" and ours.__name__ == name
        assert (ours.__doc__, ours.__text_signature__) == (value.__doc__, value.__text_signature__), name
    elif name not in own_by_nature:
        assert ours is value, name
assert own.error is OSError and own.timeout is TimeoutError and own.gaierror is socket.gaierror
"""
    )


def test_the_type_has_all_that_the_stock_one_has():
    check(
        BOTH
        + """
assert own.socket is own.SocketType and own.socket is not stock.socket
assert (own.socket.__module__, own.socket.__name__) == ("_socket", "socket")
# Python 3.11 has a static type, which shows one attribute less.
assert set(dir(own.socket)) - {"__module__"} == set(dir(stock.socket)) - {"__module__"}
assert own.socket.__doc__ == stock.socket.__doc__
for name in dir(stock.socket):
    theirs, ours = getattr(stock.socket, name), getattr(own.socket, name)
    if callable(theirs) and not name.startswith("__"):
        assert (ours.__doc__, ours.__text_signature__) == (theirs.__doc__, theirs.__text_signature__), name
        assert type(ours) is type(theirs), name
one = own.socket()
assert repr(one) == f"<socket object, fd={one.fileno()}, family=2, type=1, proto=0>", repr(one)
one.close()
try:
    own.socket.recv = None
except TypeError:
    pass
else:
    raise AssertionError("the type can be changed")
"""
    )


def test_the_socket_module_is_beside_the_interpreters_own():
    check("""
        import sys
        import shotclock.socket
        assert "socket" not in sys.modules
        from shotclock import socket as ours
        assert ours is shotclock.socket is sys.modules["shotclock.socket"]
        import socket, _socket
        from shotclock._install import mount
        assert sys.modules["_socket"] is _socket is not mount.own_socket_module()
        assert socket.socket.__base__ is _socket.socket and ours.socket.__base__ is mount.own_socket_module().socket
        assert ours.__name__ == "shotclock.socket" and ours.__spec__.name == "shotclock.socket"
        assert ours.__doc__ == socket.__doc__ and ours.__file__ == socket.__file__
        assert ours.__all__ == socket.__all__
        beyond = {"__cached__", "__path__"}
        assert set(dir(ours)) - beyond == set(dir(socket)) - beyond, set(dir(ours)) ^ set(dir(socket))
        assert ours.gaierror is socket.gaierror and ours.timeout is TimeoutError and ours.error is OSError
        assert ours.AF_INET == socket.AF_INET and ours.AF_INET is not socket.AF_INET
        assert not isinstance(ours.socket(), socket.socket)
        import inspect
        assert inspect.getsource(ours.create_connection) == inspect.getsource(socket.create_connection)
    """)


def test_it_works():
    check(
        """
        from shotclock import socket
        import threading
        with socket.create_server(("localhost", 0)) as listener:
            listener.settimeout(20)
            def serve():
                peer, address = listener.accept()
                with peer, peer.makefile("rwb") as file:
                    assert isinstance(peer, socket.socket) and address[0] == "127.0.0.1"
                    for line in file:
                        file.write(line.upper())
                        file.flush()
            thread = threading.Thread(target=serve)
            thread.start()
            with socket.create_connection(listener.getsockname(), timeout=20) as one:
                one.sendall(b"hello\\n")
                assert one.recv(100) == b"HELLO\\n" and one.gettimeout() == 20
                assert one.family is socket.AF_INET and one.type is socket.SOCK_STREAM
            thread.join()
        one, other = socket.socketpair()
        one.settimeout(0.05)
        try:
            one.recv(1)
        except TimeoutError as error:
            assert str(error) == "timed out"
        socket.send_fds(one, [b"x"], [0])
        data, (number,), *_ = socket.recv_fds(other, 10, 1)
        import os
        os.close(number)
        one.close(); other.close()
    """,
        beneath=("-W", "error"),
    )


def test_what_is_its_own_and_what_ssl_makes_of_it():
    check("""
        import pickle, socket, ssl, sys
        from shotclock import socket as ours
        assert repr(ours.AF_INET) == repr(socket.AF_INET) and {socket.AF_INET: 1}[ours.AF_INET] == 1
        assert b"shotclock.socket" in pickle.dumps(ours.AF_INET)
        ours.setdefaulttimeout(4)
        assert socket.getdefaulttimeout() is None
        socket.setdefaulttimeout(3)
        assert ours.getdefaulttimeout() == 4
        with ours.socketpair()[0] as one:
            context = ssl.create_default_context()
            with context.wrap_socket(one, server_hostname="localhost", do_handshake_on_connect=False) as wrapped:
                assert type(wrapped) is ssl.SSLSocket and not isinstance(wrapped, ours.socket)
                assert isinstance(wrapped, socket.socket) and one.fileno() == -1
                import shotclock
                assert not [name for name in shotclock.status().replaced if "SSL" in name]
                shotclock.install()
                assert [name for name in shotclock.status().replaced if "SSL" in name]
        assert sys.modules["socket"] is socket
    """)


def test_sockets_and_constants_travel():
    check("""
        import copy, pickle
        from shotclock import socket
        for value in (socket.AF_INET, socket.SOCK_STREAM, socket.MSG_PEEK, socket.AI_PASSIVE):
            again = pickle.loads(pickle.dumps(value))
            assert again is value or again == value and type(again) is type(value)
        one, other = socket.socketpair()
        for spoil in (pickle.dumps, copy.copy):
            try:
                spoil(one)
            except TypeError:
                pass
            else:
                raise AssertionError("a socket was copied")
        import multiprocessing
        from multiprocessing import reduction
        ends = multiprocessing.Pipe()
        ends[0].send(one)
        again = ends[1].recv()
        assert type(again) is socket.socket and again.fileno() != one.fileno()
        again.send(b"x")
        assert other.recv(1) == b"x"
    """)


def test_it_can_be_loaded_again():
    check("""
        import importlib
        from shotclock import socket
        before = socket.socket
        assert importlib.reload(socket) is socket
        assert socket.socket is not before and socket.socket.__base__ is before.__base__
    """)


def test_the_import_of_socket_py_is_an_import_like_any_other():
    # What functions of socket.py import is imported by whatever import there is.
    check("""
        import builtins
        from shotclock import socket
        asked = []
        real = builtins.__import__
        builtins.__import__ = lambda name, *a, **k: asked.append(name) or real(name, *a, **k)
        importer = socket.__builtins__["__import__"]
        assert importer("os.path", fromlist=["join"], level=0).join and importer(name="os", globals=None).path
        assert importer("_socket") is not real("_socket")
        assert importer("on_import", {"__package__": "shotclock._install"}, None, ["on_import"], 1).on_import
        assert "os" in asked and "on_import" in asked
    """)


@pytest.mark.parametrize("first", ["ssl", "asyncio", "_socket", "selectors", "multiprocessing.reduction"])
def test_beneath_the_command_everything_is_ours(first):
    check(
        f"""
        import {first}
        import _socket, socket
        from shotclock._install import mount
        assert _socket is mount.own_socket_module() and mount.is_mounted()
        assert socket.socket.__base__ is _socket.socket
        assert socket.gethostbyname is _socket.gethostbyname
        assert "shotclock" in socket.socket._sendfile_use_sendfile.__code__.co_filename
        import ssl, sys
        assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("shotclock._on")]
        from shotclock import status
        assert {{"_socket", "_ssl._SSLSocket.read", "_ssl._SSLSocket.do_handshake"}} < set(status().replaced)
        import shotclock.socket
        assert shotclock.socket.socket is not socket.socket
        assert shotclock.socket.socket.__base__ is _socket.socket
        """,
        beneath=("-m", "shotclock"),
    )


def test_timeoutsocket_is_over_it():
    check(
        """
        import timeoutsocket
        timeoutsocket.setDefaultSocketTimeout(0.1)
        import shotclock, socket, time, urllib.request
        assert shotclock.status().mount == "type"
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as one:
            assert type(one) is timeoutsocket.TimeoutSocket and one.get_timeout() == 0.1
            one.connect(listener.getsockname())
            accepted, _ = listener.accept()
            assert type(accepted) is timeoutsocket.TimeoutSocket
            begun = time.monotonic()
            for call in (accepted.recv, accepted.makefile("rb").read):
                try:
                    call(1)
                except timeoutsocket.Timeout:
                    pass
                else:
                    raise AssertionError("it did not time out")
            assert time.monotonic() - begun >= 0.2
            accepted.close()
            datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            assert type(datagrams) is not timeoutsocket.TimeoutSocket and datagrams.gettimeout() is None
            datagrams.close()
            try:
                urllib.request.urlopen("http://127.0.0.1:%d/" % listener.getsockname()[1])
            except OSError as error:
                assert isinstance(getattr(error, "reason", error), timeoutsocket.Timeout), error
            else:
                raise AssertionError("it did not time out")
        """,
        beneath=("-m", "shotclock"),
    )


def test_threads_make_one_module():
    check("""
        import sys, threading
        sys.setswitchinterval(1e-6)
        from shotclock._install import mount
        made = []
        threads = [threading.Thread(target=lambda: made.append(mount.own_socket_module())) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert len(made) == 8 and len(set(map(id, made))) == 1
    """)
