"""Socket options that are refused, against the interpreter's own: the same exception with the same text."""

import _socket
import pytest
from parity import OWN


@pytest.mark.parametrize("value", [2**100, -(2**100), 2**40, "text", 1.5, object, [1], (None, 4)], ids=repr)
def test_a_value_that_is_none_is_refused_alike(value):
    said = []
    for kind in (_socket.socket, OWN):
        sock = kind()
        try:
            with pytest.raises(Exception) as caught:
                sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, value)
        finally:
            sock.close()
        said.append((caught.type, str(caught.value)))
    assert said[0] == said[1]
