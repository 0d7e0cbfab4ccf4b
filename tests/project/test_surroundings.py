"""Surroundings that have broken a build: parallel make, read-only folders, line ends."""

import re
import stat
import subprocess
import sys

from tests.book import ROOT
from tools.book import copied
from tools.environment import explain


def test_make_does_one_thing_after_the_other(tmp_path):
    """`make -j notebook execute` ran a notebook while it was written anew."""
    log, program = tmp_path / "log", tmp_path / "python"
    program.write_text(
        f"#!/bin/sh\necho start >> '{log}'\nsleep 0.2\necho end >> '{log}'\n", encoding="utf-8"
    )
    program.chmod(0o755)
    words = ["notebook", "execute", "NB=name", "PYTHON=true", f"VENV_PYTHON={program}"]
    subprocess.run(["make", "-s", "-j4", *words], check=True, cwd=ROOT)
    assert log.read_text(encoding="utf-8").split() == ["start", "end"] * 2


def test_a_book_that_cannot_be_written_is_copied_to_one_that_can(tmp_path):
    source, target = tmp_path / "book", tmp_path / "work" / "book"
    (source / "inside").mkdir(parents=True)
    (source / "inside" / "page.md").write_text("text", encoding="utf-8")
    for path in (source / "inside" / "page.md", source / "inside", source):
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        for _ in range(2):  # the second time a copy is there
            copied(source, target)
            for path in (target, target / "inside", target / "inside" / "page.md"):
                assert path.stat().st_mode & stat.S_IWUSR, path
            # As an earlier edition left it.
            (target / "inside").chmod(0o555)
    finally:
        for path in (source, source / "inside"):
            path.chmod(0o755)


def test_a_temporary_folder_without_space_is_told_as_such():
    said = "FileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp', '/var']"
    assert "No temporary folder can be written" in explain(said)
    assert "python3-venv" not in explain(said)


def test_the_check_asks_for_python3_venv_only_where_it_is_missing():
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    code = re.search(r"venv=\$\(python3 -c '(.*)'\)", text)[1]
    for words, expected in (([], "True"), (["import sys; sys.modules['ensurepip'] = None;"], None)):
        command = [sys.executable, "-c", " ".join([*words, code])]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ended.stdout.strip() == "True") is (expected == "True")


def test_scripts_have_line_feeds_in_every_checkout():
    asked = ["git", "check-attr", "eol", "--", "postBuild", ".ci/run", "Makefile"]
    said = subprocess.run(asked, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert said.count(": eol: lf") == 3
    for name in ("postBuild", ".ci/run"):
        assert b"\r" not in (ROOT / name).read_bytes()
