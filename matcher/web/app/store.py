"""The app's SQLite file: jobs, judgements and history. Small rows; pictures and videos lie beside it as files."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matcher.errors import InputError, MatcherError

NAME = "asworn.sqlite"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, added REAL NOT NULL,
    frames INTEGER NOT NULL DEFAULT 0, expected INTEGER, rate REAL NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '',
    video TEXT NOT NULL DEFAULT '', facts TEXT NOT NULL DEFAULT '{}');
CREATE TABLE IF NOT EXISTS review (id TEXT PRIMARY KEY, source TEXT NOT NULL, added REAL NOT NULL,
    picture TEXT NOT NULL, x0 REAL NOT NULL, y0 REAL NOT NULL, x1 REAL NOT NULL, y1 REAL NOT NULL,
    type TEXT NOT NULL, product TEXT NOT NULL, score REAL NOT NULL, tier TEXT NOT NULL,
    verdict TEXT NOT NULL DEFAULT '', truth TEXT NOT NULL DEFAULT '', judged REAL);
CREATE INDEX IF NOT EXISTS review_open ON review (verdict, added);
CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, product TEXT NOT NULL,
    shop TEXT NOT NULL, brand TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Store:
    """One connection for all threads, with a lock. Every `change` is on the disk when it returns."""

    def __init__(self, folder: Path) -> None:
        """Open or make the file.

        Raises:
            InputError: the folder cannot be made or written to, or the file is not a database.
        """
        self.folder = folder
        self._lock = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)  # what users upload is nobody else's
            self._connection = sqlite3.connect(folder / NAME, isolation_level=None, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"cannot keep data in {folder} ({error}); name another folder with --data") from error

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        """The rows that a query gives."""
        with self._guarded():
            return [dict(row) for row in self._connection.execute(sql, values)]

    def row(self, sql: str, values: Sequence[object] = ()) -> dict[str, Any] | None:
        """The first row; None where there is none."""
        found = self.rows(sql, values)
        return found[0] if found else None

    def change(self, sql: str, values: Sequence[object] = ()) -> int:
        """Write; the number of rows concerned."""
        with self._guarded():
            return self._connection.execute(sql, values).rowcount

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
                raise MatcherError(f"the data in {self.folder} cannot be read or written ({error})") from error
