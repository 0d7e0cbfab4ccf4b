"""An installed wheel is complete: named scenarios and data work without the checkout."""

import subprocess
import sys
import zipfile

import pytest

from tests.book import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, check=True, capture_output=True, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_holds_all_data(installed):
    data = ROOT / "data"
    expected = {path.relative_to(data) for path in data.rglob("*") if path.is_file()}
    inside = installed / "mecllm" / "_data"
    assert {path.relative_to(inside) for path in inside.rglob("*") if path.is_file()} == expected


def test_the_wheel_holds_the_package_and_nothing_else(installed):
    tops = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert tops == {"mecllm"}


@pytest.mark.parametrize("name", ["paper", "repaired"])
def test_a_named_scenario_works_from_the_wheel(installed, name):
    code = (
        f"import mecllm; n = mecllm.Scenario.load({name!r}).draw(seed=0);"
        "print(mecllm.__file__, n.users)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(installed)!r}); {code}"],
        check=True, capture_output=True, text=True, cwd=installed,
    )  # fmt: skip
    where, users = done.stdout.rsplit(maxsplit=1)
    assert where.startswith(str(installed))
    assert int(users) > 0
