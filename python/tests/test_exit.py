"""How a program ends while daemon threads of it wait, or are in the middle of a call."""

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
