"""Lookups at a name server that never answers, in a network and with system files of their own."""

import time

import pytest
from dead_name_server import SYSTEM_FILES
from namespace import Namespace

BEGIN = """
dead = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dead.bind(("127.0.0.1", 53))
"""


@pytest.fixture(params=["graft", "type"])
def run(request, tmp_path):
    return Namespace(tmp_path, request.param, SYSTEM_FILES, BEGIN).run


def test_a_name_ends_with_the_timeout_of_the_socket_that_needs_it(run):
    run(
        """
        stream = socket.socket()
        stream.settimeout(LIMIT)
        with takes(LIMIT):
            times_out(lambda: stream.connect(("slow.example", 80)))
        with takes(LIMIT):
            # As in CPython, only what connect(2) itself says is a number.
            times_out(lambda: stream.connect_ex(("slow.example", 80)))
        with takes(LIMIT):
            times_out(lambda: stream.bind(("slow.example", 0)))
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagram.settimeout(LIMIT)
        with takes(LIMIT):
            times_out(lambda: datagram.sendto(b"x", ("slow.example", 80)))
        # What needs no name server is as quick as ever.
        listener = socket.create_server(("127.0.0.1", 0))
        with takes(0):
            stream.connect(("localhost", listener.getsockname()[1]))
        """
    )


def test_every_lookup_ends_with_its_scope(run):
    run(
        """
        import http.client, urllib.request
        lookups = [
            lambda: socket.getaddrinfo("slow.example", 80),
            lambda: socket.gethostbyname("slow.example"),
            lambda: socket.gethostbyname_ex("slow.example"),
            lambda: socket.gethostbyaddr("192.0.2.1"),
            lambda: socket.getnameinfo(("192.0.2.1", 80), 0),
            lambda: socket.create_connection(("slow.example", 80)),
            lambda: http.client.HTTPConnection("slow.example").request("GET", "/"),
        ]
        for lookup in lookups:
            with takes(LIMIT), shotclock.deadline(LIMIT) as scope:
                times_out(lookup, scope)
            assert scope.expired
        with takes(LIMIT):
            try:
                with shotclock.deadline(LIMIT) as scope:
                    urllib.request.urlopen("http://slow.example/")
            except OSError as error:
                assert shotclock.expired_scope(error) is scope
        with shotclock.deadline(0.0) as scope:
            times_out(lambda: socket.getaddrinfo("localhost", 80), scope)
        """
    )


def test_the_lookup_of_a_socket_that_never_waits_ends_with_its_scope(run):
    run(
        """
        stream, datagram = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stream.setblocking(False)
        datagram.setblocking(False)
        lookups = [
            lambda: stream.connect(("slow.example", 80)),
            lambda: stream.connect_ex(("slow.example", 80)),
            lambda: stream.bind(("slow.example", 0)),
            lambda: datagram.sendto(b"x", ("slow.example", 80)),
        ]
        for lookup in lookups:
            with takes(LIMIT), shotclock.deadline(LIMIT) as scope:
                times_out(lookup, scope)
            assert scope.expired
        # What it says by itself is as ever.
        listener = socket.create_server(("127.0.0.1", 0))
        with takes(0), shotclock.deadline(LIMIT):
            assert stream.connect_ex(("localhost", listener.getsockname()[1])) in (0, 115)
        """
    )


def test_the_lookups_of_an_event_loop_end_with_its_scope(run):
    run(
        """
        import asyncio
        lookups = [
            lambda: asyncio.open_connection("slow.example", 80),
            lambda: asyncio.get_running_loop().getaddrinfo("slow.example", 80),
            lambda: asyncio.get_running_loop().getnameinfo(("192.0.2.1", 80)),
        ]
        async def look(lookup):
            await lookup()
        for debug in (False, True):
            for lookup in lookups:
                # With the end of the loop's threads, of which one had the lookup.
                with takes(LIMIT), contextlib.suppress(TimeoutError), shotclock.deadline(LIMIT) as scope:
                    asyncio.run(look(lookup), debug=debug)
                assert scope.expired
        """
    )


def test_two_seconds_of_requests_are_two_seconds(run):
    run(
        """
        import requests
        # What the first call ever does by the way is not what is measured.
        with contextlib.suppress(requests.RequestException):
            requests.get("http://127.0.0.1:1/")
        with takes(2.0, late=0.1):
            try:
                with shotclock.deadline(2) as scope:
                    requests.get("http://slow.example/")
            except requests.RequestException as error:
                assert shotclock.expired_scope(error) is scope and scope.expired, repr(error)
            else:
                raise AssertionError("it ended by itself")
        """
    )


def test_a_host_has_a_name_under_any_limit(run):
    run(
        """
        own = socket.gethostname()
        for seconds in (0, LIMIT):
            with takes(seconds), shotclock.deadline(seconds) as scope:
                assert socket.getfqdn("192.0.2.1") == "192.0.2.1"
                # Its answer was its own: nothing has ended that the program would know of.
                assert not scope.expired
                times_out(lambda: socket.gethostbyname("slow.example"), scope)
                assert scope.expired
        with takes(LIMIT), shotclock.move_on_after(LIMIT) as scope:
            name = socket.getfqdn("slow.example")
        assert name == "slow.example" and not scope.expired
        # These stand for this machine, and what it is called is looked up as without a limit.
        for name in ("0.0.0.0", "::", " :: "):
            with shotclock.deadline(LIMIT):
                assert socket.getfqdn(name) == socket.getfqdn()
            with takes(0), shotclock.deadline(0):
                assert socket.getfqdn(name) == own
        with takes(0), shotclock.deadline(LIMIT):
            assert socket.getfqdn("127.0.0.1") == socket.getfqdn("localhost") == "localhost"
            assert socket.gethostbyaddr("127.0.0.1")[0] == "localhost"
            assert socket.getnameinfo(("127.0.0.1", 80), 0)[0] == "localhost"
        shotclock.set_lookup_timeout(LIMIT)
        with takes(LIMIT):
            assert socket.getfqdn("192.0.2.1") == "192.0.2.1"
        assert socket.getfqdn("0.0.0.0") == socket.getfqdn()
        """
    )


def test_each_lookup_ends_by_the_limit_on_lookups(run):
    run(
        """
        import http.client, urllib.request
        assert shotclock.get_lookup_timeout() is None
        shotclock.set_lookup_timeout(LIMIT)
        assert shotclock.get_lookup_timeout() == LIMIT
        def non_blocking():
            sock = socket.socket()
            sock.setblocking(False)
            return sock.connect(("slow.example", 80))
        lookups = [
            lambda: socket.getaddrinfo("slow.example", 80),
            lambda: socket.gethostbyname("slow.example"),
            lambda: socket.gethostbyname_ex("slow.example"),
            lambda: socket.gethostbyaddr("slow.example"),
            lambda: socket.gethostbyaddr("192.0.2.1"),
            lambda: socket.getnameinfo(("192.0.2.1", 80), 0),
            lambda: socket.create_connection(("slow.example", 80)),
            lambda: socket.create_connection(("slow.example", 80), 20, all_errors=True),
            lambda: http.client.HTTPConnection("slow.example").request("GET", "/"),
            lambda: socket.socket().connect(("slow.example", 80)),
            lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("slow.example", 80)),
            non_blocking,
        ]
        said = "Temporary failure in name resolution: the lookup timeout of 0.3 s passed"
        for number, lookup in enumerate(lookups):
            with takes(LIMIT):
                try:
                    lookup()
                except socket.herror as error:
                    assert number == 4 and error.errno == 2, (number, error)
                    assert error.strerror.endswith(": the lookup timeout of 0.3 s passed"), error
                except socket.gaierror as error:
                    assert number != 4 and error.errno == socket.EAI_AGAIN and error.strerror == said, (number, error)
                else:
                    raise AssertionError(f"{number} ended by itself")
        with takes(LIMIT):
            try:
                urllib.request.urlopen("http://slow.example/")
            except OSError as error:
                assert error.reason.errno == socket.EAI_AGAIN
        # Whatever ends first counts, and a scope's end is its own.
        with takes(LIMIT / 2), shotclock.deadline(LIMIT / 2) as scope:
            times_out(lambda: socket.getaddrinfo("slow.example", 80), scope)
        with takes(LIMIT / 2):
            times_out(lambda: socket.create_connection(("slow.example", 80), LIMIT / 2))
        with takes(0):
            listener = socket.create_server(("127.0.0.1", 0))
            socket.create_connection(("localhost", listener.getsockname()[1])).close()
        shotclock.set_lookup_timeout(None)
        assert shotclock.get_lookup_timeout() is None
        for bad in (0, -1, float("nan"), "1", True):
            try:
                shotclock.set_lookup_timeout(bad)
            except (TypeError, ValueError):
                continue
            raise AssertionError(bad)
        """
    )


def test_where_all_workers_are_busy_the_error_says_so(run):
    run(
        """
        # Those that queue for a second get workers of their own, up to 256 in all.
        def busy(number):
            with contextlib.suppress(TimeoutError), shotclock.deadline(3):
                socket.getaddrinfo(f"slow{number}.example", 80)
        threads = [threading.Thread(target=busy, args=(number,)) for number in range(260)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with takes(LIMIT), shotclock.deadline(LIMIT) as scope:
            try:
                socket.getaddrinfo("one.more.example", 80)
            except TimeoutError as error:
                assert str(error) == "timed out: all 256 lookup workers are busy with lookups that hang", error
                assert error.scope is scope
        shotclock.set_lookup_timeout(LIMIT)
        with takes(LIMIT):
            try:
                socket.gethostbyname("one.more.example")
            except socket.gaierror as error:
                assert error.errno == socket.EAI_AGAIN
                assert error.strerror.endswith("passed: all 256 lookup workers are busy with lookups that hang"), error
        with takes(LIMIT):
            assert socket.getfqdn("192.0.2.1") == "192.0.2.1"
        """
    )


def test_exit_and_fork_do_not_wait_for_lookups(run):
    begun = time.monotonic()
    run(
        """
        # Some wait while this thread forks, and go on to the end of their own limits; one until the process ends.
        def waits(name, seconds, ended):
            with contextlib.suppress(TimeoutError), shotclock.deadline(seconds):
                socket.getaddrinfo(name, 80)
            ended.append(name)
        ended = []
        waiting = threading.Thread(target=waits, args=("four.example", 3 * LIMIT, ended))
        waiting.start()
        threading.Thread(target=waits, args=("five.example", 40, ended), daemon=True).start()
        for name in ("one.example", "two.example"):
            with contextlib.suppress(TimeoutError), shotclock.deadline(0.05):
                socket.getaddrinfo(name, 80)
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if child == 0:
            with takes(LIMIT), shotclock.deadline(LIMIT) as scope:
                times_out(lambda: socket.getaddrinfo("three.example", 80), scope)
            # That which its parent asks, too, and what needs nobody.
            with takes(LIMIT), shotclock.deadline(LIMIT) as scope:
                times_out(lambda: socket.getaddrinfo("four.example", 80), scope)
            with takes(0), shotclock.deadline(LIMIT):
                socket.getaddrinfo("localhost", 80)
            # As the interpreter ends, with lookups under way on workers: in the child here, in the parent below.
            sys.exit(0)
        with takes(0, late=4):
            assert os.waitpid(child, 0)[1] == 0
        waiting.join()
        assert ended == ["four.example"]
        """
    )
    # The resolver by itself gives up after 20 s.
    assert time.monotonic() - begun < 15


def test_every_lookup_ends_with_its_canceller(run):
    run(
        """
        # Each asks for a name of its own, since equal lookups under way are one.
        lookups = {
            b"one": lambda: socket.getaddrinfo("one.example", 80),
            b"two": lambda: socket.gethostbyname("two.example"),
            b"three": lambda: socket.gethostbyname_ex("three.example"),
            b"204": lambda: socket.gethostbyaddr("192.0.2.204"),
            b"205": lambda: socket.getnameinfo(("192.0.2.205", 80), 0),
            b"six": lambda: socket.create_connection(("six.example", 80)),
            b"seven": lambda: socket.socket().connect(("seven.example", 80)),
        }
        for name, lookup in lookups.items():
            canceller = shotclock.Canceller()
            ended = []
            def wait():
                try:
                    with canceller:
                        lookup()
                except shotclock.Cancelled as error:
                    ended.append((time.monotonic(), error))
            thread = threading.Thread(target=wait)
            thread.start()
            # Once the question has come it waits for the answer.
            while name not in dead.recv(512):
                pass
            cancelled = time.monotonic()
            canceller.cancel()
            thread.join(20)
            [(end, error)] = ended
            assert end - cancelled <= LATE and error.canceller is canceller
        """
    )
