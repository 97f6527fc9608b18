"""CPython's test suites that have to do with sockets, and which of them run where."""

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
    # Socket-heavy, and quick enough to be run for every change.
    core: bool = False
    # Only tests that match one of these; empty for all.
    match: tuple[str, ...] = ()
    # Where the module is, if not in the package ``test``.
    folder: pathlib.Path | None = None

    def exists(self, tests: pathlib.Path) -> bool:
        """Whether this interpreter has it; ``tests`` is the folder of its package ``test``."""
        place = (self.folder or tests).joinpath(*self.name.split("."))
        return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def _asyncio(name: str, core: bool = False) -> Suite:
    return Suite(f"test_asyncio.test_{name}", core=core)


def _connections(start_method: str) -> Suite:
    return Suite(f"test_connections_{start_method}", match=_CONNECTIONS, folder=BY_START_METHOD)


# The long ones first, so that none of them is left over at the end.
SUITES = (
    Suite("test_ssl", core=True),
    _connections("spawn"),
    _connections("forkserver"),
    _connections("fork"),
    Suite("test_socket", core=True),
    Suite("test_logging"),
    Suite("test_imaplib"),
    Suite("test_ftplib", core=True),
    Suite("test_httpservers"),
    Suite("test_os"),
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
    _asyncio("selector_events", core=True),
    Suite("test_socketserver", core=True),
    Suite("test_smtplib", core=True),
    Suite("test_poplib", core=True),
    Suite("test_httplib", core=True),
    Suite("test_select", core=True),
    Suite("test_selectors", core=True),
    Suite("test_epoll", core=True),
    Suite("test_poll"),
    Suite("test_urllib"),
    Suite("test_urllib2"),
    Suite("test_urllib2_localnet", core=True),
    Suite("test_wsgiref"),
    Suite("test_fcntl"),
    Suite("test_timeout", alone=True, core=True),
    Suite("test_eintr", alone=True),
    Suite("test_signal", alone=True),
)


def select(names: list[str], core_only: bool = False) -> list[Suite]:
    """The suites of these names, or all; ``test_asyncio`` stands for every part of it.

    Raises LookupError for a name that is none.
    """
    chosen: list[Suite] = []
    for name in names:
        found = [suite for suite in SUITES if suite.name == name or suite.name.startswith(f"{name}.")]
        if not found:
            known = " ".join(suite.name for suite in SUITES)
            raise LookupError(f"no suite is called {name}; there are: {known}")
        chosen.extend(suite for suite in found if suite not in chosen)
    return chosen or [suite for suite in SUITES if suite.core or not core_only]
