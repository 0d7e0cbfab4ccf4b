"""The terminal, to which every text is only text: brackets in names and units stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING, Any

# Commands import what they need when they run: `--help` should not wait for it.
if TYPE_CHECKING:
    from rich.console import Console

# What is done sooner needs no word.
_WAITING_SECONDS = 2.0


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
    """Show a bar on the error stream of a terminal; what it gives is called after each step."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda: None
        return
    title_column = TextColumn("{task.description}", markup=False)
    columns = (title_column, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def waiting(title: str) -> Iterator[Callable[[str], Any]]:
    """After two seconds say on a terminal what is done and for how long; gone when it is done.

    What it gives is called with what is done now.
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda now: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    line = Progress(*columns, console=screen, transient=True)
    task = line.add_task(title, total=None)
    late = Timer(_WAITING_SECONDS, line.start)
    # It would keep a process alive that Ctrl-C has ended.
    late.daemon = True
    late.start()
    try:
        yield lambda now: line.update(task, description=now)
    finally:
        late.cancel()
        late.join()
        line.stop()
