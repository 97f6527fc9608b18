"""Pipes, terminals and files under scopes: no byte is lost or told twice, and what is no wait is what it was."""

import contextlib
import errno
import io
import os
import pty
import random
import signal
import threading
import time
import tty

import pytest
from hooked_waits import LONG, PATIENCE, pipe

import shotclock

BUFFER = 8_192


@pytest.fixture(autouse=True)
def installed():
    shotclock.install()


@pytest.fixture
def stack():
    with contextlib.ExitStack() as made:
        yield made


class SlowReader(threading.Thread):
    """Takes a little at a time, and keeps it, up to the end of the file."""

    def __init__(self, number, seed):
        super().__init__(daemon=True)
        self.number, self.came, self.random = number, bytearray(), random.Random(seed)
        self.start()

    def run(self):
        while part := os.read(self.number, self.random.choice((100, 4_096, 30_000))):
            self.came += part
            time.sleep(self.random.random() / 500)


def payload(size, seed):
    return random.Random(seed).randbytes(size)


# Writing


@pytest.mark.parametrize("seed", range(8))
def test_what_a_raw_write_reports_is_what_arrives(seed, stack):
    reading, writing = os.pipe()
    data, sent = payload(600_000, seed), 0
    reader = SlowReader(reading, seed)
    while sent < len(data):
        with contextlib.suppress(TimeoutError), shotclock.deadline(0.003 * (seed + 1)):
            while sent < len(data):
                sent += os.write(writing, data[sent:])
    os.close(writing)
    reader.join(PATIENCE)
    os.close(reading)
    assert sent == len(data) == len(reader.came) and reader.came == data


@pytest.mark.parametrize("seed", range(6))
def test_a_buffered_writer_through_scopes_that_end_sends_each_byte_once(seed):
    reading, writing = os.pipe()
    data = payload(500_000, seed)
    reader, chance, taken = SlowReader(reading, seed), random.Random(seed), 0
    with open(writing, "wb", buffering=BUFFER) as file:
        while taken < len(data):
            # No larger than its buffer: of more it does not say how much it has sent, whatever the error.
            part = data[taken : taken + chance.choice((10, 5_000, BUFFER))]
            try:
                with shotclock.deadline(chance.random() / 50):
                    taken += file.write(part)
            except BlockingIOError as error:
                taken += error.characters_written
            except TimeoutError as error:
                # The buffer takes all of it or none, as for any other error of the file's.
                assert error.scope is not None
        while True:
            with contextlib.suppress(TimeoutError), shotclock.deadline(0.05):
                file.flush()
                break
    reader.join(PATIENCE)
    os.close(reading)
    came = bytes(reader.came)
    assert taken == len(data) == len(came) and came == data


@pytest.mark.parametrize("seed", range(4))
def test_a_buffered_writer_repeats_nothing_of_a_large_write_that_was_ended(seed):
    reading, writing = os.pipe()
    data, small = payload(400_000, seed), 1_000 * (seed + 1)
    file = open(writing, "wb")
    file.write(data[:small])
    with pytest.raises(TimeoutError), shotclock.deadline(0.05):
        file.write(data[small:])
    reader = SlowReader(reading, seed)
    file.close()
    reader.join(PATIENCE)
    os.close(reading)
    came = bytes(reader.came)
    assert 50_000 <= len(came) < len(data) and came == data[: len(came)]


def test_the_end_comes_after_what_has_moved_is_told(stack):
    reading, writing = pipe(stack)
    with contextlib.suppress(TimeoutError), shotclock.deadline(0.05):
        assert os.write(writing, bytes(200_000)) == 65_536
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            os.write(writing, bytes(200_000))
        assert time.monotonic() - begun < 1
    assert len(os.read(reading, 300_000)) == 65_536


def test_writev_tells_as_much(stack):
    reading, writing = pipe(stack)
    with contextlib.suppress(TimeoutError), shotclock.deadline(0.05):
        assert os.writev(writing, [bytes(50_000), b"x" * 50_000]) == 65_536
    came = os.read(reading, 300_000)
    assert came == bytes(50_000) + b"x" * 15_536


def test_more_buffers_than_the_system_takes_are_its_own_error(stack):
    writing = pipe(stack)[1]
    with pytest.raises(OSError) as stock:
        os.writev(writing, [b"abcdef"] * 2_000)
    with shotclock.deadline(LONG), pytest.raises(OSError) as ours:
        os.writev(writing, [b"abcdef"] * 2_000)
    assert (ours.value.errno, str(ours.value)) == (stock.value.errno, str(stock.value)) and ours.value.errno == errno.EINVAL


def test_a_pipe_without_a_reader_is_broken(stack):
    reading, writing = os.pipe()
    os.close(reading)
    stack.callback(os.close, writing)
    with shotclock.deadline(LONG):
        for size in (1, 100_000):
            with pytest.raises(BrokenPipeError):
                os.write(writing, bytes(size))


def test_a_reader_that_leaves_in_the_middle(stack):
    reading, writing = os.pipe()
    stack.callback(os.close, writing)

    def leave():
        os.read(reading, 70_000)
        os.close(reading)

    threading.Timer(0.05, leave).start()
    with shotclock.deadline(LONG):
        assert os.write(writing, bytes(1_000_000)) >= 65_536
        with pytest.raises(BrokenPipeError):
            os.write(writing, bytes(1_000_000))


# Non-blocking


def test_a_pipe_that_does_not_block_says_so(stack):
    reading, writing = pipe(stack)
    for end in (reading, writing):
        os.set_blocking(end, False)
    with shotclock.deadline(0):
        with pytest.raises(BlockingIOError):
            os.read(reading, 1)
        with pytest.raises(BlockingIOError):
            os.readv(reading, [bytearray(1)])
        assert os.write(writing, bytes(100_000)) == 65_536
        with pytest.raises(BlockingIOError):
            os.write(writing, b"x")
        with pytest.raises(BlockingIOError):
            os.write(writing, bytes(100_000))
        with pytest.raises(BlockingIOError):
            os.writev(writing, [bytes(100_000), b"x"])


def test_a_file_that_does_not_block_gives_nothing(stack):
    reading, writing = pipe(stack)
    for end in (reading, writing):
        os.set_blocking(end, False)
    with (
        open(os.dup(reading), "rb", buffering=0) as reader,
        open(os.dup(writing), "wb", buffering=0) as writer,
        shotclock.deadline(0),
    ):
        assert reader.read(1) is None
        assert reader.read() is None
        assert reader.readinto(bytearray(1)) is None
        assert writer.write(bytes(100_000)) == 65_536
        assert writer.write(b"x") is None
        assert writer.write(bytes(100_000)) is None
        assert len(reader.read()) == 65_536


def test_a_buffered_file_that_does_not_block_is_the_interpreters_own(stack):
    reading, writing = pipe(stack)
    os.set_blocking(writing, False)

    def told():
        # The usual buffer is more than a pipe takes from 3.15 on.
        with open(os.dup(writing), "wb", buffering=8192) as file:
            with pytest.raises(BlockingIOError) as caught:
                file.write(bytes(200_000))
            os.read(reading, 300_000)
            return caught.value.characters_written, str(caught.value)

    stock = told()
    os.read(reading, 300_000)
    with shotclock.deadline(LONG):
        assert told() == stock


# Nothing


def test_nothing_is_read_and_written_at_once(stack):
    """Of no bytes there is nothing to wait for."""
    reading, full = pipe(stack)[0], pipe(stack, full=True)[1]
    with open(os.dup(reading), "rb", buffering=0) as file, open(os.dup(full), "wb", buffering=0) as out:
        calls = (
            lambda: os.read(reading, 0),
            lambda: os.readv(reading, [bytearray()]),
            lambda: os.write(full, b""),
            lambda: os.writev(full, [b"", b""]),
            lambda: file.read(0),
            lambda: file.readinto(bytearray()),
            lambda: out.write(b""),
        )
        expected = [call() for call in calls]
        with shotclock.deadline(0) as scope:
            assert [call() for call in calls] == expected == [b"", 0, 0, 0, b"", 0, 0]
        assert not scope.expired


# Directions


def test_the_wrong_direction_is_an_error_at_once(stack):
    """poll(2) says nothing of it, and a wait for it would have no end."""
    reading, writing = pipe(stack)
    with shotclock.deadline(LONG):
        for call in (
            lambda: os.write(reading, b"x"),
            lambda: os.write(reading, bytes(100_000)),
            lambda: os.writev(reading, [b"x"]),
            lambda: os.read(writing, 1),
            lambda: os.readv(writing, [bytearray(1)]),
        ):
            with pytest.raises(OSError) as caught:
                call()
            assert caught.value.errno == errno.EBADF


def test_a_file_is_used_in_its_own_direction_alone():
    """Over a descriptor that has both, such as a terminal's or a socket's."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.write(master, b"abc")
    with open(slave, "wb", buffering=0) as file, shotclock.deadline(LONG):
        for call in (lambda: file.read(1), lambda: file.readinto(bytearray(1))):
            with pytest.raises(OSError, match="File not open for reading"):
                call()
    with open(master, "rb", buffering=0) as file, shotclock.deadline(LONG), pytest.raises(OSError, match="writing"):
        file.write(b"x")


def test_a_subclass_that_tells_another_number_is_read_and_written_by_its_own(stack):
    reading, writing = pipe(stack)
    other = pipe(stack, filled=True)

    class Told(io.FileIO):
        def fileno(self):
            return other[0] if self.readable() else other[1]

    with Told(os.dup(reading)) as file, Told(os.dup(writing), "wb") as out, shotclock.deadline(LONG):
        assert out.write(b"abc") == 3
        assert file.read(10) == b"abc"
        out.write(bytes(5_000))
        assert file.readinto(bytearray(6_000)) == 5_000
    assert os.read(other[0], 10) == b"x"


def test_a_closed_descriptor_is_an_error(stack):
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with shotclock.deadline(LONG):
        for call in (lambda: os.read(reading, 1), lambda: os.write(writing, b"x"), lambda: os.write(writing, bytes(9_999))):
            with pytest.raises(OSError) as caught:
                call()
            assert caught.value.errno == errno.EBADF


# Terminals and disks


@pytest.fixture
def terminal():
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, slave
    os.close(master)
    os.close(slave)


def test_a_terminal_is_read_in_time(terminal):
    master, slave = terminal
    with pytest.raises(TimeoutError), shotclock.deadline(0.05):
        os.read(slave, 1)
    os.write(master, b"x")
    with shotclock.deadline(0):
        assert os.read(slave, 1) == b"x"


def test_a_terminal_that_nobody_reads_is_written_in_time(terminal):
    slave = terminal[1]
    begun, sent = time.monotonic(), 0
    with pytest.raises(TimeoutError), shotclock.deadline(0.3):
        while True:
            sent += os.write(slave, bytes(3_000))
    assert time.monotonic() - begun < 2
    assert sent > 0


def test_a_terminal_gets_each_byte_once(terminal):
    master, slave = terminal
    data, came, sent = payload(100_000, 3), bytearray(), 0

    def read():
        while len(came) < len(data):
            came.extend(os.read(master, 700))
            time.sleep(0.0005)

    reader = threading.Thread(target=read)
    reader.start()
    while sent < len(data):
        with contextlib.suppress(TimeoutError), shotclock.deadline(0.02):
            while sent < len(data):
                sent += os.write(slave, data[sent:])
    reader.join(PATIENCE)
    assert bytes(came) == data


def test_input_at_a_pipe_ends(stack, monkeypatch):
    with open(os.dup(pipe(stack)[0])) as file:
        monkeypatch.setattr("sys.stdin", file)
        with pytest.raises(TimeoutError), shotclock.deadline(0.05):
            input()


def test_a_disk_is_read_whole_whatever_of_it_is_in_memory(tmp_path):
    data = payload(300_000, 1)
    path = tmp_path / "data"
    path.write_bytes(data)
    number = os.open(path, os.O_RDONLY)
    os.fsync(number)
    with shotclock.deadline(0):
        for size in (1, 60_000, 65_536, 300_000):
            os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
            os.lseek(number, 0, os.SEEK_SET)
            os.pread(number, 1, 8_192)
            assert os.read(number, size) == data[:size]
    os.close(number)
    with open(path, "r+b", buffering=0) as file, shotclock.deadline(0):
        assert file.read() == data
        assert file.write(data) == len(data)
    assert path.read_bytes() == data + data


# Signals


class Told(Exception):
    """What a handler raises: an exception like any other."""


@pytest.mark.parametrize("error", [Told, KeyboardInterrupt, TimeoutError])
@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.parametrize("direction", ["read", "write"])
def test_what_a_handler_raises_is_not_lost(error, size, direction, stack):
    """Nor is what has moved by then: either the count comes, and the exception after it, or the exception alone."""
    reading, writing = pipe(stack)

    def handle(*_):
        raise error

    def call():
        if direction == "read":
            os.read(reading, size)
        else:
            while True:
                os.write(writing, bytes(size))

    before = signal.signal(signal.SIGALRM, handle)
    timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGALRM))
    timer.start()
    try:
        with pytest.raises(error) as caught, shotclock.deadline(LONG):
            call()
        assert getattr(caught.value, "scope", None) is None
    finally:
        timer.join()
        signal.signal(signal.SIGALRM, before)


def test_a_handler_that_returns_ends_nothing(stack):
    reading, writing = pipe(stack)
    calls = []
    before = signal.signal(signal.SIGALRM, lambda *_: calls.append(1))
    timers = [threading.Timer(0.02 * turn, lambda: os.kill(os.getpid(), signal.SIGALRM)) for turn in range(1, 5)]
    timers.append(threading.Timer(0.2, lambda: os.write(writing, b"x")))
    for timer in timers:
        timer.start()
    with shotclock.deadline(LONG):
        assert os.read(reading, 1) == b"x"
    for timer in timers:
        timer.join()
    signal.signal(signal.SIGALRM, before)
    assert calls
