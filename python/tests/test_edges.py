"""Ends that come in the middle: of the interpreter, of the process that forks, of the socket that others wait on."""

import subprocess
import sys
import textwrap

import pytest

from isolation import isolated

# What each program starts with: both mounts of the methods, and threads that are seen to wait.
PRELUDE = """
import _socket, os, socket, sys, threading
from shotclock import _native

_native.prepare(_socket)
if {mount!r} == "type":
    base = _native.socket_type()
else:
    base = type("Grafted", (_socket.socket,), {{}})
    for name, method in _native.descriptors(base).items():
        setattr(base, name, method)


def adopt(stock, timeout=None):
    adopted = base(stock.family, stock.type, stock.proto, fileno=stock.detach())
    adopted.settimeout(timeout)
    return adopted


def pair(timeout=None):
    return [adopt(one, timeout) for one in socket.socketpair()]


def starts(call, *arguments):
    # A daemon thread in the call: it sleeps, and where it does is the call, or the lock of the interpreter just before.
    thread = threading.Thread(target=call, args=arguments, daemon=True)
    thread.start()
    while open(f"/proc/self/task/{{thread.native_id}}/stat").read().rpartition(")")[2].split()[0] != "S":
        pass
    return thread
"""


@pytest.fixture(params=["type", "graft"])
def run(request):
    """Runs a program to its end; its output, once it has ended well and silently."""

    def run(program, *flags, inside=()):
        source = PRELUDE.format(mount=request.param) + textwrap.dedent(program)
        command = [*inside, sys.executable, "-X", "faulthandler", *flags, "-c", source]
        done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
        assert (done.returncode, done.stderr) == (0, ""), f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.mark.parametrize("timeout", [None, 30])
def test_the_interpreter_ends_while_threads_wait(run, timeout):
    """In recv, accept and connect; nobody joins them."""
    run(
        f"""
        one, other = pair({timeout})
        listener = adopt(socket.create_server(("127.0.0.1", 0)), {timeout})
        starts(one.recv, 1)
        starts(other.recv_into, bytearray(10_000))
        starts(one.recvmsg, 1, 100)
        starts(listener._accept)
        """
    )


def test_open_sockets_at_the_end_of_the_interpreter(run):
    """In a module, in a cycle, in a __del__ that uses them, and in a list of the type's own."""
    run(
        """
        one, other = pair()

        class Sends:
            def __init__(self):
                self.itself = self
                self.pair = pair()

            def __del__(self):
                self.pair[0].send(b"x")
                self.pair[1].recv(1)
                self.pair[0].close()

        kept = Sends()
        cycle = [kept, pair()]
        cycle.append(cycle)
        sys.kept_for_ever = pair()
        """,
        "-W",
        "ignore::ResourceWarning",
    )


def test_a_fork_while_another_thread_waits(run):
    """The child's sockets work, its interpreter ends, and the parent's wait goes on."""
    out = run(
        """
        one, other = pair()
        got = []
        waiting = starts(lambda: got.append(one.recv(1)))
        child = os.fork()
        if child == 0:
            mine, yours = pair(5)
            mine.send(b"child")
            assert yours.recv(10) == b"child"
            starts(mine.recv, 1)
            sys.exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        other.send(b"!")
        waiting.join()
        print(got)
        """,
        "-W",
        "ignore",
    )
    assert out == "[b'!']\n"


def test_fifty_threads_on_one_socket(run):
    """Each gets one byte, and no byte is lost or had twice."""
    out = run(
        """
        one, other = pair(30)
        got = []
        threads = [threading.Thread(target=lambda: got.append(one.recv(1)[0])) for _ in range(50)]
        for thread in threads:
            thread.start()
        other.sendall(bytes(range(50)))
        for thread in threads:
            thread.join()
        print(sorted(got) == list(range(50)))
        """
    )
    assert out == "True\n"


def test_a_socket_closed_while_others_wait_on_it(run):
    """What ends their wait is the limit, or the peer; the number is not another file's by then."""
    out = run(
        """
        one, other = pair(0.2)
        errors = []

        def wait():
            try:
                one.recv(1)
            except OSError as error:
                errors.append(type(error).__name__)

        threads = [starts(wait) for _ in range(8)]
        one.close()
        for thread in threads:
            thread.join()
        print(len(errors), one.fileno())
        """
    )
    assert out == "8 -1\n"


def test_descriptors_are_as_many_as_before(run):
    """After a thousand sockets of every kind, a few of them abandoned."""
    out = run(
        """
        import gc, warnings
        warnings.simplefilter("ignore")
        count = lambda: len(os.listdir("/proc/self/fd"))
        pair()
        before = count()
        for number in range(1000):
            one, other = pair(0 if number % 2 else 1)
            one.send(b"x")
            other.recv(1)
            if number % 3:
                one.close()
        del one, other
        gc.collect()
        print(count() - before)
        """
    )
    assert int(out) <= 0


def test_a_receive_of_gigabytes_touches_only_what_it_gets(run):
    """With MSG_TRUNC too, where the room has to look empty."""
    out = run(
        """
        import resource
        one, other = pair()
        for flags in (0, socket.MSG_TRUNC):
            other.send(b"few")
            assert one.recv(1 << 30, flags) == b"few"
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 500_000)
        """
    )
    assert out == "True\n"


# A name server that takes the question and never answers, on the address that resolv.conf names.
RESOLV_CONF = "nameserver 127.0.0.1\noptions timeout:30\n"
SILENT_SERVER = """
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
"""


def test_the_interpreter_ends_while_a_lookup_waits(run, tmp_path):
    """The question has reached the server; the answer never comes."""
    inside = isolated(tmp_path, {"resolv.conf": RESOLV_CONF})
    if inside is None:
        pytest.skip("a lookup that waits: no namespaces of user, network and mounts here")
    program = textwrap.dedent(SILENT_SERVER) + textwrap.dedent(
        """
        lookups = _native.functions(_socket)
        starts(lookups["getaddrinfo"], "host.test", 80)
        starts(lookups["gethostbyname"], "other.test")
        server.recv(512)
        server.recv(512)
        print("asked")
        """
    )
    assert run(program, inside=inside) == "asked\n"
