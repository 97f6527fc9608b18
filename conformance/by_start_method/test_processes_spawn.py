"""CPython's own multiprocessing tests, all of them, with children started by spawn.

CPython's modules that do this are missing from some installations; the tests themselves are there.
"""

from test._test_multiprocessing import install_tests_in_module_dict

install_tests_in_module_dict(globals(), "spawn")
