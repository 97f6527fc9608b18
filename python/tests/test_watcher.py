"""Scopes that are over while their thread sits in a library in C, or computes: the thread that looks after them.

Each program runs in an interpreter of its own, with the calls of `overdue` at hand.
"""

import inspect
import sys
import textwrap

import overdue
import pytest
import starved
from interpreter import check, run

BEGIN = inspect.getsource(starved) + inspect.getsource(overdue)


def is_known():
    try:
        with open("/proc/thread-self/syscall"):
            return True
    except OSError:
        return False


@pytest.fixture(autouse=True)
def readable():
    if not is_known():
        pytest.skip("/proc does not say what threads sit in")


@pytest.fixture(params=["graft", "type"])
def run_overdue(request):
    """Runs a program over each mount."""
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]
    return lambda program, beneath_too=(): check(BEGIN + textwrap.dedent(program), beneath=[*beneath_too, *beneath])


def alone(program, beneath=(), **options):
    return check(BEGIN + textwrap.dedent(program), beneath=beneath, **options)


def test_a_connection_that_c_waits_for_ends_with_the_scope(run_overdue):
    run_overdue("""
        for wait in (c_recv, waits_in_c(c_poll), waits_in_c(c_select), waits_in_c(c_epoll)):
            ours, theirs = pair()
            with silence(), takes(0.3):
                try:
                    with shotclock.deadline(0.3) as scope:
                        wait(ours)
                except TimeoutError as error:
                    assert error.scope is scope and scope.expired and shotclock.expired_scope(error) is scope
                    assert isinstance(error.__cause__, (OSError, EOFError)) and error.limit == "scope"
                    assert shotclock.timeout_details(error).phase == "library" and 0.3 <= error.elapsed < 0.3 + LATE
                else:
                    raise AssertionError("it did not end")
            ours, theirs = pair()
            with silence(), takes(0.3), shotclock.move_on_after(0.3) as scope:
                wait(ours)
            assert scope.expired
    """)


def test_a_unix_stream_and_a_connect_end_too():
    alone("""
        ours, theirs = socket.socketpair()
        with takes(0.2), shotclock.move_on_after(0.2) as scope:
            c_recv(ours)
        assert scope.expired and theirs.recv(1) == b""

        # A listener whose queue is full: the system drops what asks to connect.
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            others = [socket.socket() for _ in range(4)]
            for other in others:
                other.setblocking(False)
                other.connect_ex(listener.getsockname())
            address = struct.pack("!HH4s8x", 0, listener.getsockname()[1], socket.inet_aton("127.0.0.1"))
            address = struct.pack("=H", socket.AF_INET) + address[2:]
            with socket.socket() as ours, takes(0.2), shotclock.move_on_after(0.2) as scope:
                failed(libc.connect(ours.fileno(), address, len(address)))
            assert scope.expired
            # Of the listener nothing was ended.
            assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    """)


def test_what_is_not_the_scopes_business_stays(run_overdue):
    run_overdue("""
        ours, theirs = pair()
        with silence(), shotclock.deadline(0.05, waits="python"):
            assert c_poll(ours, 400) == 0
        with silence(), shotclock.deadline(0.05, waits=False):
            assert c_poll(ours, 400) == 0
        with silence(), shotclock.deadline(0.05), shotclock.shield():
            assert c_poll(ours, 400) == 0
        # Another thread is in no scope.
        with shotclock.deadline(0.05):
            other = threading.Thread(target=c_poll, args=(ours, 400))
            try:
                other.start()
                other.join()
            except TimeoutError:
                pass
        other.join()
        # It is over before its time.
        with shotclock.deadline(0.3):
            assert c_poll(ours, 1) == 0
        assert c_poll(ours, 500) == 0
        assert is_whole(ours, theirs)
        # A listener is nobody's connection.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with shotclock.deadline(0.05):
                assert c_poll(listener, 150) == 0
            socket.create_connection(listener.getsockname()).close()
    """)


def test_a_connection_that_another_thread_waits_for_stays():
    alone("""
        for other_waits in (c_recv, lambda sock: sock.recv(1)):
            ours, theirs = pair()
            copy = ours.dup()
            other = threading.Thread(target=other_waits, args=(copy,))
            other.start()
            with open(f"/proc/self/task/{other.native_id}/syscall") as said:
                until(lambda: said.seek(0) == 0 and said.read().split()[0] not in ("running", "202", "98"))
            with shotclock.deadline(0.05):
                assert c_poll(ours, 400) == 0
            assert is_whole(theirs, ours) and other.is_alive()
            theirs.send(b"y")
            other.join()
    """, beneath=("-W", "ignore"))


def test_a_task_that_waits_inside_a_scope_costs_no_other_its_connection():
    alone("""
        import asyncio
        async def sleeper():
            with shotclock.deadline(0.05):
                await asyncio.sleep(0.5)
        async def main(ours, theirs):
            reader, writer = await asyncio.open_connection(sock=ours)
            sleeps, reads = asyncio.create_task(sleeper()), asyncio.create_task(reader.read(1))
            await sleeps
            theirs.send(b"x")
            assert await reads == b"x"
            writer.close()
        with silence():
            asyncio.run(main(*pair()))
    """)


def test_the_programs_own_errors_are_its_own():
    alone("""
        class Own(Exception):
            pass
        def swallows(sock):
            try:
                c_recv(sock)
            except OSError:
                pass
        for scope in (shotclock.deadline, shotclock.move_on_after):
            for error in (Own(), ValueError(), KeyError(), SystemExit(), FileNotFoundError(2, "no")):
                try:
                    ours, theirs = pair()
                    with scope(0.1) as opened:
                        swallows(ours)
                        raise error
                except BaseException as raised:
                    assert raised is error
                else:
                    raise AssertionError(error)
                assert opened.expired
            for call in (lambda: int("x"), lambda: {}[1], lambda: open("/nowhere")):
                ours, theirs = pair()
                try:
                    with scope(0.1):
                        swallows(ours)
                        call()
                except (ValueError, KeyError, FileNotFoundError):
                    pass
                else:
                    raise AssertionError("it was swallowed")
    """)


def test_what_the_machine_does_meanwhile_is_not_the_program_s_doing(run_overdue):
    run_overdue("""
        import subprocess
        processor = min(os.sched_getaffinity(0))
        def kept_from_running():
            with open("/proc/thread-self/schedstat") as said:
                return int(said.read().split()[1]) / 1e9
        hog = f"import os; os.sched_setaffinity(0, {{{processor}}}); print(flush=True)\\nwhile True: pass"
        def work():
            # Beside the others this thread gets next to nothing of its processor.
            os.sched_setaffinity(threading.get_native_id(), {processor})
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
            before = kept_from_running()
            with shotclock.move_on_after(0.02):
                while kept_from_running() - before < 0.5:
                    pass
            told.append(before)
        told = []
        hogs = [subprocess.Popen([sys.executable, "-S", "-c", hog], stdout=subprocess.PIPE) for _ in range(2)]
        try:
            for each in hogs:
                each.stdout.readline()
            with silence():
                starving = threading.Thread(target=work)
                starving.start()
                starving.join()
            assert told
        finally:
            for each in hogs:
                each.kill()
                each.communicate()
    """)


def test_a_scope_that_cannot_hold_says_so_once(run_overdue):
    said = run_overdue("""
        def compute(seconds):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                pass
        def sleep_in_c(seconds):
            libc.usleep(int(seconds * 1e6))
        began = time.monotonic()
        for call in (compute, sleep_in_c):
            before = starved()
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                with shotclock.deadline(0.1):
                    call(1.2)
            [warning] = said
            assert warning.category is shotclock.OverdueWarning and issubclass(warning.category, RuntimeWarning)
            text = str(warning.message)
            begins, _, told = text.partition(" s, and cannot end")
            begins, _, overdue = begins.rpartition(" ")
            assert begins == "a deadline scope of 0.1 s is overdue by" and told, text
            assert 0.2 <= float(overdue) < 0.3 + starved() - before, text
            assert warning.filename == "<string>" and f"<string>:{warning.lineno}, in {call.__name__}" in text, text
        # What another module is at, and who of the program's called.
        import json
        def dumps():
            json.dumps([list(range(100))] * 50000, indent=1)
        # It may look in a moment between two calls.
        for _ in range(5):
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                with shotclock.deadline(0.05):
                    while not said:
                        dumps()
            [warning] = said
            if "json" in str(warning.message):
                break
        assert "json" in str(warning.message) and ", called from <string>:" in str(warning.message), str(warning.message)
        assert len(threading.enumerate()) == 1
    """)
    assert said == ""


def test_what_ends_in_time_or_never_waits_says_nothing(run_overdue):
    run_overdue("""
        with silence():
            # Without a wait nothing is late.
            with shotclock.deadline(0):
                libc.usleep(400_000)
            with shotclock.deadline(0.1):
                libc.usleep(200_000)
            with shotclock.move_on_after(0.05):
                time.sleep(5)
            # Whoever cleans up in waits of the interpreter's does so within the grace.
            lock = threading.Lock()
            lock.acquire()
            try:
                with shotclock.deadline(0.05):
                    try:
                        lock.acquire()
                    finally:
                        lock.acquire(timeout=0.01)
            except TimeoutError:
                pass
            else:
                raise AssertionError
            # Nor does who was told of the end and cleans up for a while.
            try:
                with shotclock.deadline(0.05):
                    try:
                        time.sleep(5)
                    finally:
                        libc.usleep(500_000)
            except TimeoutError:
                pass
            # One that was left is nobody's any more.
            for _ in range(3):
                scope = shotclock.deadline(0.05)
                with scope:
                    pass
            libc.usleep(400_000)
    """)


def test_a_warning_that_is_an_error_kills_nothing():
    done = run("-W", "error", "-c", BEGIN + textwrap.dedent("""
        shown = []
        sys.unraisablehook = lambda what: shown.append(what.exc_type)
        for _ in range(2):
            with shotclock.deadline(0.05):
                libc.usleep(400_000)
        assert shown == [shotclock.OverdueWarning] * 2, shown
        def broken(*_):
            raise SystemExit(3)
        warnings.resetwarnings()
        warnings.showwarning = broken
        with shotclock.deadline(0.05):
            libc.usleep(400_000)
        ours, theirs = pair()
        with shotclock.move_on_after(0.1):
            c_recv(ours)
        assert shown[2:] == [SystemExit], shown
    """))
    assert (done.returncode, done.stderr) == (0, "")


# Cancellers


CANCEL = """
def cancelled(call, delay=0.1):
    canceller = shotclock.Canceller()
    timer = threading.Timer(delay, canceller.cancel)
    timer.start()
    try:
        with canceller:
            call()
    except shotclock.Cancelled as error:
        assert error.canceller is canceller
        return error
    finally:
        timer.join()
    raise AssertionError("it did not end")
"""


def test_a_connection_that_c_waits_for_ends_with_a_cancellation(run_overdue):
    run_overdue(CANCEL + textwrap.dedent("""
        for wait in (c_recv, waits_in_c(c_poll), waits_in_c(c_select), waits_in_c(c_epoll)):
            ours, theirs = pair()
            with takes(0.1):
                error = cancelled(lambda: wait(ours))
            assert isinstance(error.__cause__, (OSError, EOFError)) and error.errno == errno.ECANCELED
        # It was used before.
        canceller = shotclock.Canceller()
        canceller.cancel()
        ours, theirs = pair()
        try:
            with takes(0), canceller:
                c_recv(ours)
        except shotclock.Cancelled as error:
            assert isinstance(error.__cause__, OSError)
        else:
            raise AssertionError
        # Whoever tries again is ended again.
        def again():
            for _ in range(5):
                ours, theirs = pair()
                try:
                    c_recv(ours)
                except OSError as error:
                    last = error
            raise last
        with takes(0.1):
            cancelled(again)
    """))


def test_most_cancellations_reach_c_within_20_ms():
    alone(CANCEL + textwrap.dedent("""
        def took():
            ours, theirs = pair()
            moments = []
            canceller = shotclock.Canceller()
            def cancel():
                time.sleep(0.05)
                moments.append(time.monotonic())
                canceller.cancel()
            other = threading.Thread(target=cancel)
            other.start()
            try:
                with canceller:
                    c_recv(ours)
            except shotclock.Cancelled:
                return time.monotonic() - moments[0]
            finally:
                other.join()
        times = sorted(took() for _ in range(15))
        assert times[len(times) // 2] < 0.04, times
    """))


def test_what_is_not_the_cancellers_business_stays(run_overdue):
    run_overdue(CANCEL + textwrap.dedent("""
        ours, theirs = pair()
        used, other = shotclock.Canceller(), shotclock.Canceller()
        used.cancel()
        with used, shotclock.shield():
            assert c_poll(ours, 300) == 0
        with other:
            used.cancel()
            assert c_poll(ours, 300) == 0
        with used:
            pass
        assert c_poll(ours, 300) == 0
        # Another thread is under none.
        waits = threading.Thread(target=c_poll, args=(ours, 300))
        waits.start()
        with used:
            libc.usleep(200_000)
        waits.join()
        assert is_whole(ours, theirs)
        # A listener is nobody's connection.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with used:
                assert c_poll(listener, 150) == 0
            socket.create_connection(listener.getsockname()).close()
    """))


def test_errors_of_the_programs_own_under_a_canceller_stay():
    alone(CANCEL + textwrap.dedent("""
        class Own(Exception):
            pass
        for error in (Own(), ValueError(), SystemExit(), FileNotFoundError(2, "no")):
            used = shotclock.Canceller()
            used.cancel()
            ours, theirs = pair()
            try:
                with used:
                    try:
                        c_recv(ours)
                    except OSError:
                        pass
                    raise error
            except BaseException as raised:
                assert raised is error
            else:
                raise AssertionError(error)
        # What is told of it by itself is told once.
        used = shotclock.Canceller()
        used.cancel()
        ours, theirs = pair()
        try:
            with used:
                try:
                    c_recv(ours)
                except OSError:
                    time.sleep(1)
        except shotclock.Cancelled as error:
            assert error.__cause__ is None
        else:
            raise AssertionError
    """))


def test_cancellers_that_nobody_uses_need_no_thread():
    alone("""
        from shotclock import _native
        shotclock.install()
        for _ in range(1000):
            with shotclock.Canceller():
                pass
        canceller = shotclock.Canceller()
        with canceller:
            assert threads() == 1 and _native.watcher() == 0
            canceller.cancel()
            with shotclock.shield():
                until(lambda: _native.watcher())
            assert threads() == 2
    """)


def test_there_is_one_thread_and_it_sleeps():
    alone("""
        from shotclock import _native
        assert threads() == 1 and _native.watcher() == 0
        shotclock.install()
        assert threads() == 1
        with shotclock.deadline(100, waits="python"), shotclock.Canceller(), shotclock.shield():
            assert threads() == 1
        for _ in range(1000):
            with shotclock.deadline(50), shotclock.deadline(100):
                pass
        until(lambda: _native.watcher())
        assert threads() == 2
        def sleeps():
            with open(f"/proc/self/task/{_native.watcher()}/status") as status:
                return int(next(line for line in status if line.startswith("voluntary")).split()[1])
        with open(f"/proc/self/task/{_native.watcher()}/status") as status:
            blocked = int(next(line for line in status if line.startswith("SigBlk")).split()[1], 16)
        assert blocked & (1 << signal.SIGINT - 1) and blocked & (1 << signal.SIGALRM - 1)
        time.sleep(0.1)
        # The first of them has it look sooner than before, which a busy machine lets it do late.
        with shotclock.deadline(100):
            time.sleep(0.2)
        before = sleeps()
        for _ in range(20000):
            with shotclock.deadline(100):
                pass
        assert sleeps() - before <= 2, sleeps() - before
        shotclock.uninstall()
        assert threads() == 1 and _native.watcher() == 0
        with shotclock.deadline(100):
            until(lambda: threads() == 2)
    """)


def test_a_fork_finds_no_thread_of_ours():
    alone("""
        from shotclock import _native
        def child(body):
            number = os.fork()
            if number == 0:
                status = 1
                try:
                    # One of its own at most, for the scope that it is in.
                    assert threads() <= 2
                    body()
                    status = 0
                finally:
                    os._exit(status)
            return number
        def ended(number):
            return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        def anew():
            ours, theirs = pair()
            with takes(0.1), shotclock.move_on_after(0.1) as scope:
                c_recv(ours)
            assert scope.expired
        with shotclock.deadline(100):
            until(_native.watcher)
            for _ in range(20):
                number = child(lambda: None)
                assert ended(number) == 0
            assert threads() == 2
            with shotclock.shield():
                assert ended(child(anew)) == 0
        # The child goes on in the block, which ends there too, and here.
        with takes(0.3), shotclock.move_on_after(0.3) as scope:
            number = os.fork()
            ours, theirs = pair()
            try:
                c_recv(ours)
            except OSError:
                if number == 0:
                    os._exit(7)
                raise
        assert scope.expired and ended(number) == 7
    """, beneath=("-W", "error::DeprecationWarning"))


def test_the_interpreter_ends_as_ever():
    # With threads in scopes that are over, in C and in Python, and an exit in the middle of it.
    program = """
        from shotclock import _native
        def in_c():
            while True:
                with shotclock.move_on_after(0.002):
                    c_poll(ours, 50)
        def in_python():
            while True:
                with shotclock.move_on_after(0.001):
                    sum(range(1000))
        def late():
            with shotclock.deadline(0.001):
                libc.usleep(PATIENCE * 1_000_000)
        warnings.simplefilter("ignore")
        ours, theirs = pair()
        for target in (in_c, in_c, in_python, in_python, late, late):
            threading.Thread(target=target, daemon=True).start()
        libc.usleep(int(sys.argv[1]) * 1000)
        print("over")
    """
    for milliseconds in (20, 50, 120, 195, 200, 205, 210, 230):
        assert alone(program.replace("sys.argv[1]", repr(milliseconds))) == "over\n"
    # Nor does anything wait for it.
    alone("""
        began = time.monotonic()
        shotclock.deadline(50).__enter__()
        def at_exit():
            with shotclock.deadline(1):
                pass
            if time.monotonic() - began > 10:
                os._exit(1)
        import atexit
        atexit.register(at_exit)
    """)


def test_thousands_of_threads_in_scopes():
    alone("""
        from shotclock import _native
        threading.stack_size(128 * 1024)
        go_on, inside = threading.Event(), threading.Semaphore(0)
        ended = []
        def work(number):
            with shotclock.deadline(1000):
                inside.release()
                go_on.wait()
            with shotclock.move_on_after(0.05 if number % 20 == 0 else 100) as scope:
                if number % 20 == 0:
                    c_recv(connections[number][0])
            ended.append(scope.expired)
        connections = {number: pair() for number in range(0, 1000, 20)}
        workers = [threading.Thread(target=work, args=(number,)) for number in range(1000)]
        for worker in workers:
            worker.start()
        for _ in workers:
            inside.acquire()
        assert threads() == len(workers) + 2
        go_on.set()
        for worker in workers:
            worker.join()
        assert sum(ended) == len(connections) and len(ended) == 1000
        until(lambda: threads() == 2)
    """, beneath=("-W", "ignore"))


def test_stress_whoever_leaves_in_time_loses_no_connection():
    """Threads whose calls in C return, and whose scopes are left, right when they are looked at; and numbers that are used
    again at once for connections that are in no scope, or in one that is not over.
    """
    ends, wholes = alone("""
        import random
        ends, wholes, broken = [], [], []
        until_when = time.monotonic() + 4
        def work(seed):
            chance = random.Random(seed)
            while time.monotonic() < until_when:
                ours, theirs = pair()
                number = ours.fileno()
                with shotclock.move_on_after(0.003) as scope:
                    # The first look is some 20 ms after the end.
                    c_poll(ours, chance.choice((21, 22, 23, 24, 25, 30)))
                (ends if scope.expired else wholes).append(number)
                ours.close()
                # The same number, mostly, for another connection, and the same call at the same place.
                again, peer = pair()
                with shotclock.deadline(100):
                    c_poll(again, chance.choice((1, 2, 3)))
                c_poll(again, chance.choice((1, 2, 3)))
                try:
                    if not is_whole(again, peer):
                        broken.append(number)
                except OSError as error:
                    broken.append(error)
                for each in (theirs, again, peer):
                    each.close()
        workers = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not broken, broken
        print(len(ends), len(wholes))
    """, beneath=("-W", "ignore")).split()
    assert int(ends) > 0 and int(wholes) > 0, (ends, wholes)


def test_the_total_of_a_program_ends_connections_of_its_main_thread():
    alone("""
        ours, theirs = pair()
        began = time.monotonic()
        with silence():
            try:
                c_recv(ours)
            except OSError:
                pass
            else:
                raise AssertionError("it did not end")
            assert shotclock.remaining() == 0 and time.monotonic() - began < PATIENCE
            # Nor does what it does after that warn.
            libc.usleep(400_000)
    """, beneath=("-m", "shotclock", "--total", "2"))


def test_uninstall_and_install_while_threads_are_in_scopes():
    alone("""
        stop = threading.Event()
        def work():
            while not stop.is_set():
                with shotclock.move_on_after(0.002):
                    libc.usleep(300)
        workers = [threading.Thread(target=work) for _ in range(6)]
        for worker in workers:
            worker.start()
        for _ in range(100):
            shotclock.uninstall()
            shotclock.install()
        stop.set()
        for worker in workers:
            worker.join()
    """)


def test_status_names_it():
    alone("""
        shotclock.install()
        assert "connections that libraries in C wait for" in shotclock.status().waits
        shotclock.uninstall()
        shotclock.install(waits=False)
        assert "connections that libraries in C wait for" not in shotclock.status().waits
        assert threads() == 1
        with silence(), shotclock.deadline(0.05):
            libc.usleep(400_000)
        assert threads() == 1
    """)


def test_without_proc_it_says_so_and_the_rest_holds():
    outcome = alone("""
        # A mount of its own, where this user may have one.
        NEWNS, PRIVATE, DETACH = 0x20000, 0x44000, 2
        is_gone = (
            libc.unshare(NEWNS) == 0
            and libc.mount(None, b"/", None, PRIVATE, None) == 0
            and libc.umount2(b"/proc", DETACH) == 0
        )
        if not is_gone:
            print("no")
            sys.exit()
        shotclock.install()
        [line] = [line for line in shotclock.status().not_reached if line.startswith("connections that")]
        assert line.endswith("/proc does not say what threads sit in"), line
        ours, theirs = pair()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with shotclock.deadline(0.05) as scope:
                assert c_poll(ours, 500) == 0
            assert not scope.expired
        assert [each.category for each in said] == [shotclock.OverdueWarning], said
        assert is_whole(ours, theirs)
        ours.close()
        theirs.close()
        print("yes")
    """)
    if outcome != "yes\n":
        pytest.skip("this user may not take /proc away")


def test_drivers_in_c_end_in_time():
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed")
    pytest.importorskip("pycurl", reason="pycurl is not installed")
    alone("""
        import psycopg2, pycurl
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            def database():
                psycopg2.connect(host="127.0.0.1", port=port, user="u", dbname="d")
            def web():
                curl = pycurl.Curl()
                curl.setopt(curl.URL, f"http://127.0.0.1:{port}/")
                curl.perform()
            for call, error in ((database, psycopg2.OperationalError), (web, pycurl.error)):
                with takes(0.3):
                    try:
                        with shotclock.deadline(0.3) as scope:
                            call()
                    except TimeoutError as raised:
                        assert isinstance(raised.__cause__, error) and raised.scope is scope
                    else:
                        raise AssertionError("it did not end")
                with takes(0.3), shotclock.move_on_after(0.3):
                    call()
    """)
