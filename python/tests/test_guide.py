"""The examples of the guide, each in an interpreter of its own, in both mounts; Rust's are documentation tests."""

import pathlib
import re
import time

import pytest
from interpreter import run

DOCS = pathlib.Path(__file__).parents[2] / "docs"
GUIDE = DOCS / "timeouts-that-hold.md"
REACH = DOCS / "what-a-deadline-reaches.md"
SECTION = re.compile(r"^## (.*)\n", re.MULTILINE)
EXAMPLE = re.compile(r"^```(python|rust)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A reader is to see an example whole.
MOST_LINES = 25
# What an example may take, with the start of its interpreter, on a loaded machine; each ends in a second by itself.
IN_TIME = 20


def sections():
    _, *parts = SECTION.split(GUIDE.read_text(encoding="utf-8"))
    return {title: EXAMPLE.findall(text) for title, text in zip(parts[::2], parts[1::2], strict=True)}


def python_examples():
    examples = [*sections().items(), (REACH.stem, EXAMPLE.findall(REACH.read_text(encoding="utf-8")))]
    return [
        pytest.param(text, id=title)
        for title, texts in examples
        for language, text in texts
        if language == "python"
    ]


@pytest.mark.parametrize("beneath", [(), ("-m", "shotclock")], ids=["graft", "type"])
@pytest.mark.parametrize("text", python_examples())
def test_an_example_runs_and_ends_in_time(text, beneath, tmp_path):
    program = tmp_path / "example.py"
    program.write_text(text, encoding="utf-8")
    start = time.monotonic()
    done = run(*beneath, program)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < IN_TIME


def test_every_section_shows_both_languages_in_short():
    titles = list(sections())
    for title, examples in sections().items():
        expected = [] if title == titles[-1] else ["python", "rust"]
        assert sorted({language for language, _ in examples}) == expected, title
        for _, text in examples:
            assert len(text.splitlines()) < MOST_LINES, f"{title}:\n{text}"


def test_the_guide_lists_its_sections():
    text = GUIDE.read_text(encoding="utf-8")
    listed = re.findall(r"^- \[(.*)\]\(#(.*)\)$", text, re.MULTILINE)
    assert [title for title, _ in listed] == list(sections())
    for title, anchor in listed:
        assert anchor == re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
