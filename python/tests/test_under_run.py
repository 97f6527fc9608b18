"""Programs in Python beneath `shotclock run`: scopes end what libraries in C look up, and the limits of both agree."""

import inspect
import time

import overdue
import pytest
import starved
from dead_name_server import SYSTEM_FILES
from namespace import Namespace

BEGIN = inspect.getsource(starved) + inspect.getsource(overdue) + """
dead = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dead.bind(("127.0.0.1", 53))
LIMIT = 0.3
EAI_FAIL = -4

def c_lookup(name=b"slow.example"):
    found = ctypes.c_void_p()
    gave = libc.getaddrinfo(name, b"80", None, ctypes.byref(found))
    if gave == EAI_FAIL:
        raise OSError(errno.ETIMEDOUT, "no answer")
    return gave

def datagram_client():
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(dead.getsockname())
    return client
"""


@pytest.fixture
def beneath(tmp_path, shotclock):
    """Gives what runs programs beneath `shotclock run` with these options, where no name server answers."""

    def beneath(*options, mount="graft"):
        command = (str(shotclock), "run", *options, "--")
        return Namespace(tmp_path, mount, SYSTEM_FILES, BEGIN, command=command).run

    return beneath


@pytest.mark.parametrize("options", [("--timeout", "40"), ("--timeout", "none")])
@pytest.mark.parametrize("mount", ["graft", "type"])
def test_a_lookup_in_c_ends_with_its_scope(beneath, mount, options):
    beneath(*options, mount=mount)(
        """
        for _ in range(2):
            with silence(), takes(LIMIT):
                try:
                    with shotclock.deadline(LIMIT) as scope:
                        c_lookup()
                except TimeoutError as error:
                    assert error.scope is scope and scope.expired and error.phase == "library"
                    assert error.__cause__.errno == errno.ETIMEDOUT and error.elapsed >= LIMIT
                else:
                    raise AssertionError("it did not end")
        with silence(), takes(LIMIT), shotclock.move_on_after(LIMIT) as scope:
            c_lookup()
        assert scope.expired
        # Lookups that are answered are, also after that.
        with shotclock.deadline(PATIENCE):
            assert c_lookup(b"localhost") == 0
        assert c_lookup(b"localhost") == 0
        """
    )


def test_of_nested_scopes_the_earlier_end_counts_and_a_shield_holds(beneath):
    beneath("--lookup-timeout", "1.5")(
        """
        for outer, inner in (LIMIT, 9), (9, LIMIT):
            with takes(LIMIT), shotclock.move_on_after(outer) as around, shotclock.move_on_after(inner) as within:
                c_lookup()
            assert (around.expired, within.expired) == (outer < inner, inner < outer)
        # The lookup's own limit is the run's.
        with takes(1.5), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with shotclock.deadline(LIMIT), shotclock.shield():
                try:
                    c_lookup()
                except OSError as error:
                    assert error.errno == errno.ETIMEDOUT and not isinstance(error.__cause__, OSError)
        """,
        said="no answer for 1.5",
    )


def test_a_canceller_ends_a_lookup_in_c(beneath):
    beneath("--timeout", "none")(
        """
        canceller = shotclock.Canceller()
        threading.Timer(LIMIT, canceller.cancel).start()
        with takes(LIMIT):
            try:
                with canceller:
                    c_lookup()
            except shotclock.Cancelled as error:
                assert error.__cause__.errno == errno.ETIMEDOUT
            else:
                raise AssertionError("it did not end")
        """
    )


def test_only_the_scopes_own_thread_is_reached_and_a_forked_child_is(beneath):
    beneath("--timeout", "1.2")(
        """
        took = []
        def elsewhere():
            began = time.monotonic()
            try:
                c_lookup()
            except OSError:
                took.append(time.monotonic() - began)
        threads = [threading.Thread(target=elsewhere) for _ in range(3)]
        for thread in threads:
            thread.start()
        with shotclock.move_on_after(LIMIT):
            c_lookup()
        for thread in threads:
            thread.join()
        assert len(took) == 3 and min(took) >= 1.1, took

        with takes(LIMIT), shotclock.move_on_after(LIMIT) as scope:
            child = os.fork()
            try:
                c_lookup()
            except OSError:
                if not child:
                    os._exit(7)
                raise
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        """,
        said="no answer for 1.2",
    )


def test_a_wait_in_c_for_a_datagram_ends_with_its_scope(beneath):
    beneath("--timeout", "30")(
        """
        for wait in c_recv, waits_in_c(c_poll), waits_in_c(c_select), waits_in_c(c_epoll):
            with silence(), takes(LIMIT):
                try:
                    with shotclock.deadline(LIMIT), datagram_client() as client:
                        wait(client)
                except TimeoutError as error:
                    assert error.phase == "library" and error.__cause__.errno == errno.ETIMEDOUT
                else:
                    raise AssertionError("it did not end")
        # By the call that receives many nothing came either.
        try:
            with shotclock.deadline(LIMIT), datagram_client() as client:
                messages = (ctypes.c_size_t * 16)()
                gave = libc.recvmmsg(client.fileno(), messages, 2, 0, None)
                assert (gave, ctypes.get_errno()) == (-1, errno.ETIMEDOUT), gave
        except TimeoutError:
            pass
        # A connection that the scope has ended is said to be late, too.
        ours, theirs = pair()
        try:
            with shotclock.deadline(LIMIT):
                c_recv(ours)
        except TimeoutError as error:
            assert error.__cause__.errno == errno.ETIMEDOUT, error.__cause__
        """
    )


def test_a_driver_that_looks_up_in_c_ends_with_its_scope(beneath):
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed")
    beneath("--timeout", "30")(
        """
        import psycopg2
        for _ in range(2):
            with silence(), takes(LIMIT):
                try:
                    with shotclock.deadline(LIMIT) as scope:
                        psycopg2.connect(host="slow.example", dbname="x")
                except TimeoutError as error:
                    assert error.scope is scope and isinstance(error.__cause__, psycopg2.OperationalError)
                else:
                    raise AssertionError("it did not end")
        """
    )


WAITS = {
    "a socket": "ours, theirs = socket.socketpair(); ours.recv(1)",
    "a lookup": "socket.getaddrinfo('slow.example', 80)",
    "C": "c_lookup()",
    "a connection in C": "ours, theirs = pair(); c_recv(ours)",
    "a sleep": "time.sleep(60)",
}


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize(("outer", "inner", "code"), [("1", "40", 124), ("40", "1", 1)])
def test_of_two_totals_the_earlier_ends_the_program_and_says_so_once(tmp_path, shotclock, wait, outer, inner, code):
    command = (str(shotclock), "run", "--total", outer, "--")
    namespace = Namespace(tmp_path, "type", SYSTEM_FILES, BEGIN, command=command)
    began = time.monotonic()
    done = namespace.done(WAITS[wait], "--total", inner)
    took = time.monotonic() - began
    assert 1 <= took < 4, (took, done)
    assert done.returncode == code, done
    # In C it is the library's own error.
    assert done.stderr.count("TimeoutError") == 1 and "shotclock: " not in done.stderr, done.stderr


def test_the_total_ends_a_program_that_does_not_keep_to_it(tmp_path, shotclock):
    command = (str(shotclock), "run", "--total", "1", "--")
    namespace = Namespace(tmp_path, "graft", SYSTEM_FILES, BEGIN, command=command)
    done = namespace.done("ours, theirs = pair(); ours.recv(1)")
    assert done.returncode == 124 and "(total)" in done.stderr, done
