"""Runs one of the interpreter's own test suites by its own regrtest, and writes down how each test ends.

``[-m shotclock] observe.py MOUNT INSIDE RECORD PROOF ARGUMENTS-OF-REGRTEST…``: RECORD gets a JSON line for each event,
PROOF the code that sockets ran before and after the tests; INSIDE is one of ``inside.KINDS``, or nothing.

Children of the tests import this file again as their main module, so it does nothing at import.
"""

import json
import os
import pathlib
import sys


def main() -> None:
    mount, kind, record, proof_file, *arguments = sys.argv[1:]
    import inside
    import mounting
    import proof

    # Our modules are not for the tests to find.
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
    mounting.mount(mount)
    proofs = [proof.measure()]
    _record_into(pathlib.Path(record))
    from test.libregrtest.main import main as regrtest

    sys.argv[1:] = arguments
    try:
        with inside.enter(kind):
            regrtest()
    finally:
        proofs.append(proof.measure())
        pathlib.Path(proof_file).write_text(json.dumps(proofs), encoding="utf-8")


def _record_into(file: pathlib.Path) -> None:
    """Make regrtest's result class write each event into the file as well."""
    try:
        from test.libregrtest import testresult
    except ImportError:
        # Where it is in the first releases of 3.11.
        from test.support import testresult

    here, open_file = os.getpid(), open

    def write(test, kind: str, detail: str = "") -> None:
        # Forked children that go on as if they were the test process are not.
        if os.getpid() == here:
            # The file is not kept open: tests count descriptors, and some close all they find.
            with open_file(file, "a", encoding="utf-8", errors="backslashreplace") as lines:
                lines.write(json.dumps({"test": test.id(), "kind": kind, "detail": detail[-20_000:]}) + "\n")

    class Recording(testresult.RegressionTestResult):
        def startTest(self, test):
            write(test, "started")
            super().startTest(test)

        def addSuccess(self, test):
            super().addSuccess(test)
            write(test, "ok")

        def addFailure(self, test, err):
            super().addFailure(test, err)
            write(test, "fail", self._exc_info_to_string(err, test))

        def addError(self, test, err):
            super().addError(test, err)
            write(test, "error", self._exc_info_to_string(err, test))

        def addSkip(self, test, reason):
            super().addSkip(test, reason)
            # A subtest may skip itself.
            write(getattr(test, "test_case", test), "skip", str(reason))

        def addExpectedFailure(self, test, err):
            super().addExpectedFailure(test, err)
            write(test, "expected failure", self._exc_info_to_string(err, test))

        def addUnexpectedSuccess(self, test):
            super().addUnexpectedSuccess(test)
            write(test, "unexpected success")

        def addSubTest(self, test, subtest, err):
            super().addSubTest(test, subtest, err)
            if err is not None:
                write(test, "fail", f"{subtest}\n{self._exc_info_to_string(err, test)}")

    testresult.RegressionTestResult = Recording


if __name__ == "__main__":
    main()
