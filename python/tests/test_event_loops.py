"""Event loops inside of scopes and cancellers: what is ended, how, and what is left alone."""

import textwrap

import pytest
from interpreter import check
from interpreter import run as run_interpreter

BEGIN = """
import asyncio, contextlib, selectors, threading, time
import shotclock
shotclock.install()

SOON = 0.2
# What the end of a block may take at most: cleaning up and stopping is a matter of half a second.
LATE = 5.0
FOREVER = 60
log = []

def end_of(run, block):
    "How a block ends in which this runs."
    began = time.monotonic()
    try:
        with block:
            value = run()
    except BaseException as error:
        assert time.monotonic() - began < LATE
        return error
    raise AssertionError(f"it ended with {value!r}")

def is_end(error, scope, phase="asyncio"):
    assert type(error) is TimeoutError and error.scope is scope and scope.expired, repr(error)
    assert error.phase == phase and error.limit == "scope" and error.sent == 0 and error.partial == b""
    assert error.elapsed >= SOON and phase in error.__notes__[0] and str(error) == "timed out"
    return True

async def waits():
    child = asyncio.create_task(child_waits())
    try:
        await asyncio.sleep(FOREVER)
    finally:
        log.append("main cleans up")
        await asyncio.sleep(0.01)
        log.append("and has waited for it")

async def child_waits():
    try:
        await asyncio.sleep(FOREVER)
    finally:
        await asyncio.sleep(0)
        log.append("child cleans up")

async def stubborn():
    while True:
        try:
            await asyncio.sleep(FOREVER)
        except asyncio.CancelledError:
            log.append("swallowed")
"""


@pytest.fixture(params=["graft", "type"])
def run(request):
    """Runs a program in an interpreter of its own, over each mount."""
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]
    return lambda program: check(BEGIN + textwrap.dedent(program), beneath=beneath)


def run_once(program):
    """The same where the mount makes no difference: it is not the sockets that wait."""
    return check(BEGIN + textwrap.dedent(program))


def test_the_end_cancels_what_the_loop_was_run_for_and_lets_it_clean_up(run):
    run(
        """
        scope = shotclock.deadline(SOON)
        error = end_of(lambda: asyncio.run(waits()), scope)
        assert is_end(error, scope) and type(error.__cause__) is asyncio.CancelledError
        assert shotclock.expired_scope(error) is scope
        assert log == ["main cleans up", "and has waited for it", "child cleans up"], log
        asyncio.run(asyncio.sleep(0))
        """
    )


@pytest.mark.parametrize("selector", ["EpollSelector", "PollSelector", "SelectSelector"])
def test_whatever_the_loop_waits_by(selector):
    run_once(
        f"""
        def run(main):
            with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.{selector}())) as runner:
                return runner.run(main)

        async def echo():
            # A loop in a scope goes on as ever until the end of it.
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            for _ in range(20):
                writer.write(b"ping")
                assert await reader.readexactly(4) == b"ping"
                await asyncio.sleep(0.001)
            loop = asyncio.get_running_loop()
            woken = asyncio.Event()
            threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set,)).start()
            await woken.wait()
            writer.close()
            server.close()
            return await asyncio.to_thread(lambda: 7)

        async def serve(reader, writer):
            while data := await reader.read(100):
                writer.write(data)
            writer.close()

        with shotclock.deadline(FOREVER), shotclock.Canceller() as canceller:
            assert run(echo()) == 7
        for limit in shotclock.deadline, shotclock.move_on_after:
            log.clear()
            scope = limit(SOON)
            if limit is shotclock.deadline:
                assert is_end(end_of(lambda: run(waits()), scope), scope)
            else:
                with scope:
                    run(waits())
                assert scope.expired
            assert log == ["main cleans up", "and has waited for it", "child cleans up"], log
        canceller = shotclock.Canceller()
        started = threading.Event()
        async def says_so():
            started.set()
            await asyncio.sleep(FOREVER)
        threading.Thread(target=lambda: started.wait() and canceller.cancel()).start()
        error = end_of(lambda: run(says_so()), canceller)
        assert type(error) is shotclock.Cancelled and error.canceller is canceller, repr(error)
        """
    )


def test_what_swallows_its_cancellation_is_stopped():
    run_once(
        """
        # asyncio says what it thinks of tasks that do not end.
        __import__("logging").disable()
        __import__("warnings").simplefilter("ignore", shotclock.OverdueWarning)
        for block in shotclock.deadline(SOON), shotclock.Canceller():
            log.clear()
            if isinstance(block, shotclock.Canceller):
                threading.Timer(SOON, block.cancel).start()
            error = end_of(lambda: asyncio.run(stubborn()), block)
            assert isinstance(error, (TimeoutError, shotclock.Cancelled)), repr(error)
            assert type(error.__cause__) is RuntimeError
            # Once by us, and then by asyncio's own clean-up, which has its time and is ended, too.
            assert 2 <= len(log) <= 4, log
        """
    )


def test_a_loop_that_never_waits_is_ended_as_well():
    run_once(
        """
        async def busy():
            while True:
                await asyncio.sleep(0)

        scope = shotclock.deadline(SOON)
        assert is_end(end_of(lambda: asyncio.run(busy()), scope), scope)

        def again_and_again():
            loop = asyncio.new_event_loop()
            try:
                while True:
                    loop.call_soon(loop.stop)
                    loop.run_forever()
            finally:
                loop.close()

        scope = shotclock.deadline(SOON)
        error = end_of(again_and_again, scope)
        assert type(error) is TimeoutError and error.scope is scope, repr(error)

        # asyncio and the interpreter say what they think of coroutines that were not so much as begun.
        __import__("logging").disable()
        __import__("warnings").simplefilter("ignore")

        def swallows_all():
            while True:
                with contextlib.suppress(Exception, asyncio.CancelledError):
                    asyncio.run(asyncio.sleep(FOREVER))

        scope = shotclock.deadline(SOON)
        assert is_end(end_of(swallows_all, scope), scope)
        canceller = shotclock.Canceller()
        threading.Timer(SOON, canceller.cancel).start()
        assert type(end_of(swallows_all, canceller)) is shotclock.Cancelled
        """
    )


def test_what_need_not_wait_is_done_after_the_end():
    run_once(
        """
        async def gives():
            await asyncio.sleep(0)
            return 7

        with shotclock.deadline(0) as scope:
            assert asyncio.run(gives()) == 7
        assert not scope.expired
        scope = shotclock.deadline(0)
        error = end_of(lambda: asyncio.run(asyncio.sleep(FOREVER)), scope)
        assert type(error) is TimeoutError and error.scope is scope
        """
    )


def test_only_its_own_end_is_turned_into_one():
    run_once(
        """
        async def cancels_itself():
            asyncio.current_task().cancel()
            await asyncio.sleep(FOREVER)

        async def stops_the_loop():
            asyncio.get_running_loop().stop()
            await asyncio.sleep(0.01)

        async def makes_its_own():
            try:
                await asyncio.sleep(FOREVER)
            except asyncio.CancelledError:
                raise KeyError("mine") from None

        async def gives_what_it_has():
            try:
                await asyncio.sleep(FOREVER)
            except asyncio.CancelledError:
                return 7

        for limit in shotclock.deadline, shotclock.move_on_after:
            scope = limit(FOREVER)
            assert type(end_of(lambda: asyncio.run(cancels_itself()), scope)) is asyncio.CancelledError
            assert not scope.expired
            assert type(end_of(lambda: asyncio.run(stops_the_loop()), limit(FOREVER))) is RuntimeError
            assert type(end_of(lambda: asyncio.run(makes_its_own()), limit(SOON))) is KeyError
            with limit(SOON) as scope:
                assert asyncio.run(gives_what_it_has()) == 7
            assert scope.expired

            def cancelled_later():
                assert asyncio.run(gives_what_it_has()) == 7
                asyncio.run(cancels_itself())

            # After the end another run is cancelled by itself: that is not the scope's.
            assert type(end_of(cancelled_later, limit(SOON))) is asyncio.CancelledError
        """
    )


def test_the_program_s_own_limits_inside_are_its_own():
    run_once(
        """
        async def own_timeout():
            async with asyncio.timeout(SOON):
                await asyncio.sleep(FOREVER)

        scope = shotclock.deadline(FOREVER)
        error = end_of(lambda: asyncio.run(own_timeout()), scope)
        assert type(error) is TimeoutError and not hasattr(error, "scope") and not scope.expired

        async def longer_timeout():
            async with asyncio.timeout(FOREVER), asyncio.TaskGroup() as group:
                group.create_task(waits())

        scope = shotclock.deadline(SOON)
        assert is_end(end_of(lambda: asyncio.run(longer_timeout()), scope), scope)
        assert "and has waited for it" in log

        async def takes_long():
            try:
                await asyncio.sleep(FOREVER)
            finally:
                # It is stopped in here, and then cancelled by asyncio's clean-up.
                await asyncio.sleep(FOREVER)

        scope = shotclock.deadline(SOON)
        error = end_of(lambda: asyncio.run(takes_long()), scope)
        assert is_end(error, scope) and type(error.__cause__) is RuntimeError
        """
    )


def test_a_scope_in_a_coroutine_bounds_its_calls_and_not_its_awaits():
    run_once(
        """
        async def inner():
            other = asyncio.create_task(asyncio.sleep(2 * SOON, "other"))
            with shotclock.deadline(SOON) as scope:
                assert await asyncio.sleep(2 * SOON, "awaited") == "awaited"
                try:
                    time.sleep(FOREVER)
                except TimeoutError as error:
                    assert error.scope is scope and error.phase == "sleep"
                else:
                    raise AssertionError("it slept")
                selector = selectors.DefaultSelector()
                with selector, contextlib.suppress(TimeoutError):
                    selector.select(FOREVER)
                    raise AssertionError("it polled")
            assert await other == "other"
            return 7

        assert asyncio.run(inner()) == 7
        with shotclock.deadline(FOREVER) as outer:
            assert asyncio.run(inner()) == 7
        assert not outer.expired
        """
    )


def test_a_loop_that_runs_for_nothing_is_stopped_and_the_block_says_so():
    run_once(
        """
        def forever():
            loop = asyncio.new_event_loop()
            try:
                loop.run_forever()
                log.append("stopped")
                loop.run_until_complete(asyncio.sleep(0.01))
                log.append("cleaned up")
            finally:
                loop.close()

        scope = shotclock.deadline(SOON)
        assert is_end(end_of(forever, scope), scope) and log == ["stopped", "cleaned up"], log
        with shotclock.move_on_after(SOON) as scope:
            forever()
        assert scope.expired
        canceller = shotclock.Canceller()
        threading.Timer(SOON, canceller.cancel).start()
        assert type(end_of(forever, canceller)) is shotclock.Cancelled
        """
    )


def test_of_nested_blocks_the_one_that_ends_is_named_by_the_innermost():
    run_once(
        """
        outer, inner, canceller = shotclock.deadline(SOON), shotclock.deadline(FOREVER), shotclock.Canceller()
        seen = []

        def nested():
            try:
                with inner, canceller:
                    asyncio.run(waits())
            except BaseException as error:
                seen.append(error)
                raise

        error = end_of(nested, outer)
        assert is_end(error, outer) and seen == [error] and not inner.expired
        with shotclock.move_on_after(SOON) as outer, shotclock.move_on_after(FOREVER) as inner:
            asyncio.run(waits())
        assert outer.expired and not inner.expired
        """
    )


def test_a_loop_in_another_thread_has_the_scope_that_was_carried_there_or_none():
    run_once(
        """
        ends = []
        began = time.monotonic()

        def with_it(carried):
            ends.append(end_of(lambda: asyncio.run(waits()), carried))

        def without():
            ends.append(asyncio.run(asyncio.sleep(2 * SOON, "as ever")))

        with shotclock.deadline(SOON) as scope:
            threads = [threading.Thread(target=with_it, args=(scope.carry(),)), threading.Thread(target=without)]
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join()
        assert sorted(type(end).__name__ for end in ends) == ["TimeoutError", "str"], ends
        """
    )


NESTED = """
class Nested(asyncio.SelectorEventLoop):
    "A loop that runs inside of its own callbacks, as those do that patch asyncio for notebooks."

    def run_until_complete(self, awaited):
        before, self_before = asyncio._get_running_loop(), self._thread_id
        asyncio._set_running_loop(self)
        self._thread_id = threading.get_ident()
        ours = asyncio.current_task(self)
        if ours is not None:
            asyncio.tasks._leave_task(self, ours)
        try:
            task = asyncio.ensure_future(awaited, loop=self)
            while not task.done():
                self._run_once()
            return task.result()
        finally:
            if ours is not None:
                asyncio.tasks._enter_task(self, ours)
            self._thread_id = self_before
            asyncio._set_running_loop(before)

    def _run_once(self):
        # Its own, without the one that it overrides.
        ready, scheduled = self._ready, self._scheduled
        timeout = 0 if ready else max(0, scheduled[0]._when - self.time()) if scheduled else None
        self._process_events(self._selector.select(timeout))
        while scheduled and scheduled[0]._when <= self.time():
            ready.append(__import__("heapq").heappop(scheduled))
        for _ in range(len(ready)):
            if ready and not (handle := ready.popleft())._cancelled:
                handle._run()
"""


def test_a_loop_inside_of_a_loop_ends_by_itself_or_with_the_outer_one():
    run_once(
        NESTED
        + textwrap.dedent(
            """
            def nested(loop):
                return loop.run_until_complete(waits())

            async def bounds_the_inner(loop):
                scope = shotclock.deadline(SOON)
                assert is_end(end_of(lambda: nested(loop), scope), scope)
                await asyncio.sleep(0.01)
                return 7

            async def bounds_nothing(loop):
                try:
                    nested(loop)
                finally:
                    log.append("outer cleans up")
                    await asyncio.sleep(0.01)
                    log.append("and has waited for it")

            loop = Nested()
            assert loop.run_until_complete(bounds_the_inner(loop)) == 7
            log.clear()
            scope = shotclock.deadline(SOON)
            assert is_end(end_of(lambda: loop.run_until_complete(bounds_nothing(loop)), scope), scope)
            assert log[-2:] == ["outer cleans up", "and has waited for it"], log
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0.01))
            loop.close()
            """
        )
    )


def test_clocks_and_turns_of_a_loop_s_own_change_nothing():
    run_once(
        """
        class Own(asyncio.SelectorEventLoop):
            def time(self):
                return super().time() * 1e-6

            def _run_once(self):
                super()._run_once()

        class Wrapped(selectors.DefaultSelector):
            def select(self, timeout=None):
                return super().select(timeout)

        for make in Own, lambda: asyncio.SelectorEventLoop(Wrapped()):
            log.clear()
            scope = shotclock.deadline(SOON)
            async def cleans_up():
                try:
                    await asyncio.Event().wait()
                finally:
                    log.append("clean")
            with asyncio.Runner(loop_factory=make) as runner:
                assert is_end(end_of(lambda: runner.run(cleans_up()), scope), scope) and log == ["clean"]
                # The same loop goes on outside.
                runner.run(asyncio.sleep(0))
        """
    )


def test_threads_of_a_loop_are_waited_for_a_moment():
    run_once(
        """
        done = threading.Event()

        def short():
            log.append("begun")
            done.wait(FOREVER)
            log.append("done")

        async def in_a_thread():
            loop = asyncio.get_running_loop()
            working = loop.run_in_executor(None, short)
            try:
                await working
            finally:
                done.set()

        for block in shotclock.deadline(SOON), shotclock.Canceller():
            log.clear()
            done.clear()
            if isinstance(block, shotclock.Canceller):
                threading.Timer(SOON, block.cancel).start()
            error = end_of(lambda: asyncio.run(in_a_thread()), block)
            assert isinstance(error, (TimeoutError, shotclock.Cancelled)), repr(error)
            # The executor was shut down by the loop's own clean-up, which waits for its threads.
            assert log == ["begun", "done"], log

        # What asyncio.to_thread runs is inside of the block, too.
        scope = shotclock.deadline(SOON)
        error = end_of(lambda: asyncio.run(asyncio.to_thread(threading.Event().wait)), scope)
        # Up to 3.11 asyncio makes another TimeoutError of that thread's.
        assert type(error) is TimeoutError and scope.expired
        """
    )


def test_a_thread_that_goes_on_is_left():
    run_once(
        """
        release = threading.Event()
        loop_of = []

        async def in_a_thread():
            await asyncio.get_running_loop().run_in_executor(None, release.wait)

        async def listens(loop):
            await loop.run_in_executor(None, release.wait)

        scope = shotclock.deadline(SOON)
        def run():
            # Without the loop's own wait for its threads, which says so when nobody listens any more (bpo-45097).
            loop = asyncio.new_event_loop()
            try:
                loop.run_until_complete(listens(loop))
            finally:
                loop.close()
        assert is_end(end_of(run, scope), scope)
        release.set()
        """
    )


def test_runners_and_loops_are_as_before_outside():
    run_once(
        """
        with asyncio.Runner() as runner:
            for _ in range(3):
                scope = shotclock.deadline(SOON)
                log.clear()
                assert is_end(end_of(lambda: runner.run(waits()), scope), scope)
                assert "and has waited for it" in log
                assert runner.run(asyncio.sleep(0.01, 7)) == 7
        # Within a shield, and where waits are not to be bounded, a loop is nobody's business.
        with shotclock.deadline(SOON) as scope, shotclock.shield():
            assert asyncio.run(asyncio.sleep(2 * SOON, 7)) == 7
        with shotclock.deadline(SOON, waits=False) as scope:
            assert asyncio.run(asyncio.sleep(2 * SOON, 7)) == 7
        assert not scope.expired

        @shotclock.deadline(SOON)
        def decorated():
            asyncio.run(waits())

        error = end_of(decorated, contextlib.nullcontext())
        assert type(error) is TimeoutError and error.phase == "asyncio"
        """
    )


def test_ctrl_c_comes_first_as_ever():
    run_once(
        """
        import signal

        async def interrupted():
            asyncio.get_running_loop().call_later(0.05, signal.raise_signal, signal.SIGINT)
            await waits()

        error = end_of(lambda: asyncio.run(interrupted()), shotclock.deadline(FOREVER))
        assert type(error) is KeyboardInterrupt and "and has waited for it" in log
        """
    )


def test_trio_is_cancelled_and_at_last_left():
    pytest.importorskip("trio")
    run_once(
        """
        import trio

        # What swallows its cancellation is overdue indeed.
        __import__("warnings").simplefilter("ignore", shotclock.OverdueWarning)

        async def waits():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep, FOREVER)
                try:
                    await trio.sleep(FOREVER)
                finally:
                    with trio.CancelScope(shield=True):
                        await trio.sleep(0.01)
                        log.append("clean")

        async def swallows():
            while True:
                with contextlib.suppress(trio.Cancelled):
                    await trio.sleep(FOREVER)

        async def busy():
            while True:
                await trio.lowlevel.checkpoint()

        async def own_cancel():
            with trio.CancelScope() as inner:
                inner.cancel()
                await trio.sleep(FOREVER)
            return inner.cancelled_caught

        with shotclock.deadline(FOREVER):
            assert trio.run(own_cancel)
        with shotclock.deadline(0):
            assert trio.run(own_cancel)
        for main in waits, trio.sleep_forever, busy:
            scope = shotclock.deadline(SOON)
            assert is_end(end_of(lambda: trio.run(main), scope), scope, "trio")
            with shotclock.move_on_after(SOON) as scope:
                trio.run(main)
            assert scope.expired
        assert log == ["clean", "clean"]
        for main in waits, swallows:
            canceller = shotclock.Canceller()
            threading.Timer(SOON, canceller.cancel).start()
            assert type(end_of(lambda: trio.run(main), canceller)) is shotclock.Cancelled
        scope = shotclock.deadline(SOON)
        assert is_end(end_of(lambda: trio.run(swallows), scope), scope, "trio")
        assert trio.run(own_cancel), "the next run is as ever"
        """
    )


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_over_both(backend):
    pytest.importorskip("anyio")
    pytest.importorskip(backend)
    run_once(
        f"""
        import anyio, {backend}

        async def main():
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, FOREVER)
                try:
                    await anyio.sleep(FOREVER)
                finally:
                    with anyio.CancelScope(shield=True):
                        await anyio.sleep(0.01)
                        log.append("clean")

        scope = shotclock.deadline(SOON)
        assert is_end(end_of(lambda: anyio.run(main, backend={backend!r}), scope), scope, {backend!r})
        with shotclock.move_on_after(SOON) as scope:
            anyio.run(main, backend={backend!r})
        assert scope.expired and log == ["clean", "clean"]
        """
    )


def test_a_loop_that_waits_in_c_is_told_by_its_own_timer():
    pytest.importorskip("uvloop")
    run_once(
        """
        import logging, uvloop

        # asyncio says what it thinks of tasks that do not end.
        logging.disable()
        # What is stubborn is overdue indeed.
        __import__("warnings").simplefilter("ignore", shotclock.OverdueWarning)
        scope = shotclock.deadline(SOON)
        assert is_end(end_of(lambda: uvloop.run(waits()), scope), scope)
        assert log == ["main cleans up", "and has waited for it", "child cleans up"], log
        for block in shotclock.deadline(SOON), shotclock.Canceller():
            if isinstance(block, shotclock.Canceller):
                threading.Timer(SOON, block.cancel).start()
            error = end_of(lambda: uvloop.run(stubborn()), block)
            assert isinstance(error, (TimeoutError, shotclock.Cancelled)), repr(error)
        with shotclock.deadline(FOREVER):
            assert uvloop.run(asyncio.sleep(0.01, 7)) == 7
        with shotclock.deadline(0):
            assert uvloop.run(asyncio.sleep(0, 7)) == 7

        loop = uvloop.new_event_loop()
        with shotclock.deadline(SOON):
            for _ in range(3):
                # Each run in one and the same function is a run of its own.
                with contextlib.suppress(RuntimeError, asyncio.CancelledError):
                    loop.run_until_complete(asyncio.sleep(FOREVER))
        scope = shotclock.deadline(SOON)
        assert is_end(end_of(loop.run_forever, scope), scope)
        # Nothing of ours is left in it, nor of a run that is over in one that is shielded.
        with shotclock.deadline(SOON):
            loop.run_until_complete(asyncio.sleep(0))
            with shotclock.shield():
                assert loop.run_until_complete(asyncio.sleep(2 * SOON, 7)) == 7
        assert loop.run_until_complete(asyncio.sleep(2 * SOON, 7)) == 7
        loop.close()
        """
    )


@pytest.mark.parametrize("loop", ["asyncio.run(asyncio.sleep(60))", "asyncio.new_event_loop().run_forever()"])
def test_the_limit_of_a_whole_program_ends_it_so(loop):
    done = run_interpreter("-m", "shotclock", "--total", "1", "-c", f"import asyncio; {loop}")
    assert done.returncode == 1
    *_, error, note = done.stderr.splitlines()
    assert error == "TimeoutError: timed out" and note.startswith("asyncio: "), done.stderr
    assert "CancelledError" not in done.stderr
