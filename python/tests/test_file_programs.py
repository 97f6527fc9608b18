"""Random programs of reads and writes on files over sockets, each of whose calls something may end, against a model.

The peer is driven step by step between the calls: it has sent a part, or left little room. So nothing sleeps but the
calls that a limit ends. SHOTCLOCK_FILE_ROUNDS says how many programs are run in all (1,000), SHOTCLOCK_FILE_SEED which
is the first.
"""

import os

import pytest

from interpreter import check
from misbehaving import PAIRS, PEERS

ROUNDS = int(os.environ.get("SHOTCLOCK_FILE_ROUNDS", "1000"))
SEED = os.environ.get("SHOTCLOCK_FILE_SEED")
PART = 40

PROGRAM = r"""
import array, fcntl, io, os, random, signal, termios
first, rounds, kind = int(os.environ["FIRST"]), int(os.environ["ROUNDS"]), os.environ["KIND"]
SHORT = 0.0004

class Enough(Exception):
    pass

armed = []

def handler(*_):
    # Once for each arming, however often it comes: a signal just before a wait does not end it.
    if armed:
        armed.clear()
        raise Enough

signal.signal(signal.SIGALRM, handler)

def queued(sock):
    '''How many bytes have come and were not read.'''
    count = array.array("i", [0])
    fcntl.ioctl(sock.fileno(), termios.FIONREAD, count)
    return count[0]

class Round:
    def __init__(self, seed):
        self.random = chance = random.Random(seed)
        self.is_ours = kind == "ours"
        self.is_tls = self.is_ours and chance.random() < 0.04
        self.mode = chance.choice(["r", "w", "rw"] if self.is_ours else ["w", "rw"])
        self.is_text = chance.random() < 0.4 and self.is_ours
        self.a, self.b = tls_pair() if self.is_tls else socket.socketpair()
        for sock in (self.a, self.b):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, chance.choice([4096, 20000]))
        self.b.setblocking(False)
        self.size = chance.choice([2, 7, 100, 8192])
        self.options = {"buffering": self.size}
        if self.is_ours:
            self.options["resume"] = True
        if self.is_text:
            self.options["newline"] = chance.choice([None, "", "\n", "\r\n"])
            self.options["encoding"] = chance.choice(["utf-8", "utf-8", "latin-1", "utf-16-le"])
        self.file = self.a.makefile(self.mode + ("" if self.is_text else "b"), **self.options)
        self.source = self.make_source()
        self.fed, self.begun = 0, b""
        # As text, or as bytes: what reading is to give, and how much it has given.
        self.expected, self.taken = self.source, 0
        if self.is_text:
            wrapper = io.TextIOWrapper(io.BytesIO(self.source), self.options["encoding"], newline=self.options["newline"])
            self.expected = wrapper.read()
        self.written, self.ends, self.received = [], [], bytearray()

    def make_source(self):
        chance = self.random
        count = chance.choice([10, 300, 30000])
        if not self.is_text:
            return bytes(chance.choices(b"abcdefgh\n", [9] * 8 + [chance.choice([0.1, 3, 9])], k=count))
        letters = "ab\u00e4\u00f6\n\r" + ("" if self.options["encoding"] == "latin-1" else "\u20ac\U0001f600")
        return "".join(chance.choices(letters, k=count)).encode(self.options["encoding"])

    # The peer.

    def feed(self, most):
        # What OpenSSL has begun it has to be given again.
        self.begun = self.begun or self.source[self.fed : self.fed + most]
        if self.begun:
            with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError):
                self.fed += self.b.send(self.begun)
                self.begun = b""

    def drain(self, most):
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
            while most > 0 and (data := self.b.recv(min(most, 1 << 16))):
                self.received += data
                most -= len(data)

    def out(self):
        return len(self.received) + queued(self.b)

    # One call, and what may end it.

    def limited(self, call, argument, writes=False):
        '''What it gave, and what ended it.'''
        given, how = [], self.random.choice(["timeout", "scope", "both", "canceller", "alarm"])
        if not self.is_ours and how in ("timeout", "alarm"):
            how = "scope"
        if how == "alarm" and self.is_tls and writes:
            # Then nobody knows what OpenSSL had sent, and the file refuses to go on.
            how = "scope"
        self.a.settimeout(SHORT if how in ("timeout", "both") and self.is_ours else 20 if how != "scope" else None)
        around = contextlib.nullcontext()
        if how in ("scope", "both"):
            around = shotclock.deadline(SHORT)
        elif how == "canceller":
            around = shotclock.Canceller()
            if self.random.random() < 0.5:
                around.cancel()
            else:
                threading.Timer(SHORT, around.cancel).start()
        try:
            with around:
                if how == "alarm":
                    armed.append(True)
                    signal.setitimer(signal.ITIMER_REAL, SHORT, 0.002)
                # Nothing of Python's comes between the call and the list.
                given.extend(map(call, argument))
                armed.clear()
        except (TimeoutError, shotclock.Cancelled, Enough, BlockingIOError) as error:
            signal.setitimer(signal.ITIMER_REAL, 0)
            return given, error
        except BaseException:
            armed.clear()
            raise
        armed.clear()
        signal.setitimer(signal.ITIMER_REAL, 0)
        return given, None

    def read(self):
        chance, file = self.random, self.file
        name = chance.choice(["read", "readline", "readlines", "all", "read1", "readinto", "peek", "next"])
        if self.is_text and name in ("read1", "readinto", "peek"):
            name = "read"
        most = chance.choice([1, 3, 50, 5000])
        room = bytearray(most)
        call, argument = {
            "read": (file.read, [most]), "all": (file.read, [-1]), "readline": (file.readline, [chance.choice([-1, most])]),
            "readlines": (file.readlines, [chance.choice([-1, most])]), "read1": (getattr(file, "read1", None), [most]),
            "readinto": (getattr(file, "readinto", None), [room]), "peek": (getattr(file, "peek", None), [1]),
            "next": (file.readline, [-1]),
        }[name]
        if chance.random() < 0.7:
            self.feed(chance.choice([1, 2, 10, 4000]))
        fed = self.fed
        given, error = self.limited(call, argument)
        rest = self.expected[self.taken :]
        for result in given:
            if name == "readinto":
                result = bytes(room[:result])
            if name == "readlines":
                assert result == (result and rest[: len(rest[:0].join(result))].splitlines(True) or []) or self.is_text
                result = rest[:0].join(result)
            assert result == rest[: len(result)], (name, argument, result[:50], rest[:50])
            if name != "peek":
                self.taken += len(result)
            if name == "read":
                assert len(result) == most, (name, most, len(result))
        if isinstance(error, TimeoutError):
            partial = error.partial
            assert partial == rest[: len(partial)], (name, partial[:50], rest[:50])
            if not self.is_text and name != "peek":
                # Less where the limit had passed before anything was tried.
                assert len(partial) <= fed - self.taken, (name, argument, len(partial), fed - self.taken)

    def write(self):
        chance = self.random
        size = chance.choice([1, 5, 90, 3000, 100_000])
        data = chance.randbytes(size)
        if self.is_text:
            data = data.decode("latin-1").replace("\r", "x").replace("\n", "y")
            if self.options["encoding"] == "utf-16-le":
                data = data[: size // 2]
        if chance.random() < 0.6:
            self.drain(chance.choice([1, 100, 5000, 200_000]))
        before, flushes = self.out(), chance.random() < 0.2
        call, argument = (self.file.write, [data])
        if flushes:
            argument = [None]
        given, error = self.limited(call if not flushes else lambda _: self.file.flush(), argument, writes=True)
        counted = getattr(error, "sent", None)
        if error is not None and counted is not None and not self.is_tls:
            out = self.out() - before
            # The interpreter's own count what they were sending; before that they may have sent what was in the buffer.
            assert counted == out or not self.is_ours and counted <= out <= counted + self.size, (counted, out, error)
        if not flushes:
            self.written.append(data.encode(self.options["encoding"]) if self.is_text else data)
            self.ends.append(None if error is None else counted or 0)

    def check_written(self):
        if self.is_ours:
            assert self.received == b"".join(self.written), (len(self.received), sum(map(len, self.written)))
            return
        # Each whole, or the part of it that had gone out: the interpreter's own files drop the rest.
        at = 0
        for data, sent in zip(self.written, self.ends):
            if sent is None:
                assert self.received[at : at + len(data)] == data
                at += len(data)
            elif sent and self.received[at : at + sent] == data[:sent]:
                at += sent
        assert at == len(self.received), (at, len(self.received))

    def finish(self):
        # The other way round first, since it is the end of the data for both.
        self.a.settimeout(None)
        if "w" in self.mode:
            for _ in range(100_000):
                self.drain(1 << 20)
                try:
                    with shotclock.deadline(0.01):
                        self.file.flush()
                    break
                except TimeoutError:
                    pass
            else:
                raise AssertionError("it does not end")
        if "r" in self.mode and self.is_ours:
            while self.fed < len(self.source):
                self.feed(1 << 20)
                # Of TLS a part of a record may have come.
                with contextlib.suppress(TimeoutError), shotclock.deadline(0.02 if self.is_tls else 20):
                    some = self.file.read(1)
                    assert some == self.expected[self.taken : self.taken + 1], (some, self.taken)
                    self.taken += len(some)
            if self.is_tls:
                # The peer's close would be the reader's; its end is not known here.
                return self.end_tls()
            self.b.shutdown(socket.SHUT_WR)
            with shotclock.deadline(20):
                rest = self.file.read()
            assert rest == self.expected[self.taken :], (rest[:50], self.expected[self.taken :][:50])
        self.file.close()
        self.a.close()
        self.drain_all()

    def end_tls(self):
        if "w" in self.mode:
            self.drain_until(sum(map(len, self.written)))
        with shotclock.deadline(20):
            self.file.close()
        self.a.close()

    def drain_until(self, count):
        for _ in range(1000):
            self.drain(1 << 20)
            if len(self.received) >= count:
                break

    def drain_all(self):
        if "w" in self.mode:
            self.drain(1 << 30)

    def run(self):
        for _ in range(self.random.choice([3, 10, 25])):
            way = self.random.choice(self.mode)
            if way == "r" and self.is_ours:
                self.read()
            elif "w" in self.mode:
                self.write()
        self.finish()
        if "w" in self.mode:
            self.check_written()
        self.b.close()

for seed in range(first, first + rounds):
    try:
        Round(seed).run()
    except BaseException as error:
        error.add_note(f"seed {seed}, {kind}")
        raise
"""


@pytest.mark.timeout(300 + ROUNDS)
@pytest.mark.parametrize("mount", ["graft", "type"])
@pytest.mark.parametrize(("kind", "share"), [("ours", 0.4), ("stock", 0.1)])
def test_every_byte_goes_once(kind, share, mount, certificates):
    rounds = max(1, int(ROUNDS * share))
    first = int(SEED) if SEED else int.from_bytes(os.urandom(4)) << 16
    print("first seed", first, "rounds", rounds)
    beneath = ["-m", "shotclock"] if mount == "type" else []
    install = "" if mount == "type" else "shotclock.install()\n"
    # In parts, so that a machine that is busy is not taken for one that hangs.
    for start in range(0, rounds, PART):
        environment = {"FIRST": str(first + start), "ROUNDS": str(min(PART, rounds - start)), "KIND": kind}
        check(PEERS + PAIRS + install + PROGRAM, *certificates, beneath=beneath, environment=environment)
