"""Cancellers: what they end, for whom, and what they leave alone."""

from interpreter import check


def test_every_wait_ends(run_with_waits):
    run_with_waits(
        """
        for name, sock, call, keep in every(KINDS | OTHER_KINDS):
            canceller = shotclock.Canceller()
            waiter = Waiter(call, lambda: canceller)
            assert waiter.is_alive(), (name, waiter.error)
            assert not canceller.cancelled
            cancelled = time.monotonic()
            canceller.cancel()
            error = waiter.end()
            assert type(error) is shotclock.Cancelled and error.canceller is canceller, (name, error)
            assert waiter.ended - cancelled < LATE, name
            assert canceller.cancelled and sock.fileno() >= 0
            if not isinstance(sock, ssl.SSLSocket):
                assert os.get_blocking(sock.fileno()) == (sock.gettimeout() is None), name
        """
    )


def test_the_error_says_so_and_can_be_carried(run_with_waits):
    run_with_waits(
        """
        import copy, pickle
        ours, theirs = socket.socketpair()
        canceller = shotclock.Canceller()
        canceller.cancel()
        canceller.cancel()
        theirs.send(b"x")
        with canceller:
            # Sticky: whatever is there to be done.
            for call in (lambda: ours.recv(1), lambda: ours.send(b"x"), lambda: ours.connect_ex("nowhere"),
                         lambda: socket.getaddrinfo("localhost", 80)):
                try:
                    call()
                except OSError as error:
                    kept = error
                    assert isinstance(error, shotclock.Cancelled) and error.errno == errno.ECANCELED
                    assert "cancelled" in str(error) and not isinstance(error, TimeoutError)
                else:
                    raise AssertionError("it went on")
        assert ours.recv(1) == b"x", "outside nothing is different"
        again = pickle.loads(pickle.dumps(kept))
        assert type(again) is shotclock.Cancelled and again.canceller.cancelled and str(again) == str(kept)
        assert "not cancelled" in repr(shotclock.Canceller()) and "not" not in repr(canceller)
        """
    )


def test_those_around_a_call_all_count_and_a_shield_hides_them(run_with_waits):
    run_with_waits(
        """
        for nested in range(3):
            three = [shotclock.Canceller() for _ in range(3)]
            @contextlib.contextmanager
            def around():
                with contextlib.ExitStack() as stack:
                    stack.enter_context(shotclock.deadline(60))
                    for canceller in three:
                        stack.enter_context(canceller)
                    yield
            ours, theirs = socket.socketpair()
            waiter = Waiter(lambda: ours.recv(1), around)
            three[nested].cancel()
            assert waiter.end().canceller is three[nested]
        outer, inner = shotclock.Canceller(), shotclock.Canceller()
        outer.cancel()
        with outer:
            with shotclock.shield():
                theirs.send(b"x")
                assert ours.recv(1) == b"x"
                with inner:
                    theirs.send(b"y")
                    assert ours.recv(1) == b"y"
                    inner.cancel()
                    try:
                        ours.recv(1)
                    except shotclock.Cancelled as error:
                        assert error.canceller is inner
        # The end of a scope beside it.
        with shotclock.Canceller(), shotclock.deadline(0.05) as scope:
            try:
                ours.recv(1)
            except TimeoutError as error:
                assert error.scope is scope
        """
    )


def test_many_may_be_in_it_and_it_may_be_entered_again(run_with_waits):
    run_with_waits(
        """
        canceller = shotclock.Canceller()
        pairs = [socket.socketpair() for _ in range(6)]
        waiters = [Waiter(lambda one=one: one.recv(1), lambda: canceller) for one, _ in pairs]
        ours, theirs = socket.socketpair()
        with canceller:
            with canceller:
                pass
            waiters.append(Waiter(lambda: ours.recv(1)))
            with canceller:
                canceller.cancel()
            try:
                ours.send(b"x")
            except shotclock.Cancelled:
                pass
            else:
                raise AssertionError("the inner end has ended the outer")
        ours.send(b"x")
        assert all(waiter.end().canceller is canceller for waiter in waiters[:-1])
        # Threads begin outside.
        assert is_waiting(waiters[-1])
        theirs.send(b"x")
        assert waiters[-1].end() is None
        # In any order.
        one, two = shotclock.Canceller(), shotclock.Canceller()
        one.__enter__(); two.__enter__()
        one.__exit__(None, None, None)
        one.cancel()
        ours.send(b"x")
        two.cancel()
        try:
            ours.send(b"x")
        except shotclock.Cancelled as error:
            assert error.canceller is two
        two.__exit__(None, None, None)
        ours.send(b"x")
        """
    )


def test_tasks_inherit_and_what_does_not_block_is_left_alone(run_with_waits):
    run_with_waits(
        """
        import asyncio
        canceller = shotclock.Canceller()
        async def call():
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            theirs.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(theirs, b"x")
            assert await loop.sock_recv(ours, 1) == b"x"
            theirs.setblocking(True)
            try:
                theirs.recv(1)
            except shotclock.Cancelled as error:
                return error.canceller is canceller
        async def main():
            with canceller:
                task = asyncio.create_task(call())
                canceller.cancel()
                return await task
        assert asyncio.run(main())
        """
    )


def test_it_keeps_what_a_call_without_a_timeout_promises(run_with_waits):
    run_with_waits(
        """
        ours, theirs = socket.socketpair()
        data = bytes(range(256)) * 8192
        with shotclock.Canceller():
            got = bytearray()
            def read():
                while len(got) < len(data):
                    got.extend(theirs.recv(65536))
            reader = threading.Thread(target=read)
            reader.start()
            assert ours.send(data) == len(data)
            reader.join()
            assert got == data
            for part in (b"ab", b"cd"):
                theirs.send(part)
            waiter = Waiter(lambda: ours.recv(6, socket.MSG_WAITALL), shotclock.Canceller)
            theirs.send(b"ef")
            assert waiter.end() is None and waiter.result == b"abcdef"
        """
    )


def test_from_a_signal_handler_it_ends_the_wait_of_the_main_thread(run_with_waits):
    run_with_waits(
        """
        import signal
        canceller = shotclock.Canceller()
        signal.signal(signal.SIGTERM, lambda *_: canceller.cancel())
        ours, theirs = socket.socketpair()
        def kill():
            until(lambda: is_waiting(threading.main_thread()))
            os.kill(os.getpid(), signal.SIGTERM)
        killer = threading.Thread(target=kill)
        killer.start()
        try:
            with canceller:
                ours.recv(1)
        except shotclock.Cancelled as error:
            assert error.canceller is canceller
        killer.join()
        """
    )


def test_in_a_forked_child_it_is_a_canceller_of_its_own(run_with_waits):
    run_with_waits(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        canceller = shotclock.Canceller()
        ours, theirs = socket.socketpair()
        waiter = Waiter(lambda: ours.recv(1), lambda: canceller)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                own = Waiter(lambda: theirs.recv(1), lambda: canceller)
                canceller.cancel()
                assert own.end().canceller is canceller
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert is_waiting(waiter) and not canceller.cancelled
        canceller.cancel()
        assert waiter.end().canceller is canceller
        """
    )


def test_it_leaves_nothing_behind(run_with_waits):
    run_with_waits(
        """
        import weakref
        ours, theirs = socket.socketpair()
        before = open_descriptors()
        kept = []
        for _ in range(200):
            canceller = shotclock.Canceller()
            waiter = Waiter(lambda: ours.recv(1), lambda: canceller)
            canceller.cancel()
            assert waiter.end().canceller is canceller
            kept.append(weakref.ref(canceller))
            del canceller, waiter
        gc.collect()
        assert not any(known() for known in kept)
        assert open_descriptors() == before
        # No call has to look any more.
        from shotclock import _native
        assert _native.links() == 0
        """
    )


def test_it_installs_unless_that_is_forbidden():
    check("import shotclock\nwith shotclock.Canceller(): assert shotclock.status().installed")
    check(
        """
        import shotclock
        try:
            with shotclock.Canceller():
                raise AssertionError("a canceller without effect")
        except RuntimeError as error:
            assert "SHOTCLOCK=0" in str(error)
        """,
        environment={"SHOTCLOCK": "0"}.items(),
    )
