"""The terminal, to which every text is only text: brackets in names and units stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

# Commands import what they need when they run: `--help` should not wait for it.
if TYPE_CHECKING:
    from rich.console import Console


def console(stderr: bool = False) -> Console:
    """Return a terminal that reads no markup, so that `[s]` is seconds and no strike-through.

    Parameters
    ----------
    stderr : bool
        Whether it is the channel of errors.

    Returns
    -------
    Console
        Of Rich.
    """
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False)


def print_table(title: str, values: dict[str, object]) -> None:
    """Print names and values side by side.

    Parameters
    ----------
    title : str
        Above the table.
    values : dict
        Value, or list of values, by name.
    """
    from rich.table import Table

    table = Table(title=title, show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in values.items():
        lines = value if isinstance(value, list) else [value]
        text = "\n".join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in lines)
        table.add_row(name, text or "none")
    console().print(table)


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[], Any]]:
    """Show a bar on the error stream; what it gives is called after each step."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    title_column = TextColumn("{task.description}", markup=False)
    columns = (title_column, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)
