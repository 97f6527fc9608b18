"""create_connection to names with several addresses, dead and alive, in a network of the test's own, in both mounts."""

import pytest
from interpreter import check, run
from namespace import Namespace

SYSTEM_FILES = {
    "nsswitch.conf": "hosts: files\nservices: files\nprotocols: files\n",
    # Packets to 192.0.2.9 and its neighbours go out by loopback, come back, and are nobody's.
    "hosts": """127.0.0.1 localhost
192.0.2.9 holes.test
192.0.2.10 holes.test
192.0.2.11 holes.test
127.0.0.1 late.test
127.0.0.2 late.test
::1 both.test
127.0.0.1 both.test
""",
}
SET_UP = ("ip addr add 192.0.2.20/32 dev lo", "ip route add 192.0.2.8/30 dev lo src 192.0.2.20")
# A pause, and what this machine may take for it.
BEGIN = """
PAUSE, FAR = 0.25, 20

def descriptors():
    # Bells of the timed loop are the process's, and stay.
    names = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    links = [os.readlink(name) for name in names if os.path.lexists(name)]
    return sorted(link for link in links if "eventfd" not in link)

def listen(host="127.0.0.1", port=0, **options):
    listener = socket.create_server((host, port), **options)
    return listener, listener.getsockname()[1]

def late():
    # late.test has two addresses: the first is silent, and the second lives.
    live, port = listen("127.0.0.2")
    silent, _ = listen("127.0.0.1", port, backlog=0)
    return live, port, [silent, *fill(socket.AF_INET, ("127.0.0.1", port))]

def fill(family, address):
    # Until its listener's queue is full, and the system drops what asks for more.
    clients = []
    for _ in range(10):
        clients.append(socket.socket(family))
        clients[-1].settimeout(0.1)
        if clients[-1].connect_ex(address):
            return clients
    raise AssertionError("the queue would not fill up")

@contextlib.contextmanager
def without_leak():
    before = descriptors()
    yield
    assert descriptors() == before

def fails(call):
    try:
        call().close()
    except Exception as error:
        return error
    raise AssertionError("it succeeded")
"""


@pytest.fixture(params=["graft", "type", "command"])
def isolated(request, tmp_path):
    return Namespace(tmp_path, request.param, SYSTEM_FILES, BEGIN, SET_UP).run


@pytest.fixture
def has_ipv6(tmp_path):
    try:
        Namespace(tmp_path, "graft", SYSTEM_FILES, BEGIN, SET_UP).run("listen('::1', family=socket.AF_INET6)")
    except AssertionError:
        pytest.skip("create_connection from IPv6 to IPv4: no IPv6 on loopback")


def test_a_dead_ipv6_address_costs_one_pause(has_ipv6, isolated):
    isolated(
        """
        live, port = listen()
        full, _ = listen("::1", port, family=socket.AF_INET6, backlog=0)
        clients = fill(socket.AF_INET6, ("::1", port))
        assert [info[0] for info in socket.getaddrinfo("both.test", port, 0, socket.SOCK_STREAM)] == [10, 2]
        for timeout in (FAR, None):
            with without_leak(), takes(PAUSE, late=2):
                with socket.create_connection(("both.test", port), timeout) as sock:
                    assert sock.getpeername() == ("127.0.0.1", port)
                    assert sock.gettimeout() == timeout and os.get_blocking(sock.fileno()) == (timeout is None)
                    assert type(sock) is socket.socket
        """
    )


def test_black_holes_share_one_budget(isolated):
    isolated(
        """
        import http.client, smtplib, urllib.request
        call = lambda **options: socket.create_connection(("holes.test", 80), 1, **options)
        # What the first lookup of a process has to load is no part of what is measured.
        socket.getaddrinfo("holes.test", 80)
        with without_leak(), takes(1):
            ended = fails(call)
        # It has no limit but the caller's own timeout, and says so.
        assert str(ended) == "timed out" and not hasattr(ended, "__notes__") and not hasattr(ended, "scope")
        with without_leak(), takes(1):
            group = fails(lambda: call(all_errors=True))
        for error in (ended, *group.exceptions):
            details = shotclock.timeout_details(error)
            assert (details.phase, details.limit, details.scope) == ("connect", "timeout", None), details
            assert 0.9 < details.elapsed < 1.5, details
        assert type(group) is ExceptionGroup and group.message == "create_connection failed"
        assert [(type(error), str(error)) for error in group.exceptions] == [(TimeoutError, "timed out")] * 3
        assert shotclock.expired_scope(group) is None
        with takes(1), without_leak():
            times_out(lambda: http.client.HTTPConnection("holes.test", timeout=1).request("GET", "/"))
        with takes(1), without_leak():
            assert isinstance(fails(lambda: urllib.request.urlopen("http://holes.test", timeout=1)).reason, TimeoutError)
        with takes(1), without_leak():
            times_out(lambda: smtplib.SMTP("holes.test", timeout=1))
        socket.setdefaulttimeout(LIMIT)
        with takes(LIMIT), without_leak():
            times_out(lambda: socket.create_connection(("holes.test", 80)))
        with takes(LIMIT), without_leak():
            times_out(lambda: socket.create_connection(("192.0.2.9", 80)))
        """
    )


def test_one_after_another_shares_it_too(isolated):
    isolated(
        """
        shotclock.set_attempt_delay(None)
        with without_leak(), takes(LIMIT):
            times_out(lambda: socket.create_connection(("holes.test", 80), LIMIT))
        with without_leak(), takes(LIMIT):
            group = fails(lambda: socket.create_connection(("holes.test", 80), LIMIT, all_errors=True))
        assert [type(error) for error in group.exceptions] == [TimeoutError]
        with takes(LIMIT), shotclock.deadline(LIMIT) as scope, without_leak():
            times_out(lambda: socket.create_connection(("holes.test", 80), all_errors=True), scope)
        # The first address takes it all, where the pause is longer than the budget.
        live, port, silent = late()
        with takes(LIMIT):
            times_out(lambda: socket.create_connection(("late.test", port), LIMIT))
        shotclock.set_attempt_delay(0.1)
        with takes(0.1):
            socket.create_connection(("late.test", port), LIMIT).close()
        """
    )


def test_a_refused_address_costs_nothing(isolated):
    isolated(
        """
        live, port = listen("127.0.0.2")
        with without_leak(), takes(0), socket.create_connection(("late.test", port), FAR) as sock:
            assert sock.getpeername() == ("127.0.0.2", port)
        live.close()
        for delay in (PAUSE, None):
            shotclock.set_attempt_delay(delay)
            with without_leak():
                assert type(fails(lambda: socket.create_connection(("late.test", port), FAR))) is ConnectionRefusedError
            with without_leak():
                group = fails(lambda: socket.create_connection(("late.test", port), FAR, all_errors=True))
            assert [type(error) for error in group.exceptions] == [ConnectionRefusedError] * 2
            """
    )


def test_a_shortage_that_passes_loses_no_address(isolated):
    isolated(
        """
        import errno, unittest.mock
        live, port, _ = late()
        stock, made = socket.socket, []
        class Scarce(stock):
            def __init__(self, *arguments, **options):
                made.append(len(made))
                if made[-1] in short:
                    raise OSError(errno.EMFILE, "no descriptor to spare")
                super().__init__(*arguments, **options)
        with unittest.mock.patch.object(socket, "socket", Scarce):
            # The second attempt finds no descriptor twice, while the first is under way.
            short = (1, 2)
            with takes(PAUSE + 0.1, late=2), socket.create_connection(("late.test", port), FAR) as sock:
                assert sock.getpeername() == ("127.0.0.2", port)
            assert len(made) == 4
            # Where no other is, the answer is known at once, as stock's.
            made.clear()
            short = range(10)
            with takes(0):
                assert fails(lambda: socket.create_connection(("late.test", port), FAR)).errno == errno.EMFILE
            assert len(made) == 2
        """
    )


def test_the_end_of_a_scope_is_the_scopes_own_exception(isolated):
    isolated(
        """
        for timeout in (None, FAR):
            for all_errors in (False, True):
                with takes(LIMIT), shotclock.deadline(LIMIT) as scope, without_leak():
                    times_out(lambda: socket.create_connection(("holes.test", 80), timeout, all_errors=all_errors), scope)
                assert scope.expired
        # The timeout that ends first is no scope's.
        with takes(LIMIT), shotclock.deadline(FAR) as scope:
            times_out(lambda: socket.create_connection(("holes.test", 80), LIMIT))
        assert not scope.expired
        with shotclock.move_on_after(LIMIT) as scope:
            socket.create_connection(("holes.test", 80))
        assert scope.expired
        assert shotclock.remaining() is None
        """
    )


def test_a_local_address(isolated):
    isolated(
        """
        live, port, silent = late()
        with without_leak(), takes(PAUSE):
            with socket.create_connection(("late.test", port), FAR, ("127.0.0.3", 0)) as sock:
                assert sock.getsockname()[0] == "127.0.0.3"
        # One port is one socket's: one after another, hence the first takes the whole budget.
        own, own_port = listen()
        own.close()
        with without_leak(), takes(LIMIT):
            times_out(lambda: socket.create_connection(("late.test", port), LIMIT, ("", own_port)))
        for sock in silent:
            sock.close()
        with without_leak(), socket.create_connection(("late.test", port), FAR, ("", own_port)) as sock:
            assert sock.getsockname()[1] == own_port
        """
    )


def test_audit_hooks_see_each_attempt(isolated):
    isolated(
        """
        live, port, silent = late()
        seen = []
        sys.addaudithook(lambda name, args: seen.append((name, args)) if name.startswith("socket.") else None)
        socket.create_connection(("late.test", port), FAR, ("127.0.0.1", 0)).close()
        assert [name for name, _ in seen if name != "socket.gethostbyname"] == [
            "socket.getaddrinfo", *["socket.__new__", "socket.bind", "socket.connect"] * 2
        ], seen
        assert [args[1] for name, args in seen if name == "socket.connect"] == [("127.0.0.1", port), ("127.0.0.2", port)]

        def refuse(name, args):
            if name == "socket.connect" and args[1][0] == "127.0.0.2":
                raise RuntimeError("refused")

        sys.addaudithook(refuse)
        with without_leak():
            assert str(fails(lambda: socket.create_connection(("late.test", port), FAR))) == "refused"
        """
    )


def test_a_signal_handler_ends_it(isolated):
    isolated(
        """
        import signal

        def handler(*_):
            raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, handler)
        with without_leak(), takes(0.1):
            # Not before the time is taken, which may be late on a loaded machine.
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            try:
                socket.create_connection(("holes.test", 80), FAR)
            except KeyboardInterrupt:
                pass
        """
    )


def test_sockets_are_of_the_class_that_stands_there(isolated):
    isolated(
        """
        plain = socket.socket
        live, port, silent = late()

        class Counted(plain):
            made = []

            def __init__(self, *arguments, **keywords):
                super().__init__(*arguments, **keywords)
                self.made.append(self)
                self.settimeout(LIMIT)

        class Proxied(Counted):
            def connect(self, address):
                self.asked = address
                super().connect(("127.0.0.2", port))

        socket.socket = Counted
        # A default of its own is the budget, too.
        with takes(LIMIT):
            times_out(lambda: socket.create_connection(("holes.test", 80)))
        Counted.made.clear()
        with takes(PAUSE), socket.create_connection(("late.test", port)) as sock:
            assert type(sock) is Counted and sock.gettimeout() == LIMIT
            assert Counted.made[-1] is sock and Counted.made[-2].fileno() == -1
        socket.socket = Proxied
        with takes(0), socket.create_connection(("holes.test", 80)) as sock:
            assert sock.asked == ("192.0.2.9", 80) and type(sock) is Proxied
        """
    )


def test_mocks_and_odd_arguments_get_the_plain_order(isolated):
    isolated(
        """
        from unittest import mock
        live, port = listen()
        infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", n)) for n in (1, port)]
        with mock.patch("socket.getaddrinfo", return_value=infos):
            socket.create_connection(("any.test", 80), 3).close()
            with mock.patch("socket.socket") as kind:
                assert socket.create_connection(("any.test", 80), 3) is kind.return_value
            kind.return_value.connect.assert_called_once_with(("127.0.0.1", 1))
            kind.return_value.settimeout.assert_called_once_with(3)
        with mock.patch("socket.getaddrinfo", return_value=[]):
            error = fails(lambda: socket.create_connection(("any.test", 80), 3))
            assert (type(error), str(error)) == (OSError, "getaddrinfo returns an empty list")
        address = ("127.0.0.1", port)
        assert type(fails(lambda: socket.create_connection(address, 0))) is BlockingIOError
        assert type(fails(lambda: socket.create_connection(("late.test", port), 0))) is BlockingIOError
        for timeout in (-1, "x", 1 << 70, float("nan")):
            with without_leak():
                assert type(fails(lambda: socket.create_connection(address, timeout))) in (
                    ValueError, TypeError, OverflowError
                ), timeout
                assert type(fails(lambda: socket.create_connection(("late.test", port), timeout))) in (
                    ValueError, TypeError, OverflowError
                ), timeout
        assert type(fails(lambda: socket.create_connection(("127.0.0.1",)))) is ValueError
        """
    )


def test_the_pause_is_what_was_set():
    program = """
        import shotclock
        assert shotclock.get_attempt_delay() == 0.25
        shotclock.set_attempt_delay(0)
        assert shotclock.get_attempt_delay() == 0.01
        shotclock.set_attempt_delay(None)
        assert shotclock.get_attempt_delay() is None
        for bad in (-1, float("nan"), 1e10, "1", True):
            try:
                shotclock.set_attempt_delay(bad)
            except (TypeError, ValueError):
                continue
            raise AssertionError(bad)
    """
    check(program)
    shown = "import shotclock; print(shotclock.get_attempt_delay())"
    for text, delay in (("none", "None"), ("0.5", "0.5"), ("0", "0.01"), ("", "0.25")):
        assert check(shown, environment={"SHOTCLOCK_ATTEMPT_DELAY": text}) == f"{delay}\n"
    said = "SHOTCLOCK_ATTEMPT_DELAY='soon': expected 'none', or seconds, from 0 to 9000000000"
    done = run("-c", shown, environment={"SHOTCLOCK_ATTEMPT_DELAY": "soon"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "0.25\n", f"shotclock: {said}; ignored\n")
    done = run("-m", "shotclock", "-c", shown, environment={"SHOTCLOCK_ATTEMPT_DELAY": "soon"})
    assert done.returncode == 2 and done.stderr.endswith(f"python -m shotclock: {said}\n")


def test_install_rebinds_copies_and_undoes_it():
    program = """
        import socket, importlib, sys, types, inspect
        from socket import create_connection, getfqdn
        import shotclock
        stock = create_connection, getfqdn
        for _ in range(2):
            shotclock.install()
            assert create_connection is socket.create_connection is not stock[0]
            assert getfqdn is socket.getfqdn is not stock[1]
            assert {"socket.create_connection", "socket.getfqdn", "__main__.getfqdn"} <= set(shotclock.status().replaced)
            assert inspect.signature(create_connection) == inspect.signature(stock[0])
            assert create_connection.__doc__ == stock[0].__doc__ and create_connection.__module__ == "socket"
            shotclock.uninstall()
            assert (create_connection, getfqdn) == (socket.create_connection, socket.getfqdn) == stock
        theirs = socket.create_connection = lambda *arguments, **keywords: None
        shotclock.install()
        assert socket.create_connection is theirs
        importlib.reload(socket)
        shotclock.install()
        assert socket.create_connection.__globals__["__name__"] == "shotclock._install.dial"
        shotclock.uninstall()
        assert socket.create_connection.__globals__ is vars(socket)
    """
    check(program)
    program = """
        import socket, shotclock
        assert {"socket.create_connection", "socket.getfqdn"} <= set(shotclock.status().replaced)
    """
    check(program, beneath=("-m", "shotclock"))
    check("from shotclock import socket; assert socket.create_connection.__wrapped__")


@pytest.mark.parametrize("beneath", [(), ("-m", "shotclock")])
def test_it_works_beneath_timeoutsocket(beneath, tmp_path):
    program = """
        import socket, shotclock, timeoutsocket
        shotclock.install()
        timeoutsocket.setDefaultSocketTimeout(7)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            infos = [(2, 1, 6, "", ("127.0.0.1", 1)), (2, 1, 6, "", ("127.0.0.1", port))]
            socket.getaddrinfo = lambda *arguments: infos
            with socket.create_connection(("any.test", port)) as sock:
                assert type(sock) is timeoutsocket.TimeoutSocket and sock.gettimeout() == 7
            with socket.create_connection(("any.test", port), 3) as sock:
                assert type(sock) is timeoutsocket.TimeoutSocket and sock.gettimeout() == 3
    """
    check(program, beneath=beneath)


def test_a_budget_hides_nothing_that_is_known_at_once(isolated):
    isolated(
        """
        import errno
        for timeout in (1e-9, 1e-5, 0.0001, 5):
            for _ in range(50):
                # There is no route to it.
                ended = fails(lambda: socket.create_connection(("198.51.100.1", 80), timeout))
                assert isinstance(ended, OSError) and ended.errno == errno.ENETUNREACH, (timeout, ended)
        # What is not known at once is a timeout, as ever.
        ended = fails(lambda: socket.create_connection(("192.0.2.9", 80), 1e-9))
        assert isinstance(ended, TimeoutError) and not hasattr(ended, "scope"), ended
        """
    )
