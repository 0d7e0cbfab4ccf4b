"""Which test files and chapters take longest: they go first, so that no worker ends with one."""

from __future__ import annotations

LONGEST = (
    "tests/certified/test_ends.py",
    "tests/project/test_assignments.py",
    "tests/atlas/test_engine.py",
    "tests/paper/test_surrogate.py",
    "book/14-sensitivity.ipynb",
    "book/15-certificates.ipynb",
    "book/11-figure-4.ipynb",
    "book/08-algorithm.ipynb",
    "tests/study/test_experiments.py",
    "tests/project/test_wheel.py",
    "book/12-figure-5.ipynb",
    "book/04-theorem-1.ipynb",
    "tests/certified/test_scale.py",
    "tests/certified/test_scip.py",
    "tests/theory/test_planted_errors.py",
    "book/02-system-model.ipynb",
    "book/06-kkt.ipynb",
)


def place(nodeid: str) -> int:
    """Sort tests by this number: those of `LONGEST` in its order, then all others as they come."""
    file = nodeid.partition("::")[0]
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)
