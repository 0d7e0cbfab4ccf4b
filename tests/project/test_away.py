"""The recipes for Colab, Binder and a container: their rules, since none of the tools is here."""

import ast
import os
import re
import shlex
import sys
import tomllib

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement

from tests.book import ROOT, chapters

PAGE = (ROOT / "book" / "environment.md").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
AWAY = "\n".join(step.get("run", "") for step in WORKFLOW["jobs"]["away"]["steps"])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Where a package is imported under another name than it is installed by.
IMPORTED_AS = {"scikit-learn": "sklearn", "myst-nb": "myst_nb"}


def recipe():
    """Packages that the recipe for Colab installs besides `mecllm`."""
    (line,) = re.findall(r"%pip install git\+ADDRESS (.*)", PAGE)
    return line.split()


def needed(path):
    """Packages that a chapter imports, but for the standard library."""
    found = set()
    for cell in nbformat.read(path, as_version=4).cells:
        for node in ast.walk(ast.parse(cell.source if cell.cell_type == "code" else "")):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)


def dockerfile():
    """Instructions of the Dockerfile with their arguments, continued lines joined."""
    text = (ROOT / "tools" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_what_the_recipe_installs_is_all_that_a_chapter_imports(path):
    given = [Requirement(line).name for line in PROJECT["dependencies"]] + recipe()
    there = {IMPORTED_AS.get(name, name) for name in given} | {"mecllm", "IPython"}
    assert needed(path) <= there


def test_the_recipe_installs_nothing_that_no_chapter_imports():
    everything = set().union(*map(needed, chapters()))
    assert {IMPORTED_AS[name] for name in recipe()} <= everything


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_a_chapter_reads_no_file_beside_it(path):
    """In an empty folder there is none: data come from `mecllm`, by `data_path`."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not re.search(r"\bopen\(|\.\./|read_csv\((?!data_path)|Path\(['\"]", cell.source)


def test_binder_finds_its_files_and_no_other_that_takes_precedence():
    """repo2docker looks into binder/ alone if there is one, and takes a Dockerfile first."""
    for other in ("binder", ".binder", "Dockerfile", "Project.toml", "default.nix", "runtime.txt"):
        assert not (ROOT / other).exists(), other
    assert (ROOT / "environment.yml").is_file()
    assert os.access(ROOT / "postBuild", os.X_OK)
    assert (ROOT / "postBuild").read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")


def test_dockerfile_is_short_and_known_to_docker():
    known = {"FROM", "RUN", "USER", "WORKDIR", "COPY", "EXPOSE", "CMD"}
    assert {name for name, _ in dockerfile()} <= known
    assert dockerfile()[0][0] == "FROM"
    assert [name for name, _ in dockerfile()].count("CMD") == 1
    assert len(dockerfile()) <= 10


def test_dockerfile_names_what_is_there():
    """The Python, the user, the targets of make, the modules, the ports."""
    lines = dockerfile()
    text = "\n".join(f"{name} {rest}" for name, rest in lines)
    base = dict(lines)["FROM"]
    assert base.removeprefix("python:").removesuffix("-slim") in PROJECT["requires-python"]
    assert f"useradd --create-home {dict(lines)['USER']}\n" in text
    assert dict(lines)["WORKDIR"] == f"/home/{dict(lines)['USER']}"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake -s ([a-z-]+)", text):
        assert f"\n{target}:" in makefile
    for module in re.findall(r"-m (tools\.[a-z]+)", text):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file()
    shell, option, command = ast.literal_eval(dict(lines)["CMD"])
    assert (shell, option) == ("sh", "-c")
    ports = dict(lines)["EXPOSE"].split()
    assert ports == ["8000", "8888"]
    assert "8000" in shlex.split(command)  # JupyterLab's own is 8888
    assert "_build/html-committed" in shlex.split(command)
    assert (ROOT / ".venv" / "bin" / "jupyter").is_file() or "jupyter" in text
    for port in ports:
        assert f"-p {port}:{port}" in PAGE


def test_nothing_that_git_ignores_goes_into_the_container():
    def entries(name):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        return {line.strip("/") for line in lines if line and not line.startswith("#")}

    ignored = {name.replace("**/", "") for name in entries(".dockerignore")}
    for name in entries(".gitignore") - {"*.py[cod]"}:
        assert name in ignored or (name.endswith("_cache") and ".*_cache" in ignored)


def test_the_workflow_goes_the_ways_that_the_page_describes():
    assert f"install . {' '.join(recipe())}\n" in AWAY
    for command in re.findall(r"^ +(docker build .*)$", PAGE, flags=re.MULTILINE):
        assert command in AWAY
    assert "jupyter-repo2docker ." in AWAY
