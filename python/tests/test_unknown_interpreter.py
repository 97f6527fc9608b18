"""An interpreter that this release does not know: one clear sentence, and its own sockets stay as they are."""

import textwrap

import pytest
from interpreter import check, run

FIELDS = ["descriptor", "family", "type", "protocol", "timeout"]
# As if the interpreter were a newer one, in whose objects this field has moved.
PRETEND = """
import sys
from shotclock import _native
sys.version = "3.16.0 (of some day)"
real, moved = _native.layout, {moved}
_native.layout = lambda sock: (*(read := real(sock))[:moved], 7777, *read[moved + 1 :])
"""


def sentence(field):
    return f"does not know Python 3.16.0: the {field} of its socket objects is not where it was."


@pytest.mark.parametrize("field", FIELDS)
def test_it_is_refused_in_one_sentence_that_names_what_has_moved(field):
    check(
        PRETEND.format(moved=FIELDS.index(field))
        + textwrap.dedent(
            """
            import _socket, socket, ssl
            import shotclock
            def state():
                return {name: dict(vars(of)) for name, of in {
                    "module": _socket, "type": _socket.socket, "socket": socket.socket, "ssl": ssl.SSLSocket,
                    "file": socket.SocketIO, "functions": socket,
                }.items()}
            before = state()
            def enter():
                with shotclock.deadline(5):
                    raise AssertionError("entered")
            for way in (shotclock.install, enter, lambda: __import__("shotclock.socket")):
                try:
                    way()
                except ImportError as error:
                    assert sys.argv[1] in str(error) and "\\n" not in str(error), error
                else:
                    raise AssertionError("it was not refused")
            assert state() == before and sys.modules["_socket"] is _socket
            assert not shotclock._native.hooks() and not shotclock._native.is_bounded()
            # And they work.
            a, b = socket.socketpair()
            a.sendall(b"x")
            assert b.recv(2) == b"x"
            """
        ),
        sentence(field),
    )


def test_the_command_line_says_it_and_ends():
    program = PRETEND.format(moved=4) + "import runpy\nsys.argv = ['', '-c', 'print(1)']\nrunpy.run_module('shotclock')"
    done = run("-c", program.replace("run_module('shotclock')", "run_module('shotclock', run_name='__main__')"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("python -m shotclock: shotclock ") and sentence("timeout") in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("limits", [{}, {"SHOTCLOCK_TIMEOUT": "5"}], ids=["without limits", "with limits"])
def test_a_program_that_the_environment_grafts_goes_on(limits):
    # The variables are read by what runs here, not by the start of this interpreter.
    set_up = f"import os\nos.environ.update({limits | {'SHOTCLOCK': '1'}})\n"
    start = "from shotclock._program import startup\nstartup.run()\nimport socket\nprint(socket.getdefaulttimeout())\n"
    ask = "import shotclock\nprint(shotclock.status())"
    done = run("-c", set_up + PRETEND.format(moved=0) + start + ask)
    assert done.returncode == 0 and done.stdout.startswith("None\n"), done.stderr
    # Limits that do not hold are said at once, all else where it is asked for.
    assert [sentence("descriptor") in line for line in done.stderr.splitlines()] == [True] * len(limits)
    assert sentence("descriptor") in done.stdout


def test_one_that_was_built_without_a_kind_of_sockets_is_served():
    # As CPython is where the headers of the system lack AF_ALG; the type's own dictionary is behind a view of it.
    check(
        """
        import gc, _socket
        gc.get_referents(vars(_socket.socket))[0].pop("sendmsg_afalg")
        import shotclock
        shotclock.install()
        import socket
        from shotclock import socket as own
        for module in (socket, own):
            assert not hasattr(module.socket, "sendmsg_afalg")
            one, other = module.socketpair()
            with one, other:
                one.sendall(b"a")
                assert other.recv(1) == b"a"
        shotclock.uninstall()
        """
    )
