"""Files: where the data lie, TOML read, and files written whole."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mecllm.errors import ScenarioError

_PACKAGE = Path(__file__).resolve().parent.parent


def data_path(*parts: str) -> Path:
    """Path of a file under `data/`, in a checkout or an installed wheel."""
    installed = _PACKAGE / "_data"
    root = installed if installed.is_dir() else _PACKAGE.parent / "data"
    return root.joinpath(*parts)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    ScenarioError
        When it cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(path.name, "file", str(error), "a readable TOML file") from error


def write_whole(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and move it there: an interruption leaves no half a file.

    Parameters
    ----------
    path : str or Path
        Where the file is wanted.
    write : callable
        Called with the path to write to.
    """
    target = Path(path)
    draft = target.with_name(target.name + ".part")
    write(draft)
    draft.replace(target)
