"""What waits now: shotclock.waits(), in interpreters of their own, over both mounts."""

import pytest
from interpreter import check

MOUNTS = pytest.mark.parametrize("beneath", [(), ("-m", "shotclock")], ids=["graft", "type"])

PRELUDE = """
import os, socket, threading, time
import shotclock
shotclock.install()

def begin(name, work):
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread

def wait_of(name, what=None):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for wait in shotclock.waits():
            if wait.thread == name and what in (None, wait.what):
                return wait
    raise AssertionError(f"{name} is not seen: {shotclock.waits()}")

def silent_peer():
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    return client, listener.accept()[0], listener
"""


@MOUNTS
def test_a_wait_says_who_what_to_whom_since_when_and_until_when(beneath):
    check(
        PRELUDE
        + """
client, server, listener = silent_peer()
client.settimeout(60)
receive = lambda: client.recv(1)
thread = begin("receives", receive)
wait = wait_of("receives")
assert (wait.what, wait.to) == ("recv", "%s:%d" % server.getsockname()), wait
assert (wait.ident, wait.native_id) == (thread.ident, thread.native_id)
assert wait.descriptor == client.fileno() and wait.limit == "timeout"
assert 0 <= wait.since < 20 and 59 <= wait.since + wait.remaining <= 60.1, wait
assert wait.line == f"<string>:{receive.__code__.co_firstlineno} (<lambda>)", wait
assert wait.inner_line is None
assert str(wait).startswith("receives: recv 127.0.0.1:"), wait
server.sendall(b"x")
thread.join()
assert not [wait for wait in shotclock.waits() if wait.thread == "receives"]
""",
        beneath=beneath,
    )


@MOUNTS
def test_scopes_and_the_limit_of_the_program_are_named(beneath):
    check(
        PRELUDE
        + """
client, server, listener = silent_peer()
def scoped(receive):
    with shotclock.deadline(50):
        receive()
begin("in a scope", lambda: scoped(lambda: client.recv(1)))
wait = wait_of("in a scope")
assert wait.limit == "scope" and 40 < wait.remaining <= 50, wait
begin("reads a file", lambda: scoped(lambda: client.makefile("rb").readline()))
wait = wait_of("reads a file")
# socket.py reads by its own code: the program's line is further out.
assert "<lambda>)" in wait.line and "readinto" in wait.inner_line, wait
""",
        beneath=beneath,
    )
    check(
        PRELUDE
        + """
from shotclock._bounds import scope
scope.limit_program(time.monotonic_ns() + 50 * 10**9)
client, server, listener = silent_peer()
begin("in the program", lambda: client.recv(1))
assert wait_of("in the program").limit == "program"
""",
        beneath=beneath,
    )


@MOUNTS
def test_plain_calls_are_seen_by_the_systems_word(beneath):
    check(
        PRELUDE
        + """
client, server, listener = silent_peer()
full, _never_reads = socket.socketpair()
readable, writable = os.pipe()
begin("recv", lambda: client.recv(1))
begin("accept", listener.accept)
begin("send", lambda: full.sendall(bytes(1 << 24)))
begin("sleep", lambda: time.sleep(100))
begin("read", lambda: os.read(readable, 1))
for what in "recv", "accept", "send", "sleep", "read":
    wait = wait_of(what, what)
    assert wait.limit is None and wait.remaining is None and "(<lambda>)" in (wait.line or "(<lambda>)"), wait
assert wait_of("recv").to == "%s:%d" % server.getsockname()
assert wait_of("accept").to == "%s:%d" % listener.getsockname()
assert wait_of("read").to.startswith("pipe:")
""",
        beneath=beneath,
    )


@MOUNTS
def test_a_connect_and_a_lookup_say_where_to(beneath):
    check(
        PRELUDE
        + """
import shotclock.faults
with shotclock.faults.Peer("full-backlog") as peer:
    def connects():
        socket.create_connection(peer.address, timeout=60)
    begin("connects", connects)
    wait = wait_of("connects", "connect")
    assert wait.to == "%s:%d" % peer.address, (wait.to, peer)

stop = False
def asks():
    while not stop:
        try:
            with shotclock.deadline(50):
                socket.getaddrinfo("name.invalid", 80)
        except OSError:
            pass
begin("asks", asks)
wait = wait_of("asks", "lookup")
stop = True
assert wait.to == "name.invalid", wait
""",
        beneath=beneath,
    )


@MOUNTS
def test_while_they_are_watched_plain_calls_say_since_when_and_end_as_ever(beneath):
    check(
        PRELUDE
        + """
from shotclock import _native
assert _native.watch(True) is False and _native.watch(True) is True
client, server, listener = silent_peer()
received = []
thread = begin("recv", lambda: received.append(client.recv(100)))
wait = wait_of("recv")
assert wait.since is not None and wait.limit is None, wait
server.sendall(b"hello")
thread.join()
assert received == [b"hello"]
# In the middle of a wait a close ends it, with the error that it has without us.
def ends():
    try:
        client.recv(1)
    except OSError as error:
        received.append(error.errno)
thread = begin("closed", ends)
wait_of("closed")
client.close()
thread.join()
import errno
assert received[1] == errno.EBADF
assert _native.watch(False) is True and _native.watch(False) is False
""",
        beneath=beneath,
    )


def test_a_wait_in_tls_is_seen_as_what_it_is():
    check(
        PRELUDE
        + """
import ssl
client, server, listener = silent_peer()
context = ssl.create_default_context()
def shakes_hands():
    with shotclock.deadline(50):
        context.wrap_socket(client, server_hostname="localhost")
begin("tls", shakes_hands)
wait = wait_of("tls")
assert wait.what == "handshake" and wait.limit == "scope", wait
assert "(shakes_hands)" in wait.line and "ssl.py" in wait.inner_line, wait
"""
    )


def test_a_forked_child_sees_its_own_waits_alone():
    check(
        PRELUDE
        + """
import signal, warnings
warnings.simplefilter("ignore")
client, server, listener = silent_peer()
client.settimeout(60)
begin("of the parent", lambda: client.recv(1))
wait_of("of the parent")
child = os.fork()
if child == 0:
    signal.alarm(20)
    assert shotclock.waits() == []
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    begin("of the child", lambda: ours.recv(1))
    wait_of("of the child")
    assert [wait.thread for wait in shotclock.waits()] == ["of the child"]
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
    )


def test_a_look_takes_no_lock_that_a_thread_that_hangs_may_have():
    check(
        PRELUDE
        + """
client, server, listener = silent_peer()
client.settimeout(60)
begin("receives", lambda: client.recv(1))
wait_of("receives")
with threading._active_limbo_lock:
    assert [wait.thread for wait in shotclock.waits()] == ["receives"]
"""
    )
