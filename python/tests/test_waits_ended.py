"""What follows once a scope's end has been raised: the moment for clean-up, whoever swallows it, and the state of things."""

import concurrent.futures
import contextlib
import importlib
import multiprocessing
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from hooked_waits import CHILD, KINDS, LONG, PATIENCE, held_elsewhere, pipe
from starved import starved

import shotclock
from shotclock._bounds.overdue import Overdue

# Some of these swallow the end for longer than it takes to be warned of that.
pytestmark = pytest.mark.filterwarnings("ignore::shotclock.OverdueWarning")


@pytest.fixture(autouse=True)
def installed():
    shotclock.install()


@pytest.fixture
def stack():
    with contextlib.ExitStack() as made:
        yield made


def release_after(lock, seconds):
    """Releases it from a thread of its own; what is taken may be released by anybody."""
    threading.Timer(seconds, lock.release).start()


# A moment for clean-up


def test_who_cleans_up_after_a_cancellation_has_a_moment():
    lock, canceller = threading.Lock(), shotclock.Canceller()
    lock.acquire()
    cleaned = False
    with pytest.raises(shotclock.Cancelled), canceller:
        canceller.cancel()
        try:
            time.sleep(LONG)
        finally:
            release_after(lock, 0.01)
            with lock:
                cleaned = True
    assert cleaned
    with pytest.raises(shotclock.Cancelled), canceller:
        lock.acquire()
        lock.acquire()


def test_a_lock_that_is_free_soon_is_had_after_the_end():
    lock = threading.Lock()
    lock.acquire()
    cleaned = False
    with pytest.raises(TimeoutError), shotclock.deadline(0.02):
        try:
            time.sleep(LONG)
        finally:
            release_after(lock, 0.01)
            with lock:
                cleaned = True
    assert cleaned


def test_the_moment_is_short():
    lock = threading.Lock()
    lock.acquire()
    with pytest.raises(TimeoutError), shotclock.deadline(0.02):
        try:
            time.sleep(LONG)
        finally:
            begun = time.monotonic()
            try:
                lock.acquire()
            finally:
                took = time.monotonic() - begun
    assert 0.02 < took < 1


def test_the_moment_is_one_for_all_of_a_scope():
    locks = [threading.Lock() for _ in range(20)]
    for lock in locks:
        lock.acquire()
    with pytest.raises(TimeoutError), shotclock.deadline(0.02), contextlib.ExitStack() as each:
        # Each of these waits for what it never gets.
        for lock in locks:
            each.callback(lock.acquire)
        begun, before = time.monotonic(), starved()
        time.sleep(LONG)
    assert time.monotonic() - begun < 0.02 + 20 * 0.05 / 2 + starved() - before


@pytest.mark.parametrize("name", ["time.sleep", "select.select", "os.read", "SimpleQueue.get", "epoll.poll"])
def test_what_does_not_clean_up_has_no_such_moment(name, stack):
    call = KINDS[name].waiting(stack)
    with contextlib.suppress(TimeoutError), shotclock.deadline(0.01):
        with contextlib.suppress(TimeoutError):
            time.sleep(LONG)
        begun, before = time.monotonic(), starved()
        with pytest.raises(TimeoutError):
            call()
        assert time.monotonic() - begun < 0.04 + starved() - before


def test_a_lock_is_waited_for_no_longer_than_the_scope_if_nothing_was_raised_before():
    before = starved()
    with held(threading.Lock()) as lock, pytest.raises(TimeoutError) as caught, shotclock.deadline(0.05):
        lock.acquire()
    assert caught.value.elapsed < 0.09 + starved() - before


@contextlib.contextmanager
def held(lock):
    with contextlib.ExitStack() as stack:
        yield held_elsewhere(stack, lock)


def test_subprocess_run_leaves_no_zombie():
    before = children()
    with pytest.raises(TimeoutError), shotclock.deadline(0.2):
        subprocess.run(CHILD, stdout=subprocess.PIPE, check=False)
    assert children() == before


def children():
    with open(f"/proc/self/task/{os.getpid()}/children") as listed:
        return listed.read().split()


def test_an_executor_ends_with_the_scope():
    leave = threading.Event()
    with pytest.raises(TimeoutError), shotclock.deadline(0.05), concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(leave.wait, PATIENCE)
    leave.set()


# Whoever swallows the end


def wait_by_socket():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.recv(1)


SWALLOWED = {
    "sleep": lambda: time.sleep(LONG),
    "socket": wait_by_socket,
    "event": lambda: threading.Event().wait(),
    "queue": lambda: queue.SimpleQueue().get(),
}


@pytest.mark.parametrize("name", SWALLOWED)
def test_a_loop_that_swallows_the_end_is_ended(name):
    rounds = 0
    wait = SWALLOWED[name]
    begun = time.monotonic()
    with pytest.raises(TimeoutError) as caught, shotclock.deadline(0.02) as scope:
        while True:
            rounds += 1
            with contextlib.suppress(Exception):
                wait()
    # By the eighth time in a row in one frame, or, where the frame is another each time, after a second.
    assert time.monotonic() - begun < 5
    assert caught.value.scope is scope and isinstance(caught.value.__cause__, Overdue)
    assert type(caught.value) is TimeoutError


def test_one_frame_is_told_eight_times_before_it_is_ended():
    told = 0
    with pytest.raises(TimeoutError), shotclock.deadline(0):
        while True:
            try:
                time.sleep(LONG)
            except TimeoutError:
                told += 1
    assert told == 8


def test_a_socket_in_one_frame_is_told_as_often():
    told = 0
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TimeoutError), shotclock.deadline(0):
        while True:
            try:
                ours.recv(1)
            except OSError:
                told += 1
    assert told == 8


def test_frames_of_their_own_are_told_for_a_second():
    def swallow():
        try:
            time.sleep(LONG)
        except TimeoutError:
            return time.monotonic()

    begun = last = time.monotonic()
    with pytest.raises(TimeoutError), shotclock.deadline(0):
        while True:
            last = swallow()
    assert 0.9 < last - begun < 5


def test_fifty_clean_ups_that_each_swallow_the_end_all_run():
    cleaned = 0

    def clean():
        nonlocal cleaned
        with contextlib.suppress(TimeoutError):
            time.sleep(LONG)
        cleaned += 1

    with shotclock.move_on_after(0):
        for _ in range(50):
            clean()
    assert cleaned == 50


def test_move_on_after_ends_without_a_word_by_it():
    with shotclock.move_on_after(0) as scope:
        while True:
            with contextlib.suppress(Exception):
                time.sleep(LONG)
    assert scope.expired


def test_what_is_swallowed_in_a_scope_within_does_not_count_for_the_one_outside():
    with shotclock.deadline(LONG) as outer:
        for _ in range(20):
            with contextlib.suppress(TimeoutError), shotclock.deadline(0):
                time.sleep(LONG)
    assert not outer.expired


def test_the_end_of_a_budget_of_ours_is_never_overdue():
    """A dial that limits itself is the caller's to try as often as it likes."""
    hung = socket.create_server(("127.0.0.1", 0), backlog=0)
    with hung, contextlib.ExitStack() as filling:
        for _ in range(3):
            sock = filling.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(hung.getsockname())
        for _ in range(12):
            with pytest.raises(TimeoutError):
                socket.create_connection(hung.getsockname(), 0.001)


# Who must have the lock


def test_a_condition_takes_its_lock_back_whatever_has_ended():
    """Else `with condition:` would release a lock that is somebody else's by then."""
    condition = threading.Condition(threading.Lock())
    taken, leave, released = threading.Event(), threading.Event(), []

    def hold():
        with condition:
            taken.set()
            leave.wait(PATIENCE)
            released.append(True)

    holder = threading.Thread(target=hold)
    with pytest.raises(TimeoutError), shotclock.deadline(0.1), condition:
        holder.start()
        threading.Timer(0.5, leave.set).start()
        condition.wait()
    # It came back only once the other had left.
    assert released == [True]
    holder.join()
    assert not condition._lock.locked()


# Threads of other tests may still wait, for ever.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_condition_of_processes_takes_its_lock_back():
    """With its lock held by another process for longer than the moment after the end."""
    context = multiprocessing.get_context("fork")
    condition = context.Condition(context.Lock())
    taken, leave = context.Event(), context.Event()

    def hold():
        with condition:
            taken.set()
            leave.wait(0.4)

    holder = context.Process(target=hold)
    with pytest.raises(TimeoutError), shotclock.deadline(0.1), condition:
        holder.start()
        condition.wait()
    with shotclock.shield():
        assert taken.is_set()
        holder.join(PATIENCE)
    assert holder.exitcode == 0
    # It is free, once.
    assert condition.acquire(False)
    assert not condition.acquire(False)
    condition.release()


def test_an_import_that_another_thread_is_at_is_waited_for(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(
        "import ctypes\nctypes.CDLL(None).usleep(400_000)\nvalue = 'whole'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    thread = threading.Thread(target=importlib.import_module, args=("slow_to_import",))
    thread.start()
    while "slow_to_import" not in sys.modules:
        time.sleep(0.001)
    with shotclock.deadline(0.05):
        assert importlib.import_module("slow_to_import").value == "whole"
    thread.join()


# State afterwards: what an interrupt leaves


def by_scope(wait):
    """Has a wait ended by a scope."""
    with pytest.raises(TimeoutError), shotclock.deadline(0.1):
        wait()


def by_interrupt(wait):
    """Has it ended by Ctrl-C, and no hook do anything."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT))
    try:
        with pytest.raises(KeyboardInterrupt):
            # On a busy machine it may come before it is known that the timer's thread runs.
            timer.start()
            wait()
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


ENDED_BY = pytest.mark.parametrize("end", [by_scope, by_interrupt])


@ENDED_BY
def test_a_condition_afterwards(end):
    condition = threading.Condition()
    with condition:
        end(condition.wait)
        assert len(condition._waiters) == 0
        assert condition._is_owned()
    assert not condition._is_owned()
    assert condition.acquire(blocking=False)
    condition.notify()
    condition.release()


@ENDED_BY
def test_a_condition_over_a_plain_lock_afterwards(end):
    condition = threading.Condition(threading.Lock())
    with condition:
        end(condition.wait)
        assert condition._lock.locked()
    assert not condition._lock.locked()


@ENDED_BY
def test_a_semaphore_afterwards(end):
    semaphore = threading.Semaphore(0)
    end(semaphore.acquire)
    semaphore.release()
    assert semaphore.acquire(blocking=False)
    assert not semaphore.acquire(blocking=False)


@ENDED_BY
def test_a_queue_afterwards(end):
    made = queue.Queue(1)
    end(made.get)
    made.put(1)
    end(lambda: made.put(2))
    assert made.get() == 1
    assert made.empty()
    assert not made.mutex.locked()


@ENDED_BY
def test_a_barrier_afterwards(end):
    barrier = threading.Barrier(2)
    end(barrier.wait)
    assert barrier.n_waiting == 0 and not barrier.broken
    # It works on.
    other = threading.Thread(target=barrier.wait)
    other.start()
    barrier.wait(PATIENCE)
    other.join()


@ENDED_BY
def test_a_future_afterwards(end):
    future = concurrent.futures.Future()
    end(future.result)
    end(lambda: concurrent.futures.wait([future]))
    future.set_result(1)
    assert future.result() == 1
    assert not future._condition._is_owned() and not future._condition._waiters


@ENDED_BY
def test_a_child_afterwards(end):
    process = subprocess.Popen(CHILD, stdout=subprocess.PIPE)
    with process.stdout:
        end(process.wait)
        end(process.stdout.read)
        assert process.returncode is None
        assert process.poll() is None
        process.kill()
        assert process.wait() == -signal.SIGKILL


@ENDED_BY
@pytest.mark.parametrize("make", [threading.Lock, threading.RLock])
def test_a_lock_afterwards(end, make):
    with held(make()) as lock:
        end(lock.acquire)
    assert lock.acquire(blocking=False)
    lock.release()
    with pytest.raises(RuntimeError):
        lock.release()


@ENDED_BY
def test_a_thread_afterwards(end):
    leave = threading.Event()
    thread = threading.Thread(target=leave.wait, args=(PATIENCE,))
    thread.start()
    end(thread.join)
    # Up to 3.12 an interrupted join takes the thread for ended.
    assert thread.is_alive() or end is by_interrupt and sys.version_info < (3, 13)
    leave.set()
    thread.join()
    assert not thread.is_alive()


@ENDED_BY
def test_a_buffered_reader_afterwards(end, stack):
    reading, writing = pipe(stack)
    with open(os.dup(reading), "rb") as file:
        os.write(writing, b"one\ntwo")
        assert file.readline() == b"one\n"
        end(lambda: file.read(100))
        # It lost what it had for that call, and nothing that came later.
        os.write(writing, b"three\n")
        assert file.readline().endswith(b"three\n")


@ENDED_BY
def test_a_text_file_afterwards(end, stack):
    reading, writing = pipe(stack)
    with open(os.dup(reading), encoding="ascii") as file:
        end(file.readline)
        os.write(writing, b"three\n")
        assert file.readline() == "three\n"


@ENDED_BY
def test_a_simple_queue_afterwards(end):
    made = queue.SimpleQueue()
    end(made.get)
    made.put(1)
    assert made.get() == 1
    assert made.qsize() == 0
