"""Lists that change while a call takes them apart, or that say of themselves what is not so."""


def test_a_list_that_is_cleared_in_the_middle(run_with_waits):
    run_with_waits(
        """
        class Clears:
            def __init__(self, items): self.items = items
            def __index__(self):
                self.items.clear()
                return 1
        ours, theirs = socket.socketpair()
        control = []
        control.extend([(Clears(control), 1, b""), (1, 1, b"")])
        # Of a level that the system does not know, which it passes over.
        assert ours.sendmsg([b"x"], control) == 1
        assert not control and theirs.recv(9) == b"x"
        """
    )


def test_what_a_list_says_of_itself_is_not_asked(run_with_waits):
    run_with_waits(
        """
        class Empty(list):
            def __len__(self): return 0
        class Other(list):
            def __getitem__(self, index): return b"wrong"
        for kind in (Empty, Other):
            ours, theirs = socket.socketpair()
            assert ours.sendmsg(kind([b"abc", b"def"])) == 6 and theirs.recv(9) == b"abcdef"
            theirs.send(b"abcdef")
            rooms = bytearray(3), bytearray(3)
            assert ours.recvmsg_into(kind(rooms))[0] == 6 and rooms == (b"abc", b"def")
        """
    )
