"""Tells, as JSON, which files of a package import which, wherever in the file, and how long their functions are.

usage: imports.py FOLDER, the folder of the package; or of a program, whose files import each other by their bare names
"""

import ast
import json
import sys
from pathlib import Path


def main(folder: Path) -> None:
    files = {path.relative_to(folder).as_posix(): ast.parse(path.read_text()) for path in sorted(folder.rglob("*.py"))}
    # What is compiled is below all files, and has a stub only.
    compiled = {path.relative_to(folder).as_posix() for path in folder.rglob("*.pyi")}
    root = [folder.name] if "__init__.py" in files else []
    told = {}
    for file, tree in files.items():
        package = (*root, *Path(file).parent.parts)
        found = {other for node in ast.walk(tree) for other in imported(node, root, package, {*files, *compiled})}
        told[file] = {"imports": sorted(found - compiled - {file}), "functions": [*functions(tree)]}
    print(json.dumps(told))


def imported(node: ast.AST, root: list[str], package: tuple[str, ...], files: set[str]):
    """The files that a statement imports."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from existing(alias.name.split("."), root, files)
    elif isinstance(node, ast.ImportFrom):
        base = list(package[: len(package) - node.level + 1]) if node.level else []
        base += node.module.split(".") if node.module else []
        for alias in node.names:
            yield from existing([*base, alias.name], root, files)


def existing(names: list[str], root: list[str], files: set[str]):
    """The file of a module, or of the module that has this as a name."""
    if names[: len(root)] != root:
        return
    for end in (len(names), len(names) - 1):
        path = "/".join(names[len(root) : end])
        candidates = {f"{path}.py", f"{path}.pyi", f"{path}/__init__.py"} if path else {"__init__.py"}
        if found := candidates & files:
            yield found.pop()
            return


def functions(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield {"name": node.name, "lines": node.end_lineno - node.lineno + 1}


main(Path(sys.argv[1]))
