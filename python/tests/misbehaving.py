"""What programs under test need: peers that misbehave, and a stopwatch. Put before a program's own text."""

# A limit may be missed late by LATE, and early by nothing.
PEERS = """
import contextlib, socket, sys, threading, time
import shotclock
LIMIT, LATE = 0.3, 0.25

@contextlib.contextmanager
def takes(seconds):
    start = time.monotonic()
    yield
    took = time.monotonic() - start
    assert seconds <= took <= seconds + LATE, f"{took} s, expected {seconds}"

@contextlib.contextmanager
def expires(kind=TimeoutError):
    around = shotclock.remaining()
    with takes(LIMIT):
        try:
            with shotclock.deadline(LIMIT) as scope:
                yield scope
        except kind as error:
            assert shotclock.expired_scope(error) is scope, error
            assert scope.expired
        else:
            raise AssertionError("it ended by itself")
    assert (shotclock.remaining() is None) == (around is None)

def peer(talk):
    listener = socket.create_server(("127.0.0.1", 0))
    def serve():
        with shotclock.shield(), contextlib.suppress(OSError):
            while True:
                threading.Thread(target=guarded, args=(listener.accept()[0],), daemon=True).start()
    def guarded(connection):
        with contextlib.suppress(OSError), connection:
            talk(connection)
    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()

def silent(connection):
    connection.recv(1)
    time.sleep(30)

def drip(head, each=b"x", every=0.02):
    def talk(connection):
        connection.recv(1)
        connection.sendall(head)
        for _ in range(1000):
            time.sleep(every)
            connection.sendall(each)
    return talk
"""
