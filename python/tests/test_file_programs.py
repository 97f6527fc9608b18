"""Random programs of reads and writes on files over sockets, each of whose calls something may end, against a model.

The peer is driven step by step between the calls: it has sent a part, or left little room. So nothing sleeps but the
calls that a limit ends. SHOTCLOCK_FILE_ROUNDS says how many programs are run in all (1,000), SHOTCLOCK_FILE_SEED which
is the first.
"""

import os

import pytest

from interpreter import check
from misbehaving import PAIRS, PEERS, SILENT_LOSS

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
        self.is_tls = chance.random() < (0.2 if self.is_ours else 0)
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
        # A carriage return at the end would be held back until it is known that nothing follows.
        return ("".join(chance.choices(letters, k=count)) + "a").encode(self.options["encoding"])

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
        return len(self.received) + (0 if self.is_tls else queued(self.b))

    # One call, and what may end it.

    def limited(self, call, argument, writes=False):
        '''What it gave, and what ended it.'''
        given, how = [], self.random.choice(["timeout", "scope", "both", "canceller", "alarm"])
        self.argument = iter(argument)
        if not self.is_ours and how in ("timeout", "alarm"):
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
                # Nothing of Python's comes between the argument, the call and the list.
                given.extend(map(call, self.argument))
                armed.clear()
        except (TimeoutError, shotclock.Cancelled, Enough, BlockingIOError) as error:
            return given, error
        finally:
            # However it ended: the interpreter's end gives the handler back before the timer.
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
        # Of TLS only what was decrypted can be counted.
        is_counted = not self.is_tls or chance.random() < 0.5
        if self.is_tls and is_counted:
            self.drain(1 << 30)
        before, flushes = self.out(), chance.random() < 0.2
        call, argument = (self.file.write, [data])
        if flushes:
            argument = [None]
        given, error = self.limited(call if not flushes else lambda _: self.file.flush(), argument, writes=True)
        if self.argument.__length_hint__():
            # The alarm came before the call.
            assert isinstance(error, Enough) and (not is_counted or self.out() == before), error
            return
        counted = getattr(error, "sent", None)
        if error is not None and counted is not None and is_counted:
            if self.is_tls:
                self.drain(1 << 30)
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
        self.a.settimeout(0)
        if "w" in self.mode:
            self.until(self.flushes)
        if "r" in self.mode and self.is_ours:
            self.until(self.reads_what_is_there)
            if not self.is_tls:
                self.b.shutdown(socket.SHUT_WR)
                self.a.settimeout(20)
                rest = self.file.read()
                assert rest == self.expected[self.taken :], (rest[:50], self.expected[self.taken :][:50])
                self.taken += len(rest)
            assert self.taken == len(self.expected), (self.taken, len(self.expected))
        self.file.close()
        self.drain(1 << 30)
        self.a.close()
        self.b.close()

    def until(self, is_done):
        for _ in range(100_000):
            if is_done():
                return
        raise AssertionError("it does not end")

    def flushes(self):
        self.drain(1 << 20)
        try:
            self.file.flush()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        self.drain(1 << 20)
        return True

    def reads_what_is_there(self):
        self.feed(1 << 20)
        for most in (400, 1):
            with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
                while some := self.file.read(most):
                    assert some == self.expected[self.taken : self.taken + len(some)], (some, self.taken)
                    self.taken += len(some)
        # The last of it may wait for what comes after, or for the end: a part of a character, a carriage return.
        return self.fed == len(self.source) and (not self.is_tls or self.taken == len(self.expected))

    def run(self):
        try:
            self.run_to_the_end()
        except OSError as error:
            # A handler's exception in the moment of a try of OpenSSL's: the file refuses to go on. What went out is right.
            if not (self.is_tls and "nobody knows" in str(error)):
                raise
            refusals.append(self)
            self.drain(1 << 30)
            assert b"".join(self.written).startswith(self.received)

    def run_to_the_end(self):
        for _ in range(self.random.choice([3, 10, 25])):
            way = self.random.choice(self.mode)
            if way == "r" and self.is_ours:
                self.read()
            elif "w" in self.mode:
                self.write()
        self.finish()
        if "w" in self.mode:
            self.check_written()

refusals = []
for seed in range(first, first + rounds):
    try:
        Round(seed).run()
    except BaseException as error:
        error.add_note(f"seed {seed}, {kind}")
        raise
assert len(refusals) <= 2 + rounds // 10, len(refusals)
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
        check(PEERS + PAIRS + SILENT_LOSS + install + PROGRAM, *certificates, beneath=beneath, environment=environment)
