"""Lookups at a name server that never answers, in a network and with system files of their own."""

import pytest
from namespace import Namespace

SYSTEM_FILES = {
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:10 attempts:2\n",
    "nsswitch.conf": "hosts: files dns\nservices: files\nprotocols: files\n",
    "hosts": "127.0.0.1 localhost\n",
}
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
        # Its documented answer where there is no other.
        with takes(LIMIT), shotclock.deadline(LIMIT) as scope:
            assert socket.getfqdn("192.0.2.1") == "192.0.2.1"
        with shotclock.deadline(0.0) as scope:
            times_out(lambda: socket.getaddrinfo("localhost", 80), scope)
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


def test_exit_and_fork_do_not_wait_for_lookups(run):
    run(
        """
        for name in ("one.example", "two.example"):
            with contextlib.suppress(TimeoutError), shotclock.deadline(0.05):
                socket.getaddrinfo(name, 80)
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if child == 0:
            with takes(LIMIT), shotclock.deadline(LIMIT) as scope:
                times_out(lambda: socket.getaddrinfo("three.example", 80), scope)
            os._exit(0)
        with takes(0, late=2):
            assert os.waitpid(child, 0)[1] == 0
        """
    )


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
