"""Ctrl-C: SIGINT ends each kind of wait of the main thread at once."""

import pytest


@pytest.mark.parametrize("around", ["contextlib.nullcontext()", "shotclock.deadline(60)", "shotclock.Canceller()"])
def test_ctrl_c_ends_every_wait(run_with_waits, around):
    run_with_waits(
        f"""
        import signal
        main = threading.main_thread()
        def press(pressed):
            until(lambda: is_waiting(main))
            pressed.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
        for name, sock, call, keep in every(KINDS | OTHER_KINDS):
            pressed = []
            presser = threading.Thread(target=press, args=(pressed,))
            try:
                # Which may be taken for a wait of the main thread's.
                presser.start()
                with {around}:
                    call()
                raise AssertionError(name)
            except KeyboardInterrupt:
                assert time.monotonic() - pressed[0] < LATE, name
            presser.join()
            assert sock.fileno() >= 0
        """
    )


def test_a_timeout_that_a_handler_sets_leaves_the_call_in_progress_as_it_began(run_with_waits):
    run_with_waits(
        """
        import signal
        main = threading.main_thread()
        WAYS = [
            lambda sock: sock.recv(3), lambda sock: sock.recv(3, socket.MSG_WAITALL), lambda sock: sock.recvfrom(3)[0],
            lambda sock: sock.recvmsg(3)[0], lambda sock: sock.makefile("rb", buffering=0).read(3),
        ]
        for way in WAYS:
            here, there = socket.socketpair()
            changed = threading.Event()
            signal.signal(signal.SIGUSR1, lambda *_: (here.settimeout(60), changed.set()))
            def change_and_send():
                until(lambda: is_waiting(main))
                os.kill(os.getpid(), signal.SIGUSR1)
                changed.wait()
                until(lambda: is_waiting(main))
                there.send(b"abc")
            changer = threading.Thread(target=change_and_send, daemon=True)
            changer.start()
            assert way(here) == b"abc", WAYS.index(way)
            changer.join()
            assert here.gettimeout() == 60
        """
    )
