"""What goes from file to file in the system, counters, and locks by fcntl(2), under scopes: nothing is lost or told twice."""

import contextlib
import errno
import fcntl
import os
import signal
import socket
import tempfile
import threading
import time

import pytest
from hooked_waits import LONG, PATIENCE, pipe

import shotclock

CONTENT = bytes(range(256)) * 4_000


@pytest.fixture(autouse=True)
def installed():
    shotclock.install()


@pytest.fixture
def stack():
    with contextlib.ExitStack() as made:
        yield made


@pytest.fixture
def content():
    with tempfile.NamedTemporaryFile() as file:
        file.write(CONTENT)
        file.flush()
        file.seek(0)
        yield file.fileno()


def slow_reader(number, came):
    """Takes a little at a time, up to the end."""

    def run():
        while part := os.read(number, 30_000):
            came.extend(part)
            time.sleep(0.0005)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def outcome(call, *arguments):
    """What a call gives, or the kind and number of what it raises."""
    try:
        return call(*arguments)
    except (OSError, ValueError) as error:
        return type(error), getattr(error, "errno", None)


# sendfile


@pytest.mark.parametrize("offset", [None, 0, 100])
def test_sendfile_sends_all_in_a_scope(offset, content):
    reading, writing = os.pipe()
    came = bytearray()
    reader = slow_reader(reading, came)
    with shotclock.deadline(LONG):
        assert os.sendfile(writing, content, offset, len(CONTENT)) == len(CONTENT) - (offset or 0)
        assert os.sendfile(writing, content, len(CONTENT), 1) == 0
    os.close(writing)
    reader.join(PATIENCE)
    os.close(reading)
    assert came == CONTENT[offset or 0 :]
    assert os.lseek(content, 0, os.SEEK_CUR) == (len(CONTENT) if offset is None else 0)


def test_sendfile_tells_what_has_gone_out_before_the_end(content, stack):
    reading, writing = pipe(stack)
    with pytest.raises(TimeoutError), shotclock.deadline(0.05):
        sent = os.sendfile(writing, content, None, len(CONTENT))
        assert 0 < sent < len(CONTENT)
        assert os.lseek(content, 0, os.SEEK_CUR) == sent
        os.sendfile(writing, content, None, len(CONTENT))
    assert os.lseek(content, 0, os.SEEK_CUR) == sent
    os.set_blocking(reading, False)
    assert os.read(reading, len(CONTENT)) == CONTENT[:sent]


def test_sendfile_to_a_connection_that_nobody_reads_ends(content):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        begun, sent = time.monotonic(), 0
        with pytest.raises(TimeoutError), shotclock.deadline(0.05):
            while True:
                sent += os.sendfile(ours.fileno(), content, 0, len(CONTENT))
        assert time.monotonic() - begun < 2
        assert os.get_blocking(ours.fileno())
        came = 0
        theirs.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                came += len(theirs.recv(1 << 20))
        assert came == sent > 0


def test_sendfile_to_a_file_that_does_not_block_is_the_interpreters_own(content, stack):
    writing = pipe(stack, full=True)[1]
    os.set_blocking(writing, False)
    with shotclock.deadline(LONG), pytest.raises(BlockingIOError):
        os.sendfile(writing, content, 0, 1)


def test_sendfile_to_a_disk_is_the_interpreters_own(content):
    with tempfile.TemporaryFile() as other, shotclock.deadline(0):
        assert os.sendfile(other.fileno(), content, 0, 1_000) == 1_000


def test_what_sendfile_refuses_stays_refused(content, stack):
    (reading, writing), other = pipe(stack), pipe(stack, filled=True)[0]
    calls = [
        (writing, other, 0, 1),
        (writing, 1 << 20, 0, 1),
        (1 << 20, content, 0, 1),
        (reading, content, 0, 1),
        (writing, content, -1, 1),
        (writing, content, 0, -1),
    ]
    expected = [outcome(os.sendfile, *call) for call in calls]
    # From 3.15 on a count below zero is a ValueError.
    assert {kind for kind, _ in expected} <= {OSError, ValueError}
    with shotclock.deadline(0):
        assert [outcome(os.sendfile, *call) for call in calls] == expected


# splice


def test_splice_from_a_pipe_that_is_filled_later(stack):
    (reading, writing), (other, to) = pipe(stack), pipe(stack)
    writer = threading.Timer(0.05, os.write, (writing, b"later"))
    writer.start()
    with shotclock.deadline(LONG):
        assert os.splice(reading, to, 100) == 5
        assert os.read(other, 100) == b"later"
    writer.join()


def test_splice_into_a_full_pipe_ends_and_moves_nothing(stack):
    reading, to = pipe(stack, filled=True)[0], pipe(stack, full=True)[1]
    with pytest.raises(TimeoutError) as caught, shotclock.deadline(0.05):
        os.splice(reading, to, 1)
    assert caught.value.phase == "splice"
    with shotclock.deadline(0):
        assert os.read(reading, 2) == b"x"


def test_splice_from_and_to_connections(stack):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reading, writing = pipe(stack)
        with pytest.raises(TimeoutError), shotclock.deadline(0.05):
            os.splice(ours.fileno(), writing, 100)
        theirs.send(b"here")
        with shotclock.deadline(LONG):
            assert os.splice(ours.fileno(), writing, 100) == 4
            assert os.splice(reading, ours.fileno(), 100) == 4
        assert theirs.recv(100) == b"here"
        theirs.close()
        with shotclock.deadline(0):
            assert os.splice(ours.fileno(), writing, 100) == 0


def test_splice_from_a_disk(content, stack):
    reading, writing = pipe(stack)
    with shotclock.deadline(0):
        assert os.splice(content, writing, 100, offset_src=10) == 100
        assert os.read(reading, 200) == CONTENT[10:110]
        assert os.lseek(content, 0, os.SEEK_CUR) == 0


def test_splice_that_does_not_block_says_so(stack):
    (reading, writing), to = pipe(stack), pipe(stack)[1]
    with shotclock.deadline(LONG), pytest.raises(BlockingIOError):
        os.splice(reading, to, 1, flags=os.SPLICE_F_NONBLOCK)
    os.set_blocking(reading, False)
    with shotclock.deadline(LONG), pytest.raises(BlockingIOError):
        os.splice(reading, to, 1)


# Counters


def test_readers_of_one_semaphore_each_get_one_or_end():
    number = os.eventfd(2, os.EFD_SEMAPHORE)
    got, ended = [], []

    def take():
        try:
            with shotclock.deadline(0.1):
                got.append(os.eventfd_read(number))
        except TimeoutError as error:
            ended.append(error.phase)

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    os.close(number)
    assert (got, ended) == ([1, 1], ["read"] * 4)


def test_a_counter_that_does_not_block_says_so():
    number = os.eventfd(0, os.EFD_NONBLOCK)
    with shotclock.deadline(LONG):
        with pytest.raises(BlockingIOError):
            os.eventfd_read(number)
        os.eventfd_write(number, 2**64 - 2)
        with pytest.raises(BlockingIOError):
            os.eventfd_write(number, 1)
        assert os.eventfd_read(number) == 2**64 - 2
    os.close(number)


def test_a_counter_may_be_an_object_with_a_number():
    class File:
        def __init__(self, number):
            self.number = number

        def fileno(self):
            return self.number

    file = File(os.eventfd(0))
    with pytest.raises(TimeoutError), shotclock.deadline(0.02):
        os.eventfd_read(fd=file)
    os.close(file.number)
    with shotclock.deadline(LONG), pytest.raises(OSError) as caught:
        os.eventfd_read(file)
    assert caught.value.errno == errno.EBADF


# Locks of files


def test_other_commands_of_fcntl_are_as_ever(stack):
    reading = pipe(stack)[0]
    with shotclock.deadline(0):
        flags = fcntl.fcntl(reading, fcntl.F_GETFL)
        fcntl.fcntl(reading, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        assert not os.get_blocking(reading)


# Threads of other tests may still wait, for ever.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_lock_is_had_once_it_is_free():
    with tempfile.NamedTemporaryFile() as file:
        taken, leave = os.pipe(), os.pipe()
        holder = os.fork()
        if not holder:
            os.lockf(file.fileno(), os.F_LOCK, 0)
            os.write(taken[1], b"x")
            os.read(leave[0], 1)
            os._exit(0)
        os.read(taken[0], 1)
        with shotclock.deadline(LONG):
            with pytest.raises(OSError):
                os.lockf(file.fileno(), os.F_TLOCK, 0)
            with pytest.raises(OSError):
                os.lockf(file.fileno(), os.F_TEST, 0)
            threading.Timer(0.05, os.write, (leave[1], b"x")).start()
            os.lockf(file.fileno(), os.F_LOCK, 0)
        os.waitpid(holder, 0)
        for end in (*taken, *leave):
            os.close(end)


# Signals


@contextlib.contextmanager
def handler(function):
    before = signal.signal(signal.SIGALRM, function)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_pause_ends_with_the_scope():
    begun = time.monotonic()
    with pytest.raises(TimeoutError) as caught, shotclock.deadline(0.05):
        signal.pause()
    assert 0.05 <= time.monotonic() - begun < 2
    assert caught.value.phase == "signal"
    with pytest.raises(TimeoutError), shotclock.deadline(0.01):
        signal.pause()


def test_pause_returns_once_a_handler_has_run():
    ran = []
    with handler(lambda *_: ran.append(1)), shotclock.deadline(LONG):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert signal.pause() is None
        assert ran == [1]


def test_pause_raises_what_the_handler_raises():
    def fail(*_):
        raise KeyError("handler")

    with handler(fail), shotclock.deadline(LONG), pytest.raises(KeyError):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        signal.pause()


def test_pause_under_a_canceller_waits_for_a_signal_or_its_end():
    canceller, ran = shotclock.Canceller(), []
    with handler(lambda *_: ran.append(1)), canceller:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        signal.pause()
        assert ran == [1]
    threading.Timer(0.05, canceller.cancel).start()
    with pytest.raises(shotclock.Cancelled), canceller:
        signal.pause()


def test_pause_is_not_ended_by_somebody_elses_canceller():
    """Cancellers share what wakes them."""
    ours, others = shotclock.Canceller(), [shotclock.Canceller() for _ in range(200)]

    def cancel():
        for other in others:
            other.cancel()
            time.sleep(0.0005)

    thread = threading.Thread(target=cancel)
    with pytest.raises(TimeoutError), ours, shotclock.deadline(0.4):
        thread.start()
        signal.pause()
    thread.join()
