"""The reference of the Python modules, out of their sources and stubs: signatures and docstrings, nothing imported."""

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ROOT / "python"
MODULES = ["shotclock", "shotclock.control", "shotclock.faults", "timeoutsocket"]


def write(into):
    """Write a page for each module into a folder."""
    into.mkdir(parents=True, exist_ok=True)
    for name in MODULES:
        (into / f"{name}.md").write_text(page(name), encoding="utf-8")


def page(name):
    """The page of one module: its docstring, then each name of its `__all__`."""
    module = Module.find(name)
    # A stub says what is there, and the module itself what it is.
    about = module if module.docstring() else Module(PACKAGES / f"{name}.py")
    parts = [f"# {name}", prose(about.docstring())]
    for public in module.public():
        parts += _entry(*module.resolve(public), public)
    return "\n\n".join(part for part in parts if part) + "\n"


class Module:
    """A module's source, or its stub where there is one."""

    def __init__(self, path):
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))

    @classmethod
    def find(cls, name):
        path = PACKAGES.joinpath(*name.split("."))
        stubs = PACKAGES / f"{name}-stubs"
        found = [stubs / "__init__.pyi", path.with_name(path.name + ".pyi"), path.with_name(path.name + ".py")]
        found += [path / "__init__.pyi", path / "__init__.py"]
        return cls(next(path for path in found if path.exists()))

    def docstring(self):
        return ast.get_docstring(self.tree) or ""

    def public(self):
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                return ast.literal_eval(node.value)
        raise ValueError(f"{self.path}: no __all__")

    def resolve(self, name):
        """The module that defines a name, and the definition."""
        for node in _statements(self.tree.body):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return self._imported(node, alias.name)
            elif name in _defined(node):
                return self, node
        raise LookupError(f"{self.path}: {name} is defined nowhere")

    def _imported(self, node, name):
        where = self.path.parent
        for _ in range(node.level - 1):
            where = where.parent
        parts = [*where.relative_to(PACKAGES).parts, *(node.module or "").split(".")]
        inside = Module.find(".".join(part for part in parts if part))
        try:
            return inside.resolve(name)
        except LookupError:
            return Module.find(".".join([*(part for part in parts if part), name])), None

    def base(self, node):
        """A base class that is one of ours, with its module; None for any other."""
        name = ast.unparse(node)
        try:
            if isinstance(node, ast.Attribute):
                module, none = self.resolve(ast.unparse(node.value))
                return module.resolve(node.attr) if none is None else None
            module, found = self.resolve(name)
            return (module, found) if isinstance(found, ast.ClassDef) else None
        except (LookupError, StopIteration):
            return None


def prose(docstring):
    """A docstring as Markdown: what is code in double backticks, and after a double colon, is code there too."""
    # What a docstring tells pytest is not for readers.
    text = re.sub(r"\n\nPYTEST_DONT_REWRITE.*", "", docstring)
    text = re.sub(r"``(.+?)``", r"`\1`", text, flags=re.DOTALL)
    text = re.sub(r"::$", ":", text, flags=re.MULTILINE)
    # A list needs an empty line before it to be seen as one.
    return re.sub(r"(?m)^(?!- |  )(.+)\n(?=- )", r"\1\n\n", text)


def _entry(module, node, name):
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [f"## {name}", _code(_signature(node, name)), prose(ast.get_docstring(node) or "")]
    if isinstance(node, ast.ClassDef):
        return _class(module, node, name)
    following = module.tree.body[module.tree.body.index(node) + 1 :]
    about = following[0].value.value if following and _is_text(following[0]) else ""
    annotated = isinstance(node, ast.AnnAssign)
    return [f"## {name}", _code(_field(node) if annotated else ast.unparse(node)), prose(about)]


def _class(module, node, name):
    members = _members(module, node)
    made = members.pop("__init__", None)
    bases = ", ".join(ast.unparse(base) for base in node.bases if "_native" not in ast.unparse(base))
    first = _signature(made, name, kind="class") if made else f"class {name}({bases})".removesuffix("()")
    fields = [_field(member) for member in members.values() if isinstance(member, ast.AnnAssign)]
    parts = [f"## {name}", _code(first), prose(ast.get_docstring(node) or "")]
    parts += [_code("\n".join(fields))] if fields else []
    for member, of in members.items():
        if isinstance(of, ast.FunctionDef):
            parts += [f"### {name}.{member}", _code(_method(of)), prose(ast.get_docstring(of) or "")]
    return parts


def _field(node):
    return f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}"


def _method(node):
    if not any(ast.unparse(decorator) == "property" for decorator in node.decorator_list):
        return _signature(node, node.name)
    return f"{node.name}: {ast.unparse(node.returns)}" if node.returns else node.name


def _members(module, node):
    """What a class has for its users, by name: a docstring or an annotation makes it so. Its bases' first."""
    members = {}
    for base in node.bases:
        found = module.base(base)
        if found:
            members |= _members(*found)
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef):
            name = statement.name
            of_users = name == "__init__" or not name.startswith("_")
            if of_users and (ast.get_docstring(statement) or name == "__init__"):
                members[name] = statement
        elif isinstance(statement, ast.AnnAssign) and not ast.unparse(statement.target).startswith("_"):
            members[ast.unparse(statement.target)] = statement
    return members


def _signature(node, name, kind="def"):
    """As one would write it, a line for each parameter where it is long."""
    arguments = node.args
    if kind == "class" or (arguments.args and arguments.args[0].arg in ("self", "cls")):
        arguments.args = [argument for argument in arguments.args if argument.arg not in ("self", "cls")]
        arguments.posonlyargs = [argument for argument in arguments.posonlyargs if argument.arg not in ("self", "cls")]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns and kind == "def" else ""
    words = f"{'class ' if kind == 'class' else ''}{name}"
    # A default that follows a type has spaces around its sign.
    split = re.split(r", (?![^\[(]*[\])])", ast.unparse(arguments))
    parameters = [re.sub(r"^(\w+: [^=]*[^= ])=(?!=)", r"\1 = ", parameter) for parameter in split]
    line = f"{words}({', '.join(parameters)}){returns}"
    if len(line) <= 100:
        return line
    return "\n".join([f"{words}(", *(f"    {parameter}," for parameter in parameters), f"){returns}"])


def _code(text):
    return f"```python\n{text}\n```"


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _statements(body):
    """Those of a module, within its conditions too."""
    for node in body:
        if isinstance(node, ast.If):
            yield from _statements([*node.body, *node.orelse])
        else:
            yield node


def _defined(node):
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        # An overload says how to call what is defined after it.
        is_overload = any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)
        return [] if is_overload else [node.name]
    if isinstance(node, ast.Assign):
        return [ast.unparse(target) for target in node.targets]
    return [ast.unparse(node.target)] if isinstance(node, ast.AnnAssign) else []
