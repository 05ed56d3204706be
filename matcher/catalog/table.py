"""The product table of a generation: a SQLite file, written once, then only read.

`product.row` is the product's row number, which searches return. `vector` says, for each type, which product and
which picture the vector at each position of that type's sub-index belongs to. `own` is 0 where the product is of
another type and only looks like this one (see `listing`): its vector then stands in its own type's sub-index too.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.catalog.facets import Facets, read_facets
from matcher.catalog.filters import Filters
from matcher.catalog.settings import Settings
from matcher.errors import CatalogError
from matcher.taxonomy import TYPES
from matcher.types import Product, product_fields

NAME = "products.sqlite"
_FIELDS = product_fields()
_ORIGIN = "image, content, localised, x0, y0, x1, y1, type_probs"
_SCHEMA = f"""
CREATE TABLE product (row INTEGER PRIMARY KEY,
    {", ".join(f"{name} {'REAL' if name == 'price' else 'TEXT NOT NULL'}" for name in _FIELDS)});
CREATE TABLE vector (type INTEGER NOT NULL, position INTEGER NOT NULL, row INTEGER NOT NULL REFERENCES product,
    image TEXT NOT NULL, content TEXT NOT NULL, localised TEXT NOT NULL, x0 REAL, y0 REAL, x1 REAL, y1 REAL,
    type_probs BLOB, own INTEGER NOT NULL, PRIMARY KEY (type, position)) WITHOUT ROWID;
"""
# Indexes after the rows: filling a table that has none is several times faster.
_INDEXES = """
CREATE UNIQUE INDEX product_id ON product (id);
CREATE INDEX vector_row ON vector (row);
CREATE INDEX vector_content ON vector (content);
"""


@dataclass(frozen=True)
class Origin:
    """Where a vector came from.

    Attributes:
        image: the picture as the feed names it.
        content: key of what was embedded (picture, weights, type asked for); equal keys give equal vectors.
        localised: "detector" when the garment was found in the picture, "whole" when all of it was taken.
        xyxy: the box in pixels of the picture.
        type_probs: (T,) float32 over `taxonomy.TYPES`, or None.
    """

    image: str = ""
    content: str = ""
    localised: str = ""
    xyxy: tuple[float, float, float, float] | None = None
    type_probs: NDArray[np.float32] | None = None


class TableWriter:
    """Fills the table of a generation that is being written."""

    def __init__(self, path: Path) -> None:
        """Create the file; there must be none."""
        self._connection = sqlite3.connect(path, isolation_level=None)
        # A file that is thrown away when anything fails needs no journal; it is synced once, when it is complete.
        self._connection.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_SCHEMA} BEGIN")

    def add(self, row: int, product: Product) -> None:
        """Add a product."""
        values = [getattr(product, name) for name in _FIELDS]
        self._connection.execute(f"INSERT INTO product VALUES (?{', ?' * len(_FIELDS)})", [row, *values])

    def add_vector(self, row: int, type_id: int, position: int, origin: Origin, own: bool = True) -> None:
        """Say which product's vector stands at a position of a type's sub-index, and whether that is its own type."""
        values = (type_id, position, row, *_origin_values(origin), int(own))
        self._connection.execute(f"INSERT INTO vector VALUES (?{', ?' * (len(values) - 1)})", values)

    def close(self, finish: bool) -> None:
        """Close the file; with `finish`, after writing everything and the indexes."""
        if finish:
            self._connection.execute("COMMIT")
            self._connection.executescript(f"{_INDEXES} ANALYZE")
        self._connection.close()


def _readable_columns(connection: sqlite3.Connection) -> str:
    """The columns of `Product` for SELECT; what an older format lacks is an empty text."""
    there = {name for _, name, *_ in connection.execute("PRAGMA table_info(product)")}
    return ", ".join(name if name in there else f"'' AS {name}" for name in _FIELDS)


def _own_condition(connection: sqlite3.Connection) -> str:
    """The condition for vectors in their own type's sub-index: all of them in a format without `own`."""
    return "own" if any(name == "own" for _, name, *_ in connection.execute("PRAGMA table_info(vector)")) else "1"


def _origin_values(origin: Origin) -> tuple[object, ...]:
    probs = origin.type_probs
    blob = None if probs is None else np.asarray(probs, "<f4").tobytes()
    return (origin.image, origin.content, origin.localised, *(origin.xyxy or (None,) * 4), blob)


def _origin(image: str, content: str, localised: str, *values: Any) -> Origin:
    *box, blob = values
    probs = None if blob is None or len(blob) != 4 * len(TYPES) else np.frombuffer(blob, "<f4").astype(np.float32)
    return Origin(image, content, localised, None if None in box else tuple(box), probs)


class Table:
    """Read access. Safe to use from several threads: one connection, one lock.

    The connection stays open, so that a generation whose folder is removed meanwhile can still be read.
    """

    def __init__(self, path: Path, settings: Settings | None = None) -> None:
        """Open the file for reading only.

        Args:
            path: the file.
            settings: how links are made; None = as they are stored.

        Raises:
            CatalogError: it is not such a table.
        """
        self._lock = threading.Lock()
        self._path = path
        self._settings = settings or Settings()
        # immutable: nobody writes a finished generation, so no lock files appear beside it.
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        try:
            self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
            weakref.finalize(self, self._connection.close)
            self._connection.execute("PRAGMA trusted_schema=OFF")
            self._count = self._connection.execute("SELECT count(*) FROM product").fetchone()[0]
            self._columns = _readable_columns(self._connection)
            self._own = _own_condition(self._connection)
        except sqlite3.Error as error:
            raise CatalogError(f"{path} cannot be read ({error}); rebuild the catalogue") from error
        self.product = lru_cache(maxsize=4096)(self._product)
        self.allowed = lru_cache(maxsize=16)(self._allowed)
        self.facets = lru_cache(maxsize=1)(self._facets)

    def __len__(self) -> int:
        """Number of products."""
        return self._count

    def _query(self, sql: str, values: Iterable[object] = ()) -> list[tuple]:
        with self._lock:
            try:
                return self._connection.execute(sql, tuple(values)).fetchall()
            except sqlite3.Error as error:
                raise CatalogError(f"{self._path} cannot be read ({error}); rebuild the catalogue") from error

    def _product(self, row: int) -> Product:
        product = self.stored(row)
        if not (self._settings.link_template or self._settings.disclosure):
            return product
        link = self._settings.link(product)
        return replace(product, link=link, disclosure=self._settings.disclosure if link else "")

    def stored(self, row: int) -> Product:
        """The product of a row as it was written: its link is the feed's.

        Raises:
            IndexError: there is no such row.
        """
        found = self._query(f"SELECT {self._columns} FROM product WHERE row = ?", [row])
        if not found:
            raise IndexError(f"the catalogue has no product row {row}; rows are 0 to {len(self) - 1}")
        return Product(*found[0])

    def row_of(self, product_id: str) -> int | None:
        """Row of the product with that id; None when there is none."""
        found = self._query("SELECT row FROM product WHERE id = ?", [product_id])
        return found[0][0] if found else None

    def with_words(self, words: str, type_name: str | None = None, limit: int = 20) -> list[Product]:
        """Products whose title, brand, colour or id together have every one of some words, in the order of rows.

        Args:
            words: parts of words, without regard to the case of ASCII letters.
            type_name: of these alone; None = of every type.
            limit: products at most.
        """
        parts = words.split()
        text = "(id || ' ' || title || ' ' || brand || ' ' || colour)"
        # instr on lowered texts in place of LIKE: what is searched for may hold % and _.
        clauses = [f"instr(lower({text}), lower(?)) > 0"] * len(parts) + ["(? IS NULL OR type = ?)"]
        sql = f"SELECT row FROM product WHERE {' AND '.join(clauses)} ORDER BY row LIMIT ?"
        found = self._query(sql, [*parts, type_name, type_name, limit])
        return [self.product(row) for (row,) in found]

    def _allowed(self, filters: Filters) -> NDArray[np.bool_]:
        """(P,) which products the filters let through."""
        condition, values = filters.where()
        rows = [row for (row,) in self._query(f"SELECT row FROM product WHERE {condition}", values)]
        result = np.zeros(len(self), bool)
        result[rows] = True
        result.flags.writeable = False  # it is cached and shared
        return result

    def _facets(self) -> Facets:
        """What the products can be narrowed down by."""
        return read_facets(self._query)

    def owners(self, type_name: str) -> NDArray[np.int32]:
        """(M,) product row of the vector at each position of a type's sub-index.

        Raises:
            CatalogError: the positions are not 0, 1, 2, ... or a product is missing.
        """
        found = self._query(
            "SELECT position, row FROM vector WHERE type = ? ORDER BY position", [TYPES.index(type_name)]
        )
        pairs = np.array(found, np.int64).reshape(-1, 2)
        in_order = np.array_equal(pairs[:, 0], np.arange(len(pairs)))
        if not in_order or (len(pairs) and not 0 <= pairs[:, 1].min() <= pairs[:, 1].max() < len(self)):
            raise CatalogError(f"{self._path} is inconsistent about {type_name}; rebuild the catalogue")
        return pairs[:, 1].astype(np.int32)

    def own(self, type_name: str) -> NDArray[np.bool_]:
        """(M,) whether the vector at each position of a type's sub-index is of a product of that type."""
        sql = f"SELECT {self._own} FROM vector WHERE type = ? ORDER BY position"
        return np.array(self._query(sql, [TYPES.index(type_name)]), bool).reshape(-1)

    def places(self, row: int) -> list[tuple[str, int]]:
        """(type name, position in that sub-index) of each vector of a product, in the sub-index of its own type."""
        sql = f"SELECT type, position FROM vector WHERE row = ? AND {self._own} ORDER BY type, position"
        found = self._query(sql, [row])
        return [(TYPES[type_id], position) for type_id, position in found]

    def origins(self, row: int) -> list[Origin]:
        """Where each vector of a product came from, in the order of `places`."""
        sql = f"SELECT {_ORIGIN} FROM vector WHERE row = ? AND {self._own} ORDER BY type, position"
        return [_origin(*values) for values in self._query(sql, [row])]

    def find_content(self, content: str) -> tuple[str, int, Origin] | None:
        """Type name, position and origin of a vector with that content key; None when there is none."""
        found = self._query(f"SELECT type, position, {_ORIGIN} FROM vector WHERE content = ? LIMIT 1", [content])
        if not found:
            return None
        type_id, position, *values = found[0]
        return TYPES[type_id], position, _origin(*values)

    def contents(self) -> Iterator[str]:
        """The content keys of all vectors whose description is whole; some may come twice."""
        yield from (
            content
            for (content,) in self._query(
                "SELECT content FROM vector WHERE content != '' AND type_probs IS NOT NULL AND x0 IS NOT NULL"
            )
        )

    def shared_contents(self) -> Iterator[list[int]]:
        """Rows of products that show the very same picture, for each picture that several show."""
        sql = """SELECT DISTINCT content, row FROM vector WHERE content != '' AND content IN
            (SELECT content FROM vector GROUP BY content HAVING count(DISTINCT row) > 1) ORDER BY content, row"""
        for _, group in groupby(self._query(sql), key=lambda pair: pair[0]):
            yield [row for _, row in group]

    def localised(self) -> dict[str, int]:
        """How many vectors come from garments that were found, and how many from whole pictures."""
        sql = f"SELECT localised, count(*) FROM vector WHERE {self._own} GROUP BY localised ORDER BY localised"
        return dict(self._query(sql))
