"""What the site is built of: the pages, the Python reference, and who finds a broken link in it. It builds nothing."""

import pathlib
import re
import sys

import pytest
import shotclock as package

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "site"))

import browser  # noqa: E402
import links  # noqa: E402
import pages  # noqa: E402
import reference  # noqa: E402


def test_every_page_is_in_the_contents():
    contents = re.findall(r": (\S+\.(?:md|html))$", (ROOT / "site/mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    expected = [str(page.relative_to(ROOT)) for page in pages.sources()]
    expected += [f"reference/{name}.md" for name in reference.MODULES] + ["rust/shotclock/index.html", "rust/shotclock_faults/index.html"]
    assert sorted(contents) == sorted(expected)


def test_the_reference_has_every_public_name_with_its_text():
    page = reference.page("shotclock")
    parts = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert sorted(parts) == sorted(package.__all__)
    for name, text in parts.items():
        words = re.sub(r"```.*?```", "", text, flags=re.DOTALL).split()
        assert len(words) >= 5, f"{name}: {text}"
    assert "deadline(seconds: float, *, waits: bool | Literal['python'] = True) -> Scope" in parts["deadline"]
    # From the stub of a base in Rust, of a property, and of a file beside.
    assert "expired: bool" in parts["Scope"]
    assert "### Policy.protect" in parts["Policy"]


@pytest.mark.parametrize("name", reference.MODULES)
def test_no_markup_of_docstrings_is_left(name):
    text = re.sub(r"```.*?```", "", reference.page(name), flags=re.DOTALL)
    assert "``" not in text and "::\n" not in text and "PYTEST_DONT" not in text


def test_what_pages_link_to_is_staged_with_them(tmp_path):
    pages.stage(tmp_path)
    assert (tmp_path / "python/examples/protected_http_server.py").exists()
    assert "](matrix/cells/index.md)" in (tmp_path / "COMPARE.md").read_text(encoding="utf-8")
    assert "[" in (tmp_path / "matrix/cells/index.md").read_text(encoding="utf-8")
    assert "](github/ISSUE_TEMPLATE/fault.txt)" in (tmp_path / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "```rust,no_run" not in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_a_broken_link_of_the_site_is_found(tmp_path):
    (tmp_path / "whole.html").write_text('<h1 id="here">a</h1><a href="#here"></a><a href="https://example.org"></a>')
    (tmp_path / "broken.html").write_text(
        '<a href="whole.html#here"></a><a href="whole.html#there"></a><img src="no.svg"><a href="../outside.html"></a>'
    )
    assert list(links.broken(tmp_path)) == [
        ("broken.html", "../outside.html", "outside of the site"),
        ("broken.html", "no.svg", "no such file"),
        ("broken.html", "whole.html#there", "no such place in it"),
    ]


def test_a_browser_finds_what_is_broken(tmp_path):
    program = browser.found()
    if program is None:
        pytest.skip("no headless browser (Debian: chromium-headless-shell)")
    page = tmp_path / "page.html"
    page.write_text("<title>a</title><h1>Heading</h1><p>text</p><img src='no.png'><script>throw Error('thrown')</script>")
    with browser.Browser(program) as seer:
        seen, wrong = seer.look_at(page.as_uri())
    assert seen["heading"] == "Heading"
    assert seen["pictures"] == [(tmp_path / "no.png").as_uri()]
    assert any("thrown" in fault for fault in wrong)
