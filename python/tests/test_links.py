"""Each link of the documentation to a file or a heading of this repository leads somewhere."""

import functools
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.md")])
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)


@functools.cache
def anchors(page):
    """What the headings of a page are called in links, as forges and the site make it."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(text)}


def fault(page, link):
    """Why the link leads nowhere; None if it leads somewhere."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists():
        return "no such file"
    if not target.is_relative_to(ROOT):
        return "outside of the repository"
    if anchor and (target.suffix != ".md" or anchor not in anchors(target)):
        return "no such heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    links = LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))
    inner = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert {link: why for link in inner if (why := fault(page, link))} == {}


def test_a_link_that_leads_nowhere_is_found():
    readme = ROOT / "README.md"
    assert fault(readme, "docs/python.md#cpythons-own-tests") is None
    assert fault(readme, "docs/pythons.md") == "no such file"
    assert fault(readme, "docs/python.md#no-such-heading") == "no such heading"
    assert fault(readme, "../elsewhere") == "no such file"
