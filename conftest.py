"""Cells of chapters are compared number by number, and long files are run first."""

from __future__ import annotations

from typing import Any

import pytest
from nbval.plugin import IPyNbCell

from tests.digits import compare
from tests.order import place


def compare_outputs(
    cell: IPyNbCell, fresh: list[Any], stored: list[Any], skip_compare: object = None
) -> bool:
    """Take the place of nbval's comparison to the letter."""
    where = compare(stored, fresh)
    cell.comparison_traceback = [where]
    return where is None


IPyNbCell.compare_outputs = compare_outputs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; within a file the order stays."""
    items.sort(key=lambda item: place(item.nodeid))
