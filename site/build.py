"""Builds the site: pages of the repository, the Python reference, rustdoc's; then follows each link and looks at each page.

    python build.py --into FOLDER --rustdoc FOLDER

`cargo xtask docs --site` runs it in an environment with requirements.txt. It fails on a link that
leads nowhere, and on a page that a headless browser finds broken; without a browser it says so.
"""

import argparse
import functools
import http.server
import pathlib
import shutil
import subprocess
import sys
import threading

import browser
import links
import pages
import reference
from pygments.formatters import HtmlFormatter

HERE = pathlib.Path(__file__).parent
# A page with less text on it than this is empty to its reader.
LEAST_TEXT = 200


# Tables of sentences: their cells wrap, and the page may be as wide as code is here.
STYLE = """
.wy-nav-content { max-width: 60rem; }
.rst-content h1 { overflow-wrap: anywhere; }
.wy-table-responsive table td, .wy-table-responsive table th { white-space: normal; vertical-align: top; }
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=pathlib.Path, required=True)
    parser.add_argument("--rustdoc", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    site = build(arguments.into.resolve(), arguments.rustdoc)
    faults = [f"{page}: {link}: {why}" for page, link, why in links.broken(site)]
    faults += look(site)
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"{site / 'index.html'}: {len(ours(site))} pages")
    return 1 if faults else 0


def build(into, rustdoc):
    """Build all of it anew; gives the site's folder."""
    staged, site = into / "pages", into / "html"
    for folder in (staged, site):
        shutil.rmtree(folder, ignore_errors=True)
    pages.stage(staged)
    reference.write(staged / "reference")
    shutil.copytree(rustdoc, staged / "rust")
    colours = HtmlFormatter().get_style_defs(".codehilite")
    (staged / "site.css").write_text(f"{colours}\n{STYLE}", encoding="utf-8")
    settings = into / "mkdocs.yml"
    own = (HERE / "mkdocs.yml").read_text(encoding="utf-8")
    settings.write_text(f"{own}docs_dir: {staged}\nsite_dir: {site}\n", encoding="utf-8")
    if subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "-f", settings]).returncode:
        sys.exit("MkDocs finds the pages wrong, see above")
    return site


def ours(site):
    """The pages that are not rustdoc's, but for its first."""
    own = [page for page in sorted(site.rglob("*.html")) if "rust" not in page.relative_to(site).parts[:1]]
    return [*own, site / "rust" / "shotclock" / "index.html"]


def look(site):
    """Visit each page in a headless browser; gives what is wrong with it."""
    program = browser.found()
    if program is None:
        print("SKIP site-browser: no headless browser (Debian: chromium-headless-shell); links are followed without")
        return []
    faults = []
    with serving(site) as address, browser.Browser(program) as seer:
        for page in ours(site):
            name = page.relative_to(site).as_posix()
            seen, wrong = seer.look_at(f"{address}/{name}")
            faults += [f"{name}: {fault}" for fault in [*wrong, *broken(name, seen)]]
        seen, wrong = seer.look_at(f"{address}/search.html?q=deadline")
        results = seer.evaluate(RESULTS)
        if wrong or not results:
            faults.append(f"search.html: {wrong or 'finds nothing for deadline'}")
    return faults


# The search works in the reader's browser; it has its results when there is a heading among them.
RESULTS = """new Promise(done => {
    let tries = 0;
    const ask = () => {
        const found = document.querySelectorAll('#mkdocs-search-results h3').length;
        if (found || ++tries > 100) done(found); else setTimeout(ask, 100);
    };
    ask();
})"""


def broken(name, seen):
    """What a reader would find wrong with a page."""
    if seen["pictures"]:
        yield f"pictures that are not there: {seen['pictures']}"
    if seen["wide"] > 0:
        yield f"wider than the window by {seen['wide']} px"
    if not seen["styles"]:
        yield "no style"
    if name not in ("404.html", "search.html") and (seen["text"] < LEAST_TEXT or not seen["heading"]):
        yield f"empty: {seen}"


class serving:
    """The site on a port of the system's choice, for the length of a block."""

    def __init__(self, site):
        handler = functools.partial(Quiet, directory=site)
        self._server = Server(("127.0.0.1", 0), handler)

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return "http://{}:{}".format(*self._server.server_address)

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A browser hangs up when it goes on to another page; what a page lacks it says itself."""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    sys.exit(main())
