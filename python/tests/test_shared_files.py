"""O_NONBLOCK belongs to the open file: calls that rely on it for a try, and others that share the file."""

import pytest


def test_each_acceptor_ends_by_its_own_scope(run_with_waits):
    run_with_waits("""
        listener = socket.create_server(("127.0.0.1", 0))
        def accept():
            return listener.accept()[0].close()
        acceptors = [Waiter(accept, lambda: shotclock.deadline(0.5)) for _ in range(4)]
        socket.create_connection(listener.getsockname()).close()
        ended = [type(acceptor.end()) for acceptor in acceptors]
        assert sorted(map(str, ended)) == sorted(map(str, [type(None)] + [TimeoutError] * 3)), ended
        assert os.get_blocking(listener.fileno())
    """)


def test_who_waits_for_ever_does_not_notice_one_in_a_scope(run_with_waits):
    run_with_waits("""
        listener = socket.create_server(("127.0.0.1", 0))
        waits = [Waiter(lambda: listener.accept()[0].close())]
        with contextlib.suppress(TimeoutError), shotclock.deadline(0.1):
            listener.accept()
        begun = Waiter(lambda: listener.accept(), lambda: shotclock.deadline(0.5))
        waits.append(Waiter(lambda: listener.accept()[0].close()))
        assert isinstance(begun.end(), TimeoutError)
        for _ in range(2):
            socket.create_connection(listener.getsockname()).close()
        assert [waiter.end() for waiter in waits] == [None, None]
    """)


@pytest.mark.parametrize(
    "flips",
    [
        "os.set_blocking(sock.fileno(), True)",
        "os.set_blocking(int(super(socket.socket, sock).__repr__().partition('fd=')[2].partition(',')[0]), True)",
        "sock.dup().setblocking(True)",
        "socket.socket(fileno=sock.detach())",
    ],
)
def test_a_connect_ends_in_time_on_a_new_file_whose_number_was_told(run_with_waits, flips):
    run_with_waits(f"""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("")
        listener.listen(0)
        full = socket.socket(socket.AF_UNIX)
        full.connect(listener.getsockname())
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(0.2)
        kept = {flips}
        if isinstance(kept, socket.socket):
            # By its new object it has no timeout, and by its old one no descriptor.
            sock = kept
            with contextlib.suppress(TimeoutError), shotclock.deadline(0.2):
                sock.connect(listener.getsockname())
                raise AssertionError("it connected")
        else:
            began = time.monotonic()
            try:
                sock.connect(listener.getsockname())
            except TimeoutError:
                assert time.monotonic() - began < LATE
            else:
                raise AssertionError("it connected")
    """)


def test_a_connect_ends_in_time_whenever_another_thread_is_told_the_number_and_has_the_file_block(run_with_waits):
    run_with_waits("""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("")
        listener.listen(0)
        full = socket.socket(socket.AF_UNIX)
        full.connect(listener.getsockname())
        import sys
        sys.setswitchinterval(1e-6)
        current = [full]
        def flip():
            seen = full
            while True:
                if current[0] is not seen:
                    seen = current[0]
                    with contextlib.suppress(OSError):
                        os.set_blocking(seen.fileno(), True)
        for _ in range(2):
            threading.Thread(target=flip, daemon=True).start()
        def connect():
            for _ in range(500):
                sock = socket.socket(socket.AF_UNIX)
                sock.settimeout(0.0005)
                current[0] = sock
                with contextlib.suppress(OSError):
                    sock.connect(listener.getsockname())
                sock.close()
        connects = threading.Thread(target=connect, daemon=True)
        connects.start()
        connects.join(PATIENCE)
        assert not connects.is_alive(), "it hangs"
        os._exit(0)
    """)


@pytest.mark.parametrize("by", ["flip()", "flips = threading.Thread(target=flip); flips.start(); flips.join()"])
def test_a_class_that_has_its_files_block_again_takes_no_limit_from_create_connection(run_with_waits, by):
    run_with_waits(f"""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address, clients, is_full = listener.getsockname(), [], False
        while not is_full:
            assert len(clients) < 10, "the queue would not fill up"
            clients.append(socket.socket())
            clients[-1].settimeout(0.1)
            is_full = clients[-1].connect_ex(address) != 0
        class Meddling(socket.socket):
            def settimeout(self, seconds):
                super().settimeout(seconds)
                flip = lambda: os.set_blocking(self.fileno(), True)
                {by}
        socket.socket = Meddling
        began = time.monotonic()
        try:
            socket.create_connection(address, 0.2)
        except TimeoutError:
            assert time.monotonic() - began < LATE
        else:
            raise AssertionError("it connected")
    """)


@pytest.mark.parametrize("flips", ["os.set_blocking(listener.fileno(), True)", "listener.dup().setblocking(True)"])
@pytest.mark.parametrize("timeout, scope", [(0.5, 60), (60, 0.5)])
def test_accept_ends_in_time_on_a_file_that_others_make_block(run_with_waits, flips, timeout, scope):
    run_with_waits(f"""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout({timeout})
        acceptors = [Waiter(lambda: listener.accept()[0].close(), lambda: shotclock.deadline({scope})) for _ in range(2)]
        {flips}
        # One of them gets it, and the other finds nothing.
        socket.create_connection(listener.getsockname()).close()
        assert sorted(str(type(acceptor.end())) for acceptor in acceptors) == [
            str(type(None)), str(TimeoutError)
        ]
        # Before a call, too; and whoever has made it block finds it so.
        {flips}
        with contextlib.suppress(TimeoutError), shotclock.deadline(0.1):
            listener.accept()
        assert os.get_blocking(listener.fileno())
    """)


def test_what_the_program_made_non_blocking_stays_so(run_with_waits):
    run_with_waits("""
        listener = socket.create_server(("127.0.0.1", 0))
        os.set_blocking(listener.fileno(), False)
        with contextlib.suppress(TimeoutError), shotclock.deadline(0.05):
            listener.accept()
        assert not os.get_blocking(listener.fileno())
        try:
            listener.accept()
        except BlockingIOError:
            pass
        else:
            raise AssertionError
        here, there = socket.socketpair()
        os.set_blocking(here.fileno(), False)
        try:
            here.recv(1)
        except BlockingIOError:
            pass
        else:
            raise AssertionError
    """)


def test_a_zero_timeout_does_not_wait_on_a_file_that_others_made_block(run_with_waits):
    run_with_waits("""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        os.set_blocking(listener.fileno(), True)
        try:
            listener.accept()
        except BlockingIOError:
            pass
        else:
            raise AssertionError
        assert os.get_blocking(listener.fileno())
    """)


# Calls that rely on the flag for a try, in scopes, timeouts and without; others that share their files meanwhile. No
# thread of the test makes a file non-blocking that another calls plainly, so that nobody may see BlockingIOError.
STRESS = """
    import select, signal, warnings
    warnings.simplefilter("ignore")
    SECONDS = 3.0
    over = threading.Event()
    faults = []
    done = {}
    plain = socket.create_server(("127.0.0.1", 0), backlog=64)
    timed = socket.create_server(("127.0.0.1", 0), backlog=64)
    timed.settimeout(0.03)
    ours, theirs = socket.socketpair()
    file = tempfile.TemporaryFile()
    file.write(bytes(1 << 20))
    file.flush()

    def forever(name, call):
        def run():
            while not over.is_set():
                try:
                    call()
                except BaseException as error:
                    faults.append((name, repr(error)))
                    return
                done[name] = done.get(name, 0) + 1
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def in_time(call, limit, around=contextlib.nullcontext):
        began = time.monotonic()
        try:
            with around():
                return call()
        except TimeoutError:
            pass
        finally:
            late = time.monotonic() - began - limit
            assert late < LATE, f"{late} s late"

    def accept_plainly():
        plain.accept()[0].close()

    def accept_in_scope():
        in_time(lambda: plain.accept()[0].close(), 0.02, lambda: shotclock.deadline(0.02))

    def accept_by_timeout():
        in_time(lambda: timed.accept()[0].close(), 0.03)

    def send_file():
        file.seek(0)
        in_time(lambda: ours.sendfile(file), 0.02, lambda: shotclock.deadline(0.02))

    def receive():
        assert ours.recv(1) == b"x"

    def drain():
        theirs.recv(100_000)

    def connect():
        for listener in (plain, timed):
            with socket.socket() as client:
                in_time(lambda: client.connect(listener.getsockname()), 5, lambda: shotclock.deadline(5))
        theirs.send(b"x")
        time.sleep(0.001)

    threads = [
        forever(call.__name__, call)
        for call in (accept_plainly, accept_plainly, accept_in_scope, accept_in_scope, accept_by_timeout, send_file,
                     receive, drain, connect)
    ]
    end = time.monotonic() + SECONDS
    turn = 0
    while time.monotonic() < end and not faults:
        turn += 1
        for shared in (plain, timed, ours):
            with shared.dup() as copy:
                copy.setblocking(True)
        plain.setblocking(True)
        os.set_blocking(plain.fileno(), True)
        os.set_blocking(timed.fileno(), True)
        if turn % 40 == 0:
            child = os.fork()
            if child == 0:
                with contextlib.suppress(BaseException):
                    plain.setblocking(True)
                os._exit(0)
            os.waitpid(child, 0)
        time.sleep(0.0005)
    # What is left is woken: by whom it waits for.
    over.set()
    limit = time.monotonic() + PATIENCE
    while any(thread.is_alive() for thread in threads):
        assert time.monotonic() < limit, ("hangs", [thread.name for thread in threads if thread.is_alive()], faults)
        with contextlib.suppress(OSError), socket.create_connection(plain.getsockname(), 1):
            theirs.send(b"xx", socket.MSG_DONTWAIT)
        with contextlib.suppress(OSError):
            ours.send(b"x", socket.MSG_DONTWAIT)
        time.sleep(0.01)
    assert not faults, faults
    assert len(done) == 7 and min(done.values()) > 3, done
    # All that was changed is put back.
    for shared in (plain, ours):
        assert os.get_blocking(shared.fileno())
"""


def test_calls_that_share_files_end_in_time_and_see_nothing_of_each_other(run_with_waits):
    run_with_waits(STRESS)


# Another process is in the middle of a try of its own: it keeps the file, which does not block meanwhile.
IN_THE_MIDDLE = """
    import fcntl
    listener = socket.create_server(("127.0.0.1", 0))
    (begun, begin), (ended, end) = os.pipe(), os.pipe()
    other = os.fork()
    if other == 0:
        os.close(end)
        fcntl.lockf(listener, fcntl.LOCK_EX)
        os.set_blocking(listener.fileno(), False)
        os.write(begin, b"x")
        os.read(ended, 1)
        os.set_blocking(listener.fileno(), True)
        os._exit(0)
    os.read(begun, 1)
"""


def test_a_try_in_a_scope_keeps_out_of_those_of_other_processes(run_with_waits):
    run_with_waits(
        IN_THE_MIDDLE
        + """
    started = time.monotonic()
    try:
        with shotclock.deadline(0.1): listener.accept()
        raise AssertionError("it accepted nobody")
    except TimeoutError:
        assert 0.1 <= time.monotonic() - started < LATE
    waiter = Waiter(listener.accept, lambda: shotclock.deadline(60))
    client = socket.create_connection(listener.getsockname())
    waiter.join(0.1)
    assert waiter.is_alive(), "the other process would have taken O_NONBLOCK away under it"
    os.write(end, b"x")
    assert os.waitpid(other, 0)[1] == 0
    assert waiter.end() is None, waiter.error
    assert waiter.result[1] == client.getsockname()
    assert os.get_blocking(listener.fileno())
    """
    )


def test_a_plain_accept_does_not_notice_a_try_of_another_process(run_with_waits):
    run_with_waits(
        IN_THE_MIDDLE
        + """
    waiter = Waiter(listener.accept)
    assert waiter.is_alive(), repr(waiter.error)
    os.write(end, b"x")
    assert os.waitpid(other, 0)[1] == 0
    client = socket.create_connection(listener.getsockname())
    assert waiter.end() is None, waiter.error
    assert waiter.result[1] == client.getsockname()
    """
    )


# Another process has the file block all the time: between the look at it and the call, too.
FLIPPER = """
    import array, signal
    def flipped(sock):
        flipper = os.fork()
        if flipper == 0:
            number = sock.fileno()
            signal.alarm(PATIENCE)
            while os.getppid() == parent:
                for _ in range(200):
                    os.set_blocking(number, True)
            os._exit(0)
        return flipper

    def rounds(call, sock, seconds=1.5):
        flipper = flipped(sock)
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                began = time.monotonic()
                waiter = threading.Thread(target=call, daemon=True)
                waiter.start()
                waiter.join(PATIENCE / 2)
                assert not waiter.is_alive(), "it waits in the system"
                assert time.monotonic() - began < LATE
        finally:
            os.kill(flipper, signal.SIGKILL)
            os.waitpid(flipper, 0)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16) == bytes(16)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16) == bytes(16)

    def ends(call):
        def run():
            with contextlib.suppress(TimeoutError):
                call()
                faults.append("it did not have to wait")
        return run

    parent, faults = os.getpid(), []
    LIMITS = [(lambda sock: sock.settimeout(0.005), contextlib.nullcontext),
              (lambda sock: sock.settimeout(None), lambda: shotclock.deadline(0.005))]
    def in_time(sock, call):
        for set_up, around in LIMITS:
            set_up(sock)
            def limited():
                with around():
                    call()
            rounds(ends(limited), sock)
        assert not faults, faults
"""


def test_an_accept_ends_in_time_on_a_file_that_another_process_has_block(run_with_waits):
    run_with_waits(
        FLIPPER
        + """
    listener = socket.create_server(("127.0.0.1", 0))
    in_time(listener, listener.accept)
    """
    )


def test_an_accept_on_what_no_longer_listens_is_refused_at_once_in_a_process_that_has_forked(run_with_waits):
    run_with_waits(
        """
        gone, covered = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        number = gone.detach()
        os.close(number)
        reused = socket.socket(type=socket.SOCK_DGRAM)
        assert reused.fileno() == number
        os.dup2(number, covered.fileno())
        for sock in (reused, covered):
            with shotclock.deadline(PATIENCE) as scope:
                try:
                    sock.accept()
                    raise AssertionError("it accepted somebody")
                except OSError as error:
                    assert error.errno == errno.EOPNOTSUPP, error
                assert scope.remaining() > PATIENCE / 2
        """
    )


def test_a_connect_ends_in_time_on_a_file_that_another_process_has_block(run_with_waits):
    run_with_waits(
        FLIPPER
        + """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("")
    listener.listen(0)
    full = socket.socket(socket.AF_UNIX)
    full.connect(listener.getsockname())
    sock = socket.socket(socket.AF_UNIX)
    in_time(sock, lambda: sock.connect(listener.getsockname()))
    """
    )


def test_a_sendfile_ends_in_time_on_a_file_that_another_process_has_block(run_with_waits):
    run_with_waits(
        FLIPPER
        + """
    here, there = socket.socketpair()
    file = tempfile.TemporaryFile()
    file.truncate(1 << 20)
    in_time(here, lambda: here.sendfile(file))
    """
    )


# A thread that sends files in a scope, whose tries make the file non-blocking for their length, and somebody who reads.
BESIDE_SENDFILE = """
    here, there = socket.socketpair()
    file = tempfile.TemporaryFile()
    file.truncate(1 << 26)
    SIZE = 1 << 20
    begun = threading.Event()

    def forever(call):
        def run():
            while True:
                call()
        threading.Thread(target=run, daemon=True).start()

    def send_file():
        with shotclock.deadline(PATIENCE):
            file.seek(0)
            here.sendfile(file)

    def drain():
        there.recv(1 << 18)
        begun.set()

    forever(drain)
    forever(send_file)
    begun.wait()
"""


@pytest.mark.parametrize(
    "call",
    [
        "here.send(bytes(SIZE))",
        "here.sendmsg([bytes(SIZE)])",
        "len(here.recv(SIZE, socket.MSG_WAITALL))",
        "here.recv_into(bytearray(SIZE), SIZE, socket.MSG_WAITALL)",
        "here.recvmsg_into([bytearray(SIZE)], 0, socket.MSG_WAITALL)[0]",
        "here.recvfrom_into(bytearray(SIZE), SIZE, socket.MSG_WAITALL)[0]",
    ],
)
def test_a_plain_call_moves_all_it_promises_beside_a_try_of_another_thread(run_with_waits, call):
    run_with_waits(
        BESIDE_SENDFILE
        + f"""
    forever(lambda: there.sendall(bytes(1 << 16)))
    end, moved = time.monotonic() + 0.7, []
    while time.monotonic() < end or len(moved) < 10:
        moved.append({call})
    assert set(moved) == {{SIZE}}, sorted(set(moved))
    """
    )
