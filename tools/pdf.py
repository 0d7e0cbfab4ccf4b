"""Print the stored book into `_build/mecllm.pdf`, its report into `_build/report.pdf`, by LaTeX.

Nothing is executed.

How a page becomes LaTeX is the business of `book/_ext/printed.py`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.book import BESIDE, BUILD, CACHES, JUPYTER_BOOK
from tools.notebooks import BOOK, ROOT

PROGRAMS = ("xelatex", "latexmk", "makeindex")
# Named in README as well; a test compares the two.
DEBIAN = (
    "texlive-xetex",
    "texlive-latex-extra",
    "texlive-fonts-recommended",
    "latexmk",
    "fonts-freefont-otf",
    "fonts-texgyre-math",
)
# What LaTeX only warns of, and a reader would miss.
FAULTS = re.compile(r"Missing character: .*|.*(?:[Rr]eference|Citation) `.* undefined.*")


def require_programs() -> None:
    """Stop with one message that names what is missing."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        sys.exit(
            f"The book is printed by LaTeX, and these programs are missing: {', '.join(missing)}.\n"
            f"On Debian and Ubuntu: apt-get install --no-install-recommends {' '.join(DEBIAN)}"
        )


def as_report(text: str) -> str:
    """Make of a book of parts, each on a page of its own, a report of sections under one title."""
    for book, report in (
        (r"\sphinxmaketitle", r"\begin{center}\LARGE\bfseries Replication report\end{center}"),
        (r"\sphinxtableofcontents", ""),
        (r"\section{", r"\subsection*{"),
        (r"\chapter{", r"\subsection*{"),
        (r"\part{", r"\section*{"),
    ):
        text = text.replace(book, report)
    return text


def typeset(source: Path) -> Path:
    """Run LaTeX on a document; a missing letter or reference is an error."""
    log = source.with_suffix(".log")
    command = ["latexmk", "-pdf", "-dvi-", "-ps-", "-interaction=nonstopmode", "-halt-on-error"]
    unbroken = {**os.environ, "max_print_line": "10000"}  # lines of the log stay whole
    done = subprocess.run(
        [*command, source.name], cwd=source.parent, env=unbroken, capture_output=True, check=False
    )
    said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    if done.returncode:
        errors = re.findall(r"^! .*(?:\n.*){3}", said, re.MULTILINE) or [done.stderr.decode()]
        sys.exit(f"LaTeX stopped; all it said is in {log.relative_to(ROOT)}:\n{errors[0]}")
    if faults := sorted(set(FAULTS.findall(said))):
        sys.exit("\n".join(["The printed book would lack:", *faults]))
    return source.with_suffix(".pdf")


def main() -> None:
    """Check, convert, typeset."""
    require_programs()
    work = BUILD / "work-pdf"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(BOOK, work / "book", ignore=shutil.ignore_patterns(*CACHES))
    for name in BESIDE:
        shutil.copy(ROOT / name, work)
    build = ["build", "book", "--builder", "latex", "-W", "-n", "--keep-going", "-q"]
    command = [sys.executable, "-c", JUPYTER_BOOK, *build]
    if subprocess.run(command, cwd=work, stdout=subprocess.DEVNULL, check=False).returncode:
        sys.exit("The book was not converted to LaTeX; the reason stands above.")
    report = work / "_build" / "latex" / "report.tex"
    report.write_text(as_report(report.read_text(encoding="utf-8")), encoding="utf-8")
    for what, name in (("book", "mecllm"), ("report", "report")):
        target = BUILD / f"{name}.pdf"
        typeset(work / "_build" / "latex" / f"{name}.tex").replace(target)
        print(f"The {what} is at {target}")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
