"""Looks at a built site without a browser: every link and picture of its pages leads to a file, and to a place in it."""

import functools
import html.parser
import pathlib
import urllib.parse

# Attributes that name another file.
REFERENCES = {"href", "src", "poster", "action"}


class Page(html.parser.HTMLParser):
    """What one page refers to, and the places that others may."""

    def __init__(self, text):
        super().__init__()
        self.references, self.places = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in REFERENCES and value is not None:
                self.references.add(value)
            if name == "id" or (name, tag) == ("name", "a"):
                self.places.add(value)


@functools.cache
def read(path):
    return Page(path.read_text(encoding="utf-8"))


def broken(site):
    """Each reference of our own pages that leads nowhere: (page, reference, why). rustdoc looks after its own."""
    site = pathlib.Path(site).resolve()
    pages = [page for page in sorted(site.rglob("*.html")) if "rust" not in page.relative_to(site).parts[:1]]
    for page in pages:
        for reference in sorted(read(page).references):
            if why := _fault(site, page, reference):
                yield str(page.relative_to(site)), reference, why


def _fault(site, page, reference):
    parts = urllib.parse.urlsplit(reference)
    if parts.scheme or parts.netloc:
        return None
    path = urllib.parse.unquote(parts.path)
    # From the root: 404.html may be shown in the place of any page.
    start = site if path.startswith("/") else page.parent
    target = (start / path.lstrip("/")).resolve() if path else page
    if not target.is_relative_to(site):
        return "outside of the site"
    if not target.is_file():
        return "no such file"
    if parts.fragment and target.suffix == ".html" and urllib.parse.unquote(parts.fragment) not in read(target).places:
        return "no such place in it"
    return None
