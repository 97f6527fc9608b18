"""The extension module for one interpreter alone, without the stable interface: it is built, and works with both mounts.

The wheel has one library for all interpreters. A build that cannot have it (PLATFORM says which) begins here.
"""

import os
import pathlib
import platform
import shutil
import subprocess
import sys
import sysconfig

import pytest
from interpreter import check

ROOT = pathlib.Path(__file__).parents[2]

# It is compiled, the first time with all that it is built of.
pytestmark = pytest.mark.timeout(600)

PROGRAM = """
import socket, sys, time
import shotclock
from shotclock import _native
assert _native.__file__.endswith(sys.argv[1]), _native.__file__
shotclock.install()
one, silent = socket.socketpair()
begun = time.monotonic()
with one, silent, shotclock.move_on_after(0.1) as scope:
    one.recv(1)
assert scope.expired and 0.1 <= time.monotonic() - begun < 10
print("works")
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A folder with the package over such a library."""
    cargo, built = shutil.which("cargo"), os.environ.get("SHOTCLOCK_BIN")
    if cargo is None or not built:
        pytest.skip("no cargo, or nowhere to build: run the tests by `cargo xtask test`")
    # What is compiled for a newer C library, in a Debian in a folder, does not run here.
    target = pathlib.Path(built).parents[1] / f"without-abi3-{platform.libc_ver()[1]}"
    build = [cargo, "build", "--package=shotclock-py", "--no-default-features", "--target-dir", target]
    environment = {**os.environ, "PYO3_PYTHON": sys.executable}
    done = subprocess.run(build, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT / "python" / "shotclock", folder / "shotclock")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    shutil.copy(target / "debug" / "libshotclock_native.so", folder / "shotclock" / f"_native{suffix}")
    return folder


@pytest.mark.parametrize("beneath", [(), ("-m", "shotclock")], ids=["graft", "type"])
def test_it_works_with_each_mount(beneath, package):
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    printed = check(PROGRAM, suffix, beneath=beneath, environment={"PYTHONPATH": package})
    assert printed == "works\n"
