"""What ``accept`` of socket.py gives, and what a program sees of it on the way, against the interpreter's own.

Over the graft the object is made without the class's ``__init__``, from the second accept on; over the type of our own by it.
"""

import os
import socket
import textwrap

import pytest
from interpreter import check

BEGIN = """
import errno, gc, os, socket, sys, types, unittest.mock, warnings
if sys.argv[1] == "graft":
    import shotclock
    shotclock.install()

def listening(timeout=20, family=socket.AF_INET, kind=socket.SOCK_STREAM):
    listener = socket.socket(family, kind)
    listener.bind("" if family == socket.AF_UNIX else ("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(timeout)
    return listener

def client_of(listener):
    client = socket.socket(listener.family, listener.type)
    client.settimeout(20)
    client.connect(listener.getsockname())
    return client

# What is made from here on is made in the way that was proved.
first = listening()
proving = [client_of(first), *first.accept(), client_of(first), *first.accept()]

def about(connection):
    said = connection.family, connection.type, connection.proto, connection.gettimeout()
    kept = connection._io_refs, connection._closed, hasattr(connection, "__dict__")
    number = connection.fileno()
    return type(connection) is socket.socket, *said, *kept, os.get_blocking(number), os.get_inheritable(number)

def kinds_of(listener):
    return listener.family, listener.type, listener.proto
"""

END = """
for sock in gc.get_objects():
    if isinstance(sock, socket.socket):
        sock.close()
"""


@pytest.fixture(params=["graft", "type"])
def assert_alike(request):
    """Runs a program over a mount and over the stock module: both have to print the same, and something."""

    def compare(program, *arguments):
        beneath = ["-m", "shotclock"] if request.param == "type" else []
        ours = check(BEGIN + textwrap.dedent(program) + END, request.param, *arguments, beneath=beneath)
        stock = check(BEGIN + textwrap.dedent(program) + END, "stock", *arguments)
        assert ours == stock != ""
        return ours

    return compare


def test_an_object_has_all_that_init_gives_it(assert_alike):
    assert_alike(
        """
for family, kind in ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_SEQPACKET)):
    for timeout in (None, 20, 0):
        with listening(timeout, family, kind) as listener, client_of(listener) as client:
            connection, address = listener.accept()
            with connection:
                print(about(connection), address == client.getsockname())
                client.send(b"1")
                client.send(b"2")
                connection.settimeout(20)
                print(connection.recv(1), connection.makefile("rb", 0).read(1), connection._io_refs, connection.send(b"3"))
                with connection.dup() as copy:
                    print(about(copy))
            print(connection._closed, connection.fileno(), connection.gettimeout())
        """
    )


def test_a_default_timeout_is_the_new_socket_s(assert_alike):
    assert_alike(
        """
with listening() as listener:
    for default in (0.1, 0, None, 1.7):
        socket.setdefaulttimeout(default)
        with client_of(listener), listener.accept()[0] as connection:
            print(default, about(connection))
    socket.setdefaulttimeout(None)
    # Another name's answer decides only whether the new one is made to block.
    with unittest.mock.patch("socket.getdefaulttimeout", return_value=3):
        with client_of(listener), listener.accept()[0] as connection:
            print(about(connection))
        """
    )


def test_who_replaces_a_part_of_it_is_asked(assert_alike):
    asked = assert_alike(
        """
listener = listening()
def noting(function):
    def replaced(*args, **kwargs):
        print("asked", args[1:4], sorted(kwargs))
        return function(*args, **kwargs)
    return replaced

clients = [client_of(listener) for _ in range(4)]
with unittest.mock.patch.object(socket.socket, "__init__", noting(socket.socket.__init__)):
    print(about(listener.accept()[0]))
class Another(socket.socket):
    pass
with unittest.mock.patch("socket.socket", Another):
    print(type(listener.accept()[0]).__name__)
with unittest.mock.patch("socket.socket") as made:
    print(listener.accept()[0] is made.return_value, made.call_args.args == kinds_of(listener), sorted(made.call_args.kwargs))
    os.close(made.call_args.kwargs["fileno"])
by_new = socket.socket.__new__
socket.socket.__new__ = staticmethod(lambda kind, *args, **kwargs: print("new", args) or by_new(kind))
try:
    print(about(listener.accept()[0]))
finally:
    del socket.socket.__new__
clients = [client_of(listener) for _ in range(2)]
beneath = types.SimpleNamespace(socket=types.SimpleNamespace(__init__=noting(socket._socket.socket.__init__)))
with unittest.mock.patch.object(socket, "_socket", beneath):
    print(about(listener.accept()[0]))
with unittest.mock.patch.object(socket.socket, "setblocking") as blocking:
    print(listener.accept()[0].gettimeout(), blocking.call_args_list)
        """
    )
    assert asked.count("asked") == 2
    assert asked.count("new (") == 1


def test_a_listener_of_a_class_of_its_own(assert_alike):
    assert_alike(
        """
class Told(socket.socket):
    family = property(lambda self: print("family") or socket.AF_INET6)
    type = property(lambda self: print("type") or socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    proto = property(lambda self: print("proto") or 6)
    def gettimeout(self):
        print("timeout")
        return super().gettimeout()
class Local(socket.socket):
    family = socket.AF_UNIX
class Packets(socket.socket):
    type = property(lambda self: socket.SOCK_SEQPACKET)
class Odd(socket.socket):
    proto = True
class Redirected(socket.socket):
    def __getattribute__(self, name):
        return socket.SOCK_DGRAM if name == "type" else super().__getattribute__(name)
class Unknown(socket.socket):
    family = type = proto = -1
class Wrong(socket.socket):
    proto = "tcp"
for kind in (Told, Local, Packets, Odd, Redirected, Unknown, Wrong):
    listener = kind(fileno=listening().detach())
    listener.settimeout(20)
    client = socket.create_connection(socket.socket.getsockname(listener))
    try:
        print(kind.__name__, about(listener.accept()[0]))
    except TypeError as error:
        print(error)
        """
    )


def test_who_gives_another_descriptor(assert_alike):
    assert_alike(
        """
class Given(socket.socket):
    def _accept(self):
        number, address = super()._accept()
        file = os.open(os.devnull, os.O_RDONLY)
        os.dup2(file, number)
        os.close(file)
        return (number if same else os.dup(number)), address
listener = Given(fileno=listening().detach())
listener.settimeout(20)
same = False
client = client_of(listener)
try:
    listener.accept()
except OSError as error:
    print(error.errno == errno.ENOTSOCK)
        """
    )


def test_audit_hooks_hear_the_same(assert_alike):
    heard = assert_alike(
        """
listener, heard = listening(), []
clients = [client_of(listener) for _ in range(3)]
def hook(event, arguments):
    if event.startswith("socket.") and heard is not None:
        sock, *numbers = arguments
        heard.append((event, type(sock) is socket.socket, numbers, [type(number) for number in numbers]))
        print(sock.fileno(), sock.family, sock.type, sock.proto, sock.gettimeout(), hasattr(sock, "_closed"))
        if sets_default:
            socket.setdefaulttimeout(0.5)
sys.addaudithook(hook)
for sets_default in (False, True):
    connection, _ = listener.accept()
    print(about(connection), heard.pop())
heard = None
        """
    )
    assert heard.count("socket.__new__") == 2


def test_nothing_is_lost_where_an_audit_hook_refuses():
    check(
        BEGIN
        + """
listener = listening()
client = client_of(listener)
def hook(event, arguments):
    if event == "socket.__new__" and refuses:
        raise RuntimeError("no")
sys.addaudithook(hook)
before, refuses = set(os.listdir("/proc/self/fd")), True
try:
    listener.accept()
except RuntimeError as error:
    assert str(error) == "no"
else:
    raise AssertionError("accepted")
assert set(os.listdir("/proc/self/fd")) == before
client.settimeout(20)
assert client.recv(1) == b""
refuses = False
with client_of(listener), listener.accept()[0] as connection:
    assert connection.fileno() >= 0
        """,
        "graft",
    )


def test_who_forgets_to_close_is_told(assert_alike):
    assert_alike(
        """
listener = listening()
client = client_of(listener)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    number = listener.accept()[0].fileno()
    gc.collect()
print([(one.category.__name__, str(one.message).split("laddr")[0].replace(str(number), "N")) for one in told])
print(number in map(int, os.listdir("/proc/self/fd")))
        """
    )


def test_the_system_is_not_asked_about_what_was_just_accepted():
    check(
        BEGIN
        + """
sys.path.append(sys.argv[2])
import call_filter
listener = listening()
clients = [client_of(listener) for _ in range(2)]
try:
    call_filter.install(call_filter.refusing("getsockname", error=errno.EBADF))
except OSError:
    sys.exit(0)
for client in clients:
    connection, address = listener.accept()
    client.send(b"x")
    assert connection.recv(1) == b"x"
        """,
        "graft",
        os.path.dirname(__file__),
    )


def test_init_makes_the_object_where_it_is_not_proved_that_nothing_is_missing():
    check(
        """
import socket, sys
sys.argv.append("stock")
from shotclock import _native
import shotclock
_native.made_alike = lambda sock: None
shotclock.install()
made = []
by_init = socket.socket.__init__
listener = socket.create_server(("127.0.0.1", 0))
calls = []
sys.setprofile(lambda frame, event, _: calls.append(frame.f_code) if event == "call" else None)
for _ in range(3):
    with socket.create_connection(listener.getsockname()):
        calls.clear()
        listener.accept()[0].close()
        assert by_init.__code__ in calls
sys.setprofile(None)
listener.close()
        """
    )


def test_only_what_was_accepted_is_taken():
    from shotclock import _native
    from shotclock._stock import stock_socket_module

    stock_socket_module()
    one, other = socket.socketpair()
    with one, other:
        for owner, listener, number in (
            (socket.socket, one, other.fileno()),
            (int, one, other.fileno()),
            (socket.socket, None, other.fileno()),
            (socket.socket, one, -1),
            (socket.socket, one, 2**40),
            (socket.socket, one, "1"),
        ):
            assert _native.adopt(owner, listener, number) is None
        assert _native.made_alike(one).fileno() == -1
    with pytest.raises(TypeError):
        _native.made_alike(5)
