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
            presser.start()
            try:
                with {around}:
                    call()
                raise AssertionError(name)
            except KeyboardInterrupt:
                assert time.monotonic() - pressed[0] < LATE, name
            presser.join()
            assert sock.fileno() >= 0
        """
    )
