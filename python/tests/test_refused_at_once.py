"""A limit never makes a call wait that the system refuses at once: there is nothing that it could become ready for."""

import os
import socket as stock

import pytest

import shotclock
from shotclock import socket as own

CALLS = {
    "recv": lambda sock: sock.recv(1),
    "recv_into": lambda sock: sock.recv_into(bytearray(1)),
    "recvfrom": lambda sock: sock.recvfrom(1),
    "recvmsg": lambda sock: sock.recvmsg(1),
    "recvmsg_into": lambda sock: sock.recvmsg_into([bytearray(1)]),
    "send": lambda sock: sock.send(b"x"),
    "sendall": lambda sock: sock.sendall(b"x"),
    "sendmsg": lambda sock: sock.sendmsg([b"x"]),
}
LIMITS = {
    "scope": lambda: shotclock.deadline(100_000),
    "canceller": shotclock.Canceller,
    "move on": lambda: shotclock.move_on_after(100_000),
}


@pytest.fixture(params=["graft", "type"])
def socket(request):
    """The module, by each mount."""
    shotclock.install()
    yield stock if request.param == "graft" else own
    shotclock.uninstall()


def refusal(call):
    with pytest.raises(OSError) as raised:
        call()
    return type(raised.value), raised.value.errno


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("family", [stock.AF_INET, stock.AF_UNIX])
def test_a_listener_moves_no_bytes(socket, family, limit):
    with socket.socket(family) as listener:
        listener.bind(("127.0.0.1", 0) if family == stock.AF_INET else "")
        listener.listen()
        for name, call in CALLS.items():
            expected = refusal(lambda call=call: call(listener))
            with LIMITS[limit]():
                assert refusal(lambda call=call: call(listener)) == expected, name
        shotclock.Policy(first_byte=100_000, total=100_000).protect(listener)
        for name, call in CALLS.items():
            assert refusal(lambda call=call: call(listener))[0] is not TimeoutError, name


@pytest.mark.parametrize("limit", LIMITS)
def test_what_listens_not_accepts_nobody(socket, limit):
    pairs = [socket.socketpair(stock.AF_UNIX, kind) for kind in (stock.SOCK_STREAM, stock.SOCK_DGRAM)]
    for one, other in pairs:
        with one, other:
            expected = refusal(one.accept)
            with LIMITS[limit]():
                assert refusal(one.accept) == expected


@pytest.mark.parametrize("limit", LIMITS)
def test_another_file_under_the_number_is_no_socket(socket, limit):
    reader, writer = os.pipe()
    try:
        for name, call in CALLS.items():
            one, other = socket.socketpair()
            with one, other:
                os.dup2(reader, one.fileno(), inheritable=False)
                expected = refusal(lambda call=call, one=one: call(one))
                with LIMITS[limit]():
                    assert refusal(lambda call=call, one=one: call(one)) == expected, name
    finally:
        os.close(reader)
        os.close(writer)
