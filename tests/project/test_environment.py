"""One lock: complete, hashed, without addresses, and what runs here; conda takes the same one."""

import re
import sys
import tomllib
from importlib.metadata import version

import pytest
import yaml
from packaging.requirements import Requirement

from tests.book import ROOT
from tools.environment import LIST

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKED_EXTRAS = ("book", "test", "lint", "classroom")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRIES = re.sub(r"^ *#.*\n", "", LOCK, flags=re.MULTILINE).replace("\\\n", " ").splitlines()


def pins() -> dict[str, str]:
    """Name and version of the pins that hold on this Python and platform."""
    found = {}
    for entry in ENTRIES:
        requirement = Requirement(entry.partition("--hash")[0].strip())
        if requirement.marker is None or requirement.marker.evaluate():
            found[requirement.name.lower()] = str(requirement.specifier).removeprefix("==")
    return found


def declared() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    lines = PROJECT["dependencies"] + [line for name in LOCKED_EXTRAS for line in extras[name]]
    return [Requirement(line) for line in lines]


def test_every_pin_is_exact_and_hashed():
    assert len(ENTRIES) > 100
    for entry in ENTRIES:
        assert re.match(r"[a-z0-9][a-z0-9.-]*==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", entry), entry


def test_the_lock_holds_no_address():
    assert not re.search(r"://|@ |^-|^ *--(?!hash)", LOCK, flags=re.MULTILINE)


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_declared_requirement_is_locked_within_its_bounds(requirement):
    assert requirement.specifier.contains(pins()[requirement.name.lower()], prereleases=True)


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_declared_requirement_has_a_lower_bound(requirement):
    assert any(bound.operator == ">=" for bound in requirement.specifier)


def test_the_running_environment_is_the_locked_one():
    assert {name: version(name) for name in pins()} == pins()


def test_conda_takes_python_from_conda_and_the_rest_from_the_lock():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip = conda["dependencies"]
    assert conda["name"] == PROJECT["name"]
    assert pip == "pip"
    script = (ROOT / "postBuild").read_text(encoding="utf-8")
    assert f"pip install {' '.join(LIST[:-1])} -r requirements.lock\n" in script
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert python == f"python={oldest}"
    assert sys.version_info >= tuple(int(part) for part in oldest.split("."))


def test_github_runs_the_same_targets():
    own = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    steps = " ".join(step.get("run", "") for step in workflow["jobs"]["check"]["steps"])
    targets = set(re.findall(r"^part .* make ([a-z-]+)", own, flags=re.MULTILINE))
    assert len(targets) >= 5
    assert targets <= set(re.findall(r"make ([a-z-]+)", steps))
    latest = workflow["jobs"]["newest-versions"]
    assert latest["continue-on-error"] is True
    assert "make lock UPGRADE=--upgrade" in [step.get("run") for step in latest["steps"]]


def test_every_upper_bound_says_why():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("\n[tool.")[0]
    for line in project.splitlines():
        if re.search(r'^ *"[^"]*[<~]', line):
            assert re.search(r'", *# \S', line), line
