"""Examples in docstrings: each public name has one, and it says what happens."""

import doctest
import inspect

import pytest
import shotclock
import shotclock.faults
from interpreter import check

NAMES = [*(f"shotclock.{name}" for name in shotclock.__all__), "shotclock.faults.Peer"]
PROGRAM = """
    import doctest, importlib, sys
    module, _, name = sys.argv[1].rpartition(".")
    value = getattr(importlib.import_module(module), name)
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder(recurse=False).find(value, name, globs={}):
        runner.run(test)
    print(runner.failures, runner.tries > 0)
    sys.exit(runner.failures)
"""


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_public_name_does_what_it_says(name):
    printed = check(PROGRAM, name, environment={"PYTHONWARNINGS": "ignore::ResourceWarning"})
    assert printed == "0 True\n", printed


def test_each_public_name_is_documented():
    for name in shotclock.__all__:
        value = getattr(shotclock, name)
        assert inspect.getdoc(value), name
        members = [] if not inspect.isclass(value) else vars(value).items()
        for member, attribute in members:
            if not member.startswith("_") and (inspect.isfunction(attribute) or isinstance(attribute, property)):
                assert inspect.getdoc(attribute), f"{name}.{member}"
    assert doctest.DocTestFinder(recurse=False).find(shotclock.faults.Peer, "Peer")[0].examples
