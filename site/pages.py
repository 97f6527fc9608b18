"""The pages of the site: those of the repository, in the same places, and what they link to."""

import os
import pathlib
import re
import shutil

ROOT = pathlib.Path(__file__).parents[1]
LINK = re.compile(r"(?<=\]\()([^)\s#]+)")
# rustdoc's attributes after the language, which Python-Markdown takes for no code at all.
ATTRIBUTES = re.compile(r"^(```rust),\S+$", re.MULTILINE)


def sources():
    """Every page of the repository that is one of the site."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def stage(into):
    """Write them all, and whatever they link to, into a folder with the repository's own layout."""
    pages = sources()
    for page in pages:

        def staged(link, page=page):
            target = (page.parent / link[1]).resolve()
            if target in pages or not target.exists() or not target.is_relative_to(ROOT):
                return link[1]
            return os.path.relpath(_stage(target, into), _place(page, into).parent)

        text = ATTRIBUTES.sub(r"\1", page.read_text(encoding="utf-8"))
        _place(page, into).write_text(LINK.sub(staged, text), encoding="utf-8")


def _stage(target, into):
    """Put what is no page beside the pages: a folder as the list of its files. Gives where a link is to lead."""
    if target.is_file():
        place = _place(target, into)
        # A template is Markdown for somebody else: here it is shown as it is.
        place = place.with_suffix(".txt") if place.suffix == ".md" else place
        shutil.copyfile(target, place)
        return place
    files = sorted(file for file in target.iterdir() if file.is_file())
    lines = [f"- [{file.name}]({_stage(file, into).name})\n" for file in files]
    place = _place(target / "index.md", into)
    place.write_text(f"# {target.relative_to(ROOT)}\n\n{''.join(lines)}", encoding="utf-8")
    return place


def _place(path, into):
    # What begins with a dot is no part of a site.
    place = into.joinpath(*(part.lstrip(".") for part in path.relative_to(ROOT).parts))
    place.parent.mkdir(parents=True, exist_ok=True)
    return place
