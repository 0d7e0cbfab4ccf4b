"""The chips of data/hardware.csv say what their own sources say."""

from __future__ import annotations

import csv
import re

import pytest

from mecllm.system.files import data_path
from mecllm.system.parameters import hardware

with data_path("hardware.csv").open(newline="", encoding="utf-8") as _file:
    ROWS = {row["name"]: row for row in csv.DictReader(_file)}


@pytest.fixture(params=sorted(ROWS))
def row(request):
    return ROWS[request.param]


def test_peak_is_cores_times_flops_times_clock(row) -> None:
    (stated,) = re.findall(r"([\d.]+) TFLOPS", row["source"])
    peak = float(row["cores"]) * float(row["flops_per_cycle"]) * float(row["frequency_max_GHz"])
    assert peak / 1e3 == pytest.approx(float(stated), rel=0.02)


def test_power_and_clocks_are_those_of_the_source(row) -> None:
    assert re.search(rf"\b{float(row['power_W']):g} W\b", row["source"])
    for key in ("frequency_max_GHz", "frequency_at_power_GHz"):
        assert re.search(rf"\b{1e3 * float(row[key]):g} MHz\b", row["source"])
    assert float(row["frequency_at_power_GHz"]) <= float(row["frequency_max_GHz"])


def test_status_and_source_are_given(row) -> None:
    assert row["status"] in ("stated", "inferred")
    assert len(row["source"]) > 40


def test_kappa_gives_the_rated_power_at_its_clock(row) -> None:
    kappa = hardware()[row["name"]]["kappa_W_per_Hz3"]
    hertz = 1e9 * float(row["frequency_at_power_GHz"])
    assert kappa * hertz**3 == pytest.approx(float(row["power_W"]), rel=1e-12)


def test_every_chip_of_the_paper_is_there() -> None:
    names = " ".join(hardware())
    assert all(chip in names for chip in ("A15", "T4", "V100"))
