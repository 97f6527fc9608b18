"""The pages of the site: those of the repository, in the same places, and what they link to."""

import pathlib
import re
import shutil

ROOT = pathlib.Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
# rustdoc's attributes after the language, which Python-Markdown takes for no code at all.
ATTRIBUTES = re.compile(r"^(```rust),\S+$", re.MULTILINE)


def sources():
    """Every page of the repository that is one of the site."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def stage(into):
    """Write them all, and whatever they link to, into a folder with the repository's own layout."""
    for page in sources():
        text = page.read_text(encoding="utf-8")
        copy = _place(page, into)
        copy.write_text(ATTRIBUTES.sub(r"\1", text), encoding="utf-8")
        for link in LINK.findall(text):
            target = (page.parent / link).resolve()
            if target.suffix != ".md" and target.exists() and target.is_relative_to(ROOT):
                _stage_file(target, into)
    # Links to folders lead to their lists, which is another place in Markdown.
    for page in sources():
        copy = _place(page, into)
        copy.write_text(LINK.sub(lambda link: _to_list(page, link), copy.read_text(encoding="utf-8")), encoding="utf-8")


def _stage_file(target, into):
    if target.is_file():
        shutil.copyfile(target, _place(target, into))
        return
    files = sorted(file for file in target.iterdir() if file.is_file())
    for file in files:
        shutil.copyfile(file, _place(file, into))
    lines = [f"# {target.relative_to(ROOT)}", "", *(f"- [{file.name}]({file.name})" for file in files), ""]
    _place(target / "index.md", into).write_text("\n".join(lines), encoding="utf-8")


def _to_list(page, link):
    if (page.parent / link[1]).is_dir():
        return link[0].replace(link[1], f"{link[1].rstrip('/')}/index.md")
    return link[0]


def _place(path, into):
    place = into / path.relative_to(ROOT)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place
