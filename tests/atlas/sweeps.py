"""Small sweeps of the tests: their specification, and what stands in their files."""

import sqlite3

from mecllm.atlas.engine import _opened

POINTS = 64
SPEC = """
name = "small"
summary = "a few users, the quickest methods"
seed = 3
replicates = 1
methods = ["proposed", "alpha_only", "local_only"]
[tracks]
literal = "literal"
repaired = "repaired"
[parameters.users]
range = [10, 12]
source = "small"
"""


def rows(path, sweep):
    with _opened(sweep, path) as store:
        return list(store.rows())


def count(path):
    """Rows in a file, seen from outside while a sweep writes it."""
    if not path.exists() or not path.stat().st_size:
        return 0
    with sqlite3.connect(path, timeout=30) as db:
        return db.execute("SELECT count(*) FROM rows").fetchone()[0]
