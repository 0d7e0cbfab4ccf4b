"""Chapters as text, back as notebooks, and executed so that two runs give the same bytes.

text NAME       book/NAME.ipynb -> text/NAME.py, Python with Markdown cells, for editing
notebook NAME   text/NAME.py -> book/NAME.ipynb; unchanged cells keep their outputs
execute NAME    runs book/NAME.ipynb from top to bottom, in place or `--to` another file

Without a name: every chapter. Run it through `make`, which fixes the kernel's environment.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
TEXT = ROOT / "text"

# A chapter runs in half a minute; a cell that takes five is stuck.
CELL_TIMEOUT = 300
# What a reader of the notebook needs; everything else differs between machines and editors.
CELL_METADATA = ("mystnb", "tags")
NOTEBOOK_METADATA = ("mystnb", "myst")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}


def slim(notebook: Any) -> Any:
    """Keep of the metadata what the book uses, and give each cell an id made from its source."""
    kept = {key: notebook.metadata[key] for key in NOTEBOOK_METADATA if key in notebook.metadata}
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE} | kept)
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {key: cell.metadata[key] for key in CELL_METADATA if cell.metadata.get(key)}
        )
        name = hashlib.sha256(f"{cell.cell_type}\0{cell.source}".encode()).hexdigest()[:8]
        seen[name] = seen.get(name, 0) + 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def write(notebook: Any, path: Path) -> None:
    """Validate and write in one step, so that an interruption leaves the old file."""
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    draft.replace(path)


def execute(source: Path, target: Path) -> None:
    """Run every cell of a notebook afresh, in the notebook's own folder.

    Raises
    ------
    CellExecutionError
        When a cell fails; the target is then left as it was.
    """
    notebook = nbformat.read(source, as_version=4)
    NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(source.parent)}},
    ).execute()
    write(slim(notebook), target)


def to_text(source: Path, target: Path) -> None:
    """Write a chapter as Python text with Markdown cells."""
    target.parent.mkdir(exist_ok=True)
    plain = ["--opt", "notebook_metadata_filter=-all"]
    _jupytext("--to", "py:percent", *plain, "--output", target, source)


def to_notebook(source: Path, target: Path) -> None:
    """Take text back into a chapter."""
    update = ["--update"] if target.exists() else []
    _jupytext("--from", "py:percent", "--to", "ipynb", *update, "--output", target, source)
    write(slim(nbformat.read(target, as_version=4)), target)


def _jupytext(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "jupytext", "--quiet", *arguments], check=True)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("text", "notebook", "execute"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--to", type=Path, help="where to write the one executed chapter")
    options = parser.parse_args()
    folder, ending = (TEXT, ".py") if options.action == "notebook" else (BOOK, ".ipynb")
    names = options.names or sorted(path.stem for path in folder.glob(f"[0-9]*{ending}"))
    if options.to and len(names) != 1:
        parser.error("--to takes exactly one chapter")
    for name in (Path(name).stem for name in names):
        source, notebook = folder / f"{name}{ending}", BOOK / f"{name}.ipynb"
        if not source.is_file():
            sys.exit(f"There is no {source.relative_to(ROOT)}")
        try:
            if options.action == "text":
                to_text(source, TEXT / f"{name}.py")
            elif options.action == "notebook":
                to_notebook(source, notebook)
            else:
                execute(source, options.to or notebook)
        except CellExecutionError as error:
            sys.exit(f"A cell of {name} failed.\n{error}")
        print(f"{options.action} {name}: done", flush=True)


if __name__ == "__main__":
    main()
