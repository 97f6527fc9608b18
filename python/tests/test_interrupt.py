"""Ctrl-C: SIGINT ends each kind of wait of the main thread at once."""

import textwrap

import pytest
from interpreter import check
from waits import WAITS


@pytest.mark.parametrize("around", ["contextlib.nullcontext()", "shotclock.deadline(60)", "shotclock.Canceller()"])
@pytest.mark.parametrize("mount", ["graft", "type"])
def test_ctrl_c_ends_every_wait(mount, around, certificate):
    program = f"""
    import signal
    main = threading.main_thread()
    def press(pressed):
        until(lambda: is_waiting(main))
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    for name, make in WAITS.items():
        sock, call, keep = make()
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
    beneath = [] if mount == "graft" else ["-m", "shotclock"]
    check(WAITS + textwrap.dedent(program), certificate, beneath=beneath)
