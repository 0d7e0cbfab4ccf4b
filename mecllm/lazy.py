"""Names that a package gives without importing, until one is asked for, the module it lives in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attach(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package (PEP 562).

    A process that needs one module then does not wait for all of them.

    Parameters
    ----------
    package : str
        Its `__name__`.
    homes : mapping
        Module → names that live in it, in reading order, with spaces between.

    Returns
    -------
    get, names, every : callable, callable, list of str
        The package's `__getattr__`, `__dir__` and `__all__`.
    """
    home = {name: module for module, names in homes.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home[name]), name)

    return get, lambda: sorted(home), list(home)
