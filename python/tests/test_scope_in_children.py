"""Children: those of multiprocessing begin outside of their parent's scopes, as threads do; a plain fork stays inside."""

import textwrap

import pytest

from interpreter import check
from misbehaving import PEERS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(params=["graft", "type"])
def run(request):
    beneath = [] if request.param == "graft" else ["-m", "shotclock"]

    def run_program(program, **options):
        quiet = "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"
        return check(PEERS + quiet + textwrap.dedent(program), beneath=beneath, **options)

    return run_program


@pytest.mark.parametrize("imported", ["before", "after"])
def test_workers_begin_outside(run, imported):
    run(
        f"""
        import os
        if {imported!r} == "before":
            import concurrent.futures, multiprocessing
        from shotclock import _native
        a, b = socket.socketpair()
        def look(*_):
            seen = shotclock.remaining(), _native.links(), _native.is_bounded()
            b.send(b"x")
            seen += (a.recv(1),)
            with shotclock.deadline(50):
                assert shotclock.remaining() <= 50 and _native.links() == 1
            return (*seen, _native.links())
        outside = (None, 0, False, b"x", 0)
        canceller = shotclock.Canceller()
        with shotclock.deadline(5), canceller, shotclock.deadline(60):
            import concurrent.futures, multiprocessing
            fork = multiprocessing.get_context("fork")
            executor = concurrent.futures.ProcessPoolExecutor(1, fork)
            assert executor.submit(look).result() == outside
            pool = fork.Pool(1)
            assert pool.map(look, [0]) == [outside]
            own = fork.Process(target=lambda: os._exit(7 if look() == outside else 1))
            own.start()
            own.join()
            assert own.exitcode == 7
            assert 0 < shotclock.remaining() <= 5 and _native.links() == 3
        canceller.cancel()
        assert executor.submit(look).result() == outside and pool.map(look, [0]) == [outside]
        executor.shutdown()
        pool.terminate()
        assert _native.links() == 0
        """
    )


def test_the_limit_of_the_program_stays(run):
    run(
        """
        import multiprocessing
        from shotclock import _native
        from shotclock._bounds import scope
        scope.limit_program(_native.monotonic_ns() + 40 * 10**9)
        def look(seen):
            assert _native.links() == 1
            seen.send(shotclock.remaining())
        with shotclock.deadline(5):
            fork = multiprocessing.get_context("fork")
            here, there = fork.Pipe()
            child = fork.Process(target=look, args=(there,))
            child.start()
            assert 20 < here.recv() <= 40
            child.join()
            assert child.exitcode == 0
            assert shotclock.remaining() <= 5
        assert shotclock.remaining() > 20 and _native.links() == 1
        """
    )


def test_a_plain_fork_goes_on_in_its_block_and_leaves_it(run):
    run(
        """
        import os
        from shotclock import _native
        a, b = socket.socketpair()
        canceller = shotclock.Canceller()
        def in_child(check):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    check()
                    status = 0
                finally:
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
        def stay():
            assert 0 < shotclock.remaining() <= 5 and _native.links() == 2
        with shotclock.deadline(5) as scope, canceller:
            in_child(stay)
            def leave():
                canceller.__exit__(None, None, None)
                scope.__exit__(None, None, None)
                scope.__exit__(None, None, None)
                assert shotclock.remaining() is None and _native.links() == 0
                with shotclock.deadline(3):
                    assert shotclock.remaining() <= 3 and _native.links() == 1
                assert _native.links() == 0
            in_child(leave)
            def leave_all():
                _native.leave_all()
                assert shotclock.remaining() is None and _native.links() == 0
                with shotclock.deadline(3):
                    assert 0 < shotclock.remaining() <= 3 and _native.links() == 1
                # What was entered before counts no more, and is not counted down.
                canceller.__exit__(None, None, None)
                scope.__exit__(None, None, None)
                assert _native.links() == 0
            in_child(leave_all)
            assert _native.links() == 2
        assert _native.links() == 0
        """
    )
