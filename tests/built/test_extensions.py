"""What the book's extensions add to the pages: verdicts, running a chapter, links to the API."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from mecllm.study.ledgers import GROUPS, verdict_counts
from tests.book import BOOK, ROOT, chapters
from tests.built.site import HTML
from tools.book import BESIDE, JUPYTER_BOOK

NAMES = [path.stem for path in chapters()]


def html(name):
    return (HTML / f"{name}.html").read_text(encoding="utf-8")


def run_line(text):
    return re.search(r'<p class="run-chapter">.*?</p>', text, re.DOTALL)[0]


def test_the_title_page_shows_the_verdicts(built):
    text = " ".join("".join(built["index.html"].text).split())
    for track in ("literal", "repaired"):
        numbers = " ".join(str(n or "–") for n in verdict_counts(track).values())
        assert f"all claims {track} {numbers}" in text
    assert all(name in text for name in GROUPS)


@pytest.mark.parametrize("name", NAMES)
def test_a_chapter_says_how_to_run_it_and_gives_its_notebook(name):
    line = run_line(html(name))
    assert f"make execute NB={name}" in line
    (link,) = re.findall(r'href="([^"]+)"', line)
    given = json.loads((HTML / link).read_text(encoding="utf-8"))
    assert given == json.loads((BOOK / f"{name}.ipynb").read_text(encoding="utf-8"))


def test_without_a_repository_nothing_leads_to_a_service(built):
    for name in built:
        text = (HTML / name).read_text(encoding="utf-8")
        assert not re.search(r"mybinder|colab\.research", text), name


def test_with_a_repository_every_chapter_leads_to_the_services(tmp_path):
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["repository"]["url"] = "https://github.com/reader/copy"
    (tmp_path / "book").mkdir()
    for name in ("_ext", "_data"):
        shutil.copytree(BOOK / name, tmp_path / "book" / name)
    for name in ("02-system-model.ipynb", "references.bib"):
        shutil.copy(BOOK / name, tmp_path / "book")
    for name in BESIDE:
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    toc = {"format": "jb-book", "root": "02-system-model"}
    (tmp_path / "book" / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    build = [sys.executable, "-c", JUPYTER_BOOK, "build", "book", "-q"]
    subprocess.run(build, check=True, cwd=tmp_path, capture_output=True)
    page = tmp_path / "_build" / "html" / "02-system-model.html"
    links = re.findall(r'href="(https:[^"]+)"', run_line(page.read_text(encoding="utf-8")))
    path = "book/02-system-model.ipynb"
    assert links == [
        f"https://mybinder.org/v2/gh/reader/copy/main?urlpath=lab/tree/{path}",
        f"https://colab.research.google.com/github/reader/copy/blob/main/{path}",
    ]


# The report shows no code.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "report"])
def test_names_in_the_code_lead_to_their_entries(name, built):
    links = re.findall(
        r'<a class="api" href="api.html#([^"]+)"><span class="\w+">([^<]+)<', html(name)
    )
    assert links
    for anchor, word in links:
        assert anchor in built["api.html"].ids
        # `import x as y` shows y where it is used
        assert re.search(rf"[.-]{re.escape(word)}$", anchor) or f" as {word}" in "".join(
            built[f"{name}.html"].text
        ), (anchor, word)


def test_entries_of_the_api_lead_to_their_source(built):
    text = html("api")
    entries = re.findall(r'<dt class="sig sig-object py" id="([^"]+)">(.*?)</dt>', text, re.DOTALL)
    functions = [(name, body) for name, body in entries if "sig-paren" in body]
    assert len(functions) > 100
    without = [name for name, body in functions if "viewcode-link" not in body]
    assert not without
    for module in re.findall(r'href="(_modules/[^"#]+)#', text):
        assert module in built
