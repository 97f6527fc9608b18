"""Each kind of wait, made anew, and a thread that is seen to wait. For programs that end waits from outside.

Whoever runs it sees to it that the methods under test are mounted; CERTIFICATE in the environment is a TLS server's.
"""

import contextlib
import os
import platform
import signal
import socket
import ssl
import tempfile
import threading
import time

# Only a hang should meet the first; how late a wait ends on a quiet machine is the benchmark's business.
PATIENCE, LATE = 20, 2

# The system's number of the call that waits for the interpreter's lock.
FUTEX = {"x86_64": "202", "aarch64": "98"}[platform.machine()]


class Waiter(threading.Thread):
    """Makes a call that waits, and keeps what becomes of it."""

    def __init__(self, call, around=contextlib.nullcontext):
        super().__init__(daemon=True)
        self.call, self.around = call, around
        self.error = self.result = self.ended = None
        self.start()
        until(lambda: is_waiting(self) or not self.is_alive())

    def run(self):
        try:
            with self.around():
                self.result = self.call()
        except BaseException as error:
            self.ended = time.monotonic()
            self.error = error

    def end(self):
        """The exception it ended with, if it did."""
        self.join(PATIENCE)
        assert not self.is_alive(), "it was not woken"
        return self.error


def until(condition):
    """Wait for what has no event of its own."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.0002)


def is_waiting(thread):
    """Whether it sleeps in a call of the system's, and not for the interpreter's lock."""
    return sleeps(thread, FUTEX)


def sleeps(thread, *but_in):
    """Whether it sleeps in a call of the system's, but for these."""
    try:
        with open(f"/proc/self/task/{thread.native_id}/syscall") as said:
            return said.read().split()[0] not in ("running", *but_in)
    except (FileNotFoundError, ProcessLookupError):
        return False


# The system's numbers of calls that wait.
CALLS = {
    "x86_64": {"recvfrom": "45", "accept": "288", "poll": "7", "ppoll": "271", "select": "270", "futex": FUTEX},
    "aarch64": {"recvfrom": "207", "accept": "242", "poll": "73", "ppoll": "73", "select": "72", "futex": FUTEX},
}[platform.machine()]


def is_in(process, *calls):
    """Whether another process's main thread is in one of these calls of the system's; in any of them, if none is named."""
    try:
        with open(f"/proc/{process}/syscall") as said:
            return said.read().split()[0] in {CALLS[call] for call in calls or CALLS}
    except (FileNotFoundError, ProcessLookupError):
        return False


def interrupt(process):
    """SIGINT to a process that waits: one that comes right before the call that waits ends nothing, in CPython as here."""
    until(lambda: process.poll() is not None or is_in(process.pid))
    process.send_signal(signal.SIGINT)


def is_open(number):
    """Whether the number stands for anything."""
    with contextlib.suppress(OSError):
        os.fstat(number)
        return True
    return False


def open_descriptors():
    """How many there are, without the bells, of which a process keeps a few."""
    links = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/self/fd/{number}"))
    return sum(link != "anon_inode:[eventfd]" for link in links)


def full_backlog():
    """A listener to which the next connect hangs, and the sockets that fill its queue."""
    hung = socket.create_server(("127.0.0.1", 0), backlog=0)
    filling = []
    for _ in range(3):
        filling.append(socket.socket())
        filling[-1].setblocking(False)
        filling[-1].connect_ex(hung.getsockname())
    return hung, filling


def full_pipe():
    """A socket that has no room, and the peer that does not read."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            ours.send(bytes(65536))
    return ours, theirs


def datagram():
    """A UDP socket with an address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


# Each gives the socket, the call that will wait, and what is to be kept meanwhile.


def accepting():
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.accept


def connecting():
    hung, filling = full_backlog()
    sock, to = socket.socket(), hung.getsockname()
    return sock, lambda: sock.connect(to), hung, filling


def receiving(call):
    def make():
        ours, theirs = socket.socketpair()
        return ours, lambda: call(ours), theirs

    return make


def receiving_datagrams(call):
    def make():
        sock = datagram()
        return sock, lambda: call(sock)

    return make


def sending(call):
    def make():
        ours, theirs = full_pipe()
        return ours, lambda: call(ours), theirs

    return make


def sending_a_file():
    ours, theirs = full_pipe()
    file = tempfile.TemporaryFile()
    file.write(bytes(1 << 20))
    file.seek(0)
    return ours, lambda: ours.sendfile(file), theirs, file


def shaking_hands():
    here, there = socket.socketpair()
    sock = _client().wrap_socket(here, do_handshake_on_connect=False)
    return sock, sock.do_handshake, there


def receiving_by_tls():
    here, there = socket.socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(os.environ["CERTIFICATE"])
    peers = []
    accepts = threading.Thread(target=lambda: peers.append(server.wrap_socket(there, server_side=True)))
    accepts.start()
    sock = _client().wrap_socket(here)
    accepts.join()
    return sock, lambda: sock.recv(1), peers


def reading_a_file():
    ours, theirs = socket.socketpair()
    file = ours.makefile("rb")
    return ours, file.readline, theirs, file


def writing_a_file():
    ours, theirs = full_pipe()
    file = ours.makefile("wb", buffering=0)
    return ours, lambda: file.write(b"x"), theirs, file


def dialling():
    hung, filling = full_backlog()
    to = hung.getsockname()
    return hung, lambda: socket.create_connection(to), filling


def _client():
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    return client


# Of one socket, which can be closed.
KINDS = {
    "accept": accepting,
    "connect": connecting,
    "recv": receiving(lambda sock: sock.recv(1)),
    "recv, all of it": receiving(lambda sock: sock.recv(9, socket.MSG_WAITALL)),
    "recv, much": receiving(lambda sock: sock.recv(1 << 20)),
    "recv_into": receiving(lambda sock: sock.recv_into(bytearray(9))),
    "recvmsg": receiving(lambda sock: sock.recvmsg(1)),
    "recvmsg_into": receiving(lambda sock: sock.recvmsg_into([bytearray(9)])),
    "recv, UDP": receiving_datagrams(lambda sock: sock.recv(1)),
    "recvfrom, UDP": receiving_datagrams(lambda sock: sock.recvfrom(1)),
    "recvfrom_into, UDP": receiving_datagrams(lambda sock: sock.recvfrom_into(bytearray(9))),
    "send": sending(lambda sock: sock.send(b"x")),
    "sendall": sending(lambda sock: sock.sendall(bytes(1 << 20))),
    "sendmsg": sending(lambda sock: sock.sendmsg([b"x"])),
    "sendfile": sending_a_file,
    "handshake, TLS": shaking_hands,
    "recv, TLS": receiving_by_tls,
}
# Where closing the socket is not what ends it.
OTHER_KINDS = {"makefile, read": reading_a_file, "makefile, write": writing_a_file, "create_connection": dialling}


def every(kinds):
    """The name, the socket, the call and what is to be kept, of each kind without a timeout and with a long one."""
    for timeout in (None, 60.0):
        for name, make in kinds.items():
            sock, call, *keep = make()
            sock.settimeout(timeout)
            yield f"{name}, {timeout}", sock, call, keep
