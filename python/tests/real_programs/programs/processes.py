"""multiprocessing's connections between processes: `processes.py FOLDER`."""

import multiprocessing
import multiprocessing.connection
import pathlib
import socket
import sys

KEY = b"secret"


def answer(address):
    """Send everything back in capitals, and a socket as it is, until a None comes."""
    with multiprocessing.connection.Client(address, authkey=KEY) as connection:
        while (words := connection.recv()) is not None:
            connection.send(words.upper() if isinstance(words, str) else words)


def talk(address, family):
    with multiprocessing.connection.Listener(address, family, authkey=KEY) as listener:
        child = multiprocessing.get_context("fork").Process(target=answer, args=(listener.address,))
        child.start()
        with listener.accept() as connection:
            for words in ("words", "w" * 1_000_000):
                connection.send(words)
                assert connection.recv() == words.upper()
            assert not connection.poll(0.05)
            connection.send(None)
            assert multiprocessing.connection.wait([connection], 20) == [connection]
        child.join()
        assert child.exitcode == 0


def answer_on(connection):
    """Take a socket from another process, and answer what comes through it."""
    with connection, connection.recv() as sock:
        sock.settimeout(20)
        sock.sendall(sock.recv(100).upper())


def pass_a_socket():
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=answer_on, args=(theirs,))
    child.start()
    one, other = socket.socketpair()
    with one, ours, theirs:
        with other:
            ours.send(other)
            one.sendall(b"through it")
            one.settimeout(20)
            assert one.recv(100) == b"THROUGH IT"
    child.join()
    assert child.exitcode == 0


def main(folder):
    talk(("127.0.0.1", 0), "AF_INET")
    talk(str(pathlib.Path(folder, "connection.sock")), "AF_UNIX")
    pass_a_socket()
    with multiprocessing.get_context("fork").Manager() as manager:
        shared = manager.dict(one=1)
        shared["two"] = 2
        print(sorted(shared.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
