"""Callbacks for imports, each in an interpreter of its own."""

import pytest
from interpreter import check, run

# A module that is on no disk, found by a finder of the test's own.
MADE = """
import importlib.abc, importlib.machinery, importlib.util, sys, threading
from shotclock._install.on_import import on_import

class Made(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, name, execute):
        self.name, self.execute, self.asked = name, execute, 0
        sys.meta_path.append(self)
    def find_spec(self, name, path, target=None):
        if name == self.name:
            self.asked += 1
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        self.execute(module)

finders = list(sys.meta_path)
seen = []
"""


def test_a_module_that_is_there_is_announced_at_once():
    check(MADE + "on_import('sys', seen.append); assert seen == [sys] and sys.meta_path == finders")


@pytest.mark.parametrize("name", ["wave", "_socket", "faulthandler", "xml.dom.minidom"])
def test_a_module_of_each_kind_is_announced_once_imported(name):
    check(
        MADE
        + f"""
import importlib
name = {name!r}
sys.modules.pop(name, None)
plain = importlib.util.find_spec(name)
on_import(name, lambda module: seen.append((module, name in sys.modules)))
assert not seen and sys.meta_path[1:] == finders
module = importlib.import_module(name)
assert seen == [(module, True)]
assert sys.meta_path == finders
assert type(module.__loader__) is type(module.__spec__.loader) is type(plain.loader), module.__loader__
assert module.__spec__.origin == plain.origin
"""
    )


def test_it_comes_after_the_module_and_before_who_imports_it():
    check(
        MADE
        + """
def execute(module):
    assert type(module.__loader__) is type(module.__spec__.loader) is Made
    seen.append("executed")
    module.value = 1
made = Made("made", execute)
on_import("made", lambda module: seen.append(module.value))
on_import("made", lambda module: seen.append("second"))
import made as imported
assert seen == ["executed", 1, "second"] and made.asked == 1
"""
    )


def test_a_callback_may_wait_for_the_same_module_and_import_it():
    check(
        MADE
        + """
Made("made", lambda module: None)
def first(module):
    import made
    seen.append(made is module)
    on_import("made", seen.append)
on_import("made", first)
import made
assert seen == [True, made]
on_import("made", seen.append)
assert seen == [True, made, made]
"""
    )


def test_a_wait_begun_in_the_middle_of_the_import_is_met_at_its_end():
    # As when ssl imports socket, which is grafted, which waits for ssl.
    check(
        MADE
        + """
def execute(module):
    on_import("made", lambda module: seen.append(module.value))
    assert not seen
    module.value = 1
Made("made", execute)
on_import("made", lambda module: seen.append("first"))
import made
assert seen == ["first", 1]
"""
    )


def test_a_failing_import_fails_as_ever_and_is_waited_for_again():
    check(
        MADE
        + """
def execute(module):
    seen.append("tried")
    if len(seen) == 1:
        raise RuntimeError("not yet")
Made("made", execute)
on_import("made", seen.append)
on_import("nowhere_at_all", seen.append)
for name, kind in (("made", RuntimeError), ("nowhere_at_all", ModuleNotFoundError)):
    try:
        __import__(name)
    except kind as error:
        assert error.__traceback__ and name not in sys.modules
    else:
        raise AssertionError(name)
import made
assert seen == ["tried", "tried", made]
"""
    )


def test_a_failing_callback_breaks_nothing():
    done = run(
        "-c",
        MADE
        + """
on_import("wave", lambda module: 1 / 0)
on_import("wave", seen.append)
import wave
assert seen == [wave]
""",
    )
    assert done.returncode == 0
    assert "ZeroDivisionError" in done.stderr


def test_a_withdrawn_callback_is_not_called():
    check(
        MADE
        + """
withdraw = on_import("wave", seen.append)
stay = on_import("wave", lambda module: seen.append("stayed"))
withdraw(); withdraw()
import wave
assert seen == ["stayed"]
stay()
on_import("chunk_of_nothing", seen.append)()
assert sys.meta_path == finders
"""
    )


def test_the_loader_has_what_the_real_one_has():
    check(
        MADE
        + """
import importlib.util
on_import("wave", seen.append)
spec = importlib.util.find_spec("wave")
assert spec.loader.get_code("wave") and spec.loader.is_package("wave") is False and spec.loader.get_source("wave")
lazy = importlib.util.find_spec("wave")
lazy.loader = importlib.util.LazyLoader(lazy.loader)
module = sys.modules["wave"] = importlib.util.module_from_spec(lazy)
lazy.loader.exec_module(module)
assert not seen
module.open
assert seen == [module]
"""
    )


def test_a_spec_that_is_only_looked_for_has_a_loader_of_its_kind():
    check(
        MADE
        + """
import importlib.util
plain = importlib.util.find_spec("wave")
on_import("wave", seen.append)
found = importlib.util.find_spec("wave")
assert isinstance(found.loader, type(plain.loader)) and isinstance(found.loader, importlib.abc.InspectLoader)
assert (found.origin, found.cached, found.has_location) == (plain.origin, plain.cached, plain.has_location)
"""
    )


def test_a_copy_that_nobody_can_import_is_not_announced():
    check(
        MADE
        + """
import importlib.util
on_import("wave", seen.append)
spec = importlib.util.find_spec("wave")
spec.loader.exec_module(importlib.util.module_from_spec(spec))
assert not seen and "wave" not in sys.modules
import wave
assert seen == [wave]
"""
    )


def test_one_callback_may_wait_twice_and_be_withdrawn_once():
    check(
        MADE
        + """
withdraw = on_import("wave", seen.append)
import wave
del sys.modules["wave"]
on_import("wave", seen.append)
withdraw()
import wave as again
assert seen == [wave, again]
"""
    )


def test_another_thread_gets_the_module_after_the_callback():
    check(
        MADE
        + """
started, go_on = threading.Event(), threading.Event()
def execute(module):
    started.set()
    go_on.wait()
Made("made", execute)
on_import("made", lambda module: setattr(module, "guarded", True))
first = threading.Thread(target=__import__, args=("made",))
first.start()
started.wait()
def second():
    import made
    seen.append(made.guarded)
def third():
    on_import("made", lambda module: seen.append(module.guarded))
others = [threading.Thread(target=call) for call in (second, third)]
for thread in others: thread.start()
go_on.set()
for thread in (first, *others): thread.join()
assert seen == [True, True], seen
"""
    )


def test_nobody_waits_for_the_import_of_another_thread():
    # That thread may be waiting for one of this thread's: so ssl for socket, in the middle of whose import ssl is watched.
    check(
        MADE
        + """
started, go_on = threading.Event(), threading.Event()
def execute(module):
    started.set()
    go_on.wait()
Made("made", execute)
first = threading.Thread(target=__import__, args=("made",))
first.start()
started.wait()
on_import("made", lambda module: setattr(module, "guarded", True))
on_import("made", lambda module: on_import("made", seen.append))
withdraw = on_import("made", lambda module: seen.append("withdrawn"))
withdraw()
made = sys.modules["made"]
assert not seen and not hasattr(made, "guarded")
second = threading.Thread(target=lambda: seen.append(__import__("made").guarded))
second.start()
go_on.set()
for thread in (first, second): thread.join()
assert seen == [made, True], seen
assert type(made.__spec__) is importlib.machinery.ModuleSpec and not made.__spec__._initializing
assert sys.meta_path[:-1] == finders
on_import("made", seen.append)
assert seen[2:] == [made]
"""
    )


# A thread that imports `made`, and stands still at one point of that, beyond all that a finder of ours could notice.
STANDS_STILL = (
    MADE
    + """
stands, goes_on = threading.Event(), threading.Event()
def stand_still():
    stands.set()
    assert goes_on.wait(20)
class Still(Made):
    def find_spec(self, name, path, target=None):
        spec = super().find_spec(name, path, target)
        if spec and point == "find_spec":
            stand_still()
        return spec
    def create_module(self, spec):
        if point == "create_module":
            stand_still()
def work():
    try:
        import made
        seen.append("imported")
    except RuntimeError:
        seen.append("failed")
importer = threading.Thread(target=work)
def begin(execute=lambda module: setattr(module, "value", 1)):
    Still("made", execute)
    importer.start()
    assert stands.wait(20)
def end():
    goes_on.set()
    importer.join()
"""
)


@pytest.mark.parametrize("point", ["find_spec", "create_module"])
def test_a_wait_begun_while_another_thread_looks_for_the_module_is_met(point):
    check(
        f"point = {point!r}"
        + STANDS_STILL
        + """
begin()
on_import("made", lambda module: seen.append(module.value))
withdraw = on_import("made", lambda module: seen.append("withdrawn"))
withdraw()
assert not seen
end()
assert seen == [1, "imported"], seen
assert sys.meta_path[:-1] == finders
del sys.modules["made"]
import made
assert seen == [1, "imported"], seen
"""
    )


def test_an_object_in_the_module_s_place_that_has_no_spec_to_show_fails_no_import():
    check(
        "point = 'create_module'"
        + STANDS_STILL
        + """
class StandIn:
    value = 2
    @property
    def __spec__(self):
        raise ValueError("there is none")
def put_another_there(module):
    sys.modules["made"] = StandIn()
begin(put_another_there)
on_import("made", lambda module: seen.append(module.value))
end()
assert seen == [2, "imported"], seen
"""
    )


def test_who_waits_for_that_import_gets_the_module_after_the_callback():
    check(
        "point = 'create_module'"
        + STANDS_STILL
        + """
from _frozen_importlib import _module_locks
begin()
on_import("made", lambda module: setattr(module, "guarded", True))
def second():
    import made
    seen.append(made.guarded)
waiter = threading.Thread(target=second)
waiter.start()
# It waits once the lock of that import has it among those who do.
while not (lock := _module_locks["made"]()).waiters:
    pass
del lock
end()
waiter.join()
assert sorted(seen, key=str) == [True, "imported"], seen
assert "made" not in _module_locks
"""
    )


def test_a_wait_begun_by_a_callback_is_met_whoever_withdraws_meanwhile():
    # While one module is announced another callback is withdrawn, after which no finder of ours is there.
    check(
        "point = 'create_module'"
        + STANDS_STILL
        + """
def callback(_):
    on_import("nobody_imports_this", print)()
    assert sys.meta_path[:-1] == finders
    begin()
    on_import("made", lambda module: seen.append(module.value))
Made("first", lambda module: None)
on_import("first", callback)
import first
end()
assert seen == [1, "imported"], seen
"""
    )


def test_an_import_that_fails_after_it_was_looked_for_is_waited_for_again():
    check(
        "point = 'find_spec'"
        + STANDS_STILL
        + """
def execute(module):
    if not seen:
        raise RuntimeError("not yet")
begin(execute)
on_import("made", seen.append)
end()
assert seen == ["failed"], seen
import made
assert seen == ["failed", made]
"""
    )


def test_a_wait_begun_by_whoever_looks_for_the_module_is_met():
    # In the thread of the import itself, by a finder and by the module that it makes.
    check(
        MADE
        + """
class Asks(Made):
    def create_module(self, spec):
        on_import("made", lambda module: seen.append(module.value))
def execute(module):
    module.value = 1
    import made
    assert made is module and not seen
Asks("made", execute)
import made
assert seen == [1], seen
"""
    )


def test_imports_that_watch_each_other_both_end():
    check(
        MADE
        + """
met = threading.Barrier(2)
def execute(module):
    met.wait()
    other = "two" if module.__name__ == "one" else "one"
    on_import(other, lambda module: seen.append(module.__name__))
Made("one", execute), Made("two", execute)
threads = [threading.Thread(target=__import__, args=(name,)) for name in ("one", "two")]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert sorted(seen) == ["one", "two"], seen
"""
    )


def test_an_import_that_fails_after_it_was_watched_is_waited_for_again():
    check(
        MADE
        + """
def execute(module):
    if not tried:
        tried.append(module)
        on_import("made", seen.append)
        raise RuntimeError("not yet")
tried = []
Made("made", execute)
for _ in range(2):
    try:
        import made
    except RuntimeError:
        assert not seen
assert seen == [made] != tried
"""
    )


def test_a_search_that_goes_on_when_the_finder_leaves_skips_nobody():
    check(
        MADE
        + """
class Nested(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "faulthandler":
            import wave
            assert seen == [wave]
on_import("wave", seen.append)
sys.meta_path.insert(1, Nested())
import faulthandler
assert len(sys.meta_path) == len(finders) + 1
"""
    )


def test_imports_in_many_threads_find_everything():
    # A finder that leaves must not make another thread's search skip one.
    check(
        MADE
        + """
sys.setswitchinterval(1e-6)
names = "wave colorsys _lsprof faulthandler zipapp plistlib netrc".split()
failures = []
def work(number):
    for _ in range(60):
        name = names[number % len(names)]
        on_import(name, seen.append)
        sys.modules.pop(name, None)
        try:
            __import__(name)
        except KeyError:
            pass  # another thread took it out of sys.modules
        except ImportError as error:
            failures.append(error)
threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not failures, failures
"""
    )
