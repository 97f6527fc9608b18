"""What the start-up file does in every interpreter of the environment, in interpreters of their own."""

import pathlib
import sys
import textwrap

import pytest
from interpreter import check, run

ON = {"SHOTCLOCK": "1"}
LOADED = "sorted(name for name in sys.modules if name.startswith('shotclock'))"
FINDERS = "[finder for finder in sys.meta_path if type(finder).__module__.startswith('shotclock')]"
STATUS = "import shotclock; print(shotclock.status().mount)"


@pytest.mark.parametrize("value", [None, "", "0"])
def test_it_does_nothing_when_it_is_not_asked(value):
    program = f"""
        import sys
        loaded = {LOADED}
        import socket
        print(*loaded, len({LOADED}) - len(loaded), "recv" in vars(socket.socket), {FINDERS})
    """
    environment = {} if value is None else {"SHOTCLOCK": value}
    assert check(program, environment=environment) == "0 False []\n"


@pytest.mark.parametrize("flags", [(), ("-I",), ("-E",), ("-s",), ("-P",), ("-O",), ("-W", "error")])
def test_socket_is_grafted_when_it_is_imported(flags):
    program = f"""
        import sys
        assert "socket" not in sys.modules and "_socket" not in sys.modules and "shotclock._native" not in sys.modules
        assert len({FINDERS}) == 1
        import socket
        one, other = socket.socketpair()
        with one, other:
            one.send(b"x")
            print(other.recv(1), "recv" in vars(socket.socket))
        import ssl
        print("_ssl._SSLSocket.read" in sys.modules["shotclock"].status().replaced, {FINDERS})
    """
    assert check(program, beneath=flags, environment=ON) == "b'x' True\nTrue []\n"


# The file of the wheel; and, where the interpreter knows them (PEP 829), the kind that has to take its place in 3.18.
KINDS = {"own.pth": (pathlib.Path(__file__).parents[2] / "wheel-data/purelib/shotclock-startup.pth").read_text()}
if sys.version_info >= (3, 15):
    KINDS["own.start"] = "shotclock._program.startup:run\n"


@pytest.mark.parametrize("name", KINDS)
def test_a_start_up_file_of_either_kind_grafts(tmp_path, name):
    (tmp_path / name).write_text(KINDS[name])
    # The variable is set here, so that it is not the environment's own file that does it.
    program = """
        import os, site, sys
        os.environ["SHOTCLOCK"] = "1"
        site.addsitedir(sys.argv[1])
        import socket
        print("recv" in vars(socket.socket))
    """
    assert check(program, tmp_path) == "True\n"


@pytest.mark.parametrize("module", ["ssl", "asyncio", "http.client", "urllib.request", "multiprocessing.connection"])
def test_whatever_imports_socket_first(module):
    assert check(f"import {module}; {STATUS}", environment=ON) == "graft\n"
    # In whatever order: ssl imports socket in the middle of its own import.
    guarded = "'_ssl._SSLSocket.read' in shotclock.status().replaced"
    assert check(f"import sys, {module}, ssl, shotclock; print({guarded}, {FINDERS})", environment=ON) == "True []\n"


def test_it_reaches_children_of_every_kind(tmp_path):
    program = f"""
        import multiprocessing, os, subprocess, sys
        def status():
            import socket
            {STATUS}
        if __name__ == "__main__":
            child = {"import socket; " + STATUS!r}
            subprocess.run([sys.executable, "-c", child], check=True)
            subprocess.run([sys.executable, "-I", "-c", child], check=True)
            for method in multiprocessing.get_all_start_methods():
                process = multiprocessing.get_context(method).Process(target=status)
                process.start(); process.join()
                assert process.exitcode == 0, method
    """
    script = tmp_path / "program.py"
    script.write_text("\n".join(line[8:] for line in program.splitlines()))
    for words, environment in (((), ON), (("-m", "shotclock"), {}), (("-m", "shotclock", "--graft"), {})):
        done = run("-W", "ignore", *words, script, environment=environment)
        assert (done.returncode, done.stderr) == (0, "")
        # A forked child is what its parent is.
        kinds = done.stdout.split()
        assert len(kinds) == 5 and set(kinds) <= {"graft", "type"}, kinds
        assert kinds.count("type") == (1 if words == ("-m", "shotclock") else 0)


def test_the_timeout_comes_with_it():
    program = "import socket; print(socket.getdefaulttimeout(), socket.socket().gettimeout())"
    assert check(program, environment=ON | {"SHOTCLOCK_TIMEOUT": "2.5"}) == "2.5 2.5\n"
    assert check(program, environment=ON | {"SHOTCLOCK_TIMEOUT": ""}) == "None None\n"
    assert check(program, environment={"SHOTCLOCK_TIMEOUT": "2.5"}) == "None None\n"
    outer = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', sys.argv[1]]).returncode)"
    assert check(outer, program, beneath=("-m", "shotclock", "--timeout", "7")) == "7.0 7.0\n"


@pytest.mark.parametrize("interval", ["0.005", "1e-6"])
@pytest.mark.parametrize("first", ["ssl", "http.client"])
def test_limits_hold_whatever_two_threads_import(interval, first):
    program = f"""
        import sys, threading
        sys.setswitchinterval({interval})
        both = threading.Barrier(2)
        def work(name):
            both.wait()
            __import__(name)
        threads = [threading.Thread(target=work, args=(name,)) for name in ({first!r}, "socket")]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        import socket, ssl, shotclock
        guarded = "_ssl._SSLSocket.read" in shotclock.status().replaced
        print(socket.getdefaulttimeout(), shotclock.status().mount, guarded, {FINDERS})
    """
    for _ in range(3):
        assert check(program, environment=ON | {"SHOTCLOCK_TIMEOUT": "7"}) == "7.0 graft True []\n"


def test_limits_that_cannot_hold_are_said_aloud():
    program = """
        import sys
        sys.modules["shotclock._install.graft"] = None
        import socket
        print(socket.getdefaulttimeout())
    """
    for limit in ("SHOTCLOCK_TIMEOUT", "SHOTCLOCK_LOOKUP_TIMEOUT", "SHOTCLOCK_TOTAL"):
        done = run("-c", textwrap.dedent(program), environment=ON | {limit: "7"})
        assert (done.returncode, done.stdout) == (0, "None\n")
        (line,) = done.stderr.splitlines()
        assert line.startswith("shotclock: ") and "graft" in line and line.endswith("its limits do not hold")


@pytest.mark.parametrize(
    ("environment", "said", "printed"),
    [
        (ON | {"SHOTCLOCK_TIMEOUT": "soon"}, "shotclock: SHOTCLOCK_TIMEOUT='soon': expected seconds", "graft None"),
        (ON | {"SHOTCLOCK_TIMEOUT": "nan"}, "shotclock: SHOTCLOCK_TIMEOUT='nan': expected seconds", "graft None"),
        ({"SHOTCLOCK": "yes"}, "shotclock: SHOTCLOCK='yes': expected 1 or 0", "None None"),
    ],
)
def test_what_cannot_be_used_is_a_line_and_no_more(environment, said, printed):
    program = "import shotclock, socket; print(shotclock.status().mount, socket.getdefaulttimeout())"
    done = run("-c", program, environment=environment)
    assert (done.returncode, done.stdout) == (0, printed + "\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith(said) and line.endswith("ignored")


def test_it_may_run_again():
    program = """
        import sys
        from shotclock._program import startup
        before = list(sys.meta_path)
        startup.run(); startup.run()
        assert sys.meta_path == before
        import socket
        assert "recv" in vars(socket.socket)
        startup.run()
    """
    check(program, environment=ON)


def test_it_is_silent_without_its_extension(tmp_path):
    # As for an interpreter that refuses to load it.
    program = """
        import sys
        sys.modules["shotclock._native"] = None
        import socket, shotclock
        assert not shotclock.status().installed and "recv" not in vars(socket.socket)
        print(shotclock.status().refused)
    """
    assert "_native" in check(program, environment=ON)


def test_it_is_silent_in_a_subinterpreter():
    program = """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        program = '''if True:
            import socket, shotclock
            one, other = socket.socketpair()
            one.send(b"x")
            assert other.recv(1) == b"x"
            status = shotclock.status()
            assert not status.installed and status.mount is None and status.refused, status
        '''
        ours = interpreters.create()
        wrong = interpreters.run_string(ours, program)
        assert wrong is None, wrong
        interpreters.destroy(ours)
    """
    check(program, beneath=("-W", "ignore"), environment=ON)
    check(program, beneath=("-W", "ignore"))
    check(program, beneath=("-W", "ignore", "-m", "shotclock"))
