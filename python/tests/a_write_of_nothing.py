"""``python a_write_of_nothing.py``: a write by TLS in a scope, of which the first call of the system writes nothing.

OpenSSL takes that for an end of the connection that the system knows nothing of, as it does where another thread's read
meets a try. Up to some version it goes on from it, and a newer one gives the connection up: which, the interpreter's own
module is asked first. A seccomp(2) filter of the writing thread has the test answer its calls. CERTIFICATE is a TLS server's.
"""

import ctypes
import os
import socket
import ssl
import struct
import sys
import threading
import time

import call_filter
import shotclock

# How a question is received and answered (ioctl(2)), how long one is, and an answer that the call is to be made.
RECEIVE, ANSWER, QUESTION, CONTINUE = 0xC0502100, 0xC0182101, 80, 1
# A flag of a filter that asks.
NEW_LISTENER = 8


def ask_of_writes(number):
    """A descriptor by which this thread's writes to that one are asked for."""
    steps = [
        (call_filter.LOAD, 0, 0, call_filter.MACHINE),
        (call_filter.IF, 0, 5, call_filter.name_of_machine()),
        (call_filter.LOAD, 0, 0, call_filter.NUMBER),
        (call_filter.IF, 0, 3, call_filter.number_of("write")),
        (call_filter.LOAD, 0, 0, call_filter.FIRST),
        (call_filter.IF, 0, 1, number),
        (call_filter.RETURN, 0, 0, call_filter.ASK),
        (call_filter.RETURN, 0, 0, call_filter.ALLOW),
    ]
    return call_filter.install(steps, NEW_LISTENER)


def answer(listener, flags):
    question = ctypes.create_string_buffer(QUESTION)
    if call_filter.libc.ioctl(listener, ctypes.c_ulong(RECEIVE), question) < 0:
        return
    # Nothing was written, and there was no error.
    reply = ctypes.create_string_buffer(struct.pack("QqiI", struct.unpack_from("Q", question)[0], 0, 0, flags), 24)
    call_filter.libc.ioctl(listener, ctypes.c_ulong(ANSWER), reply)


def pair():
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(os.environ["CERTIFICATE"])
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    here, there = socket.socketpair()
    theirs = []
    accepts = threading.Thread(target=lambda: theirs.append(server.wrap_socket(there, server_side=True)))
    accepts.start()
    ours = client.wrap_socket(here)
    accepts.join()
    return ours, theirs[0]


def write_of_nothing(write):
    """What `write` gives, called with a TLS socket in a thread whose first write writes nothing; and the other end.

    Nothing at all where this thread can have no filter.
    """
    ours, theirs = pair()
    theirs.settimeout(20)
    begun, ready, outcome = [], threading.Event(), []

    def run():
        try:
            begun.append(ask_of_writes(ours.fileno()))
        except OSError as error:
            print(error, file=sys.stderr)
            return
        finally:
            ready.set()
        outcome.append(write(ours))

    writer = threading.Thread(target=run)
    writer.start()
    ready.wait()
    if not begun:
        return None
    # The first is answered by the test, the rest is made.
    answer(begun[0], 0)
    threading.Thread(target=lambda: [answer(begun[0], CONTINUE) for _ in range(100)], daemon=True).start()
    writer.join()
    return outcome[0], theirs


def sent(ours):
    """What one send gives, or the error's type."""
    try:
        return ours.send(b"all of it")
    except OSError as error:
        return type(error)


def sent_in_scope(ours):
    with shotclock.deadline(20):
        return sent(ours)


def main():
    stock = write_of_nothing(lambda ours: [sent(ours), sent(ours)])
    if stock is None:
        return call_filter.NO_FILTER
    (at_first, then), _ = stock
    assert at_first is ssl.SSLEOFError and then in (9, ssl.SSLEOFError), (at_first, then)
    shotclock.install()
    began = time.monotonic()
    outcome, theirs = write_of_nothing(sent_in_scope)
    # What OpenSSL has given up is not tried until the limit.
    assert outcome == then and time.monotonic() - began < 15, (outcome, then)
    if then == 9:
        assert theirs.recv(20) == b"all of it"
    print("goes on" if then == 9 else "has ended")
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread of it may still be asking.
    os._exit(code)
