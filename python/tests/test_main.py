"""``python -m shotclock`` runs programs as ``python`` does: compared with it, in interpreters of their own."""

import importlib.metadata
import os
import re
import signal
import subprocess
import sys
import zipfile

import pytest
import shotclock
from interpreter import PATIENCE, check, run

BENEATH = {"type": ("-m", "shotclock"), "graft": ("-m", "shotclock", "--graft")}

# What a program can see of how it was started.
FACTS = """
import sys
names = {name: value if isinstance(value, (str, dict, type(None))) else type(value).__name__
         for name, value in globals().items() if name != "sys"}
names.pop("names", None)
print(sorted(names.items()))
print(__spec__ and (__spec__.name, __spec__.origin, __spec__.parent))
print(__loader__ if isinstance(__loader__, type) else (type(__loader__), vars(__loader__).get("path")))
print(sys.argv, sys.path, sys.flags)
print(sys.modules["__main__"].__dict__ is globals(), __import__("__main__").__dict__ is globals())
print([name for name in ("socket", "ssl", "threading", "typing", "asyncio") if name in sys.modules])
"""

ENDINGS = {
    "well": "print('well')",
    "an exception": "def inner():\n    1 / 0\n\ninner()",
    "a chain of exceptions": "try:\n    1 / 0\nexcept Exception as error:\n    raise ValueError('x') from error",
    "a group of exceptions": "raise ExceptionGroup('several', [ValueError(1), TypeError(2)])",
    "an exception with a note": "e = ValueError('x'); e.add_note('noted'); raise e",
    "a failing import": "import nothing_of_this_name",
    "broken code": "x = 1\nif x\n",
    "exit": "import sys; sys.exit()",
    "exit with a number": "import sys; sys.exit(7)",
    "exit, and a callback that looks for the hook": (
        "import sys, atexit; atexit.register(lambda: print(sys.excepthook is sys.__excepthook__)); sys.exit(3)"
    ),
    "exit with a text": "import sys; sys.exit('the reason')",
    "exit with something": "raise SystemExit([1, 2])",
    "an interrupt": "raise KeyboardInterrupt",
    "the signal of an interrupt": (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nsignal.raise_signal(signal.SIGINT)"
    ),
    "another signal": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
    "at once": "import os; print('lost'); os._exit(4)",
    "a hook of its own": (
        "import sys, atexit, traceback\n"
        "def hook(kind, value, trace):\n"
        "    print(kind, value, len(traceback.extract_tb(trace)), value.__traceback__ is trace)\n"
        "    print(sys.last_value is value, sys.last_traceback is trace, sys.excepthook is hook)\n"
        "sys.excepthook = hook\n"
        "atexit.register(lambda: print(sys.excepthook is hook))\n"
        "1 / 0"
    ),
    "callbacks at exit": "import atexit\natexit.register(print, 'exit')\nprint('end')\n1 / 0",
    "a thread that outlives it": (
        "import threading\nmain = threading.main_thread()\n"
        "def late():\n    main.join()\n    print('late', threading.main_thread() is main)\n"
        "threading.Thread(target=late).start()"
    ),
    "a thread that fails": (
        "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join(); print('on')"
    ),
    "globals that are finalised": "class Last:\n    def __del__(self):\n        print('last')\nlast = Last()",
    "standard input": "import sys\nprint(repr(sys.stdin.read()))",
}


def outcome(done):
    # A thread's name in a traceback is a count; addresses differ by nature.
    hide = re.compile(r"0x[0-9a-f]+|Thread-\d+ \(\S+\)|-\d{10,}")
    return done.returncode, hide.sub("..", done.stdout), hide.sub("..", done.stderr)


def assert_alike(beneath, *words, flags=(), **options):
    """The program ends beneath us as it does by itself: the same output, byte for byte, and the same code."""
    plain = outcome(run(*flags, *words, **options))
    ours = outcome(run(*flags, *BENEATH[beneath], *words, **options))
    assert ours == plain
    return plain


@pytest.fixture(params=BENEATH)
def beneath(request):
    return request.param


@pytest.fixture(params=["script", "code", "module", "input", "folder", "zip", "compiled"])
def placed(request, tmp_path):
    """Puts a program text where each of the ways to run one finds it: gives words and options for `run`."""

    def place(text):
        if request.param == "code":
            return ["-c", text, "an argument"], {}
        if request.param == "input":
            return ["-", "an argument"], {"input": text}
        folder = tmp_path / "its folder"
        folder.mkdir(exist_ok=True)
        name = "__main__.py" if request.param in ("folder", "zip") else "program.py"
        (folder / name).write_text(text)
        if request.param == "module":
            return ["-m", "program", "an argument"], {"cwd": folder}
        if request.param == "folder":
            return ["its folder", "an argument"], {"cwd": tmp_path}
        if request.param == "zip":
            with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
                archive.writestr(name, text)
            return ["archive", "an argument"], {"cwd": tmp_path}
        if request.param == "compiled":
            compile_it = "import py_compile, sys; py_compile.compile(*sys.argv[1:], doraise=True)"
            is_broken = run("-c", compile_it, folder / name, folder / "program.pyc").returncode
            return [f"its folder/program.{'py' if is_broken else 'pyc'}"], {"cwd": tmp_path}
        return ["its folder/program.py", "an argument", "-m", "--timeout"], {"cwd": tmp_path}

    return place


def test_a_program_sees_what_it_sees_without_us(beneath, placed):
    words, options = placed(FACTS)
    *plain, imported_plain = outcome(run(*words, **options))[1].splitlines()
    *ours, imported = outcome(run(*BENEATH[beneath], *words, **options))[1].splitlines()
    assert ours == plain and len(ours) == 5
    # The own type is there before it: nothing more is imported for it. The graft needs the class it is put onto.
    assert imported == ("['socket']" if beneath == "graft" else imported_plain)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_program_ends_as_it_does_without_us(beneath, placed, ending):
    words, options = placed(ENDINGS[ending])
    assert_alike(beneath, *words, **options)


def test_an_interrupt_is_the_death_by_its_signal(beneath):
    assert assert_alike(beneath, "-c", "raise KeyboardInterrupt")[0] == -signal.SIGINT


def test_a_hook_that_fails_is_reported(beneath):
    program = "import sys\nsys.excepthook = lambda *a: {}[1]\n1 / 0"
    plain, ours = (run(*words, "-c", program) for words in ((), BENEATH[beneath]))
    assert ours.returncode == plain.returncode == 1
    assert "Error in sys.excepthook" in ours.stderr and "KeyError: 1" in ours.stderr
    assert "ZeroDivisionError" in ours.stderr


@pytest.mark.parametrize("flags", [("-I",), ("-P",), ("-E", "-s"), ("-O",), ("-X", "dev"), ("-u",), ("-B",)])
def test_the_interpreters_own_flags_go_on(placed, flags):
    words, options = placed(FACTS)
    if words[:2] == ["-m", "program"] and {"-I", "-P"} & set(flags):
        options["cwd"], words = None, ["-m", "this"]
    plain = outcome(run(*flags, *words, **options))
    ours = outcome(run(*flags, *BENEATH["type"], *words, **options))
    assert ours == plain


@pytest.mark.parametrize(
    "words",
    [
        ("nothing.py",),
        ("/nothing/at/all",),
        (".",),
        ("-m", "nothing_of_this_name"),
        ("-m", "xml"),
        ("-m", "sys"),
        ("-m", ".relative"),
        ("-c", "x = = 1"),
        ("link.py",),
    ],
)
def test_what_cannot_run_is_said_alike(beneath, tmp_path, words):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "real.py").write_text("import sys; print(sys.path[0], __file__, sys.argv)")
    (tmp_path / "link.py").symlink_to("elsewhere/real.py")
    plain, ours = (run(*before, *words, cwd=tmp_path) for before in ((), BENEATH[beneath]))
    assert ours.returncode == plain.returncode
    assert ours.stdout == plain.stdout
    assert (ours.stderr.splitlines() or [""])[-1] == (plain.stderr.splitlines() or [""])[-1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("latin.py", b"print('\xff')\n", "SyntaxError"),
        ("bad.pyc", b"nothing that was compiled", "bad magic number"),
    ],
)
def test_what_is_no_program_is_refused(tmp_path, name, content, said):
    # In words of its own: the interpreter reads files in another way than text.
    (tmp_path / name).write_bytes(content)
    plain, ours = (run(*before, name, cwd=tmp_path) for before in ((), BENEATH["type"]))
    assert (ours.returncode, ours.stdout) == (plain.returncode, plain.stdout)
    assert said.lower() in ours.stderr.lower() and said.lower() in plain.stderr.lower()
    assert "shotclock" not in ours.stderr


def test_without_a_standard_input_there_is_nothing_to_run(beneath):
    assert assert_alike(beneath, "-", preexec_fn=lambda: os.close(0)) == (0, "", "")


def test_code_may_be_joined_to_its_option(beneath):
    assert_alike(beneath, "-cprint(5)")
    assert_alike(beneath, "-mthis")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "nothing to run"),
        (("-m",), "-m: expected MODULE"),
        (("-c",), "-c: expected CODE"),
        (("--timeout",), "--timeout: expected SECONDS"),
        (("--timeout", "3"), "nothing to run"),
        (("--timeout", "soon", "-c", "print(1)"), "--timeout 'soon': expected seconds"),
        (("--timeout", "-1", "-c", "print(1)"), "--timeout '-1': expected seconds"),
        (("--timeout=nan", "-c", "print(1)"), "--timeout 'nan': expected seconds"),
        (("--timeout=inf", "-c", "print(1)"), "--timeout 'inf': expected seconds"),
        (("--timeout=1e300", "-c", "print(1)"), "--timeout '1e300': expected seconds"),
        (("--timeout=", "-c", "print(1)"), "--timeout '': expected seconds"),
        (("--graft=yes", "-c", "print(1)"), "--graft=yes: no such option"),
        (("-q", "-c", "print(1)"), "-q: no such option"),
        (("--what", "-c", "print(1)"), "--what: no such option"),
    ],
)
def test_a_wrong_command_line_is_refused(words, reason):
    done = run("-m", "shotclock", *words)
    assert (done.returncode, done.stdout) == (2, "")
    usage, said = done.stderr.splitlines()
    assert usage.startswith("usage: python -m shotclock")
    assert said.startswith(f"python -m shotclock: {reason}"), said


def test_help_version_and_status_are_said():
    for option in ("-h", "--help"):
        done = run("-m", "shotclock", option, "ignored.py")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("usage: ") and "--timeout" in done.stdout
        assert "cargo install --path crates/shotclock-cli" in done.stdout
    done = run("-m", "shotclock", "--version", "ignored.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"shotclock {shotclock.__version__}\n", "")
    assert shotclock.__version__ == importlib.metadata.version("shotclock")
    for beneath, line in (("type", "_socket of this process is shotclock's"), ("graft", "on the interpreter's own")):
        done = run(*BENEATH[beneath], "--status")
        assert (done.returncode, done.stderr) == (0, "")
        assert line in done.stdout and "not reached:" in done.stdout


def test_the_timeout_is_that_of_new_sockets(beneath):
    program = """
        import os, socket, sys
        one = socket.socket()
        print(socket.getdefaulttimeout(), one.gettimeout(), os.environ.get("SHOTCLOCK_TIMEOUT"), sys.argv)
    """
    words = BENEATH[beneath]
    assert check(program, beneath=words) == "None None None ['-c']\n"
    assert check(program, beneath=(*words, "--timeout", "2.5")) == "2.5 2.5 2.5 ['-c']\n"
    # As beneath an outer one that said something else.
    outer = {"SHOTCLOCK": "1", "SHOTCLOCK_TIMEOUT": "9"}
    assert check(program, beneath=(*words, "--timeout=3"), environment=outer).startswith("3.0 3.0 3.0")
    assert check(program, beneath=words, environment=outer).startswith("9.0 9.0 9")
    assert check(program, beneath=words, environment={"SHOTCLOCK_TIMEOUT": "9"}).startswith("9.0 9.0 9")
    # Zero is what it is everywhere: never to wait.
    assert check(program, beneath=(*words, "--timeout", "0")).startswith("0.0 0.0")
    refused = run(*words, "-c", "print(1)", environment={"SHOTCLOCK_TIMEOUT": "soon"})
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "SHOTCLOCK_TIMEOUT='soon'" in refused.stderr


def test_a_program_that_found_socket_imported_is_grafted(tmp_path):
    # As a start-up file of somebody else does.
    (tmp_path / "sitecustomize.py").write_text("import socket\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    program = "import shotclock, socket; print(shotclock.status().mount, 'recv' in vars(socket.socket))"
    assert check(program, beneath=("-m", "shotclock"), environment={"PYTHONPATH": path}) == "graft True\n"


def test_it_runs_beneath_itself(beneath):
    program = "import shotclock, socket; print(shotclock.status().mount)"
    assert check(program, beneath=BENEATH["type"] * 2) == "type\n"
    assert check(program, beneath=BENEATH["graft"] * 2) == "graft\n"


def test_multiprocessing_finds_its_main_program(beneath, tmp_path):
    (tmp_path / "program.py").write_text(
        """
import multiprocessing, socket

def answer(end, number):
    import shotclock
    end.sendall(b"%d %s" % (number + 1, str(shotclock.status().mount).encode()))

if __name__ == "__main__":
    for method in ("spawn", "fork"):
        context = multiprocessing.get_context(method)
        one, other = socket.socketpair()
        child = context.Process(target=answer, args=(other, 41))
        child.start()
        other.close()
        print(one.makefile().read())
        child.join()
        one.close()
"""
    )
    for words in (["program.py"], ["-m", "program"]):
        done = run("-W", "ignore", *BENEATH[beneath], *words, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == ["42 graft", f"42 {beneath}"]


def test_a_pipe_can_be_read_while_it_runs(beneath):
    # Its standard streams are the ones it would have.
    program = "import sys\nfor line in sys.stdin:\n    print(line.upper(), end='', flush=True)"
    command = [sys.executable, *BENEATH[beneath], "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for word in ("one", "two"):
            print(word, file=process.stdin, flush=True)
            assert process.stdout.readline() == word.upper() + "\n"
        process.stdin.close()
        assert process.wait(timeout=PATIENCE) == 0
