"""What is published is complete: wheel and source archive install, and work elsewhere."""

import json
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from mecllm.methods import solve
from mecllm.system.scenario import Scenario
from tests.book import ROOT
from tools.book import files

# What the source archive holds besides single files: all to build the wheel, the book, and to test.
FOLDERS = ("mecllm", "data", "tests", "book", "tools", "assignments")
FILES = ("pyproject.toml", "requirements.lock", "Makefile", "_config.yml", "README.md", "LICENSE")


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and source archive by `target`."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "hatchling", "build", "--directory", folder, cwd=ROOT)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


@pytest.fixture(scope="module", params=["wheel", "sdist"])
def installed(request, built, tmp_path_factory):
    """A new environment with one of the two installed by uv, as a user's would be.

    Its dependencies are those of the environment that runs the tests, seen through a path file: a
    download of the lock would need a network and a minute, and is what `make env` already tests.
    The path file adds one folder and does not read the path files in it, so that the checkout,
    which is installed there as editable, stays out of sight.
    """
    folder = tmp_path_factory.mktemp(request.param)
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = run(python, "-c", ask).strip()
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    # The archive is built in this environment, since its build tool is in the lock as well.
    install = ["uv", "pip", "install", "--quiet", "--offline", "--no-cache", "--no-deps"]
    run(
        *(sys.executable, "-m", *install, "--no-build-isolation", "--python", python),
        built[request.param],
        cwd=folder,
    )
    return SimpleNamespace(folder=folder, python=python)


def test_the_wheel_holds_the_package_its_data_and_nothing_else(built):
    expected = {path.relative_to(ROOT).as_posix() for path in files("mecllm")}
    for path in files("data"):
        expected.add("mecllm/_data/" + path.relative_to(ROOT / "data").as_posix())
    with zipfile.ZipFile(built["wheel"]) as archive:
        names = set(archive.namelist())
    assert {name for name in names if ".dist-info/" not in name} == expected


def test_the_source_archive_holds_all_that_the_checkout_does(built):
    with tarfile.open(built["sdist"]) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    expected = {path.relative_to(ROOT).as_posix() for path in files(*FOLDERS)}
    assert {name for name in names if name.split("/")[0] in FOLDERS} == expected
    assert names.issuperset(FILES)
    made = {"_build", ".venv", "text", "dist", ".git"}
    assert not {name for name in names if name.split("/")[0] in made}


def test_only_the_installed_package_is_seen(installed):
    ask = "import mecllm; print(mecllm.__file__)"
    where = run(installed.python, "-c", ask, cwd=installed.folder)
    assert where.startswith(str(installed.folder))


@pytest.mark.parametrize("name", ["literal", "repaired"])
def test_the_command_solves_a_named_scenario(installed, name):
    command = installed.folder / "bin" / "mecllm"
    output = run(command, "solve", name, "--method", "proposed", "--json", cwd=installed.folder)
    expected = solve(Scenario.load(name).draw(0), "proposed").summary()
    assert json.loads(output)["objective"] == pytest.approx(expected["objective"], rel=1e-9)


def test_a_network_of_ones_own_goes_the_whole_way_in_an_empty_folder(installed, tmp_path):
    def mecllm(*words):
        return run(installed.folder / "bin" / "mecllm", *words, cwd=tmp_path)

    mecllm("scenario", "new", "town.toml", "--base", "repaired")
    town = tmp_path / "town.toml"
    town.write_text(town.read_text(encoding="utf-8") + "users = 4\nservers = 2\n", "utf-8")
    assert "no fault; 4 users, 2 servers" in mecllm("scenario", "check", "town.toml")
    words = ("--method", "priced", "--table", "t.csv", "--save", "d.json", "--network", "n.npz")
    mecllm("solve", "town.toml", *words)
    assert len((tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()) == 5
    assert json.loads(mecllm("verify", "n.npz", "d.json", "--json"))["accepted"]
    assert "priced" in mecllm("compare", "town.toml", "--save", "c.png")
    assert (tmp_path / "c.png").stat().st_size > 10_000
    # Five users a server: Figures 4 and 5 are told to be out of reach, 2 and 3 are run.
    town.write_text(town.read_text(encoding="utf-8") + "admission_MHz = 4\n", "utf-8")
    said = mecllm("claims", "town.toml", "--seeds", "2", "--workers", "1")
    assert re.search(r"C1, C2, C3: not tested with 100 users", said)
    assert "town.toml, 2 networks: " in said


def test_the_command_draws_a_figure_from_the_stored_results(installed):
    picture = installed.folder / "four.png"
    command = installed.folder / "bin" / "mecllm"
    run(command, "figure", "4", "--stored", "--save", picture, cwd=installed.folder)
    assert picture.stat().st_size > 10_000
