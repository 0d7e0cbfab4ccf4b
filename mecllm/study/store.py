"""The file of a run: SQLite, one row a task, each committed as soon as it is known.

A run may be killed at any moment. In WAL mode a commit that has returned survives the end of its
process, and an unfinished one leaves no trace; after a power cut the last rows may be missing, and
are then computed again. The key of a row is unique, so that several processes may fill one file.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, get_type_hints

from mecllm.errors import ScenarioError

# "mecS" as a big-endian number in the header marks a file as one of ours (SQLite's application_id).
_APPLICATION = 0x6D656353
_SCHEMA = 1
# Another process holds the lock for the milliseconds of one commit; a minute means a dead disk.
_BUSY_SECONDS = 60.0

_MAGIC = b"SQLite format 3\x00"
_AFFINITY = {int: "INTEGER NOT NULL", str: "TEXT NOT NULL"}

_Key = TypeVar("_Key", bound=tuple[Any, ...])
_Value = TypeVar("_Value", bound=tuple[Any, ...])


def _columns(kind: type[Any]) -> dict[str, str]:
    """Name the SQL type of each field of a named tuple."""
    return {name: _AFFINITY.get(hint, "REAL") for name, hint in get_type_hints(kind).items()}


class Store(Generic[_Key, _Value]):
    """Rows of one run in one file.

    Parameters
    ----------
    path : str or Path
        Created if it is missing or empty.
    identity : str
        All that decides the rows, as JSON; rows of two identities do not belong in one file.
    key, value : named tuple types
        What names a row and what it holds; fields are whole numbers, texts, or numbers or None.

    Raises
    ------
    ScenarioError
        For a file that is no store, is damaged, or belongs to another run; it is left as it is.
    OSError
        For a path that cannot be read or written.
    """

    def __init__(
        self, path: str | Path, identity: str, key: type[_Key], value: type[_Value]
    ) -> None:
        self.path = Path(path)
        self._key, self._value = key, value
        self._columns = _columns(key) | _columns(value)
        self._key_names = ", ".join(_columns(key))
        _refuse_foreign(self.path)
        with self._errors():
            # Every statement commits on its own unless a transaction is begun by hand.
            self._db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                self._prepare(identity)
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _prepare(self, identity: str) -> None:
        if not self.path.stat().st_size:
            self._db.execute("BEGIN IMMEDIATE")
            # The mark is part of the first commit: no moment at which the file looks foreign.
            self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._db.execute(f"PRAGMA user_version = {_SCHEMA}")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS sweep (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
            )
            columns = ", ".join(f"{name} {kind}" for name, kind in self._columns.items())
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS rows ({columns}, PRIMARY KEY ({self._key_names}))"
                " WITHOUT ROWID"
            )
            self._db.execute("INSERT OR IGNORE INTO sweep VALUES ('identity', ?)", (identity,))
            self._db.execute("COMMIT")
        self._check(identity)
        self._use_log()
        # A file that cannot be written shows before anything is computed.
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("ROLLBACK")

    def _check(self, identity: str) -> None:
        if self._db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise ScenarioError(str(self.path), "file", "damaged pages", "an undamaged file")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version != _SCHEMA:
            raise ScenarioError(str(self.path), "schema", version, str(_SCHEMA))
        row = self._db.execute("SELECT value FROM sweep WHERE key = 'identity'").fetchone()
        if row is None or row[0] != identity:
            key = _first_difference(row and row[0], identity)
            allowed = "the file of the same run; choose another name, or remove this one"
            raise ScenarioError(str(self.path), f"run.{key}", "another value", allowed)

    def _use_log(self) -> None:
        """Switch to WAL; SQLite does not wait by itself when two processes do so at once."""
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                mode = self._db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
                break
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        if mode != "wal":
            raise OSError(f"{self.path}: the file system cannot keep SQLite's write-ahead log")
        # Safe against the death of the process; only a power cut can take the last commits back.
        self._db.execute("PRAGMA synchronous = NORMAL")

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OSError(f"{self.path}: {error}; the rows committed so far are kept") from error
        except sqlite3.DatabaseError as error:
            raise ScenarioError(str(self.path), "file", str(error), "an undamaged file") from error

    def add(self, task: _Key, outcome: _Value) -> bool:
        """Commit one row.

        Parameters
        ----------
        task : key
        outcome : value

        Returns
        -------
        bool
            False when the file already had the row.

        Raises
        ------
        ScenarioError
            For a file that is damaged.
        OSError
            When the file cannot be written; rows committed before stay.
        """
        marks = ", ".join("?" * len(self._columns))
        with self._errors():
            cursor = self._db.execute(
                f"INSERT OR IGNORE INTO rows ({', '.join(self._columns)}) VALUES ({marks})",
                (*task, *outcome),
            )
        return cursor.rowcount == 1

    def __contains__(self, task: _Key) -> bool:
        marks = ", ".join("?" * len(task))
        query = f"SELECT 1 FROM rows WHERE ({self._key_names}) = ({marks})"
        with self._errors():
            return self._db.execute(query, task).fetchone() is not None

    def pending(self, tasks: Iterable[_Key]) -> list[_Key]:
        """Return the tasks that have no row yet, in their order."""
        with self._errors():
            known = set(self._db.execute(f"SELECT {self._key_names} FROM rows"))
        return [task for task in tasks if task not in known]

    def rows(self) -> Iterator[tuple[_Key, _Value]]:
        """Every row, ordered by its key."""
        size = len(self._key_names.split(", "))
        query = f"SELECT {', '.join(self._columns)} FROM rows ORDER BY {self._key_names}"
        with self._errors():
            for row in self._db.execute(query):
                yield self._key(*row[:size]), self._value(*row[size:])


def _refuse_foreign(path: Path) -> None:
    """Look at the header without SQLite, which would touch a file that it opens."""
    try:
        if not path.exists():
            parent = path.parent
            if not parent.is_dir():
                raise FileNotFoundError(f"{path}: the folder {parent} does not exist")
            return
        if not path.is_file():
            raise ScenarioError(str(path), "file", "not a regular file", "a file for the rows")
        with path.open("rb") as file:
            header = file.read(100)
    except PermissionError as error:
        raise PermissionError(f"{path}: may not be read") from error
    if not header:
        return
    mark = struct.unpack(">I", header[68:72])[0] if len(header) == 100 else None
    if not header.startswith(_MAGIC) or mark != _APPLICATION:
        found = "a SQLite file of another program" if header.startswith(_MAGIC) else "not SQLite"
        raise ScenarioError(str(path), "file", found, "a missing or empty file, or a run's own")
    if not os.access(path, os.W_OK):
        raise PermissionError(f"{path}: may not be written")


def _first_difference(stored: str | None, wanted: str) -> str:
    try:
        old = json.loads(stored or "{}")
    except ValueError:
        return "identity"
    new = json.loads(wanted)
    return next((key for key in new if old.get(key) != new[key]), "identity")
