"""The matrix (``cargo xtask matrix``): its cells load, one runs in every contestant there is, the pictures are whole."""

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
        for language in ("Python", "Rust")
    }


def run(*words, **options):
    done = subprocess.run(
        [sys.executable, "-B", *map(str, words)], capture_output=True, text=True, timeout=50, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    return done


def test_there_are_enough_cells_and_none_twice(names):
    for language, least in (("Python", 45), ("Rust", 25)):
        assert len(set(names[language])) == len(names[language]) >= least


def test_a_cell_runs_in_every_contestant(rust_cells, tmp_path):
    unshare = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "true"]
    if not shutil.which("unshare") or subprocess.run(unshare, check=False).returncode != 0:
        pytest.skip("a cell of the matrix: no namespaces here")
    contestants = {"CPython", "shotclock, graft", "shotclock, type", "std::net", "shotclock"}
    if importlib.util.find_spec("gevent"):
        contestants.add("gevent")
    told = [f"--contestant={name}" for name in contestants]
    command = os.environ["SHOTCLOCK_BIN"]
    # Whether each holds is a matter of the machine's load.
    subprocess.run(
        [sys.executable, "-B", MATRIX, "--command", command, "--rust", rust_cells, "--work", tmp_path, "--only", FAST, *told],
        capture_output=True,
        timeout=50,
        check=False,
    )
    results = json.loads((tmp_path / "matrix.json").read_text())
    ended = {result["contestant"]: result["runs"][0] for result in results if result["operation"] == "recv"}
    assert ended.keys() == contestants
    for outcome in ended.values():
        assert outcome["verdict"] in ("held", "late") and outcome["seconds"] >= 1, outcome


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
