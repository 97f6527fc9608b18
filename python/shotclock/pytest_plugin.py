"""The fixture ``misbehaving_peer``, which pytest finds by itself once the package is installed."""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .faults import MisbehavingPeer


@pytest.fixture
def misbehaving_peer() -> Iterator[MisbehavingPeer]:
    """Peers to test a client against: misbehaving_peer("drip", every=0.1) is one that runs, and ends with the test.

    It is a ``shotclock.faults.MisbehavingPeer``: the class ``Peer``, with the same arguments;
    ``shotclock.faults.MODES`` lists the ways.
    """
    # Here, so that a run whose tests use no peer does not pay for it.
    import contextlib

    from .faults import Peer

    with contextlib.ExitStack() as peers:

        class PeerOfTest(Peer):
            """A peer that ends with its test."""

            __slots__ = ()

            def __init__(self, *arguments: Any, **keywords: Any) -> None:
                super().__init__(*arguments, **keywords)
                peers.callback(self.stop)

        yield PeerOfTest
