"""The hash of code: it changes with what decides a row, and with nothing else."""

import pytest

from mecllm.study import fingerprint as code


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
    monkeypatch.setattr(code, "_PACKAGE", folder)
    return folder


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_changed_formula_changes_the_fingerprint(package):
    before = code.fingerprint("pkg.wing.rows")
    edit(package / "formula.py", "2 * x", "3 * x")
    assert code.fingerprint("pkg.wing.rows") != before


def test_words_layout_and_other_modules_do_not(package):
    before = code.fingerprint("pkg.wing.rows")
    edit(package / "formula.py", "Formula.", "The formula, in better words.")
    edit(package / "formula.py", "return 2 * x", "return 2 * x  # doubled")
    edit(package / "wing" / "__init__.py", "A wing.", "Another word for it.")
    edit(package / "page.py", "rows", "rows as r")
    assert code.fingerprint("pkg.wing.rows") == before


def test_an_import_within_a_function_counts(package):
    edit(package / "wing" / "rows.py", "from pkg.formula import twice\n", "")
    edit(
        package / "wing" / "rows.py",
        "    return",
        "    from pkg.formula import twice\n\n    return",
    )
    before = code.fingerprint("pkg.wing.rows")
    edit(package / "formula.py", "2 * x", "3 * x")
    assert code.fingerprint("pkg.wing.rows") != before


def test_data_count(package, tmp_path):
    data = tmp_path / "constants.csv"
    data.write_text("1")
    before = code.fingerprint("pkg.wing.rows", (data,))
    data.write_text("2")
    assert code.fingerprint("pkg.wing.rows", (data,)) != before


@pytest.mark.parametrize("module", ["mecllm.atlas.rows", "mecllm.study.figures"])
def test_rows_rest_on_the_solvers_and_not_on_pages(module):
    reached = set(code._reached(module))
    assert {"mecllm.paper.fractional", "mecllm.allocation.communication"} <= reached
    assert not {n for n in reached if n.startswith(("mecllm.pictures", "mecllm.cli"))}
    assert "mecllm.study.ledgers" not in reached
