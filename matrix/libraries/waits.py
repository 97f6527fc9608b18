"""The standard library's own waits for another thread or process, which does the talking."""

from __future__ import annotations

from collections.abc import Callable

from . import library


@library("queue.Queue.get", "telnet")
def queue_get(host: str, port: int) -> Callable[[], object]:
    import queue

    def ask() -> object:
        answers: queue.Queue[bytes] = queue.Queue()
        _in_a_thread(lambda: answers.put(_line(host, port)))
        return answers.get()

    return ask


@library("queue.SimpleQueue.get", "telnet")
def simple_queue_get(host: str, port: int) -> Callable[[], object]:
    import queue

    def ask() -> object:
        answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        _in_a_thread(lambda: answers.put(_line(host, port)))
        return answers.get()

    return ask


@library("concurrent.futures.Future.result", "telnet")
def future_result(host: str, port: int) -> Callable[[], object]:
    from concurrent.futures import Future

    def ask() -> object:
        future: Future[bytes] = Future()
        _in_a_thread(lambda: future.set_result(_line(host, port)))
        return future.result()

    return ask


@library("threading.Thread.join", "telnet")
def thread_join(host: str, port: int) -> Callable[[], object]:
    return lambda: _in_a_thread(lambda: _line(host, port)).join()


@library("subprocess.run", "telnet")
def subprocess_run(host: str, port: int) -> Callable[[], object]:
    import subprocess

    return lambda: subprocess.run(_talker(host, port), check=True, stdout=subprocess.DEVNULL)


@library("subprocess.run, its output", "telnet")
def subprocess_output(host: str, port: int) -> Callable[[], object]:
    import subprocess

    return lambda: subprocess.run(_talker(host, port), check=True, capture_output=True)


@library("subprocess.Popen, a line of its output", "telnet")
def popen_line(host: str, port: int) -> Callable[[], object]:
    import subprocess

    def ask() -> object:
        with subprocess.Popen(_talker(host, port), stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            try:
                return child.stdout.readline()
            finally:
                child.kill()

    return ask


@library("multiprocessing.Pipe", "telnet")
def multiprocessing_pipe(host: str, port: int) -> Callable[[], object]:
    import multiprocessing

    def ask() -> object:
        ours, theirs = multiprocessing.Pipe()
        _in_a_thread(lambda: theirs.send_bytes(_line(host, port)))
        return ours.recv_bytes()

    return ask


def _line(host: str, port: int) -> bytes:
    import socket

    with socket.create_connection((host, port)) as connection:
        return connection.makefile("rb").readline()


def _in_a_thread(work: Callable[[], object]):
    import threading

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _talker(host: str, port: int) -> list[str]:
    """A program that connects, and passes on each byte that comes."""
    import sys

    program = (
        "import os, socket, sys; connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "while byte := connection.recv(1): os.write(1, byte)"
    )
    return [sys.executable, "-I", "-S", "-c", program, host, str(port)]
