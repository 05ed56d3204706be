"""One generation in memory: it never changes, so any number of threads may search it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.bundle import sha256_of
from matcher.catalog import table as product_table
from matcher.catalog.filters import Filters
from matcher.catalog.interface import OpenOptions, Part, Subset, TypeIndex
from matcher.catalog.kinds import kind_of
from matcher.catalog.listing import doubts, likeliest
from matcher.catalog.manifest import NAME as MANIFEST
from matcher.catalog.manifest import Manifest, listed_file, read_manifest, verify_file
from matcher.catalog.ranking import best_of_each, nothing
from matcher.catalog.table import Table
from matcher.errors import CatalogError
from matcher.taxonomy import TYPES
from matcher.types import Product


@dataclass(frozen=True)
class Generation:
    """A loaded generation.

    Attributes:
        folder: where it was read from; it may be gone since.
        manifest: what it holds.
        hash: SHA-256 of the manifest, and so of all the content.
        table: the products.
        types: type name -> its vectors; types without products are absent.
    """

    folder: Path
    manifest: Manifest
    hash: str
    table: Table
    types: dict[str, TypeIndex]

    @classmethod
    def load(cls, folder: Path, options: OpenOptions | None = None) -> Generation:
        """Read a generation and verify every file that is used.

        Raises:
            CatalogError: a file is damaged, or the parts contradict one another.
            BackendError: what the kind or the device needs is not there.
            FileNotFoundError: a file is missing, e.g. because the generation was removed meanwhile.
        """
        manifest = read_manifest(folder)
        table = Table(verify_file(folder, manifest, product_table.NAME), manifest.settings)
        if len(table) != manifest.products:
            raise CatalogError(f"{folder} has {len(table)} products, not {manifest.products}; rebuild the catalogue")
        kind_of(manifest.kind)
        types = {name: _load_type(folder, manifest, table, name, options or OpenOptions()) for name in manifest.types}
        return cls(folder, manifest, sha256_of(folder / MANIFEST), table, types)

    def __len__(self) -> int:
        return len(self.table)

    def search(
        self,
        embeddings: NDArray[np.float32],
        type_probs: NDArray[np.float32],
        k: int = 5,
        top_types: int = 2,
        filters: Filters | None = None,
        type_doubt: float = 0.0,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See `Catalog.search`."""
        if not len(embeddings):
            return nothing(0, k)
        queries, probs = self._checked(embeddings, type_probs, k)
        subset = None if filters is None or filters.is_empty else Subset(filters, self.table.allowed)
        usable = np.isfinite(queries).all(1) & queries.any(1)
        wanted = likeliest(probs, top_types) & usable[:, None]
        lost = type_doubt * doubts(probs)
        # One slot of k answers per searched type; merged at the end.
        found = [nothing(len(queries), k)]
        for name, sub in self.types.items():
            number = TYPES.index(name)
            asking = np.flatnonzero(wanted[:, number])
            if len(asking):
                rows, scores = nothing(len(queries), k)
                rows[asking], cosines = sub.search(queries[asking], k, subset)
                scores[asking] = np.maximum(cosines - lost[asking, number, None], -1)
                found.append((rows, scores))
        return _merge(found, k)

    def searched(self, type_probs: NDArray[np.float32], top_types: int = 2) -> NDArray[np.int64]:
        """(N,) how many vectors a search with these (N, T) types compares, listings under a second type included."""
        return (likeliest(np.asarray(type_probs, np.float32), top_types) * self._sizes).sum(1)

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        """(T,) vectors of each type."""
        return np.array([len(self.types[name].owners) if name in self.types else 0 for name in TYPES], np.int64)

    def _checked(self, embeddings: NDArray, type_probs: NDArray, k: int) -> tuple[NDArray, NDArray]:
        queries = np.ascontiguousarray(embeddings, np.float32)
        probs = np.asarray(type_probs, np.float32)
        dimension = self.manifest.dimension
        if queries.shape != (len(queries), dimension) or probs.shape != (len(queries), len(TYPES)) or k < 1:
            raise ValueError(
                f"a search needs embeddings (N, {dimension}), type_probs (N, {len(TYPES)}) and k > 0,"
                f" got {queries.shape}, {probs.shape} and {k}"
            )
        return queries, probs

    def product(self, row: int) -> Product | None:
        """The product of a row; None for -1.

        Raises:
            IndexError: there is no such row.
        """
        return None if row == -1 else self.table.product(int(row))

    def products(self, rows: Iterable[int]) -> list[Product | None]:
        """The products of several rows; None for each -1."""
        return [self.product(row) for row in rows]

    def reconstruct(self, row: int) -> NDArray[np.float32]:
        """(M, D) the stored vectors of a product; none for a row that does not exist."""
        vectors = [self.vector(type_name, position) for type_name, position in self.table.places(int(row))]
        return np.array(vectors, np.float32).reshape(-1, self.manifest.dimension)

    def vector(self, type_name: str, position: int) -> NDArray[np.float32]:
        """(D,) the stored vector at a position of a type's sub-index."""
        return self.types[type_name].vectors(np.array([position]))[0]


def _load_type(folder: Path, manifest: Manifest, table: Table, name: str, options: OpenOptions) -> TypeIndex:
    if name not in TYPES:
        raise CatalogError(f"the manifest of {folder} names the unknown type {name}; rebuild the catalogue")
    verified, listed = partial(verify_file, folder, manifest), partial(listed_file, folder, manifest)
    try:
        section, owners = manifest.types[name], table.owners(name)
        kind = kind_of(section.get("kind", manifest.kind))
        found = kind.open(Part(folder, name, manifest.dimension, owners, section, verified, listed, options))
        count = section["vectors"] + section.get("listed", 0)
    except (KeyError, TypeError):
        raise CatalogError(f"the manifest of {folder} is damaged at {name}; rebuild the catalogue") from None
    if len(owners) != count:
        raise CatalogError(f"{folder} has {len(owners)} vectors of {name}, not {count}; rebuild the catalogue")
    return found


def _merge(found: list[tuple[NDArray, NDArray]], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    rows = np.concatenate([rows for rows, _ in found], 1)
    scores = np.concatenate([scores for _, scores in found], 1)
    return best_of_each(rows, np.where(rows >= 0, scores, -np.inf), k)  # a product may be found under two types
