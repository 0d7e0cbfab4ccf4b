"""Code named by a hash: whether rows begun by other code may be continued."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path
from threading import Lock

import mecllm

_PACKAGE = Path(mecllm.__file__).parent
# Python 3.11 counts the depth of all threads' syntax trees together, and stops in one of them.
_ONE_AT_A_TIME = Lock()


def fingerprint(module: str, data: tuple[Path, ...] = ()) -> str:
    """Hash of what decides the results of a module: its code, that of all it imports, and files.

    Comments, docstrings and layout do not count, nor does a module that this one does not reach.

    Parameters
    ----------
    module : str
        Full name, as `mecllm.atlas.rows`.
    data : tuple of Path
        Files that it reads.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256()
    with _ONE_AT_A_TIME:
        reached = _reached(module)
    for _, tree in sorted(reached.items()):
        digest.update(ast.dump(tree).encode())
    for path in sorted(data):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _reached(module: str) -> dict[str, ast.Module]:
    """Syntax trees, without docstrings, of a module and of each of the package that it imports."""
    found: dict[str, ast.Module] = {}
    open_ends = [module]
    while open_ends:
        name = open_ends.pop()
        path = _source(name)
        if name in found or path is None:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                open_ends += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                # `from package import name`: the package, and the module that the name may be.
                open_ends += [str(node.module), *(f"{node.module}.{a.name}" for a in node.names)]
            elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
                ast.get_docstring(node, clean=False) is not None
            ):
                node.body[0] = ast.Pass()
        found[name] = tree
    return found


def _source(name: str) -> Path | None:
    """File of a module of the package; None for any other name."""
    root, *parts = name.split(".")
    if root != _PACKAGE.name or not parts:
        return None
    path = _PACKAGE.joinpath(*parts)
    places = (path.with_suffix(".py"), path / "__init__.py")
    return next((place for place in places if place.is_file()), None)
