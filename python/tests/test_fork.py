"""Forks while another thread is in the middle of an import of ours, each in an interpreter of its own."""

import pytest
from interpreter import check

# A thread stops in the middle of importing a module, which goes on only when somebody forks; so does the fork, if it waits.
FORK_IN_THE_MIDDLE = """
    import importlib.machinery, os, signal, sys, threading
    import shotclock

    reached, go_on = threading.Event(), threading.Event()
    os.register_at_fork(before=go_on.set)

    class Stop:
        def find_spec(self, name, path, target=None):
            if name != {name!r} or reached.is_set():
                return None
            spec = importlib.machinery.PathFinder.find_spec(name, path)
            execute = spec.loader.exec_module
            def exec_module(module):
                reached.set()
                go_on.wait()
                execute(module)
            spec.loader.exec_module = exec_module
            return spec

    def work():
        shotclock.install()

    sys.modules.pop({name!r}, None)
    sys.meta_path.insert(0, Stop())
    other = threading.Thread(target=work)
    other.start()
    reached.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        work()
        import socket, ssl
        os._exit(0 if "recv" in vars(socket.socket) else 1)
    other.join()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("name", ["shotclock._install.graft", "shotclock._install.tls", "shotclock._install.on_import", "selectors", "socket"])
def test_a_child_can_import_what_another_thread_was_importing(name):
    program = FORK_IN_THE_MIDDLE.format(name=name)
    # That there is another thread is what some versions warn of.
    assert check(program, beneath=("-W", "ignore")) == "0\n"


def test_a_fork_does_not_wait_for_an_import_that_waits_for_it():
    # As when a module forks while it is imported, and another thread imports one of ours that needs that module.
    program = """
        import importlib.util, os, sys, threading
        import shotclock

        started = threading.Event()

        class Made:
            def find_spec(self, name, path, target=None):
                if name in ("forks", "shotclock.needs_it"):
                    return importlib.util.spec_from_loader(name, self)
            def create_module(self, spec):
                return None
            def exec_module(self, module):
                if module.__name__ == "forks":
                    other.start()
                    started.wait()
                    child = os.fork()
                    if child == 0:
                        os._exit(0)
                    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
                else:
                    started.set()
                    import forks

        sys.meta_path.insert(0, Made())
        other = threading.Thread(target=__import__, args=("shotclock.needs_it",))
        import forks
        other.join()
    """
    assert check(program, beneath=("-W", "ignore")) == "0\n"


def test_locks_are_free_in_a_child_whatever_their_order():
    program = """
        import os, sys, threading
        import shotclock
        from shotclock import _fork
        shotclock.install()
        locks = [_fork.new_lock(), _fork.new_lock()]
        sys.setswitchinterval(1e-6)
        done = threading.Event()

        def take(first, second):
            while not done.is_set():
                with first, second:
                    pass

        # One order only, which is not the fork's own in one of the two runs.
        for order in (locks, locks[::-1]):
            done.clear()
            others = [threading.Thread(target=take, args=order) for _ in range(2)]
            for thread in others: thread.start()
            for _ in range(20):
                child = os.fork()
                if child == 0:
                    free = all(lock.acquire(blocking=False) for lock in _fork._locks)
                    os._exit(0 if free else 1)
                assert os.waitpid(child, 0)[1] == 0
            done.set()
            for thread in others: thread.join()
        print("free")
    """
    assert check(program, beneath=("-W", "ignore")) == "free\n"


def test_many_threads_may_fork_at_once():
    """Each holds the locks for its own fork, and lets go of its own."""
    program = """
        import os, sys, threading
        import shotclock
        from shotclock import _fork

        shotclock.install()
        sys.setswitchinterval(1e-6)
        begin, codes = threading.Barrier(12), []

        def fork():
            begin.wait()
            for _ in range(15):
                child = os.fork()
                if child == 0:
                    with shotclock.deadline(1):
                        os._exit(0)
                codes.append(os.waitpid(child, 0)[1])

        threads = [threading.Thread(target=fork) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # Of no use to this thread if another holds one still.
        assert all(lock.acquire(blocking=False) for lock in _fork._locks)
        print(len(codes), set(codes))
    """
    assert check(program, beneath=("-W", "ignore")) == "180 {0}\n"


def test_a_handler_may_fork_while_its_thread_does():
    program = """
        import os, signal, threading
        import shotclock
        from shotclock import _fork

        shotclock.install()
        inner, free = [], []

        def handle(*_):
            child = os.fork()
            if child == 0:
                os._exit(0)
            inner.append(os.waitpid(child, 0)[1])

        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)
        for _ in range(300):
            child = os.fork()
            if child == 0:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        signal.setitimer(signal.ITIMER_REAL, 0)
        other = threading.Thread(target=lambda: free.extend(lock.acquire(blocking=False) for lock in _fork._locks))
        other.start()
        other.join()
        assert free and all(free) and not any(inner), (free, inner)
    """
    check(program)


def test_a_handler_may_fork_at_each_step_that_its_thread_takes_for_a_fork():
    program = """
        import os, signal, sys, threading
        import shotclock
        from shotclock import _fork

        shotclock.install()
        ours, at, seen, free = _fork.__file__, 0, 0, []

        def handle():
            child = os.fork()
            if child == 0:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0

        def trace(frame, event, _):
            global seen
            if frame.f_code.co_filename != ours:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                seen += 1
                if seen == at:
                    sys.settrace(None)
                    handle()
            return trace

        # Python 3.12 tells of steps in any frame only where the one that asks for the trace wants them, too.
        sys._getframe().f_trace_opcodes = True
        # Until no step is left at which nothing was done yet.
        while seen >= at:
            at, seen = at + 1, 0
            sys.settrace(trace)
            child = os.fork()
            sys.settrace(None)
            if child == 0:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        other = threading.Thread(target=lambda: free.extend(lock.acquire(blocking=False) for lock in _fork._locks))
        other.start()
        other.join()
        assert free and all(free), free
        print(at > 50)
    """
    assert check(program, beneath=("-W", "ignore")) == "True\n"
