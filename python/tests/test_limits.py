"""Limits for a whole program that knows nothing of them: by the command line and by the environment."""

import pytest
from interpreter import check, run

TOTAL = 1.0
STARTED_LATE = "it has begun when the total was nearly over\n"
BENEATH = {"type": ("-m", "shotclock"), "graft": ("-m", "shotclock", "--graft")}

# What each call waits for comes never. `end` is when the total ends, or a moment before that, if the thread stood still
# between the two calls. An end that was swallowed comes as `Overdue` from a second after its first time on.
BEGIN = f"""
import os, socket, sys, threading, time
import shotclock
end = time.monotonic() + (left := shotclock.remaining())
if left < seconds / 4:
    sys.exit({STARTED_LATE.strip()!r})
""" + """
one, other = socket.socketpair()

def ends(call=lambda: one.recv(1)):
    begun = time.monotonic()
    try:
        call()
    except (TimeoutError, shotclock.Overdue) as error:
        ended = time.monotonic()
        assert ended >= end + (0 if isinstance(error, TimeoutError) else 1), (ended, end, error)
        assert ended - max(begun, end) <= 4, (ended, begun, end)
        assert error.limit == "program" and "the total time of the program" in str(shotclock.timeout_details(error))
        return error.scope
    raise AssertionError("it ended by itself")
"""


@pytest.fixture(params=["type", "graft", "environment"])
def total(request):
    """Runs a program with a total of so many seconds, which must end well."""

    def once(program, seconds):
        if request.param == "environment":
            return run("-c", program, environment={"SHOTCLOCK": "1", "SHOTCLOCK_TOTAL": str(seconds)})
        return run(*BENEATH[request.param], "--total", str(seconds), "-c", program)

    def total(program, seconds=TOTAL):
        # On a loaded machine the start of the interpreter may take most of it.
        for longer in (1, 4, 16):
            done = once(f"seconds = {seconds * longer}\n{BEGIN}{program}", seconds * longer)
            if done.stderr != STARTED_LATE:
                break
        assert (done.returncode, done.stderr) == (0, "")

    return total


def test_a_total_ends_everything_in_every_thread(total):
    total(
        """
assert left <= seconds
scopes = []
threads = [threading.Thread(target=lambda: scopes.append(ends())) for _ in range(2)]
for thread in threads:
    thread.start()
scopes.append(ends())
# From then on nothing waits, not even for a thread: a join would end as well.
while any(thread.is_alive() for thread in threads):
    os.sched_yield()
listener = socket.create_server(("127.0.0.1", 0))
scopes += [ends(listener.accept), ends(lambda: socket.getaddrinfo("localhost", 80)), ends(lambda: one.sendall(b"x"))]
assert len(scopes) == 6 and len(set(scopes)) == 1 and scopes[0].expired and shotclock.remaining() == 0
"""
    )


def test_nothing_in_the_program_outlives_it(total):
    total(
        """
with shotclock.shield():
    assert shotclock.remaining() <= left
    assert type(ends()) is shotclock.Scope
with shotclock.deadline(20) as scope:
    assert ends() is not scope
    assert not scope.expired
assert ends(lambda: socket.create_connection(one.getsockname() or ("127.0.0.1", 1), 20, all_errors=True)) is not None
"""
    )


def test_a_scope_that_ends_first_is_the_one_that_counts(total):
    total(
        """
with shotclock.move_on_after(0.05) as scope:
    one.recv(1)
assert scope.expired and shotclock.remaining() > 1
""",
        seconds=30,
    )


def test_children_have_what_is_left(tmp_path):
    program = """
        import multiprocessing, os, subprocess, sys, warnings
        def report(path):
            import socket, time, shotclock
            # It may stand still between the two calls: not each time.
            end = max(time.monotonic() + shotclock.remaining() for _ in range(100))
            with open(path, "a") as file:
                print(end, shotclock.get_lookup_timeout(), file=file)
        if __name__ == "__main__":
            warnings.simplefilter("ignore")
            path = sys.argv[1]
            import socket
            report(path)
            for method in multiprocessing.get_all_start_methods():
                process = multiprocessing.get_context(method).Process(target=report, args=(path,))
                process.start(); process.join()
                assert process.exitcode == 0, method
            child = "import sys; sys.path.insert(0, sys.argv[1]); import program; program.report(sys.argv[2])"
            subprocess.run([sys.executable, "-c", child, os.path.dirname(__file__), path], check=True)
            words = ["-m", "shotclock", "-c"]
            subprocess.run([sys.executable, *words, child, os.path.dirname(__file__), path], check=True)
    """
    script = tmp_path / "program.py"
    script.write_text("\n".join(line[8:] for line in program.splitlines()))
    asked = {"SHOTCLOCK": "1", "SHOTCLOCK_TOTAL": "300", "SHOTCLOCK_LOOKUP_TIMEOUT": "3"}
    words = ("--total=300", "--lookup-timeout", "3")
    for beneath, environment in (((), asked), ((*BENEATH["type"], *words), {}), ((*BENEATH["graft"], *words), {})):
        path = tmp_path / f"report {len(beneath)}"
        done = run(*beneath, script, path, environment=environment)
        assert (done.returncode, done.stderr) == (0, "")
        ends, lookups = zip(*(line.split() for line in path.read_text().splitlines()))
        # One moment, however the child was started.
        assert len(ends) == 6 and max(map(float, ends)) - min(map(float, ends)) < 0.05, ends
        assert set(lookups) == {"3.0"}


def test_the_earlier_of_two_totals_counts():
    inner = "import socket, shotclock; print(shotclock.remaining() <= 40, shotclock.remaining() <= 400)"
    outer = f"import os, subprocess, sys; sys.exit(subprocess.run([sys.executable, *sys.argv[1:], '-c', {inner!r}]).returncode)"
    for words, printed in (((), "False True"), (("-m", "shotclock", "--total", "40"), "True True")):
        assert check(outer, *words, beneath=("-m", "shotclock", "--total", "400")) == f"{printed}\n"
    assert check(outer, "-m", "shotclock", "--total", "400", beneath=("-m", "shotclock", "--total", "40")) == "True True\n"


def test_the_command_line_comes_before_the_environment():
    program = "import shotclock, socket; print(shotclock.get_lookup_timeout(), socket.getdefaulttimeout())"
    asked = {"SHOTCLOCK_LOOKUP_TIMEOUT": "3", "SHOTCLOCK_TIMEOUT": "4"}
    assert check(program, beneath=("-m", "shotclock"), environment=asked) == "3.0 4.0\n"
    words = ("-m", "shotclock", "--lookup-timeout", "1", "--timeout=2")
    assert check(program, beneath=words, environment=asked) == "1.0 2.0\n"
    assert check(program, environment=asked) == "None None\n"
    assert check(program, environment=asked | {"SHOTCLOCK": "1"}) == "3.0 4.0\n"


NUMBER = "expected seconds, more than 0, up to 9000000000"
BAD = [
    ("SHOTCLOCK_TOTAL", "soon", f"SHOTCLOCK_TOTAL='soon': {NUMBER}"),
    ("SHOTCLOCK_TOTAL", "0", f"SHOTCLOCK_TOTAL='0': {NUMBER}"),
    ("SHOTCLOCK_TOTAL", "nan", f"SHOTCLOCK_TOTAL='nan': {NUMBER}"),
    ("SHOTCLOCK_LOOKUP_TIMEOUT", "-1", f"SHOTCLOCK_LOOKUP_TIMEOUT='-1': {NUMBER}"),
    ("SHOTCLOCK_TOTAL_END", "1.5", "SHOTCLOCK_TOTAL_END='1.5': expected nanoseconds of the monotonic clock"),
]


@pytest.mark.parametrize(("variable", "value", "said"), BAD)
def test_what_cannot_be_used_is_said(variable, value, said):
    program = "import socket, shotclock; print(shotclock.status().mount, shotclock.remaining())"
    done = run("-c", program, environment={"SHOTCLOCK": "1", variable: value})
    assert (done.returncode, done.stdout, done.stderr) == (0, "graft None\n", f"shotclock: {said}; ignored\n")
    done = run("-m", "shotclock", "-c", program, environment={variable: value})
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.endswith(f"python -m shotclock: {said}\n")


@pytest.mark.parametrize("option", ["--total", "--lookup-timeout"])
def test_what_cannot_be_used_is_refused(option):
    for words in ((option, "0"), (f"{option}=0",)):
        done = run("-m", "shotclock", *words, "-c", "pass")
        assert done.returncode == 2 and done.stderr.endswith(f"python -m shotclock: {option} '0': {NUMBER}\n")
    done = run("-m", "shotclock", option)
    assert done.returncode == 2 and done.stderr.endswith(f"python -m shotclock: {option}: expected SECONDS\n")


def test_status_names_them():
    words = ("--timeout", "7", "--lookup-timeout", "0.5", "--total", "30", "--status")
    for beneath in BENEATH.values():
        done = run(*beneath, *words, environment={"SHOTCLOCK_ATTEMPT_DELAY": "none"})
        lines = done.stdout.splitlines()
        at = lines.index("limits:")
        assert lines[at + 1 : at + 3] == ["  new sockets: 7 s", "  each lookup: 0.5 s"]
        left = lines[at + 3].removeprefix("  the whole program: ").removesuffix(" s left")
        assert 20 < float(left) < 30, lines[at + 3]
        assert lines[at + 4] == "  connection attempts: one after another"
    assert "limits:" not in run("-m", "shotclock", "--status").stdout
    assert run("-m", "shotclock", "--help").stdout.count("--total") == 1


def test_a_program_without_sockets_pays_nothing_for_a_total():
    program = "import sys; print('shotclock._native' in sys.modules, 'shotclock._bounds.scope' in sys.modules)"
    assert check(program, environment={"SHOTCLOCK": "1", "SHOTCLOCK_TOTAL": "5"}) == "False False\n"
