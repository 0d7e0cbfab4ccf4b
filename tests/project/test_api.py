"""What readers call: its docstrings are complete, its examples run, and nothing else is public."""

import ast
import doctest
import inspect
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.book import ROOT, chapters

PACKAGE = ROOT / "mecllm"
FILES = {
    path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for path, name in FILES.items()}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_public(name: str) -> bool:
    return not name.startswith("_")


# -- Docstrings ------------------------------------------------------------------------------------


class Documented(NamedTuple):
    """A public function or method, and the arguments that its docstring has to name."""

    node: Function
    arguments: list[str]


def decorators(node: Function) -> set[str]:
    """Last names of the decorators: `property`, `classmethod`, `command`, ..."""
    found = set()
    for each in node.decorator_list:
        callee = each.func if isinstance(each, ast.Call) else each
        found.add(callee.attr if isinstance(callee, ast.Attribute) else getattr(callee, "id", ""))
    return found


def arguments(node: Function, method: bool) -> list[str]:
    """Arguments besides `self` or `cls` and a `network` that comes first."""
    own = node.args
    names = [each.arg for each in (*own.posonlyargs, *own.args)]
    if method and "staticmethod" not in decorators(node):
        names = names[1:]
    if names[:1] == ["network"]:
        names = names[1:]
    names += [each.arg for each in (own.vararg, *own.kwonlyargs, own.kwarg) if each]
    return [name for name in names if is_public(name)]


def documented() -> Iterator[tuple[str, Documented]]:
    """Public functions of every module, and public methods of its public classes."""
    for module, tree in TREES.items():
        # What a command takes, its `--help` says.
        if module.startswith("mecllm.cli"):
            continue
        for node in tree.body:
            if isinstance(node, Function) and is_public(node.name):
                yield f"{module}.{node.name}", Documented(node, arguments(node, method=False))
            if isinstance(node, ast.ClassDef) and is_public(node.name):
                for each in node.body:
                    if not isinstance(each, Function) or not is_public(each.name):
                        continue
                    if not decorators(each) & {"property", "cached_property", "overload"}:
                        found = Documented(each, arguments(each, method=True))
                        yield f"{module}.{node.name}.{each.name}", found


FUNCTIONS = dict(documented())


def sections(docstring: str) -> dict[str, str]:
    """Text of each section of a numpydoc docstring, by its title."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(docstring) + "\n", flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def named(section: str) -> set[str]:
    """Names of the entries of a section, whose lines stand at its margin: `a, b : array (N,)`."""
    lines = re.findall(r"^\*{0,2}\w[^:\n]*", section, flags=re.M)
    return {name.strip(" *") for line in lines for name in line.split(",")}


def raised(node: Function) -> set[str]:
    """The package's own errors that a function raises itself."""
    calls = [each.exc for each in ast.walk(node) if isinstance(each, ast.Raise)]
    names = {
        each.func.id
        for each in calls
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)
    }
    return names & {"ScenarioError", "SolverError"}


@pytest.mark.parametrize("name", [n for n, found in FUNCTIONS.items() if len(found.arguments) > 1])
def test_arguments_and_result_are_described(name):
    """Two arguments or more: each has its entry, and so has the result unless it is None."""
    node, wanted = FUNCTIONS[name]
    found = sections(ast.get_docstring(node) or "")
    assert set(wanted) <= named(found.get("Parameters", "")), "Parameters"
    if node.returns is not None and ast.unparse(node.returns) != "None":
        assert found.keys() & {"Returns", "Yields"}, "Returns"


@pytest.mark.parametrize("name", [n for n, found in FUNCTIONS.items() if raised(found.node)])
def test_errors_are_described(name):
    node = FUNCTIONS[name].node
    found = sections(ast.get_docstring(node) or "")
    assert raised(node) <= named(found.get("Raises", "")), "Raises"


# -- Examples --------------------------------------------------------------------------------------

# What is called most: by readers, chapters and assignments.
EXAMPLES = {
    "mecllm.methods": ("solve",),
    "mecllm.certified.certificate": ("verify",),
    "mecllm.certified.pricing": ("priced",),
    "mecllm.system.scenario": ("Scenario.load", "Scenario.replace", "Scenario.draw"),
    "mecllm.system.network": ("Network",),
    "mecllm.system.model": ("evaluate",),
    "mecllm.allocation": ("allocate",),
    "mecllm.paper.fractional": ("fractional_programming",),
    "mecllm.paper.algorithm": ("settled", "two_step"),
    "mecllm.atlas.engine": ("run",),
}


@pytest.mark.parametrize(
    "name", [f"{module}:{name}" for module, names in EXAMPLES.items() for name in names]
)
def test_examples_run(name, tmp_path, monkeypatch):
    module, _, path = name.partition(":")
    found = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    assert "Examples" in sections(inspect.getdoc(found) or "")
    monkeypatch.chdir(tmp_path)
    # Without the methods of a class, which are named here themselves.
    (example, *_) = doctest.DocTestFinder(recurse=False).find(found, path, globs={})
    assert example.examples
    told: list[str] = []
    doctest.DocTestRunner().run(example, out=told.append)
    assert not told, "".join(told)


# -- Names -----------------------------------------------------------------------------------------


def assigned(node: ast.stmt) -> list[str]:
    """Names that a statement of a module defines."""
    if isinstance(node, Function | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [
        each.id
        for target in targets
        for each in ast.walk(target or ast.Pass())
        if isinstance(each, ast.Name)
    ]


def offered() -> Iterator[tuple[str, str]]:
    """Module and name of everything public that a module defines; commands register themselves."""
    for module, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, Function) and decorators(node) & {"command", "callback"}:
                continue
            yield from ((module, name) for name in assigned(node) if is_public(name))


def dotted(node: ast.expr) -> str:
    """Name that a chain of attributes spells, or nothing."""
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return left and f"{left}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def uses(tree: ast.AST) -> set[tuple[str, str]]:
    """Module and name of what a file takes from modules, by import or by attribute."""
    found, alias = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            alias |= {each.asname: each.name for each in node.names if each.asname}
        elif isinstance(node, ast.ImportFrom):
            found |= {(str(node.module), each.name) for each in node.names}
            alias |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (left := dotted(node.value)):
            first, _, rest = left.partition(".")
            found.add((alias.get(first, first) + (rest and f".{rest}"), node.attr))
    return found


def faces() -> set[tuple[str, str]]:
    """What the package and its wings hand on to readers."""
    return {
        (key.value, name)
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func) == "attach"
        for table in node.args
        if isinstance(table, ast.Dict)
        for key, names in zip(table.keys, table.values, strict=True)
        for name in names.value.split()
    }


def notebook(path: Path) -> ast.AST:
    """The code of a notebook, without the lines that are IPython's."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lines = "".join("".join(each["source"]) + "\n" for each in cells if each["cell_type"] == "code")
    return ast.parse(re.sub(r"^[%!].*$", "", lines, flags=re.M))


def beside() -> Iterator[ast.AST]:
    """What uses the package besides itself and the tests: chapters, assignments, tools."""
    yield from (notebook(path) for path in chapters())
    for folder in ("assignments", "tools", "book/_ext"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield ast.parse(path.read_text(encoding="utf-8"))


def signed() -> set[tuple[str, str]]:
    """Names in the signatures and fields of what is public: readers hold values of these types."""
    found = set()
    for module, tree in TREES.items():
        shown = [node for node in tree.body if is_public((assigned(node) or ["_"])[0])]
        shown += [
            each
            for node in shown
            if isinstance(node, ast.ClassDef)
            for each in node.body
            if is_public((assigned(each) or ["_"])[0])
        ]
        for node in shown:
            types = [getattr(node, "annotation", None), getattr(node, "returns", None)]
            if isinstance(node, Function):
                own = node.args
                every = (*own.posonlyargs, *own.args, own.vararg, *own.kwonlyargs, own.kwarg)
                types += [each.annotation for each in every if each]
            found |= {
                (module, each.id)
                for kind in types
                if kind
                for each in ast.walk(kind)
                if isinstance(each, ast.Name)
            }
    return found


def used() -> set[tuple[str, str]]:
    elsewhere = {use for module, tree in TREES.items() for use in uses(tree) if use[0] != module}
    elsewhere |= {use for tree in beside() for use in uses(tree)}
    return elsewhere | faces() | signed()


USED = used()


# What the command line offers is called by its users.
@pytest.mark.parametrize("module", [m for m in TREES if not m.startswith("mecllm.cli")])
def test_public_names_are_used_elsewhere(module):
    """By another module, a face, a chapter, an assignment or a tool; tests do not count."""
    assert {
        name for home, name in offered() if home == module and (home, name) not in USED
    } == set()
