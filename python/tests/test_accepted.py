"""What ``accept`` need not ask the system about, since it has just made it, is asked again of anything else."""

import os
import socket

import pytest
from parity import OWN


def end_by_close(sock):
    sock.close()


def end_by_detach(sock):
    os.close(sock.detach())


@pytest.fixture(params=[end_by_close, end_by_detach])
def number_of_an_ended_connection(request, patience):
    """The number of a descriptor that was accepted on this thread, and closed before anything else was done to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = OWN(server.family, server.type, server.proto, os.dup(server.fileno()))
        try:
            listener.settimeout(patience)
            with socket.create_connection(server.getsockname()):
                number, _ = listener._accept()
                request.param(OWN(server.family, server.type, server.proto, number))
        finally:
            listener.close()
    return number


def test_another_socket_of_the_number_is_made_to_block(number_of_an_ended_connection):
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        number = os.dup2(one.fileno(), number_of_an_ended_connection)
        sock = OWN(one.family, one.type, one.proto, number)
        try:
            sock.setblocking(True)
            assert os.get_blocking(number)
        finally:
            sock.close()


def test_what_is_no_socket_is_refused(number_of_an_ended_connection):
    reader, writer = os.pipe()
    number = os.dup2(reader, number_of_an_ended_connection)
    try:
        with pytest.raises(OSError, match="non-socket"):
            OWN(socket.AF_INET, socket.SOCK_STREAM, 0, number)
    finally:
        for descriptor in (reader, writer, number):
            os.close(descriptor)


def test_who_accepts_by_himself_may_change_what_he_got(run_with_waits):
    run_with_waits(
        """
        class Own(socket.socket):
            def accept(self):
                number, address = self._accept()
                return socket.socket(self.family, self.type, self.proto, fileno=number), address
        listener = socket.create_server(("127.0.0.1", 0))
        listener = Own(fileno=listener.detach())
        listener.settimeout(PATIENCE)
        def accept():
            client = socket.create_connection(listener.getsockname())
            return listener.accept()[0], client
        connection, client = accept()
        os.set_blocking(connection.fileno(), False)
        connection.setblocking(True)
        assert os.get_blocking(connection.fileno())
        # The interpreter's own does the same, and its connections are asked again later.
        listener = socket.socket(fileno=listener.detach())
        listener.settimeout(PATIENCE)
        connection, client = accept()
        assert os.get_blocking(connection.fileno()) and connection.gettimeout() is None
        os.set_blocking(connection.fileno(), False)
        connection.setblocking(True)
        assert os.get_blocking(connection.fileno())
        """
    )


def test_a_file_is_no_connection_whatever_was_accepted(run_with_waits):
    run_with_waits(
        """
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(PATIENCE)
        client = socket.create_connection(listener.getsockname())
        number, _ = listener._accept()
        os.dup2(os.open(os.devnull, os.O_RDONLY), number)
        try:
            socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=number)
        except OSError as error:
            assert error.errno == errno.ENOTSOCK
        else:
            raise AssertionError("a file passes for a socket")
        """
    )

