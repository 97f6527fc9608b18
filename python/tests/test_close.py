"""close() of a socket that others wait on: who is woken, how, and what becomes of the number."""

import textwrap

import pytest


def test_every_wait_ends(run_with_waits):
    run_with_waits(
        """
        before = open_descriptors()
        for name, sock, call, keep in every(KINDS):
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
        assert open_descriptors() == before
        """
    )


def test_all_who_wait_on_it_are_woken(run_with_waits):
    run_with_waits(
        """
        for timeout in (None, 60):
            sock = datagram()
            sock.settimeout(timeout)
            waiters = [Waiter(lambda: sock.recv(1)) for _ in range(8)]
            sock.close()
            assert [waiter.end().errno for waiter in waiters] == [errno.EBADF] * 8
        """
    )


def test_nobody_else_is_woken(run_with_waits):
    run_with_waits(
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


def test_a_number_goes_back_at_once_if_nobody_waits(run_with_waits):
    run_with_waits(
        """
        ours, theirs = socket.socketpair()
        number = ours.fileno()
        ours.close()
        assert os.dup(theirs.fileno()) == number
        """
    )


def test_the_number_is_not_used_again_under_a_waiter(run_with_waits):
    # One that blocks all signals is not woken: the moment before a waiter has left is as long as one likes.
    run_with_waits(
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


def test_a_storm_of_closers_and_waiters(run_with_waits):
    run_with_waits(
        """
        import random
        random.seed(1)
        before = open_descriptors()
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
        assert open_descriptors() == before
        """
    )


def test_a_forked_child_has_no_waiters(run_with_waits):
    run_with_waits(
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


def test_from_a_signal_handler_of_the_waiting_thread_it_is_a_plain_one(run_with_waits):
    run_with_waits(
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


def test_files_keep_the_socket_open_until_the_last_is_closed(run_with_waits):
    run_with_waits(
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


def test_a_signal_that_the_program_uses_is_left_alone(run_with_waits):
    run_with_waits(
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


@pytest.mark.parametrize("run_with_waits", ["type"], indirect=True)
def test_the_function_close_of_our_own_module_wakes_too(run_with_waits):
    run_with_waits(
        """
        import _socket
        sock = datagram()
        waiter = Waiter(lambda: sock.recv(1))
        _socket.close(sock.fileno())
        assert waiter.end().errno == errno.EBADF
        sock.detach()
        """
    )


def test_an_address_is_free_when_close_returns(run_with_waits):
    # A thread that is in accept or recvfrom has the file, and with it the address, until it has left.
    run_with_waits(
        """
        def bound(kind, address=("127.0.0.1", 0)):
            sock = socket.socket(socket.AF_INET, kind)
            sock.bind(address)
            if kind == socket.SOCK_STREAM:
                sock.listen()
            return sock
        for kind, wait in (
            (socket.SOCK_STREAM, lambda sock: sock.accept()),
            (socket.SOCK_DGRAM, lambda sock: sock.recvfrom(1)),
        ):
            for timeout in (None, 60):
                for again in range(75):
                    sock = bound(kind)
                    sock.settimeout(timeout)
                    waiters = [Waiter(lambda: wait(sock)) for _ in range(2)]
                    address = sock.getsockname()
                    sock.close()
                    bound(kind, address).close()
                    assert [waiter.end().errno for waiter in waiters] == [errno.EBADF] * 2
        """
    )


def test_a_child_s_and_a_copy_s_listener_accepts_on(run_with_waits):
    run_with_waits(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        for timeout in (None, 60):
            listener = socket.create_server(("127.0.0.1", 0))
            listener.settimeout(timeout)
            address = listener.getsockname()
            copy = listener.dup()
            waiter = Waiter(lambda: listener.accept())
            begin, begun = os.pipe()
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    copy.close()
                    os.read(begin, 1)
                    for _ in range(2):
                        listener.accept()[0].sendall(b"child")
                    status = 0
                finally:
                    os._exit(status)
            listener.close()
            assert waiter.end().errno == errno.EBADF
            with socket.create_connection(address) as client:
                copy.accept()[0].sendall(b"copy")
                assert client.recv(10) == b"copy"
            copy.close()
            os.write(begun, b"x")
            for _ in range(2):
                with socket.create_connection(address) as client:
                    assert client.recv(10) == b"child"
            assert os.waitpid(child, 0)[1] == 0
        """
    )


@pytest.mark.parametrize("pending", [0, 1])
def test_it_wakes_where_no_signal_can_be_queued(run_with_waits, pending):
    run_with_waits(
        f"""
        import resource, signal
        resource.setrlimit(resource.RLIMIT_SIGPENDING, ({pending}, {pending}))
        # One that the program has a handler for is the program's.
        seen = []
        signal.signal(signal.SIGURG, lambda *_: seen.append(1))
        for timeout in (None, 60):
            sock = datagram()
            sock.settimeout(timeout)
            waiters = [Waiter(lambda: sock.recv(1)) for _ in range(3)]
            sock.close()
            assert [waiter.end().errno for waiter in waiters] == [errno.EBADF] * 3
        assert not seen
        """
    )


def test_a_number_above_the_limit_of_descriptors_is_closed(run_with_waits):
    run_with_waits(
        """
        import resource
        most = resource.getrlimit(resource.RLIMIT_NOFILE)
        for timeout in (None, 60):
            for is_waited_on in (False, True):
                ours, theirs = socket.socketpair()
                ours.settimeout(timeout)
                theirs.settimeout(PATIENCE)
                number = ours.fileno()
                other = theirs.dup()
                waiter = Waiter(lambda: ours.recv(1)) if is_waited_on else None
                resource.setrlimit(resource.RLIMIT_NOFILE, (number, most[1]))
                ours.close()
                assert not is_open(number)
                assert theirs.recv(1) == b""
                resource.setrlimit(resource.RLIMIT_NOFILE, most)
                assert waiter is None or waiter.end().errno == errno.EBADF
        """
    )


LINGERS = """
def lingering():
    # The peer takes nothing more, so that what was sent is never acknowledged.
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    ours = socket.create_connection(listener.getsockname())
    theirs = listener.accept()[0]
    ours.setblocking(False)
    try:
        while True: ours.send(b"x" * 65536)
    except BlockingIOError:
        ours.settimeout(None)
    import struct
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 4))
    return ours, theirs
"""


def test_a_close_that_lingers_holds_nobody_else_up(run_with_waits):
    run_with_waits(
        LINGERS
        + textwrap.dedent("""
        ours, theirs = lingering()
        number = ours.fileno()
        # Made before the close, or one of them may get the number that the close gives back.
        other, its = socket.socketpair()
        waiter = Waiter(lambda: ours.recv(1))
        begun = time.monotonic()
        closer = threading.Thread(target=ours.close)
        closer.start()
        # The thread that waits does not wait for the peer's acknowledgement.
        assert waiter.end().errno == errno.EBADF
        assert time.monotonic() - begun < LATE and closer.is_alive()
        # Two threads on another socket.
        waiters = [Waiter(lambda: other.recv(1)) for _ in range(2)]
        its.close()
        assert [waiter.end() for waiter in waiters] == [None, None]
        assert time.monotonic() - begun < LATE and closer.is_alive()
        theirs.close()
        closer.join()
        assert not is_open(number)
        """)
    )


def test_a_scope_bounds_a_close_that_lingers(run_with_waits):
    run_with_waits(
        LINGERS
        + textwrap.dedent("""
        for is_waited_on in (False, True):
            ours, theirs = lingering()
            number = ours.fileno()
            file = os.readlink(f"/proc/self/fd/{number}")
            waiter = Waiter(lambda: ours.recv(1)) if is_waited_on else None
            begun = time.monotonic()
            try:
                with shotclock.deadline(0.2):
                    ours.close()
            except TimeoutError as error:
                assert shotclock.timeout_details(error).phase == "shutdown", error
            else:
                raise AssertionError("nobody has acknowledged anything")
            took = time.monotonic() - begun
            assert 0.2 <= took < LATE, took
            # A bell may have the number by now.
            assert ours.fileno() == -1 and not (is_open(number) and os.readlink(f"/proc/self/fd/{number}") == file)
            assert waiter is None or waiter.end().errno == errno.EBADF
        # Without a limit it takes what the system lets it take.
        ours, theirs = lingering()
        begun = time.monotonic()
        ours.close()
        took = time.monotonic() - begun
        assert took > 3.5, took
        """)
    )
