"""Finished descriptions of a build that is not finished: a build that was killed goes on from here.

A SQLite file beside the catalogue's generations. Every finished picture is one committed transaction, so a kill at
any moment loses at most the picture that was being described. Entries are found by content (bytes, weights, type asked
for), so they stay right whatever becomes of the feed meanwhile. The file goes when the build has become a generation.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from indexer.describe import Description
from matcher.catalog.folder import WORK
from matcher.errors import CatalogError
from matcher.taxonomy import TYPES

_SCHEMA = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=OFF;
CREATE TABLE IF NOT EXISTS description (content TEXT PRIMARY KEY, localised TEXT NOT NULL, x0 REAL, y0 REAL, x1 REAL,
    y1 REAL, type_probs BLOB NOT NULL, embedding BLOB NOT NULL) WITHOUT ROWID;
"""
_INSERT = "INSERT OR REPLACE INTO description VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = "localised, x0, y0, x1, y1, type_probs, embedding"


class WorkStore:
    """See the top of the file. Safe to use from several threads; only the holder of the writer's lock may open it."""

    def __init__(self, root: Path, dimension: int) -> None:
        """Open the store of a catalogue's folder, or make one; a damaged one is thrown away.

        Raises:
            CatalogError: the disk refuses.
        """
        self._path = root / WORK
        self._dimension = dimension
        self._lock = threading.Lock()
        self._closed = False
        try:
            self._connection = self._open()
        except sqlite3.Error:
            remove(root)
            self._connection = self._open_new()
        self.found = self._count()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            connection.executescript(_SCHEMA)
            connection.execute(f"SELECT content, {_COLUMNS} FROM description LIMIT 1").fetchall()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _open_new(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.Error as error:
            raise CatalogError(f"cannot write {self._path} ({error}); is the disk full or read-only?") from error

    def _count(self) -> int:
        return self._connection.execute("SELECT count(*) FROM description").fetchone()[0]

    def find(self, content: str) -> Description | None:
        """The description of a content key; None where there is none, or one that is not whole."""
        with self._lock:
            try:
                row = self._connection.execute(
                    f"SELECT {_COLUMNS} FROM description WHERE content = ?", [content]
                ).fetchone()
            except sqlite3.Error:
                return None
        return self._description(*row) if row else None

    def contents(self) -> Iterator[str]:
        """Every content key there is."""
        with self._lock:
            yield from [key for (key,) in self._connection.execute("SELECT content FROM description")]

    def _description(self, localised: str, *values: object) -> Description | None:
        *box, probs, embedding = values
        if len(probs) != 4 * len(TYPES) or len(embedding) != 4 * self._dimension or None in box:
            return None
        vector = np.frombuffer(embedding, "<f4").astype(np.float32)
        # NaN fails this comparison too.
        if not abs(np.linalg.norm(vector) - 1) < 1e-3:
            return None
        return Description(np.frombuffer(probs, "<f4").astype(np.float32), vector, np.array(box, np.float32), localised)

    def put(self, content: str, found: Description) -> None:
        """Keep a description, for good once this returns.

        Raises:
            CatalogError: the disk refuses.
        """
        probs, vector = (np.asarray(array, "<f4").tobytes() for array in (found.type_probs, found.embedding))
        box = [float(value) for value in found.xyxy]
        with self._lock:
            try:
                self._connection.execute(_INSERT, [content, found.localised, *box, probs, vector])
            except sqlite3.Error as error:
                raise CatalogError(f"cannot write {self._path} ({error}); is the disk full?") from error

    def close(self, finished: bool) -> None:
        """Close the store; it stays for the next build unless this one is finished, or nothing is in it.

        Closing it again changes nothing.
        """
        if self._closed:
            return
        self._closed = True
        with self._lock, contextlib.suppress(sqlite3.Error):
            finished = finished or not self._count()
        self._connection.close()
        if finished:
            remove(self._path.parent)


def remove(root: Path) -> int:
    """Remove the store of a catalogue's folder; the bytes that were freed."""
    freed = 0
    for suffix in ("", "-wal", "-shm", "-journal"):
        path = root / f"{WORK}{suffix}"
        with contextlib.suppress(OSError):
            size = path.stat().st_size
            path.unlink()
            freed += size
    return freed
