"""close() of a socket that others wait on: who is woken, how, and what becomes of the number."""

import textwrap

import pytest
from interpreter import check
from waits import WAITS


@pytest.fixture(params=["graft", "type"])
def run(request, certificate):
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]

    def run_program(program):
        return check(WAITS + textwrap.dedent(program), certificate, beneath=beneath)

    return run_program


def test_every_wait_ends(run):
    run(
        """
        for name, make in WAITS.items():
            before = count()
            sock, call, keep = make()
            number = sock.fileno()
            waiter = Waiter(call)
            assert waiter.is_alive(), (name, waiter.error)
            closed = time.monotonic()
            sock.close()
            assert sock.fileno() == -1
            error = waiter.end()
            assert isinstance(error, OSError) and error.errno == errno.EBADF, (name, error)
            assert waiter.ended - closed < LATE, name
            assert not is_open(number), name
            del sock, call, keep, waiter, error
            gc.collect()
            assert count() == before, name
        """
    )


def test_all_who_wait_on_it_are_woken(run):
    run(
        """
        for timeout in (None, 60):
            sock = datagram()
            sock.settimeout(timeout)
            waiters = [Waiter(lambda: sock.recv(1)) for _ in range(8)]
            sock.close()
            assert [waiter.end().errno for waiter in waiters] == [errno.EBADF] * 8
        """
    )


def test_nobody_else_is_woken(run):
    run(
        """
        ours, theirs = socket.socketpair()
        other = Waiter(lambda: ours.recv(1, socket.MSG_WAITALL))
        sock = datagram()
        waiter = Waiter(lambda: sock.recv(1))
        sock.close()
        assert waiter.end().errno == errno.EBADF
        assert is_waiting(other)
        theirs.send(b"x")
        assert other.end() is None and other.result == b"x"
        """
    )


def test_a_number_goes_back_at_once_if_nobody_waits(run):
    run(
        """
        ours, theirs = socket.socketpair()
        number = ours.fileno()
        ours.close()
        assert os.dup(theirs.fileno()) == number
        """
    )


def test_the_number_is_not_used_again_under_a_waiter(run):
    # One that blocks all signals is not woken: the moment before a waiter has left is as long as one likes.
    run(
        """
        import signal
        def deaf(call):
            def wait():
                signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
                return call()
            return wait
        from shotclock import _native
        for timeout in (None, 60):
            ours, theirs = socket.socketpair()
            ours.settimeout(timeout)
            number = ours.fileno()
            waiter = Waiter(deaf(lambda: ours.recv(100)))
            assert _native.waiters(number) == 1
            ours.close()
            assert os.readlink(f"/proc/self/fd/{number}") == "/", "a dead descriptor has the number"
            stranger, other = socket.socketpair()
            assert number not in (stranger.fileno(), other.fileno())
            other.send(b"a stranger's")
            theirs.close()
            error = waiter.end()
            # In one call it was in the middle of what it had begun; else it is told.
            assert (error is None and waiter.result == b"") if timeout is None else error.errno == errno.EBADF
            assert not is_open(number) and _native.waiters(number) == 0
            assert stranger.recv(100) == b"a stranger's"
        """
    )


def test_a_storm_of_closers_and_waiters(run):
    run(
        """
        import random
        random.seed(1)
        before = count()
        failures = []
        def strangers(stop):
            while not stop.is_set():
                one, other = socket.socketpair()
                one.send(b"a stranger's")
                other.send(b"a stranger's")
                one.close(); other.close()
        def wait(sock, begun):
            begun.release()
            try:
                failures.append(sock.recv(100))
            except OSError as error:
                if error.errno != errno.EBADF:
                    failures.append(error)
        stop = threading.Event()
        others = [threading.Thread(target=strangers, args=(stop,)) for _ in range(2)]
        for other in others: other.start()
        for round in range(150):
            ours, theirs = socket.socketpair()
            ours.settimeout(random.choice([None, 60]))
            begun = threading.Semaphore(0)
            waiters = [threading.Thread(target=wait, args=(ours, begun)) for _ in range(3)]
            for waiter in waiters: waiter.start()
            for _ in range(random.randrange(4)): begun.acquire()
            closers = [threading.Thread(target=ours.close) for _ in range(2)]
            for closer in closers: closer.start()
            for thread in waiters + closers:
                thread.join(PATIENCE)
                assert not thread.is_alive(), f"lost in round {round}"
            theirs.close()
        stop.set()
        for other in others: other.join()
        assert not failures, failures[:3]
        assert count() == before
        """
    )


def test_a_forked_child_has_no_waiters(run):
    run(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from shotclock import _native
        for timeout in (None, 60):
            ours, theirs = socket.socketpair()
            ours.settimeout(timeout)
            number = ours.fileno()
            waiter = Waiter(lambda: ours.recv(1))
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    assert _native.waiters(number) == 0
                    ours.close()
                    assert not is_open(number)
                    # And those that it has itself are woken.
                    theirs.settimeout(timeout)
                    own = Waiter(lambda: theirs.recv(1))
                    theirs.close()
                    assert own.end().errno == errno.EBADF
                    status = 0
                finally:
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
            assert is_waiting(waiter)
            ours.close()
            assert waiter.end().errno == errno.EBADF
        """
    )


def test_from_a_signal_handler_of_the_waiting_thread_it_is_a_plain_one(run):
    run(
        """
        import signal
        main = threading.main_thread()
        for timeout in (None, 60):
            ours, theirs = socket.socketpair()
            ours.settimeout(timeout)
            number = ours.fileno()
            def close(*_):
                ours.close()
                assert not is_open(number)
            signal.signal(signal.SIGUSR1, close)
            def kill():
                until(lambda: is_waiting(main))
                os.kill(os.getpid(), signal.SIGUSR1)
            killer = threading.Thread(target=kill)
            killer.start()
            try:
                ours.recv(1)
            except OSError as error:
                assert error.errno == errno.EBADF
            killer.join()
            assert ours.fileno() == -1
        """
    )


def test_files_keep_the_socket_open_until_the_last_is_closed(run):
    run(
        """
        ours, theirs = socket.socketpair()
        file = ours.makefile("rb", buffering=0)
        waiter = Waiter(lambda: file.read(1))
        ours.close()
        assert is_waiting(waiter)
        file.close()
        error = waiter.end()
        assert error.errno == errno.EBADF
        """
    )


def test_a_signal_that_the_program_uses_is_left_alone(run):
    run(
        """
        import signal
        used = list(range(signal.SIGRTMAX - 5, signal.SIGRTMAX + 1))
        for number in used:
            signal.signal(number, lambda *_: None)
        known = [signal.getsignal(number) for number in used]
        for again in range(2):
            sock = datagram()
            waiter = Waiter(lambda: sock.recv(1))
            sock.close()
            assert waiter.end().errno == errno.EBADF
            assert known == [signal.getsignal(number) for number in used]
            # It takes the next one now, and looks for another where the program takes that, too.
            signal.signal(signal.SIGRTMAX - 6, signal.SIG_IGN)
        """
    )


def test_the_function_close_of_our_own_module_wakes_too(certificate):
    program = """
    import _socket
    sock = datagram()
    number = sock.detach()
    sock = socket.socket(fileno=number)
    waiter = Waiter(lambda: sock.recv(1))
    _socket.close(number)
    assert waiter.end().errno == errno.EBADF
    sock.detach()
    """
    check(WAITS + textwrap.dedent(program), certificate, beneath=["-m", "shotclock"])
