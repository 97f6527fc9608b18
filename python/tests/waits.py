"""What programs under test need to see others wait: each kind of wait, and who waits by now. Put before a program's own
text; the certificate of a TLS server is its first argument."""

WAITS = """
import contextlib, errno, gc, os, platform, socket, ssl, sys, tempfile, threading, time
import shotclock
shotclock.install()
# Only a hang should meet the first; how late a wait ends on a quiet machine is the benchmark's business.
PATIENCE, LATE = 20, 2

# The system's number of the call that waits for the interpreter's lock.
FUTEX = {"x86_64": "202", "aarch64": "98"}[platform.machine()]

def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.0005)

def is_waiting(thread):
    "Whether it sleeps in a call of the system's, and not for the interpreter's lock."
    with open(f"/proc/self/task/{thread.native_id}/syscall") as said:
        return said.read().split()[0] not in ("running", FUTEX)

class Waiter(threading.Thread):
    "Makes a call that waits, and keeps what becomes of it."
    def __init__(self, call, around=contextlib.nullcontext):
        super().__init__(daemon=True)
        self.call, self.around, self.error, self.result = call, around, None, None
        self.start()
        until(lambda: is_waiting(self) or not self.is_alive())
    def run(self):
        try:
            with self.around():
                self.result = self.call()
        except BaseException as error:
            self.error = error
        self.ended = time.monotonic()
    def end(self):
        self.join(PATIENCE)
        assert not self.is_alive(), "it was not woken"
        return self.error

def is_open(number):
    with contextlib.suppress(OSError):
        os.fstat(number)
        return True
    return False

def count():
    "Descriptors, without the bells, of which a process keeps a few."
    links = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/self/fd/{number}"))
    return sum(link != "anon_inode:[eventfd]" for link in links)

def full_backlog():
    hung = socket.create_server(("127.0.0.1", 0), backlog=0)
    filling = []
    for _ in range(3):
        filling.append(socket.socket())
        filling[-1].setblocking(False)
        filling[-1].connect_ex(hung.getsockname())
    return hung, filling

def full_pipe():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            ours.send(bytes(65536))
    return ours, theirs

def datagram():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock

def tls():
    here, there = socket.socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(sys.argv[1])
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    return client, server, here, there

def kind(timeout, make):
    "Makes the socket and its peers anew, and the call that will wait."
    def made():
        sock, call, *keep = make()
        sock.settimeout(timeout)
        return sock, call, keep
    return made

def receiving(call):
    def make():
        ours, theirs = socket.socketpair()
        return ours, lambda: call(ours), theirs
    return make

def sending(call):
    def make():
        ours, theirs = full_pipe()
        return ours, lambda: call(ours), theirs
    return make

def accepting():
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.accept

def connecting():
    hung, filling = full_backlog()
    sock, to = socket.socket(), hung.getsockname()
    return sock, lambda: sock.connect(to), hung, filling

def of_datagrams(call):
    def make():
        sock = datagram()
        return sock, lambda: call(sock)
    return make

def sending_a_file():
    ours, theirs = full_pipe()
    file = tempfile.TemporaryFile()
    file.write(bytes(1 << 20))
    file.seek(0)
    return ours, lambda: ours.sendfile(file), theirs, file

def shaking_hands():
    client, _, here, there = tls()
    sock = client.wrap_socket(here, do_handshake_on_connect=False)
    return sock, sock.do_handshake, there

def receiving_by_tls():
    client, server, here, there = tls()
    peers = []
    accepts = threading.Thread(target=lambda: peers.append(server.wrap_socket(there, server_side=True)))
    accepts.start()
    sock = client.wrap_socket(here)
    accepts.join()
    return sock, lambda: sock.recv(1), peers

KINDS = {
    "accept": accepting,
    "connect": connecting,
    "recv": receiving(lambda sock: sock.recv(1)),
    "recv, all of it": receiving(lambda sock: sock.recv(9, socket.MSG_WAITALL)),
    "recv, much": receiving(lambda sock: sock.recv(1 << 20)),
    "recv_into": receiving(lambda sock: sock.recv_into(bytearray(9))),
    "recvmsg": receiving(lambda sock: sock.recvmsg(1)),
    "recvmsg_into": receiving(lambda sock: sock.recvmsg_into([bytearray(9)])),
    "recv, UDP": of_datagrams(lambda sock: sock.recv(1)),
    "recvfrom, UDP": of_datagrams(lambda sock: sock.recvfrom(1)),
    "recvfrom_into, UDP": of_datagrams(lambda sock: sock.recvfrom_into(bytearray(9))),
    "send": sending(lambda sock: sock.send(b"x")),
    "sendall": sending(lambda sock: sock.sendall(bytes(1 << 20))),
    "sendmsg": sending(lambda sock: sock.sendmsg([b"x"])),
    "sendfile": sending_a_file,
    "handshake, TLS": shaking_hands,
    "recv, TLS": receiving_by_tls,
}
WAITS = {
    f"{name}, {timeout}": kind(timeout, make) for name, make in KINDS.items() for timeout in (None, 60.0)
}
"""
