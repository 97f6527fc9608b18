"""CPython's test suites that have to do with sockets and other waits, and which of them run where."""

import pathlib
from dataclasses import dataclass

# Our modules that start CPython's multiprocessing tests.
BY_START_METHOD = pathlib.Path(__file__).parent / "by_start_method"

# VSOCK leaves the loopback interface, whatever the namespace.
LEFT_OUT = ("*VSOCK*",)

# Classes of the multiprocessing tests, by parts of their names, that use connections between processes.
_CONNECTIONS = (
    "*Connection*",
    "*Listener*",
    "*TestPoll*",
    "*RemoteManager*",
    "*MyManager*",
    "*ManagerRestart*",
    "TestWait",
    "TestTimeouts",
    "TestInvalidHandle",
    "TestInvalidFamily",
    "TestIgnoreEINTR",
    "OtherTest",
    "ChallengeResponseTest",
)


@dataclass(frozen=True)
class Suite:
    """A test module of CPython's, by its name below the package ``test``."""

    name: str
    # Timing decides in it: nothing runs beside it.
    alone: bool = False
    # Much that is ours runs in it, and it is quick enough to be run for every change.
    core: bool = False
    # It waits in functions of the interpreter's that have hooks, beside sockets or without any.
    waits: bool = False
    # Only tests that match one of these; empty for all.
    match: tuple[str, ...] = ()
    # Where the module is, if not in the package ``test``.
    folder: pathlib.Path | None = None

    def exists(self, tests: pathlib.Path) -> bool:
        """Whether this interpreter has it; ``tests`` is the folder of its package ``test``."""
        place = (self.folder or tests).joinpath(*self.name.split("."))
        if any(suite.name.startswith(f"{self.name}.") for suite in SUITES):
            # Where it has parts they are listed by themselves.
            return place.with_suffix(".py").is_file()
        return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def _asyncio(name: str, core: bool = False) -> Suite:
    return Suite(f"test_asyncio.test_{name}", core=core, waits=True)


def _connections(start_method: str) -> Suite:
    return Suite(f"test_connections_{start_method}", match=_CONNECTIONS, folder=BY_START_METHOD)


def _processes(start_method: str) -> Suite:
    return Suite(f"test_processes_{start_method}", folder=BY_START_METHOD, waits=True)


def _futures(name: str) -> Suite:
    return Suite(f"test_concurrent_futures.test_{name}", waits=True)


# The long ones first, so that none of them is left over at the end.
SUITES = (
    _processes("spawn"),
    _processes("fork"),
    Suite("test_ssl", core=True),
    _connections("spawn"),
    _connections("forkserver"),
    _connections("fork"),
    Suite("test_socket", core=True),
    Suite("test_subprocess", waits=True),
    _futures("shutdown"),
    _futures("wait"),
    _futures("process_pool"),
    _futures("thread_pool"),
    _futures("init"),
    _futures("deadlock"),
    _futures("as_completed"),
    _futures("future"),
    _futures("interpreter_pool"),
    # Up to 3.12 it was one file, which no interpreter here need have.
    Suite("test_concurrent_futures", waits=True),
    Suite("test_threading", core=True, waits=True),
    Suite("test_queue", core=True, waits=True),
    Suite("test_thread", core=True, waits=True),
    Suite("test_threadsignals", core=True, waits=True),
    Suite("test_threading_local", waits=True),
    Suite("test_threadedtempfile", waits=True),
    Suite("test_logging"),
    Suite("test_imaplib"),
    Suite("test_ftplib", core=True),
    Suite("test_httpservers"),
    Suite("test_os", waits=True),
    Suite("test_xmlrpc"),
    _asyncio("events"),
    _asyncio("ssl"),
    _asyncio("sslproto"),
    _asyncio("sendfile"),
    _asyncio("streams"),
    _asyncio("sock_lowlevel", core=True),
    _asyncio("unix_events"),
    _asyncio("base_events"),
    _asyncio("server"),
    _asyncio("subprocess"),
    _asyncio("tasks"),
    _asyncio("runners"),
    _asyncio("threads"),
    _asyncio("locks"),
    _asyncio("queues"),
    _asyncio("timeouts"),
    _asyncio("taskgroups"),
    _asyncio("waitfor"),
    _asyncio("futures"),
    _asyncio("futures2"),
    _asyncio("context"),
    _asyncio("buffered_proto"),
    _asyncio("pep492"),
    _asyncio("protocols"),
    _asyncio("transports"),
    _asyncio("eager_task_factory"),
    _asyncio("staggered"),
    _asyncio("graph"),
    _asyncio("tools"),
    _asyncio("server_context"),
    _asyncio("free_threading"),
    _asyncio("selector_events", core=True),
    Suite("test_socketserver", core=True),
    Suite("test_smtplib", core=True),
    Suite("test_poplib", core=True),
    Suite("test_httplib", core=True),
    Suite("test_select", core=True, waits=True),
    Suite("test_selectors", core=True, waits=True),
    Suite("test_epoll", core=True, waits=True),
    Suite("test_poll", core=True, waits=True),
    Suite("test_urllib"),
    Suite("test_urllib2"),
    Suite("test_urllib2_localnet", core=True),
    Suite("test_wsgiref"),
    Suite("test_remote_pdb"),
    # Up to 3.11 or 3.12.
    Suite("test_asyncore"),
    Suite("test_asynchat"),
    Suite("test_smtpd"),
    Suite("test_telnetlib"),
    Suite("test_nntplib"),
    Suite("test_fcntl", core=True, waits=True),
    Suite("test_fileio", core=True, waits=True),
    Suite("test_io", waits=True),
    # What those two are from 3.15 on.
    Suite("test_io.test_fileio", core=True, waits=True),
    Suite("test_io.test_general", waits=True),
    Suite("test_io.test_bufferedio", waits=True),
    Suite("test_io.test_textio", waits=True),
    Suite("test_io.test_signals", waits=True),
    Suite("test_pty", waits=True),
    Suite("test_fork1", waits=True),
    Suite("test_wait3", waits=True),
    Suite("test_wait4", waits=True),
    Suite("test_popen", waits=True),
    Suite("test_sched", waits=True),
    Suite("test_importlib.test_locks", waits=True),
    Suite("test_importlib.test_threaded_import", waits=True),
    # Subinterpreters, which have the same method tables.
    Suite("test__xxsubinterpreters", waits=True),
    Suite("test__interpchannels", waits=True),
    Suite("test_crossinterp", waits=True),
    Suite("test_interpreters", waits=True),
    Suite("test_timeout", alone=True, core=True),
    Suite("test_time", alone=True, core=True, waits=True),
    Suite("test_eintr", alone=True, waits=True),
    Suite("test_signal", alone=True, waits=True),
)


def select(names: list[str], core_only: bool = False, waits_only: bool = False) -> list[Suite]:
    """The suites of these names, or all, or those of one kind; ``test_asyncio`` stands for every part of it.

    Raises LookupError for a name that is none.
    """
    chosen: list[Suite] = []
    for name in names:
        found = [suite for suite in SUITES if suite.name == name or suite.name.startswith(f"{name}.")]
        if not found:
            known = " ".join(suite.name for suite in SUITES)
            raise LookupError(f"no suite is called {name}; there are: {known}")
        chosen.extend(suite for suite in found if suite not in chosen)
    wanted = [suite for suite in SUITES if (suite.core or not core_only) and (suite.waits or not waits_only)]
    return chosen or wanted
