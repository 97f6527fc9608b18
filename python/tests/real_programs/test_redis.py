"""redis-py against a real redis-server, over TCP and over a local socket."""

import shutil
import socket

import pytest

# The server cannot take a port of the system's choice, so somebody may be quicker.
TRIES = 5


@pytest.fixture
def redis_server(start, tmp_path):
    """The URLs of a server of this test's own."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    path = tmp_path / "redis.sock"
    for _ in range(TRIES):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = start(
            "redis-server", "--bind", "127.0.0.1", "--port", port, "--unixsocket", path, "--dir", tmp_path, "--save", ""
        )
        if any("Ready to accept connections" in line for line in iter(server.line, None)):
            return {"tcp": f"redis://127.0.0.1:{port}/0", "unix": f"unix://{path}?db=0"}
    pytest.fail(f"no server in {TRIES} tries")


@pytest.mark.parametrize("family", ["tcp", "unix"])
def test_redis(run_over, mount, programs, redis_server, family):
    assert run_over(mount, programs / "redis_client.py", redis_server[family]) == ["done"]
