"""Positions, distances and the path loss, against figures known without the code."""

from __future__ import annotations

import numpy as np
import pytest

from mecllm.errors import ScenarioError
from mecllm.system import geometry
from mecllm.system.geometry import DistanceGain, path_gain


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("draw", [geometry.uniform_square, geometry.uniform_disk])
def test_more_points_extend_the_list(draw) -> None:
    np.testing.assert_array_equal(draw(rng(), 40, 5.0)[:10], draw(rng(), 10, 5.0))


def test_square_is_filled_evenly() -> None:
    points = geometry.uniform_square(rng(), 40_000, 2.0)
    assert np.all(np.abs(points) <= 1)
    # Standard error of a mean of 40,000 uniform numbers on [-1, 1] is 0.0029.
    assert np.all(np.abs(points.mean(axis=0)) < 0.012)
    np.testing.assert_allclose((points**2).mean(axis=0), 1 / 3, rtol=0.02)


def test_disk_is_filled_evenly_by_area() -> None:
    points = geometry.uniform_disk(rng(), 40_000, 2.0)
    radius = np.hypot(*points.T)
    assert radius.max() <= 2
    # Half the area lies within R/√2.
    assert abs((radius < np.sqrt(2)).mean() - 0.5) < 0.01
    assert np.all(np.abs(points.mean(axis=0)) < 0.02)


def test_planar_distance() -> None:
    distance = geometry.planar_distance(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0]]))
    assert distance.tolist() == [[0.0], [5.0]]


def test_great_circle_distance() -> None:
    users = np.array([[0.0, 0.0], [90.0, 0.0], [0.0, 180.0], [0.0, 359.0]])
    servers = np.array([[0.0, 90.0], [0.0, 0.0]])
    quarter = np.pi / 2 * geometry._EARTH_RADIUS_M
    expected = np.array(
        [
            [quarter, 0],
            [quarter, quarter],
            [quarter, 2 * quarter],
            [quarter * 91 / 90, quarter / 90],
        ]
    )
    actual = geometry.great_circle_distance(users, servers)
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-6)


def test_paris_to_london() -> None:
    distance = geometry.great_circle_distance(
        np.array([[48.8566, 2.3522]]), np.array([[51.5074, -0.1278]])
    )
    assert distance[0, 0] == pytest.approx(343.6e3, rel=2e-3)


def test_path_gain_of_the_paper() -> None:
    gain = path_gain(np.array([1000.0, 100.0]), 128.1, 37.6)
    np.testing.assert_allclose(-10 * np.log10(gain), [128.1, 128.1 - 37.6], rtol=1e-12)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_coordinates_in_any_case_and_order_with_other_columns(tmp_path) -> None:
    text = "\ufeffname, LONGITUDE ,Latitude\nhere,144.96,-37.81\n\nthere,-0.5,90\n"
    points = geometry.read_coordinates(write(tmp_path / "sites.csv", text))
    assert points.tolist() == [[-37.81, 144.96], [90.0, -0.5]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lat,longitude\n1,2\n", "columns.*exactly one column 'latitude'"),
        ("latitude,lng\n1,2\n", "exactly one column 'longitude'"),
        ("latitude,Latitude,longitude\n1,1,2\n", "exactly one column 'latitude'"),
        ("latitude,longitude\n1,2\n91,2\n", "line 3, latitude = '91'.*between -90 and 90"),
        ("latitude,longitude\n1,-180.5\n", "line 2, longitude = '-180.5'.*-180 and 180"),
        ("latitude,longitude\nnan,2\n", "line 2, latitude = 'nan'"),
        ("latitude,longitude\nnorth,2\n", "line 2, latitude = 'north'"),
        ("latitude,longitude\n1\n", "line 2, longitude = ''"),
        ("latitude,longitude\n", "at least one row"),
        ("", "exactly one column"),
    ],
)
def test_a_file_without_coordinates_is_refused(tmp_path, text, message) -> None:
    with pytest.raises(ScenarioError, match=rf"sites\.csv: .*{message}"):
        geometry.read_coordinates(write(tmp_path / "sites.csv", text))


def test_a_file_that_cannot_be_read_is_refused(tmp_path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00latitude")
    for name in ("binary.csv", "absent.csv"):
        with pytest.raises(ScenarioError, match="a readable CSV"):
            geometry.read_coordinates(tmp_path / name)


def test_gain_on_demand_is_the_stored_gain() -> None:
    users, servers = geometry.uniform_square(rng(), 30, 1e3), geometry.uniform_square(rng(), 4, 1e3)
    distance = np.maximum(geometry.planar_distance(users, servers), 10.0)
    stored = path_gain(distance, 128.1, 37.6)
    lazy = DistanceGain(users, servers, 128.1, 37.6, 10.0)
    assert lazy.shape == stored.shape
    rows, columns = np.arange(30), np.arange(30) % 4
    np.testing.assert_allclose(lazy[rows], stored, rtol=1e-12)
    np.testing.assert_allclose(lazy[rows, columns], stored[rows, columns], rtol=1e-12)
    best = np.argsort(-stored, axis=1)
    np.testing.assert_array_equal(lazy.nearest(rows, 4), best)
    np.testing.assert_array_equal(lazy.nearest(rows[5:7], 2), best[5:7, :2])
