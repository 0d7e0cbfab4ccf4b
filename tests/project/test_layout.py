"""The architecture: a wing imports only from the wings above it, and only what is declared."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.book import ROOT

PACKAGE = ROOT / "mecllm"
GROUND = {"lazy", "errors"}
CORE = GROUND | {"system", "allocation"}
SOLVERS = CORE | {"paper", "certified"}
# What each wing may import besides itself; modules of a wing may know each other, without a circle.
WINGS = {
    "lazy": set(),
    "errors": set(),
    "system": GROUND,
    "allocation": GROUND | {"system"},
    "paper": CORE,
    "certified": CORE,
    "peers": CORE | {"paper"},
    "theory": SOLVERS,
    "methods": SOLVERS,
    "training": GROUND | {"system"},
    "study": SOLVERS | {"peers", "theory", "methods", "training"},
    "atlas": SOLVERS | {"theory", "methods", "study"},
    "pictures": SOLVERS | {"theory", "methods", "training", "study", "atlas"},
    "cli": SOLVERS | {"theory", "methods", "study", "atlas", "pictures"},
}
# Importing the package must not cost the seconds that these take.
HEAVY = {"cvxpy", "matplotlib", "pandas", "sympy", "rich", "typer"}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def module_name(path: Path) -> str:
    inside = path.relative_to(PACKAGE)
    return ".".join((inside.parent if path.stem == "__init__" else inside.with_suffix("")).parts)


# Every file but the package's own `__init__`, which gathers what readers type.
MODULES = {name: path for path in sorted(PACKAGE.rglob("*.py")) if (name := module_name(path))}


def wing(module: str) -> str:
    return module.partition(".")[0]


def imports(path: Path, *, top_level: bool = False) -> set[str]:
    """Absolute names of what a file imports, as `package.module` (or `package.name`)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: import by the full name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own(names: set[str]) -> set[str]:
    """Modules of mecllm among imported names; of a subpackage, the module and not its roof."""
    found = set()
    for name in names:
        known = [m for m in MODULES if f"{name}.".startswith(f"mecllm.{m}.")]
        found |= {max(known, key=len)} if known else set()
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_from_wings_above(module):
    assert wing(module) in WINGS, f"mecllm/{module} belongs to no wing"
    others = {m for m in own(imports(MODULES[module])) if wing(m) != wing(module)}
    assert {wing(m) for m in others} <= WINGS[wing(module)], others


def test_the_order_of_the_wings_has_no_circle():
    assert list(TopologicalSorter(WINGS).static_order())
    assert all("certified" not in WINGS[w] for w in ("system", "allocation", "paper"))


def test_no_module_needs_itself():
    needs = {module: own(imports(path)) - {module} for module, path in MODULES.items()}
    assert set(TopologicalSorter(needs).static_order()) >= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_declared_dependencies(module):
    required = {re.split(r"[^\w-]", line)[0] for line in PROJECT["dependencies"]}
    allowed = required | sys.stdlib_module_names | {"mecllm", "__future__"}
    foreign = {name.partition(".")[0] for name in imports(MODULES[module], top_level=True)}
    assert foreign <= allowed


def test_each_dependency_is_imported_somewhere():
    required = {re.split(r"[^\w-]", line)[0] for line in PROJECT["dependencies"]}
    used = {name.partition(".")[0] for path in MODULES.values() for name in imports(path)}
    assert required <= used


@pytest.mark.parametrize("module", MODULES)
def test_a_file_is_short_enough_to_read(module):
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 300


def test_the_api_page_names_every_module():
    page = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    named = " ".join(re.findall(r"^```\{modules\} (.*)$", page, re.MULTILINE)).split()
    assert set(named) == set(MODULES)
    assert len(named) == len(MODULES)


def test_importing_the_package_is_light():
    code = "import sys, mecllm; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.split()
    assert not HEAVY & set(loaded)
