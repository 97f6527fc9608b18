"""The chain of scopes, cancellers and shields: entering and leaving it, in one step each, whatever comes between."""

import pytest

from interpreter import check

# What is entered: each gives a new context manager.
KINDS = {
    "scope": "lambda: shotclock.deadline(0.5)",
    "move_on": "lambda: shotclock.move_on_after(0.5)",
    "canceller": "shotclock.Canceller",
    "shield": "shotclock.shield",
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupt_at_its_with_leaves_nobody_inside(kind):
    check(
        f"""
        import signal, shotclock
        from shotclock import _native
        make = {KINDS[kind]}
        with make():
            pass
        class Interrupt(Exception):
            pass
        armed = False
        def interrupt(*_):
            global armed
            if armed:
                armed = False
                raise Interrupt
        signal.signal(signal.SIGALRM, interrupt)
        for round in range(1500):
            # It is armed within the try alone: a signal of the round before may come late.
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, 30e-6 + round % 7 * 3e-6)
                for _ in range(40):
                    with make():
                        pass
                armed = False
            except Interrupt:
                pass
            assert _native.links() == 0 and not _native.is_bounded(), round
        # The last one's signal is not to come when the interpreter has given its handlers back.
        signal.setitimer(signal.ITIMER_REAL, 0)
        """
    )


def test_100_000_of_them_leave_nothing_behind():
    check(
        """
        import gc, shotclock
        from shotclock import _native
        def pages():
            with open("/proc/self/statm") as statm:
                return int(statm.read().split()[1])
        def enter_all():
            with shotclock.deadline(5), shotclock.Canceller(), shotclock.shield(), shotclock.move_on_after(5):
                pass
        for _ in range(1000):
            enter_all()
        gc.collect()
        before, objects = pages(), len(gc.get_objects())
        for _ in range(100_000):
            enter_all()
        gc.collect()
        assert _native.links() == 0
        assert len(gc.get_objects()) - objects < 100
        assert pages() - before < 1000
        """
    )


def test_a_deep_chain_ends_without_a_deep_stack():
    check(
        """
        import contextlib, threading, shotclock
        from shotclock import _native
        with contextlib.ExitStack() as stack:
            for _ in range(100_000):
                stack.enter_context(shotclock.Canceller())
            assert _native.links() == 100_000
        assert _native.links() == 0
        canceller = shotclock.Canceller()
        def enter_and_leave_none():
            for _ in range(100_000):
                canceller.__enter__()
        thread = threading.Thread(target=enter_and_leave_none)
        thread.start()
        thread.join()
        # What a thread was in ends with its context, which the newest interpreters keep in the thread's object.
        del thread
        assert _native.links() == 0
        """
    )


def test_exits_in_any_order_and_number_count_once():
    check(
        """
        import contextvars, itertools, shotclock
        from shotclock import _native
        for order in itertools.permutations(range(4)):
            entered = [shotclock.deadline(50), shotclock.Canceller(), shotclock.deadline(40), shotclock.shield()]
            for one in entered:
                one.__enter__()
            for gone, index in enumerate(order, 1):
                entered[index].__exit__(None, None, None)
                entered[index].__exit__(None, None, None)
                assert _native.links() == 4 - gone
                still = [entered[kept] for kept in order[gone:]]
                is_shielded = entered[3] in still
                assert (shotclock.remaining() is None) == (is_shielded or not {0, 2} & set(order[gone:]))
        never = shotclock.deadline(5)
        never.__exit__(None, None, None)
        with never:
            assert 4 < shotclock.remaining() <= 5
        assert _native.links() == 0 and shotclock.remaining() is None
        # Somebody else's value in the variable is no scope.
        with shotclock.deadline(1):
            pass
        (variable,) = (known for known in contextvars.copy_context() if known.name == "shotclock chain")
        variable.set("nonsense")
        assert shotclock.remaining() is None
        with shotclock.deadline(1):
            assert shotclock.remaining() <= 1
        """
    )


def test_what_nobody_can_reach_any_more_is_open_no_more():
    check(
        """
        import gc, shotclock, weakref
        from shotclock import _native
        def suspended():
            with shotclock.deadline(5), shotclock.Canceller():
                yield
        class Own(shotclock.Scope):
            def __init__(self):
                super().__init__(5, 0)
                self.me = self
            def __enter__(self):
                entered.append(self)
                return super().__enter__()
        entered = []
        import contextvars
        def enter():
            Own().__enter__()
            kept = suspended()
            next(kept)
            entered.append(kept)
        context = contextvars.copy_context()
        context.run(enter)
        assert _native.links() == 3
        seen = weakref.ref(entered[0])
        del context
        entered.clear()
        gc.collect()
        assert _native.links() == 0 and seen() is None
        class Named(shotclock.Canceller):
            pass
        one = Named()
        one.me = one
        with one as same:
            assert same is one and "Named" not in repr(one)
        seen = weakref.ref(one)
        del one, same
        gc.collect()
        assert seen() is None
        """
    )
