"""http.client, urllib and requests against http.server, in one process and in two, plain and over TLS."""

import filecmp
import os
import re

import pytest
import waits


@pytest.fixture(params=["plain", "tls"])
def certificates(request, authority):
    """Whether it is over TLS: what clients and servers are told of it."""
    client, server = authority
    return ([client], [server]) if request.param == "tls" else ([], [])


def test_urllib_and_http_client(serve_over, run_over, peers, programs, certificates):
    (client_mount, server_mount), (client, server) = peers, certificates
    _, port = serve_over(server_mount, programs / "web_server.py", *server)
    assert run_over(client_mount, programs / "web_client.py", port, *client) == ["done"]


def test_in_one_process(run_over, mount, programs, certificates):
    client, server = certificates
    assert run_over(mount, programs / "web_in_one_process.py", *server, *client) == ["done"]


def test_requests(serve_over, run_over, mount, programs, certificates, full_port):
    client, server = certificates
    _, port = serve_over(mount, programs / "web_server.py", *server)
    assert run_over(mount, programs / "requests_client.py", port, full_port, *client) == ["done"]


def test_the_server_that_python_comes_with(start_over, mount, tmp_path, prove):
    """`python -m http.server`: a module, not a script."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "large").write_bytes(os.urandom(5_000_000))
    server = start_over(mount, "-m", "http.server", "--bind", "127.0.0.1", "--directory", files, 0)
    port = re.search(r" port (\d+) ", server.line())[1]
    download = "import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])"
    client = start_over("stock", "-c", download, f"http://127.0.0.1:{port}/large", tmp_path / "copy")
    assert client.wait() == 0, client.rest("stderr")
    assert filecmp.cmp(files / "large", tmp_path / "copy", shallow=False)
    waits.interrupt(server.process)
    assert server.wait() == 0
    assert server.rest()[-1] == "Keyboard interrupt received, exiting."
    prove(server, mount)
