"""Sweeps that several tests look at."""

import pytest

from mecllm.atlas import Sweep, export, run
from tests.atlas.sweeps import POINTS, SPEC, rows


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("spec") / "small.toml"
    path.write_text(SPEC, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def small(spec):
    return Sweep.load(spec)


@pytest.fixture(scope="module")
def undisturbed(small, tmp_path_factory):
    """Rows of a sweep that nothing has disturbed."""
    path = tmp_path_factory.mktemp("undisturbed") / "rows.sqlite"
    summary = run(small, POINTS, path)
    assert (summary.wanted, summary.found, summary.added) == (POINTS * 6, 0, POINTS * 6)
    return rows(path, small)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    atlas = Sweep.load("atlas")
    run(atlas, 16, folder / "rows.sqlite")
    export(atlas, folder / "rows.sqlite", folder / "rows.csv")
    return folder / "rows.csv"
