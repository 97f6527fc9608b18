from collections.abc import Callable, Iterable
from contextvars import Context
from socket import socket as _socket_object
from types import BuiltinFunctionType, CodeType, FrameType, ModuleType
from typing import Any, Self

from typing_extensions import disjoint_base

__version__: str
"""The release, as in the package's metadata."""

def control_message(level: int, type: int, data: Any, /) -> tuple[Any, ...] | None:
    """The name of the class of a control message, and its fields in order; None for one that has no class."""

def prepare(stock: ModuleType, /) -> None:
    """Take documentation, exceptions and the socket type from the interpreter's own _socket.

    To be called before anything else.
    """

def descriptors(class_: type[Any], /) -> dict[str, Any]:
    """Methods, and `timeout`, to be set on this class, which derives from the interpreter's own _socket.socket."""

def file_descriptors(class_: type[Any], /) -> dict[str, Any]:
    """Methods to be set on the class SocketIO of a module made from CPython's socket.py."""

def know_turn(function: Callable[[], None], /) -> None:
    """Take this as a function that does nothing, in which exceptions from other threads come in. The first call counts."""

def file_reader(sock: Any, size: int, /) -> Any:
    """The reading half of a file that survives, with the methods of one; it gives lines as an iterator."""

def file_writer(sock: Any, size: int, /) -> Any:
    """The writing half."""

def file_text(reader: Any, errors: str, decoder: Any, newlines: Any, newline: str, /) -> Any:
    """The reading half of a text file over one of bytes, of UTF-8 where there is no decoder."""

def file_text_writer(writer: Any, encoder: Any, newline: str | None, /) -> Any:
    """The writing half of a text file over one of bytes, in UTF-8 where there is no encoder."""

def layout(sock: _socket_object, /) -> tuple[int, int, int, int, int]:
    """Descriptor, family, kind, protocol and timeout (ns) as the methods read them."""

def socket_type() -> type[Any]:
    """The type _socket.socket."""

def functions(module: ModuleType, /) -> dict[str, BuiltinFunctionType]:
    """The functions of _socket as those of the module."""

def capi() -> object:
    """The capsule _socket.CAPI."""

def sendfile(sock: _socket_object, file: int, offset: int, count: int, before: int = 0, /) -> int:
    """Send a part of a file, waiting as the socket's timeout has it. 0 at the end of the file.

    An exception's `sent` counts what went out before, too.
    """

def recv_exact(
    sock: _socket_object, tls: object, count: int, partial: bytes | bytearray | memoryview, /
) -> bytes:
    """Receive so many bytes, of which those are there, under one limit for the whole; fewer at the end of the data.

    By that object of `_ssl`'s, if it is not None. An exception's `partial` is what had come.
    """

def recv_batch(sock: _socket_object, n: int, size: int, join: bool, /) -> list[tuple[bytes, Any, int]]:
    """Receive the datagrams that are there, up to so many of up to so many bytes: data, address and flags of each.

    Joined, there may be more: the system joins datagrams of one length, which are given apart.
    """

def send_batch(
    sock: _socket_object,
    datagrams: Iterable[bytes | bytearray | memoryview | tuple[bytes | bytearray | memoryview, Any]],
    /,
) -> int:
    """Send all of these datagrams, under one limit; give how many. An exception's `datagrams_sent` says how many went."""

def set_batch_calls(which: int, /) -> None:
    """Have batches go by the best calls (0), by messages of one datagram each (1), or by one call each (2): for tests."""

def wait_readable(sock: _socket_object, nanoseconds: int, accepts: bool, /) -> bool:
    """Wait until the socket is readable, for so long and no longer; negative is for ever.

    Scopes and cancellers raise what they raise in a call that accepts, or receives.
    """

def attempt_delays() -> tuple[int, int]:
    """Give the usual pause between two attempts of a race, and the shortest, in nanoseconds."""

def race(
    infos: list[Any], delay: int, prepare: Callable[[Any], _socket_object], failures: list[OSError], /
) -> _socket_object | None:
    """Connect a socket that prepare makes to each of getaddrinfo's entries, the next so many nanoseconds after the last.

    Give the first that is connected; None where all have failed, for reasons that are then in the list. The scope's end
    is raised, with the reasons in the list as well.
    """

def set_lookup_timeout(nanoseconds: int, /) -> None:
    """Limit each lookup of the process; 0 is no limit."""

def waits() -> list[tuple[int, int, str, str | None, int, float, str | None, int | None]]:
    """Tell what waits now.

    Of each: the thread's ident and the system's number for it, what, to whom, the descriptor or -1, for how many seconds
    by now, the limit, and when it ends it (ns).
    """

def address_of(number: int, /) -> str | None:
    """Whom a socket of this number is connected to, or its own address."""

def watch(is_: bool, /) -> bool:
    """Have waits without a limit, in one call of the system, told of as well, or no longer; give what was before."""

def keep_account(folders: list[str], packages: list[str], /) -> None:
    """Enter what waits from now on, anew; told where the standard library and other code is that is not the program's."""

def account() -> (
    tuple[
        int,
        int,
        list[str],
        list[tuple[tuple[str, int, str] | None, tuple[str, int, str] | None]],
        list[tuple[str, str, int, int, int, int, int]],
        list[tuple[int, str | None, list[tuple[str, list[int]]]]],
        list[tuple[int, int, int, str, str, int, int]],
        int,
    ]
    | None
):
    """Give what was entered; None where no account is kept.

    For how long; the width of a bin; peers; lines; rows of what, how it ended, peer, line, how often, how long in all and
    at most; threads with their bins; the longest waits, each with its beginning, its length and its thread; the number of
    the first peer and line: 0 is none, 1 any other. Times are nanoseconds.
    """

def close_account() -> None:
    """Enter no more, and forget what was."""

@disjoint_base
class Link:
    """One link of the chain of what is in force around a call: the end of a scope, or with neither it is a shield.

    Entering and leaving is one step each, in which no Python code runs.
    """

    deadline_ns: int
    # How long after entering that is; -1 where it does not count from there.
    _duration_ns: int
    expired: bool
    # Whether a connection was ended in it that a library in C waited for.
    _ended_connection: bool
    # Whether entering it begins with `reach_every_socket`.
    _reaches: bool
    # What it bounds beside sockets: 0 nothing, 1 what waits in the interpreter's functions, 2 connections in C libraries too.
    _waits: int
    # When it was entered.
    _entered_ns: int
    # When its end was first raised; 0: it was not.
    _first_raised_ns: int
    # Until when what cleans up may wait although it is over; 0: no longer.
    _grace_until_ns: int
    # What knows of the runs of event loops that were ended; an attribute that is not there until it is set. Leaving the
    # link calls its method `leave(link, error)` in the place of `_judge`.
    _runs: object

    @property
    def _open(self) -> bool: ...
    @property
    def _canceller(self) -> Any: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object, /) -> bool | None: ...
    def _judge(self, error: BaseException, /) -> bool:
        """Say whether to swallow what the block raised. Called once it is left."""

@disjoint_base
class Canceller:
    """A canceller of the core."""

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel()`` was called."""

    def cancel(self) -> None:
        """End all that is done under it. Calling it again changes nothing."""

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object, /) -> None: ...

def earliest(link: Link | None, /) -> Link | None:
    """Give the open scope that ends first, of those around this call, or from a link on."""

def is_bounded() -> bool:
    """Whether a scope or canceller counts for this call."""

def put_outermost(link: Link, /) -> None:
    """Have a link be in force everywhere, for ever, in spite of shields. The first call counts."""

def outermost() -> Link | None:
    """Give what is in force everywhere in the process."""

def leave_all() -> None:
    """Have nothing that was entered count any more, in any context, but for what is outermost."""

def links() -> int:
    """Count what is entered in the process."""

def reach_every_socket() -> None:
    """See to it that no limit is without effect; entering a scope or canceller begins with it."""

def monotonic_ns() -> int:
    """Give the system's monotonic clock, which no fake clock replaces."""

def know_accept(code: CodeType, /) -> None:
    """Take this as the code of a socket.py's own ``accept``, whose steps are known."""

def adopt(owner: type[Any], listener: Any, number: int, /) -> Any:
    """Make an object of a class of the interpreter's own sockets for the descriptor that this thread has just accepted, or None."""

def made_alike(sock: Any, /) -> Any:
    """Make another one as ``adopt`` does, without a descriptor; None where it is not the same as this one."""

def waiters(number: int, /) -> int:
    """How many threads use the descriptor of this number at this moment."""
def set_policy(sock: _socket_object, first_byte: int, idle: int, total: int, /) -> None:
    """Put an open socket under a policy, in nanoseconds, -1 for no limit. What it accepts inherits it."""

def remove_policy(sock: _socket_object, /) -> None:
    """Put a socket under none."""

def policy(sock: _socket_object, /) -> tuple[int, int, int] | None:
    """Give the policy of a socket as set_policy takes it."""

def policies() -> int:
    """Count the sockets that are under a policy, and the numbers that are between two objects."""

def guard_tls(owner: Any, /) -> None:
    """Guard the calls that wait of a class of _ssl's; ImportError if it is not what is expected."""

def unguard_tls() -> None:
    """Put every class back as it was."""

def guards_tls(owner: Any, /) -> bool:
    """Whether the calls of the class are guarded now."""

def hook(name: str, owner: object, /) -> str | None:
    """Put the hook of this name in place, in the table of the module or type that has the function.

    Gives why it cannot be there, if so. Raises ValueError for a name that no hook has.
    """

def unhook() -> None:
    """Put back whatever was there."""

def hooks() -> list[str]:
    """Name those that are in place."""

def know_lock_takers(
    restore: CodeType, join: CodeType, wait: CodeType, event: CodeType, start: CodeType, /
) -> None:
    """Take code of threading's that must not be told that it cannot have a lock.

    That of `Condition._acquire_restore`, the one in which a join waits, and `Condition.wait`, `Event.wait` and
    `Thread.start`, by which a thread is waited for that begins.
    """

def know_process_condition(wait: CodeType, /) -> None:
    """Take the code of `multiprocessing.synchronize.Condition.wait`, which must get its lock back."""

def know_asyncio(
    running: Callable[[], object],
    turn: CodeType,
    callback: CodeType,
    is_turn: Callable[[FrameType, object], bool],
    ends: Callable[[FrameType, list[Link], bool], int | None],
    begins: Callable[[Any, list[Link]], None],
    /,
) -> None:
    """Take this as asyncio's: the function that gives the running loop, the code of a turn, and that of callbacks.

    And whom to ask whether other code is a turn of a loop, and to tell that what is around one is over, or that one begins.
    """

def know_trio(wait: CodeType, ends: Callable[[FrameType, list[Link], bool], int | None], /) -> None:
    """Take this as the code in which trio's loop waits, and whom to tell that what is around one is over."""

def know_spawn(code: CodeType, /) -> None:
    """Take the code of `Popen._execute_child`, which must not be told that it cannot wait for a child that has begun."""

def check_join() -> None:
    """Raise what has ended the waits around a join by now, if anything has."""

def prove_context(context: Context, /) -> None:
    """Find out where a thread's state has its context. Called within that context, twice, within another each time."""

def begin_watch() -> str | None:
    """Look after the scopes that are entered from now on; say why connections of libraries in C cannot be ended, if so."""

def end_watch() -> None:
    """Look after none from now on."""

def pause_watch() -> None:
    """Have the thread that looks after scopes end, until it is needed: before a fork."""

def resume_watch() -> None:
    """Start it anew if there is anything to look after."""

def watch_anew() -> None:
    """Look after what this thread is in, in a forked child."""

def watcher() -> int:
    """Give the system's number of that thread; 0 if there is none."""

def forget_after_fork() -> None:
    """For os.register_at_fork."""

def peer_modes() -> list[tuple[str, str, str, str]]:
    """How a peer can misbehave: name, what it does, and its argument and that one's default, "" where it takes none."""

def start_peer(
    mode: str,
    amount: int,
    content: bytes | bytearray | memoryview | None,
    when_asked: bool,
    host: str,
    port: int,
    skip: int,
    take: int,
    every: int,
    seed: int,
    max_connections: int,
    max_bytes: int,
    to_host: str,
    to_port: int,
    side: str,
    /,
) -> tuple[object, str, int]:
    """Start a misbehaving peer; gives it, and where it listens. Bytes and nanoseconds (amount) are 64 bits."""

def stop_peer(peer: object, /) -> None:
    """End it, and wait until nothing of it is left. Nothing in a forked child."""

def peer_events(peer: object, /) -> list[tuple[str, int, str | None, int, int, str | None, str | None]]:
    """What happened so far: event, number, client, sent, received, query, error."""
