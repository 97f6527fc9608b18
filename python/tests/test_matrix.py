"""The matrix (``cargo xtask matrix``): its cells load, one runs in every contestant there is, no miss is overlooked, the
pictures are whole."""

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree

import pytest

ROOT = pathlib.Path(__file__).parents[2]
MATRIX = ROOT / "matrix"
FAST = "recv: silent"
OURS = {"shotclock, graft", "shotclock, type"}


@pytest.fixture(scope="module")
def rust_cells():
    """The program with the Rust cells."""
    command = os.environ.get("SHOTCLOCK_BIN")
    if not command:
        pytest.fail("SHOTCLOCK_BIN is not set: `cargo xtask test` builds the programs and names one of them")
    return pathlib.Path(command).with_name("shotclock-matrix")


@pytest.fixture(scope="module")
def names(rust_cells):
    """Of the cells, by language."""
    listing = "import columns, sys; print(*(q.name for q in columns.questions(*sys.argv[1:])), sep=chr(10))"
    return {
        language: run("-c", listing, language, str(rust_cells), cwd=MATRIX).stdout.splitlines()
        for language in ("Python", "Rust", "libraries", "drivers")
    }


def run(*words, **options):
    done = subprocess.run(
        [sys.executable, "-B", *map(str, words)], capture_output=True, text=True, timeout=50, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    return done


def test_there_are_enough_cells_and_none_twice(names):
    for language, least in (("Python", 45), ("Rust", 25), ("libraries", 3 * 30), ("drivers", 2 * 4)):
        assert len(set(names[language])) == len(names[language]) >= least


def test_a_cell_runs_in_every_contestant(rust_cells, tmp_path):
    contestants = {"CPython", "shotclock, graft", "shotclock, type", "std::net", "shotclock"}
    ended = run_matrix(rust_cells, tmp_path, "cells", FAST, contestants)
    for outcome in ended.values():
        assert outcome["verdict"] in ("held", "late") and outcome["seconds"] >= 1, outcome


def test_a_library_is_called_by_every_contestant(rust_cells, tmp_path):
    ended = run_matrix(rust_cells, tmp_path, "libraries", "queue.Queue.get: drip", {"stock", *OURS})
    unbounded = ended.pop("stock")
    assert unbounded["verdict"] == "hung", unbounded
    for outcome in ended.values():
        assert outcome["verdict"] in ("held", "late") and outcome["end"] == "timeout", outcome


def run_matrix(rust_cells, folder, part, cell, contestants):
    """The outcomes of one cell by contestant, of those and of gevent if it is there."""
    unshare = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "true"]
    if not shutil.which("unshare") or subprocess.run(unshare, check=False).returncode != 0:
        pytest.skip("a cell of the matrix: no namespaces here")
    wanted = contestants | ({"gevent"} if importlib.util.find_spec("gevent") else set())
    told = [f"--contestant={name}" for name in wanted]
    programs = ["--command", os.environ["SHOTCLOCK_BIN"], "--rust", rust_cells]
    # Whether each holds is a matter of the machine's load.
    done = subprocess.run(
        [sys.executable, "-B", MATRIX, *programs, "--work", folder, "--part", part, "--only", cell, *told],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env=os.environ | {"PYTHONPATH": str(MATRIX.with_name("namespaces"))},
    )
    assert (folder / "matrix.json").exists(), done.stderr
    results = json.loads((folder / "matrix.json").read_text())
    ended = {
        result["contestant"]: result["runs"][0]
        for result in results
        if f"{result['operation']}: {result['fault']}" == cell
    }
    assert ended.keys() == wanted, done.stderr
    return ended


# Libraries that behave in every way there is, and the way in which each ends.
FAKES = """
import ctypes, importlib, sys, threading, time
import libraries, library_trial

faked = lambda name: libraries.library(name, "telnet", faults=("silent",))
faked("late")(lambda host, port: lambda: time.sleep(1.3))
faked("early")(lambda host, port: lambda: None)
faked("held, none")(lambda host, port: lambda: time.sleep(1))
faked("held, own")(lambda host, port: lambda: (time.sleep(1), 1 / 0))
faked("hung")(lambda host, port: lambda: ctypes.PyDLL(None).sleep(30))
faked("stays")(lambda host, port: lambda: (time.sleep(1), threading.Thread(target=threading.Event().wait).start()))
faked("absent")(lambda host, port: importlib.import_module("no_such_library"))
if __name__ == "__main__":
    library_trial.main()
"""


def test_no_way_to_miss_is_overlooked(tmp_path):
    (tmp_path / "fakes.py").write_text(FAKES)
    program = """if True:
        import json, os, sys
        import columns, fakes, libraries, results, rounds

        questions = [question for library in libraries.all_libraries() for question in library.questions]
        asked = [question for question in questions if libraries.named(question.operation).prepare.__module__ == "fakes"]
        ours = columns.Column("shotclock, not really", columns.LIBRARIES, (sys.executable, "-B", fakes.__file__, "stock"))
        trials = [(question, ours) for question in asked]
        outcomes = rounds.run(trials, os.environ, {"silent": "127.0.0.1:1"}, 4)
        all_run = results.Results({trial: [outcome] for trial, outcome in outcomes.items()}, 1)
        print(json.dumps({"json": all_run.as_json(), "misses": all_run.misses()}))
    """
    paths = os.pathsep.join([str(tmp_path), str(MATRIX)])
    said = json.loads(run("-c", program, env={**os.environ, "PYTHONPATH": paths}).stdout.splitlines()[-1])
    runs = {result["operation"]: result["runs"][0] for result in said["json"]}
    assert len(runs) == 7
    for name, outcome in runs.items():
        # A busy machine makes everything late.
        assert outcome["verdict"] in (name.split(",")[0], "late" if name.startswith("held") else ""), outcome
    assert (runs["held, own"]["end"], runs["held, none"]["end"]) == ("error", "ended")
    assert "fakes.py" in runs["hung"]["place"] and "threading.py" in runs["stays"]["place"]
    missed = " ".join(said["misses"])
    assert all(f": {name}: silent: " in missed for name in ("late", "early", "hung", "stays"))
    assert "absent" not in missed


def test_what_a_library_needs_is_pinned_and_its_peer_is_there():
    lines = (MATRIX / "libraries" / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in lines if not line.startswith("#"))
    program = """if True:
        import libraries
        from libraries import dripped

        for library in libraries.all_libraries():
            if "drip" in library.faults:
                assert len(dripped.content(library.protocol)) > 1000, library.name
    """
    run("-c", program, cwd=MATRIX)


def test_the_verdicts():
    cases = [
        ("", "timeout", 1.0, "held"),
        ("", "timeout", 0.94, "early"),
        ("", "timeout", 1.16, "late"),
        ("", "ended", 1.0, "wrong"),
        ("", "error", 1.0, "wrong"),
        ("live", "ended", 0.3, "held"),
        ("live", "ended", 1.01, "late"),
        ("live", "timeout", 1.0, "wrong"),
        ("fallback", "ended", 1.01, "held"),
        ("fallback", "timeout", 1.01, "held"),
        ("", "no way", 0, "no way"),
        ("any", "error", 1.0, "held"),
        ("any", "ended", 1.0, "held"),
        ("any", "timeout", 0.9, "early"),
        ("any", "error", 1.2, "late"),
        ("any", "absent", 0, "absent"),
    ]
    program = (
        "import json, sys; from outcomes import Question, judged\n"
        "for answer, ended, seconds, verdict in json.loads(sys.argv[1]):\n"
        "    assert judged(Question('o', 'f', answer), ended, seconds, '').verdict == verdict, (answer, ended, seconds)"
    )
    run("-c", program, json.dumps(cases), cwd=MATRIX)


@pytest.mark.parametrize("language", ["Python", "Rust"])
def test_the_picture_shows_every_cell(language, names):
    tree = xml.etree.ElementTree.parse(ROOT / "matrix" / "pictures" / f"{language.lower()}.svg")
    shown = {"".join(text.itertext()).strip() for text in tree.iter("{http://www.w3.org/2000/svg}text")}
    assert set(names[language]) <= shown
