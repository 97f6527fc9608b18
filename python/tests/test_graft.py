"""The grafted methods against the stock ones: the same values, errors and texts, at half the system calls."""

import _socket
import _ssl
import errno
import fcntl
import http.client
import http.server
import importlib.util
import io
import os
import selectors
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import types

import pytest
import shotclock
from interpreter import check

METHODS = ("recv", "recv_into", "send", "sendall")
LIMIT = 0.06
# Whose attributes are replaced.
CLASSES = (socket.socket, socket.SocketIO, _ssl._SSLSocket, selectors.PollSelector)


@pytest.fixture(params=["stock", "grafted"])
def either(request):
    """Each test that takes this runs on the stock methods, which prove the test, and on ours."""
    if request.param == "grafted":
        shotclock.install()
    yield request.param
    shotclock.uninstall()


@pytest.fixture
def grafted():
    shotclock.install()
    yield
    shotclock.uninstall()


@pytest.fixture
def pair():
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def outcome(call, *args, **kwargs):
    """What a call gives, or the type, arguments and errno of what it raises."""
    try:
        return ("value", call(*args, **kwargs))
    except BaseException as error:
        return (type(error), str(error), getattr(error, "errno", None))


def everything_of(owner):
    return dict(vars(owner))


def everything():
    return [everything_of(owner) for owner in (*CLASSES, socket, _socket)] + [list(sys.meta_path)]


def test_install_is_reversible_and_says_so(pair):
    kept = []
    before = everything()
    assert not shotclock.status().installed
    for _ in range(2):
        shotclock.install()
        during = everything()
        shotclock.install()
        assert everything() == during
        assert shotclock.status().installed
        assert {f"socket.socket.{name}" for name in METHODS} < set(shotclock.status().replaced)
        assert all(name in vars(socket.socket) for name in METHODS)
        kept.append(pair[0].recv)
        shotclock.uninstall()
        shotclock.uninstall()
        assert everything() == before
        assert not shotclock.status().installed
    pair[1].send(b"xy")
    assert [recv(1) for recv in kept] == [b"x", b"y"]


def test_what_is_replaced_is_what_it_says():
    shotclock.install()
    try:
        for name in shotclock.status().replaced:
            place, _, attribute = name.rpartition(".")
            classes = {f"{known.__module__}.{known.__qualname__}": known for known in CLASSES}
            ours = vars(classes.get(place) or sys.modules[place])[attribute]
            assert getattr(ours, "__name__", None) == attribute, name
    finally:
        shotclock.uninstall()


def test_what_others_put_there_meanwhile_stays():
    shotclock.install()

    def recv(self, *arguments):
        return b"theirs"

    def getnameinfo(*arguments):
        return "theirs"

    socket.socket.recv, socket.getnameinfo = recv, getnameinfo
    try:
        shotclock.uninstall()
        assert vars(socket.socket)["recv"] is recv and socket.getnameinfo is getnameinfo
        assert not shotclock.status().installed
    finally:
        del socket.socket.recv
        socket.getnameinfo = _socket.getnameinfo


class Pretender:
    """Says that it is a module, as the libraries of cffi do."""

    __class__ = types.ModuleType


@pytest.fixture
def modules(monkeypatch):
    """Modules with names of their own for the lookups, and things in sys.modules that are no modules."""
    copies = types.ModuleType("copies")
    copies.gethostbyname = copies.another_name = socket.gethostbyname
    copies.getnameinfo, copies.gethostname = socket.getnameinfo, socket.gethostname
    lazy_spec = importlib.util.find_spec("wave")
    lazy_spec.loader = importlib.util.LazyLoader(lazy_spec.loader)
    lazy = importlib.util.module_from_spec(lazy_spec)
    monkeypatch.setitem(sys.modules, "wave", lazy)
    lazy_spec.loader.exec_module(lazy)
    monkeypatch.setitem(sys.modules, "copies", copies)
    monkeypatch.setitem(sys.modules, "nothing", None)
    monkeypatch.setitem(sys.modules, "an object", object())
    monkeypatch.setitem(sys.modules, "a pretender", Pretender())
    return copies, lazy


def test_copies_of_the_lookups_are_rebound(modules):
    copies, lazy = modules
    stock = everything_of(copies)
    shotclock.install()
    try:
        assert copies.gethostbyname is copies.another_name is socket.gethostbyname is _socket.gethostbyname
        assert copies.gethostbyname is not stock["gethostbyname"] and copies.gethostname is stock["gethostname"]
        listed = {name for name in shotclock.status().replaced if name.startswith("copies.")}
        assert listed == {"copies.gethostbyname", "copies.another_name", "copies.getnameinfo"}
        # Whoever takes one meanwhile gets the stock one back too.
        copies.later = socket.gethostbyname_ex
        copies.another_name = "theirs"
    finally:
        shotclock.uninstall()
    assert copies.later is socket.gethostbyname_ex is _socket.gethostbyname_ex
    assert everything_of(copies) == stock | {"another_name": "theirs", "later": socket.gethostbyname_ex}
    assert type(lazy).__name__ == "_LazyModule", "a lazy module was loaded"


def test_lookups_that_are_replaced_give_what_they_give(either):
    assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
    assert socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV) == ("127.0.0.1", "80")
    assert socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)[0][4] == ("127.0.0.1", 80)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("127.0.0.1", "no service of this name")


@pytest.mark.parametrize("part", ["_replace_methods", "swap_in_modules"])
def test_an_install_that_fails_changes_nothing(monkeypatch, part):
    from shotclock._install import graft

    before = everything()
    owner = graft if part in vars(graft) else graft._Graft
    real = getattr(owner, part)
    calls = []

    def fail(*arguments):
        real(*arguments)
        calls.append(arguments)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(owner, part, fail)
    with pytest.raises(KeyboardInterrupt):
        shotclock.install()
    assert everything() == before
    assert not shotclock.status().installed
    monkeypatch.undo()
    shotclock.install()
    assert shotclock.status().installed
    shotclock.uninstall()


@pytest.mark.parametrize("stranger", [lambda *arguments: None, type("socket", (), {})])
def test_what_is_not_the_interpreters_class_is_refused(monkeypatch, stranger):
    before = everything()[1:]
    monkeypatch.setattr(socket, "socket", stranger)
    with pytest.raises(ImportError, match="not the interpreter's own class"):
        shotclock.install()
    assert not shotclock.status().installed
    monkeypatch.undo()
    assert everything()[1:] == before


def test_threads_may_install_and_uninstall_at_once(pair):
    before = everything()
    failures = []

    def work(call):
        try:
            for _ in range(20):
                call()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(call,)) for call in (shotclock.install, shotclock.uninstall) * 2]
    for thread in threads:
        thread.start()
    for _ in range(100):
        pair[0].send(b"x")
        assert pair[1].recv(1) == b"x"
    for thread in threads:
        thread.join()
    shotclock.uninstall()
    assert not failures
    assert everything() == before


def test_close_and_detach_keep_their_meaning(either):
    one, other = socket.socketpair()
    with other:
        file = one.makefile("rb")
        one.close()
        assert one.fileno() != -1, "a file still has it open"
        other.send(b"line\n")
        assert file.readline() == b"line\n"
        file.close()
        assert one.fileno() == -1 and other.recv(1) == b""
        one.close()
    one, other = socket.socketpair()
    with other:
        number = one.detach()
        assert number >= 0 and one.fileno() == -1 and one._closed
        assert "[closed]" in repr(one)
        again = socket.socket(fileno=number)
        again.close()
        assert other.recv(1) == b""
        with pytest.raises(OSError):
            os.fstat(number)
    # TLS objects end in the same method, by way of super().
    assert "_real_close" in vars(ssl.SSLSocket)


def test_what_is_replaced_in_python_looks_as_before(grafted):
    replaced = {name: vars(socket.socket)[name] for name in ("_real_close", "detach", "_sendfile_use_sendfile")}
    for name, ours in replaced.items():
        assert ours.__name__ == name and ours.__module__ == "socket" and ours.__qualname__ == f"socket.{name}"
    assert socket.socket.detach.__doc__.startswith("detach() -> file descriptor")


def test_docs_and_signatures_are_the_stock_ones(grafted):
    for name in METHODS:
        ours, stock = socket.socket.__dict__[name], getattr(_socket.socket, name)
        assert (ours.__doc__, ours.__text_signature__) == (stock.__doc__, stock.__text_signature__)
        assert ours.__name__ == name


def test_sockets_made_before_are_reached(pair):
    one, other = pair
    shotclock.install()
    try:
        one.sendall(b"hello")
        buffer = bytearray(3)
        assert (other.recv_into(buffer), bytes(buffer), other.recv(10)) == (3, b"hel", b"lo")
    finally:
        shotclock.uninstall()


BAD_CALLS = [
    ("recv", ()),
    ("recv", ("x",)),
    ("recv", (1.5,)),
    ("recv", (-1,)),
    ("recv", (1 << 80,)),
    ("recv", (1, 0, 0)),
    ("recv", (1, "x")),
    ("recv", (1, 1 << 40)),
    ("recv", (True, None)),
    ("recv_into", ()),
    ("recv_into", (b"read-only",)),
    ("recv_into", (bytearray(2), 3)),
    ("recv_into", (bytearray(2), -1)),
    ("recv_into", ("x",)),
    ("recv_into", (bytearray(2), "x")),
    ("send", ()),
    ("send", ("text",)),
    ("send", (None,)),
    ("send", (b"x", "y")),
    ("send", (b"x", 0, 0)),
    ("sendall", ()),
    ("sendall", ("text",)),
    ("sendall", (b"x", 1.5)),
]


@pytest.mark.parametrize(("name", "arguments"), BAD_CALLS)
def test_bad_arguments_are_refused_alike(pair, name, arguments):
    stock = outcome(getattr(pair[0], name), *arguments)
    shotclock.install()
    try:
        ours = outcome(getattr(pair[0], name), *arguments)
    finally:
        shotclock.uninstall()
    assert ours == stock
    assert ours[0] != "value"


CALLS_BY_KEYWORD = {
    "recv": lambda sock: sock.recv(1, flags=2),
    "send": lambda sock: sock.send(b"x", flags=2),
    "sendall": lambda sock: sock.sendall(data=b"x"),
    "recv_into": lambda sock: sock.recv_into(bytearray(1), size=1),
}


@pytest.mark.parametrize("name", CALLS_BY_KEYWORD)
def test_keywords_are_refused_alike(pair, name):
    # A bound method kept in a variable says "recv() takes ..", where this says "socket.recv() takes ..": only the way
    # the interpreter calls methods of ours and of its own differs there.
    call = CALLS_BY_KEYWORD[name]
    stock = outcome(call, pair[0])
    shotclock.install()
    try:
        assert outcome(call, pair[0]) == stock
        assert stock[0] is TypeError
        with pytest.raises(TypeError, match="socket"):
            getattr(socket.socket, name)(5, 1)
    finally:
        shotclock.uninstall()


def test_recv_into_by_keyword(either, pair):
    pair[1].send(b"hello")
    buffer = bytearray(5)
    assert pair[0].recv_into(buffer=buffer, nbytes=2, flags=socket.MSG_PEEK) == 2
    assert pair[0].recv_into(buffer, flags=0) == 5
    assert buffer == b"hello"


def test_values_of_every_size(either, pair):
    one, other = pair
    for size in (1, 4095, 4096, 4097, 100_000):
        data = bytes(range(256)) * (size // 256 + 1)
        data = data[:size]
        writer = threading.Thread(target=one.sendall, args=(data,))
        writer.start()
        received = b""
        while len(received) < size:
            received += other.recv(size)
        writer.join()
        assert received == data
    assert (one.recv(0), one.recv_into(bytearray(0))) == (b"", 0)
    assert one.send(memoryview(b"abc")[1:]) == 2
    assert other.recv(10, socket.MSG_PEEK) == b"bc"
    assert other.recv(10) == b"bc"
    one.close()
    assert other.recv(10) == b""


@pytest.mark.parametrize("size", [100, 100_000])
def test_truncated_reads_show_no_old_memory(grafted, size):
    # With MSG_TRUNC TCP counts what it throws away, and writes nothing.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
        with one, other:
            one.sendall(b"x" * 100)
            assert set(other.recv(size, socket.MSG_TRUNC)) == {0}


def test_huge_sizes_are_memory_errors(either, pair):
    with pytest.raises(MemoryError):
        pair[0].recv(1 << 62)


def test_a_buffer_cannot_be_resized_under_a_call(grafted, pair):
    one, other = pair
    one.settimeout(5)
    buffer = bytearray(10)
    started = threading.Event()

    def resize():
        started.wait()
        # The call may not have got hold of the buffer yet; when it has, this is refused.
        while True:
            try:
                buffer.append(0)
            except BufferError:
                break
        other.send(b"x")

    thread = threading.Thread(target=resize)
    thread.start()
    started.set()
    assert one.recv_into(buffer) == 1
    thread.join()
    assert buffer[0] == ord("x")


def test_timeouts_are_timeouts(either, pair):
    one, _silent = pair
    one.settimeout(LIMIT)
    for call in (lambda: one.recv(1), lambda: one.recv_into(bytearray(1)), lambda: one.sendall(bytes(1 << 24))):
        begun = time.monotonic()
        with pytest.raises(TimeoutError, match="^timed out$") as caught:
            call()
        assert caught.value.errno is None
        assert LIMIT <= time.monotonic() - begun < LIMIT + 3


def test_sendall_has_one_timeout_for_the_whole(either):
    listener = socket.create_server(("127.0.0.1", 0))
    one = socket.create_connection(listener.getsockname())
    other, _ = listener.accept()
    one.settimeout(LIMIT * 5)

    def sip():
        while other.recv(1000):
            pass

    with listener, one, other:
        thread = threading.Thread(target=sip, daemon=True)
        thread.start()
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            one.sendall(bytes(1 << 31))
        assert LIMIT * 5 <= time.monotonic() - begun < LIMIT * 5 + 3
        one.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_non_blocking_is_blocking_io_error(either, pair):
    pair[0].setblocking(False)
    for call in (lambda: pair[0].recv(1), lambda: pair[0].sendall(bytes(1 << 24))):
        with pytest.raises(BlockingIOError) as caught:
            call()
        assert caught.value.errno == errno.EAGAIN


def test_without_a_timeout_the_promises_of_one_blocking_call_hold(either, pair):
    one, other = pair
    # Everything, and not what happens to fit.
    data = bytes(1 << 20)
    received = bytearray()

    def read():
        while len(received) < len(data):
            received.extend(other.recv(1 << 16))

    thread = threading.Thread(target=read)
    thread.start()
    assert one.send(data) == len(data)
    thread.join()
    # All that was asked for, and not what is there.
    other.send(b"ab")
    late = threading.Timer(LIMIT, other.send, (b"cd",))
    late.start()
    assert one.recv(4, socket.MSG_WAITALL) == b"abcd"
    late.join()
    # A descriptor that others made non-blocking says so.
    fcntl.fcntl(one, fcntl.F_SETFL, fcntl.fcntl(one, fcntl.F_GETFL) | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        one.recv(1)


def test_closed_sockets_say_so_alike(either, pair):
    one, _ = pair
    one.close()
    for call in (lambda: one.recv(1), lambda: one.recv_into(bytearray(1)), lambda: one.send(b"x")):
        assert outcome(call) == (OSError, "[Errno 9] Bad file descriptor", errno.EBADF)


def test_system_errors_are_the_stock_classes(either, pair):
    one, other = pair
    other.close()
    with pytest.raises(BrokenPipeError) as caught:
        one.sendall(b"x")
    assert str(caught.value) == "[Errno 32] Broken pipe"


@pytest.mark.parametrize("timeout", [None, 20])
def test_signal_handlers_run_and_the_wait_goes_on(either, pair, timeout):
    one, other = pair
    one.settimeout(timeout)
    ran = []

    def handler(number, frame):
        ran.append(number)
        other.send(b"x")

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
        assert one.recv(1) == b"x"
        assert ran == [signal.SIGALRM]
        signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
        with pytest.raises(ZeroDivisionError):
            one.recv(1)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("timeout", [None, 20])
@pytest.mark.parametrize("end", ["close", "detach"])
def test_a_call_never_goes_on_with_a_stranger_s_descriptor(either, pair, timeout, end):
    sock = socket.socket(fileno=os.dup(pair[0].fileno()))
    sock.settimeout(timeout)
    number = sock.fileno()
    stranger, its_peer = socket.socketpair()

    def close_and_reuse(*_):
        getattr(sock, end)()
        os.dup2(stranger.fileno(), number)
        its_peer.sendall(b"not yours")
        pair[1].sendall(b"too late")

    previous = signal.signal(signal.SIGALRM, close_and_reuse)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        with stranger, its_peer:
            assert outcome(sock.recv, 100) == (OSError, "[Errno 9] Bad file descriptor", errno.EBADF)
            assert stranger.recv(100) == b"not yours"
    finally:
        signal.signal(signal.SIGALRM, previous)
        os.close(number)


def test_other_threads_run_during_a_wait(either, pair):
    one, other = pair
    one.settimeout(20)
    threading.Timer(LIMIT, other.send, (b"x",)).start()
    assert one.recv(1) == b"x"


def test_http_and_files_over_it(grafted):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 100_000)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        connection = http.client.HTTPConnection(*server.server_address, timeout=20)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"x" * 100_000
        connection.close()
        server.shutdown()


def test_tls_objects_go_on(grafted):
    # SSLSocket inherits the methods, and uses its own once it is wrapped.
    assert ssl.SSLSocket.recv is not socket.socket.recv
    assert issubclass(ssl.SSLSocket, socket.socket)


def test_the_layout_is_checked_on_sockets_only(grafted):
    from shotclock import _native

    for stranger in (None, 5, object(), socket.socket):
        with pytest.raises(TypeError):
            _native.layout(stranger)


def test_system_calls_per_operation(tmp_path):
    """One system call for each send and recv under a timeout, where the stock methods need two."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    program = """
import socket, sys
if sys.argv[1] == "grafted":
    import shotclock
    shotclock.install()
one, other = socket.socketpair()
one.settimeout(30); other.settimeout(30)
for _ in range(100):
    one.send(b"x"); other.recv(10)
"""
    counts = {}
    for which in ("stock", "grafted"):
        log = tmp_path / which
        calls = "trace=poll,ppoll,recvfrom,sendto"
        command = ["strace", "-f", "-qq", "-e", calls, "-o", str(log), sys.executable, "-c", program, which]
        subprocess.run(command, check=True, timeout=60)
        counts[which] = len(log.read_text().splitlines())
    assert counts["stock"] >= 400
    assert 200 <= counts["grafted"] <= 210


@pytest.fixture
def stream():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname(), timeout=20)
        other, _ = listener.accept()
    with one, other:
        yield one, other


def received_from(other, collected):
    while data := other.recv(1 << 16):
        collected.extend(data)


@pytest.mark.parametrize("timeout", [None, 20])
@pytest.mark.parametrize(
    ("offset", "count"), [(0, None), (1000, None), (0, 70_000), (5, 1), (399_999, 10), (400_000, None)]
)
def test_sendfile_sends_and_leaves_the_file_behind_what_it_sent(either, stream, tmp_path, timeout, offset, count):
    content = bytes(range(250)) * 1600
    (tmp_path / "content").write_bytes(content)
    one, other = stream
    one.settimeout(timeout)
    collected = bytearray()
    reader = threading.Thread(target=received_from, args=(other, collected))
    reader.start()
    with open(tmp_path / "content", "rb") as file:
        expected = content[offset:][:count]
        assert one._sendfile_use_sendfile(file, offset, count) == len(expected)
        assert file.tell() == (offset + len(expected) if expected else 0)
        file.seek(0)
        assert one.sendfile(file, offset, count) == len(expected)
    one.shutdown(socket.SHUT_WR)
    reader.join()
    assert collected == expected * 2


def test_sendfile_refuses_what_it_refuses(either, stream, tmp_path):
    one, other = stream
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("text")
    with open(tmp_path / "empty", "rb") as file:
        assert one._sendfile_use_sendfile(file) == 0
    with open(tmp_path / "text", "rb") as file:
        for arguments, kind in (((file, 0, 0), ValueError), ((file, 0, -1), ValueError), ((file, 0, 1.5), TypeError)):
            with pytest.raises(kind, match="count must be a positive integer"):
                one._sendfile_use_sendfile(*arguments)
        one.settimeout(0)
        with pytest.raises(ValueError, match="^non-blocking sockets are not supported$"):
            one._sendfile_use_sendfile(file)
        one.settimeout(20)
    with pytest.raises(ValueError, match="closed file"):
        one._sendfile_use_sendfile(file)
    with open(tmp_path / "text") as text, pytest.raises(ValueError, match="binary mode"):
        one.sendfile(text)
    for other_way in (io.BytesIO(b"memory"), object()):
        with pytest.raises(socket._GiveupOnSendfile):
            one._sendfile_use_sendfile(other_way)
    # sendfile() then reads and sends by itself.
    assert one.sendfile(io.BytesIO(b"memory")) == 6
    assert other.recv(100) == b"memory"
    one.close()
    with open(tmp_path / "text", "rb") as file, pytest.raises(ValueError, match="^Invalid file descriptor: -1$"):
        one.sendfile(file)


def test_sendfile_times_out(either, stream, tmp_path):
    one, _never_reads = stream
    one.settimeout(LIMIT)
    with open(tmp_path / "large", "wb+") as file:
        file.truncate(1 << 28)
        begun = time.monotonic()
        with pytest.raises(TimeoutError, match="^timed out$") as caught:
            one.sendfile(file)
        assert LIMIT <= time.monotonic() - begun < LIMIT + 5
        assert caught.value.errno is None
        # What went out is known by the file.
        assert 0 < file.tell() < 1 << 28


def test_sendfile_says_that_the_peer_is_gone(either, stream, tmp_path):
    one, other = stream
    with open(tmp_path / "large", "wb+") as file:
        file.truncate(1 << 28)
        thread = threading.Thread(target=lambda: (other.recv(1), other.close()))
        thread.start()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            one.sendfile(file)
        thread.join()


def test_sendfile_of_a_descriptor_that_others_made_non_blocking(either, stream, tmp_path):
    one, other = stream
    one.settimeout(None)
    fcntl.fcntl(one, fcntl.F_SETFL, fcntl.fcntl(one, fcntl.F_GETFL) | os.O_NONBLOCK)
    collected = bytearray()
    reader = threading.Thread(target=received_from, args=(other, collected))
    with open(tmp_path / "large", "wb+") as file:
        file.truncate(1 << 24)
        late = threading.Timer(LIMIT, reader.start)
        late.start()
        assert one.sendfile(file) == 1 << 24
    one.shutdown(socket.SHUT_WR)
    late.join()
    reader.join()
    assert len(collected) == 1 << 24


def test_install_in_the_middle_of_the_import_of_ssl_guards_it_at_its_end():
    check("""
        import sys, shotclock
        class InTheMiddle:
            def find_spec(self, name, path, target=None):
                if name == "_ssl":
                    sys.meta_path.remove(self)
                    # Else other modules are waited for as well.
                    shotclock.install(waits=False)
        finders = list(sys.meta_path)
        sys.meta_path.insert(0, InTheMiddle())
        import ssl
        assert "_ssl._SSLSocket.read" in shotclock.status().replaced and sys.meta_path == finders
    """)


@pytest.mark.parametrize(
    ("name", "waits", "replaced"),
    [("ssl", False, "_ssl._SSLSocket.read"), ("ssl", True, "_ssl._SSLSocket.read"), ("fcntl", True, "fcntl.flock")],
)
def test_install_while_another_thread_looks_for_a_module_reaches_it(name, waits, replaced):
    check(f"""
        import importlib.util, sys, threading, shotclock
        name, waits = {name!r}, {waits}
        shotclock.install(waits=waits)
        shotclock.uninstall()
        assert name not in sys.modules and not [each for each in sys.meta_path if type(each).__module__.startswith("shotclock")]
        found, goes_on = threading.Event(), threading.Event()
        class Still:
            # The loader of a module that is found, and not made yet.
            def __init__(self, loader): self.loader = loader
            def __getattr__(self, attribute): return getattr(self.loader, attribute)
            def create_module(self, spec):
                found.set()
                assert goes_on.wait(20)
                return self.loader.create_module(spec)
        class Finder:
            def find_spec(self, looked_for, path, target=None):
                if looked_for == name:
                    sys.meta_path.remove(self)
                    spec = importlib.util.find_spec(looked_for)
                    spec.loader = Still(spec.loader)
                    return spec
        sys.meta_path.insert(0, Finder())
        importer = threading.Thread(target=__import__, args=(name,))
        importer.start()
        assert found.wait(20)
        shotclock.install(waits=waits)
        def replaced():
            status = shotclock.status()
            return (*status.replaced, *status.waits)
        assert {replaced!r} not in replaced()
        goes_on.set()
        importer.join()
        assert {replaced!r} in replaced()
    """)


def test_ssl_that_is_loaded_anew_is_guarded_by_another_install():
    check("""
        import importlib, ssl, sys, shotclock
        shotclock.install()
        first, guarded = ssl._ssl._SSLSocket, ssl._ssl._SSLSocket.read
        del sys.modules["_ssl"]
        importlib.reload(ssl)
        second = ssl._ssl._SSLSocket
        unguarded = second.read
        assert second is not first
        shotclock.install()
        assert second.read is not unguarded and first.read is guarded
        shotclock.uninstall()
        assert second.read is unguarded and first.read is not guarded
        shotclock.install()
        assert second.read is not unguarded and "_ssl._SSLSocket.read" in shotclock.status().replaced
    """)


def test_a_foreign_class_in_the_place_of_sslsocket_is_left_alone():
    check("""
        import ssl, shotclock
        class Foreign:
            def read(self): return 5
        ssl.SSLSocket, read = Foreign, Foreign.read
        shotclock.install()
        assert Foreign().read() == 5 and Foreign.read is read
        shotclock.uninstall()
    """)


def test_the_guard_does_not_look_into_what_is_no_socket():
    check("""
        import os, ssl, shotclock
        shotclock.install()
        class Stranger:
            # Where socket objects have descriptor and timeout, it has these.
            __slots__ = ("one", "two", "three", "four", "five")
            def __init__(self):
                self.one = self.two = self.three = self.four = self.five = os
            def _checkClosed(self):
                pass
            @property
            def _sslobj(self):
                return self
            def read(self, count):
                return [self.one, self.two, self.three, self.four, self.five]
        assert ssl.SSLSocket.read(Stranger(), 10) == [os] * 5
    """)


def test_a_child_that_is_forked_in_the_middle_of_an_install_can_install():
    check(
        """
        import os, signal, threading
        import shotclock, ssl
        shotclock.status()
        on = True
        def work():
            while on:
                shotclock.install()
                shotclock.uninstall()
        thread = threading.Thread(target=work)
        thread.start()
        for _ in range(20):
            child = os.fork()
            if child == 0:
                # Ends it if it hangs.
                signal.alarm(10)
                shotclock.install()
                reached = shotclock.status().installed
                shotclock.uninstall()
                os._exit(0 if reached and not shotclock.status().installed else 1)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if code != 0:
                break
        on = False
        thread.join()
        assert code == 0, code
        """,
        beneath=("-W", "ignore"),
    )


def test_a_handler_may_ask_for_the_status_in_the_middle_of_an_install():
    check("""
        import signal
        import shotclock, ssl
        shotclock.status()
        asked = []
        def ask(*_):
            asked.append(shotclock.status())
            # Only now, so that a slow machine does not pile handlers upon handlers.
            signal.setitimer(signal.ITIMER_REAL, 0.001)
        signal.signal(signal.SIGALRM, ask)
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        while len(asked) < 50:
            shotclock.install()
            shotclock.uninstall()
        signal.setitimer(signal.ITIMER_REAL, 0)
    """)
