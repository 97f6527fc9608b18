"""`shotclock run` where the system refuses something, and for programs that are not as others."""

import errno
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import call_filter
import pytest

LIMIT, LATE, PATIENCE = 0.5, 3, 40
TESTS = pathlib.Path(__file__).parent

# Connects, reads a byte, by a library of its own if there is one, and says what that failed with.
CLIENT = """
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **words) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    char byte;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(s, (struct sockaddr *)&to, sizeof to)) return 2;
    if (count > 2) {
        void *library = dlopen(words[2], RTLD_NOW | RTLD_DEEPBIND);
        if (!library || ((long (*)(int))dlsym(library, "reads"))(s) >= 0) return 3;
    } else if (read(s, &byte, 1) >= 0) return 3;
    printf("%d\\n", errno);
    return 0;
}
"""
LIBRARY = "#include <unistd.h>\nlong reads(int s) { char byte; return read(s, &byte, 1); }\n"


@pytest.fixture
def folder():
    """A folder that every user can read from."""
    with tempfile.TemporaryDirectory(prefix="surroundings-") as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


@pytest.fixture
def client(folder):
    if not shutil.which("cc"):
        pytest.skip("programs in C: no compiler (Debian: gcc)")
    program = folder / "client"
    subprocess.run(["cc", "-x", "c", "-", "-o", program, "-ldl"], input=CLIENT, text=True, check=True)
    return program


@pytest.fixture
def port():
    """Of a peer that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def run(*words, before=(), environment=()):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SHOTCLOCK")}
    began = time.monotonic()
    done = subprocess.run(
        [*map(str, before), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=clean | dict(environment),
    )
    return done, time.monotonic() - began


def in_time(took, seconds=LIMIT):
    assert seconds <= took < seconds + LATE, took


def refused(*calls):
    """The words of a command beneath which the system refuses these calls."""
    program = f"""
import os, sys
sys.path.insert(0, {str(TESTS)!r})
import call_filter
try:
    call_filter.install(call_filter.refusing(*{calls!r}))
except OSError:
    sys.exit(call_filter.NO_FILTER)
os.execv(sys.argv[1], sys.argv[1:])
"""
    return [sys.executable, "-c", program]


def test_a_warden_that_may_not_look_says_so_and_the_total_holds(shotclock, client, port):
    before = refused("pidfd_getfd")
    done, took = run(shotclock, "run", "--timeout", LIMIT, "--total", 3 * LIMIT, "--", client, port, before=before)
    if done.returncode == call_filter.NO_FILTER:
        pytest.skip("filters of the system's calls: none can be had here")
    in_time(took, 3 * LIMIT)
    assert done.returncode == 124 and "its descriptors cannot be had: Operation not permitted" in done.stderr, done


def test_a_program_that_may_not_ask_sees_a_reset_in_time(shotclock, port):
    # A loader opens files: the filter comes later.
    program = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import call_filter, socket
peer = socket.create_connection(("127.0.0.1", {port}))
try:
    call_filter.install(call_filter.refusing("getsockopt", "openat"))
except OSError:
    sys.exit(call_filter.NO_FILTER)
try:
    peer.recv(1)
except OSError as error:
    print(error.errno)
"""
    done, took = run(shotclock, "run", "--timeout", LIMIT, "--", sys.executable, "-c", program)
    if done.returncode == call_filter.NO_FILTER:
        pytest.skip("filters of the system's calls: none can be had here")
    in_time(took)
    assert int(done.stdout) in (errno.ECONNRESET, errno.EPIPE), done


def test_a_library_that_binds_to_the_system_first_is_ended_all_the_same(shotclock, client, folder, port):
    library = folder / "reads.so"
    subprocess.run(["cc", "-x", "c", "-", "-shared", "-fPIC", "-o", library], input=LIBRARY, text=True, check=True)
    done, took = run(shotclock, "run", "--timeout", LIMIT, "--", client, port, library)
    in_time(took)
    assert int(done.stdout) in (errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT), done


def test_another_allocator_goes_along(shotclock, client, port):
    found = list(pathlib.Path("/usr/lib").glob("*/libjemalloc.so.2"))
    if not found:
        pytest.skip("another allocator: no jemalloc (Debian: libjemalloc2)")
    loaded = {"LD_PRELOAD": str(found[0])}
    done, took = run(shotclock, "run", "--timeout", LIMIT, "--", client, port, environment=loaded)
    in_time(took)
    assert int(done.stdout) == errno.ETIMEDOUT, done


@pytest.fixture
def nobody(folder, shotclock):
    """The words before what an ordinary user runs, and the command where that user can read it."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("programs of other users: needs root, and setpriv")
    command = folder / "shotclock"
    shutil.copy(shotclock, command)
    before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    kept = set(pathlib.Path("/tmp").glob("shotclock-65534-*"))
    yield before, command
    for folder in set(pathlib.Path("/tmp").glob("shotclock-65534-*")) - kept:
        shutil.rmtree(folder)


def test_an_ordinary_users_program_is_guarded_by_that_user(nobody, client, port):
    before, command = nobody
    done, took = run(command, "run", "--timeout", LIMIT, "--", client, port, before=before)
    in_time(took)
    assert (int(done.stdout), done.returncode) == (errno.ETIMEDOUT, 0), done


def test_a_setuid_program_is_said_to_be_out_of_reach_and_the_total_holds(nobody, client, port):
    before, command = nobody
    client.chmod(0o4755)
    done, took = run(command, "run", "--timeout", LIMIT, "--total", 3 * LIMIT, "--", client, port, before=before)
    if done.returncode == 0 and int(done.stdout) == errno.ETIMEDOUT:
        pytest.skip("setuid programs: the system starts them as any other here")
    in_time(took, 3 * LIMIT)
    assert done.returncode == 124, done
    said = r"no limits on the connections of client \(process \d+\): .*let it be looked at"
    assert re.search(said, done.stderr), done
