"""How a program ends while daemon threads of it wait, or are in the middle of a call."""

import sys

import pytest
import trustme

from interpreter import check

PROGRAM = """
import socket, ssl, sys, threading, time
import shotclock
shotclock.install()
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(sys.argv[1])
client = ssl.create_default_context(cafile=sys.argv[2])
begun = threading.Barrier(9)

def begin(work):
    def run():
        begun.wait()
        work()
    threading.Thread(target=run, daemon=True).start()

def forever(call):
    while True:
        call()

def flood(sock):
    tls = server.wrap_socket(sock, server_side=True)
    forever(lambda: tls.sendall(bytes(65536)))

def drain(sock):
    tls = client.wrap_socket(sock, server_hostname="localhost")
    forever(lambda: tls.recv(65536))

def wait(sock):
    sock.settimeout(0.001)
    def once():
        try:
            sock.recv(1)
        except TimeoutError:
            pass
    forever(once)

for _ in range(2):
    a, b = socket.socketpair()
    begin(lambda a=a: flood(a))
    begin(lambda b=b: drain(b))
    c, d = socket.socketpair()
    begin(lambda c=c, d=d: wait(c))
    begin(lambda c=c, d=d: d.recv(1))

class LeftForTheEnd:
    def __del__(self):
        # Daemon threads want the interpreter meanwhile, which is on its way out.
        time.sleep(0.1)

sys.left_for_the_end = LeftForTheEnd()
begun.wait()
time.sleep(0.1)
"""


LOOKUPS = """
import socket, sys, threading, time
import shotclock
shotclock.install()
begun = threading.Barrier(5)

def work():
    begun.wait()
    while True:
        socket.gethostbyname("127.0.0.1")

for _ in range(4):
    threading.Thread(target=work, daemon=True).start()

class LeftForTheEnd:
    def __del__(self):
        # They want the interpreter meanwhile, which is on its way out.
        time.sleep(0.1)

sys.left_for_the_end = LeftForTheEnd()
begun.wait()
time.sleep(0.1)
"""


@pytest.mark.parametrize("beneath", [(), ("-m", "shotclock")], ids=["graft", "type"])
def test_daemon_threads_in_lookups_do_not_crash_the_end(beneath):
    for _ in range(3):
        check(LOOKUPS, beneath=beneath)


@pytest.mark.parametrize("beneath", [(), ("-m", "shotclock")], ids=["graft", "type"])
def test_daemon_threads_in_calls_do_not_crash_the_end(tmp_path, beneath):
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    for _ in range(3):
        check(PROGRAM, tmp_path / "server.pem", tmp_path / "authority.pem", beneath=beneath)


# What C code of ours has the interpreter do, and that runs Python code: it waits there while the interpreter ends.
ASLEEP = """
import gc, os, socket, sys, threading, time, warnings
import shotclock
shotclock.install()
os.set_blocking(2, True)

def sleep(*_arguments, **_words):
    begun.set()
    while True:
        time.sleep(0.005)

class Sleeps:
    __index__ = __int__ = __float__ = __iter__ = __buffer__ = __fspath__ = __len__ = sleep

class SleepsAtItsEnd:
    def __del__(self):
        sleep()

def garbage():
    gc.disable()
    gc.set_threshold(1)
    one = SleepsAtItsEnd()
    one.itself = one

def unclosed():
    warnings.showwarning = sleep
    warnings.simplefilter("always")
    socket.socket()

def unclosed_and_fatal():
    sys.unraisablehook = sleep
    warnings.simplefilter("error")
    socket.socket()

def refused_after_garbage():
    garbage()
    gc.enable()
    here.recv(-1)

here, there = socket.socketpair()
begun = threading.Event()
threading.Thread(target=lambda: eval(sys.argv[1]), daemon=True).start()
assert begun.wait(20)

class LeftForTheEnd:
    def __del__(self):
        # The thread wants the interpreter meanwhile, which is on its way out.
        time.sleep(0.1)

sys.left_for_the_end = LeftForTheEnd()
"""

ASLEEP_IN = [
    "here.shutdown(Sleeps())",
    "here.settimeout(Sleeps())",
    "here.setsockopt(1, 2, Sleeps())",
    "here.recv(Sleeps())",
    "here.sendmsg(Sleeps())",
    "here.sendmsg([b''], Sleeps())",
    "socket.socket().bind(('127.0.0.1', Sleeps()))",
    "socket.close(Sleeps())",
    "socket.dup(Sleeps())",
    "socket.htons(Sleeps())",
    "socket.getservbyport(Sleeps())",
    "unclosed()",
    "unclosed_and_fatal()",
    "refused_after_garbage()",
    *(["here.send(Sleeps())", "here.sendmsg([Sleeps()])", "here.recv_into(Sleeps())"] if sys.version_info >= (3, 12) else []),
]


@pytest.mark.parametrize("beneath", [(), ("-m", "shotclock")], ids=["graft", "type"])
@pytest.mark.parametrize("asleep_in", ASLEEP_IN)
def test_a_daemon_thread_in_python_code_beneath_a_call_does_not_crash_the_end(asleep_in, beneath):
    check(ASLEEP, asleep_in, beneath=beneath)


@pytest.mark.parametrize("beneath", [(), ("-m", "shotclock")], ids=["graft", "type"])
def test_a_scope_holds_in_what_is_finalized_last(beneath):
    program = """
    import builtins, socket
    import shotclock

    class LeftForTheEnd:
        def __init__(self):
            self.sockets = socket.socketpair()
            self.deadline, self.print = shotclock.deadline, print
            self.close()

        def close(self):
            try:
                with self.deadline(0.01):
                    self.sockets[0].recv(1)
            except TimeoutError as error:
                self.print(error.limit)

        __del__ = close

    # The modules are gone when these are cleared.
    builtins.left_for_the_end = LeftForTheEnd()
    """
    assert check(program, beneath=beneath) == "scope\nscope\n"
