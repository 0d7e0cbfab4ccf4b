"""Files of the package: written whole, read with one clear error, code named by what it does."""

import pytest

from mecllm.errors import ScenarioError
from mecllm.system import files


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    files.write_whole(path, lambda draft: draft.write_text("old"))

    def stop(draft):
        draft.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_whole(path, stop)
    assert path.read_text() == "old"


@pytest.mark.parametrize("content", [b"a = ", b"\xff", None])
def test_what_is_no_toml_is_refused_by_name(tmp_path, content):
    path = tmp_path / "my.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScenarioError, match=r"my\.toml: file"):
        files.read_toml(path)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules: rows needs formula, nothing needs page."""
    folder = tmp_path / "pkg"
    (folder / "wing").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "wing" / "__init__.py").write_text('"""A wing."""\n')
    (folder / "formula.py").write_text('"""Formula."""\n\n\ndef twice(x):\n    return 2 * x\n')
    (folder / "wing" / "rows.py").write_text(
        "from pkg.formula import twice\n\n\ndef row(x):\n    return twice(x)\n"
    )
    (folder / "page.py").write_text("from pkg.wing import rows\n")
    monkeypatch.setattr(files, "_PACKAGE", folder)
    return folder


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_changed_formula_changes_the_fingerprint(package):
    before = files.fingerprint("pkg.wing.rows")
    edit(package / "formula.py", "2 * x", "3 * x")
    assert files.fingerprint("pkg.wing.rows") != before


def test_words_layout_and_other_modules_do_not(package):
    before = files.fingerprint("pkg.wing.rows")
    edit(package / "formula.py", "Formula.", "The formula, in better words.")
    edit(package / "formula.py", "return 2 * x", "return 2 * x  # doubled")
    edit(package / "wing" / "__init__.py", "A wing.", "Another word for it.")
    edit(package / "page.py", "rows", "rows as r")
    assert files.fingerprint("pkg.wing.rows") == before


def test_an_import_within_a_function_counts(package):
    edit(package / "wing" / "rows.py", "from pkg.formula import twice\n", "")
    edit(
        package / "wing" / "rows.py",
        "    return",
        "    from pkg.formula import twice\n\n    return",
    )
    before = files.fingerprint("pkg.wing.rows")
    edit(package / "formula.py", "2 * x", "3 * x")
    assert files.fingerprint("pkg.wing.rows") != before


def test_data_count(package, tmp_path):
    data = tmp_path / "constants.csv"
    data.write_text("1")
    before = files.fingerprint("pkg.wing.rows", (data,))
    data.write_text("2")
    assert files.fingerprint("pkg.wing.rows", (data,)) != before


@pytest.mark.parametrize("module", ["mecllm.atlas.rows", "mecllm.study.figures"])
def test_rows_rest_on_the_solvers_and_not_on_pages(module):
    reached = set(files._reached(module))
    assert {"mecllm.paper.fractional", "mecllm.allocation.communication"} <= reached
    assert not {n for n in reached if n.startswith(("mecllm.pictures", "mecllm.cli"))}
    assert "mecllm.study.ledgers" not in reached
