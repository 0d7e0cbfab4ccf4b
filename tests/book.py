"""What the tests of the book share: the pages that `_toc.yml` names."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"


def _files(entry: Any) -> list[str]:
    if isinstance(entry, list):
        return [name for item in entry for name in _files(item)]
    if isinstance(entry, dict):
        own = [entry[key] for key in ("root", "file") if key in entry]
        return own + _files([value for value in entry.values() if isinstance(value, list)])
    return []


def pages() -> list[str]:
    """Names of all pages, in the order of the book."""
    return _files(yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8")))


def chapters() -> list[Path]:
    """The notebooks among the pages."""
    return [path for name in pages() if (path := BOOK / f"{name}.ipynb").exists()]
