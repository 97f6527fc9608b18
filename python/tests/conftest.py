"""Fixtures: our programs, found by the environment, started on port 0 and always ended."""

import contextlib
import inspect
import os
import pathlib
import queue
import re
import socket
import subprocess
import textwrap
import threading

import interpreter
import pytest
import trustme
import waits

# For the tests of our own plugin.
pytest_plugins = ["pytester"]

# How long anything on this machine may take before a test calls it hung. Loose: only a hang should meet it.
PATIENCE = 20.0

LISTENING = re.compile(r"listening on (?P<host>\S+):(?P<port>\d+)\s*$")


class Program:
    """A running program whose output is read line by line while it runs, so that it never blocks on a full pipe."""

    def __init__(self, command, stdin=subprocess.DEVNULL):
        self.process = subprocess.Popen(
            [os.fspath(word) for word in command],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._queues = {"stdout": queue.Queue(), "stderr": queue.Queue()}
        self._readers = [
            threading.Thread(target=self._read, args=(name,), daemon=True) for name in self._queues
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name):
        with getattr(self.process, name) as pipe:
            for line in pipe:
                self._queues[name].put(line.rstrip("\n"))
        self._queues[name].put(None)

    def line(self, stream="stdout"):
        """The next line of the stream; None at its end."""
        try:
            return self._queues[stream].get(timeout=PATIENCE)
        except queue.Empty:
            pytest.fail(f"{self.process.args}: no line on {stream} in {PATIENCE} s")

    def rest(self, stream="stdout"):
        """All lines up to the end of the stream."""
        return list(iter(lambda: self.line(stream), None))

    def port(self):
        """The port that the server says it listens on, in the first line of its talk."""
        first = self.line("stderr")
        found = LISTENING.search(first or "")
        assert found, f"{self.process.args}: expected 'listening on HOST:PORT', got {first!r}"
        return int(found["port"])

    def wait(self):
        """The exit code."""
        try:
            return self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self.process.args}: still runs after {PATIENCE} s")

    def end(self):
        """Ends it, whatever it is doing."""
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()


def _path(variable):
    value = os.environ.get(variable)
    if not value:
        pytest.exit(f"{variable} is not set: run the tests by `cargo xtask test`", returncode=3)
    path = pathlib.Path(value)
    if not path.exists():
        pytest.exit(f"{variable}={value}: no such file or folder", returncode=3)
    return path


@pytest.fixture(scope="session")
def shotclock():
    """The command."""
    return _path("SHOTCLOCK_BIN")


@pytest.fixture(scope="session")
def examples():
    """The folder of the example programs."""
    return _path("SHOTCLOCK_EXAMPLES")


@pytest.fixture
def start():
    """Starts a program that is ended with the test: `start(path, "127.0.0.1", 0)`."""
    with contextlib.ExitStack() as programs:

        def start(*command, **options):
            program = Program([str(word) for word in command], **options)
            programs.callback(program.end)
            return program

        yield start


@pytest.fixture
def serve(start):
    """Starts a server on a port of the system's choice; gives the program and its port."""

    def serve(path, *arguments):
        server = start(path, "127.0.0.1", 0, *arguments)
        return server, server.port()

    return serve


@pytest.fixture
def patience():
    """The limit for sockets of the test's own."""
    return PATIENCE


@pytest.fixture
def connect(patience):
    """Connects by Python's own socket."""
    opened = []

    def connect(port):
        client = socket.create_connection(("127.0.0.1", port), timeout=patience)
        opened.append(client)
        return client

    yield connect
    for client in opened:
        client.close()


@pytest.fixture(scope="session")
def certificate(certificates):
    """A TLS server's key and certificate in one file."""
    return certificates[0]


@pytest.fixture(params=["graft", "type"])
def run_with_waits(request, certificate):
    """Runs a program in an interpreter of its own, over each mount, with all of `waits` at hand."""
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]
    begin = "import errno, gc\nimport shotclock\nshotclock.install()\n" + inspect.getsource(waits)

    def run_program(program):
        environment = {"CERTIFICATE": os.fspath(certificate)}.items()
        return interpreter.check(begin + textwrap.dedent(program), beneath=beneath, environment=environment)

    return run_program


@pytest.fixture
def datagram_socket(patience):
    """A datagram socket of Python's own, bound to a port of the system's choice."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.settimeout(patience)
        own.bind(("127.0.0.1", 0))
        yield own


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A TLS server's key and certificate in one file, and the certificate of who vouches for it in another."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    return folder / "server.pem", folder / "authority.pem"
