"""Fixtures: programs that know nothing of shotclock, run over both of its mounts, and over the stock module.

A run over the stock module proves the program; one over ours must do the same. That it was over ours, the interpreter
itself writes down when it ends (``proof/sitecustomize.py``).
"""

import contextlib
import pathlib
import socket
import sys

import pytest
import trustme
import waits

HERE = pathlib.Path(__file__).parent
PROGRAMS = HERE / "programs"

# What stands between the interpreter and the program's own words.
MOUNTS = {
    "stock": (),
    "graft": (HERE / "proof" / "grafted.py",),
    "type": ("-m", "shotclock"),
}
# What a client and its server run over: ours on one side, and not on the other.
PEERS = [pair for ours in ("graft", "type") for pair in ((ours, "stock"), ("stock", ours))]


@pytest.fixture(params=MOUNTS)
def mount(request):
    """What the program runs over."""
    return request.param


@pytest.fixture(params=PEERS, ids="-".join)
def peers(request):
    """What a client and its server run over, of which one is ours and the other is not."""
    return request.param


@pytest.fixture
def programs():
    """The folder of the programs of these tests."""
    return PROGRAMS


@pytest.fixture(autouse=True)
def proofs(monkeypatch, tmp_path):
    """The folder in which each interpreter leaves its proof; with it, the environment of all programs."""
    folder = tmp_path / "proofs"
    folder.mkdir()
    monkeypatch.setenv("SHOTCLOCK_TEST_PROOF", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(HERE / "proof"))
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    # A socket left open shows on standard error.
    monkeypatch.setenv("PYTHONWARNINGS", "default::ResourceWarning")
    # What the machine says of proxies and authorities is for other traffic.
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "SHOTCLOCK"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def start_over(start, proofs):
    """Starts a program: `start_over("graft", path, "127.0.0.1", 0)`."""

    def start_over(mount, *words):
        return start(sys.executable, *MOUNTS[mount], *words)

    return start_over


@pytest.fixture
def prove(proofs):
    """Asserts that a program, which has ended, was over this."""

    def prove(program, mount):
        assert (proofs / str(program.process.pid)).read_text() == mount

    return prove


@pytest.fixture
def run_over(start_over, prove):
    """Runs a program to its end, which must be a good one and leave nothing open; gives the lines it prints."""

    def run_over(mount, *words):
        program = start_over(mount, *words)
        lines, complaints = program.rest(), program.rest("stderr")
        assert (program.wait(), complaints) == (0, []), "\n".join(lines + complaints)
        prove(program, mount)
        return lines

    return run_over


@pytest.fixture
def serve_over(start_over, prove):
    """Starts a server on a port of the system's choice, and interrupts it at last; gives the program and its port."""
    servers = []

    def serve_over(mount, *words):
        server = start_over(mount, *words)
        servers.append((server, mount))
        return server, server.port()

    yield serve_over
    for server, mount in servers:
        waits.interrupt(server.process)
        server.wait()
        prove(server, mount)


@pytest.fixture
def silent_port():
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def full_port():
    """A port that takes no more connections, and does not refuse them either: each waits."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # One more than fits, which shows that it is full.
        with pytest.raises(TimeoutError):
            for _ in range(100):
                client = opened.enter_context(socket.socket())
                client.settimeout(0.1)
                client.connect(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture
def refusing_port():
    """A port that refuses: somebody has it, and does not listen."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield nobody.getsockname()[1]


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """The file of a certificate authority, and that of a server's key and certificate for localhost."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    return folder / "authority.pem", folder / "server.pem"
