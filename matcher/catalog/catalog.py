"""The catalogue as readers use it: load, search, look products up, notice a new generation."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.catalog import folder
from matcher.catalog.filters import Filters
from matcher.catalog.generation import Generation
from matcher.catalog.interface import OpenOptions
from matcher.catalog.manifest import FIGURES, Manifest
from matcher.catalog.manifest import NAME as MANIFEST
from matcher.catalog.settings import Settings
from matcher.errors import CatalogError
from matcher.types import Product

_ATTEMPTS = 5


class Catalog:
    """A shop's products, searchable by what they look like.

    Safe to use from several threads. All answers come from one generation until `refresh` switches to the next;
    rows are numbers within a generation. Whoever must not see a switch between a search and the look-up of its
    rows takes `snapshot()` and asks that.

    Example:
        >>> catalog = Catalog.load("shop.catalog", bundle.embedder_hash)  # doctest: +SKIP
        >>> rows, scores = catalog.search(garments.embedding, garments.type_probs)  # doctest: +SKIP
        >>> catalog.product(rows[0, 0]).title  # doctest: +SKIP
    """

    def __init__(
        self, path: Path, generation: Generation, embedder_hash: str | None, options: OpenOptions | None = None
    ) -> None:
        """Use `Catalog.load`."""
        self.path = path
        self._options = options
        self._generation = generation
        self._embedder_hash = embedder_hash
        self._mark = _mark(generation.folder)
        self._refused: tuple[str, int, int] | None = None
        self.watched = False  # a `Watch` takes up new generations, so nobody else need look for them
        self._refreshing = threading.Lock()

    @classmethod
    def load(cls, path: Path | str, embedder_hash: str | None = None, options: OpenOptions | None = None) -> Catalog:
        """Open the current generation of a catalogue.

        Args:
            path: the catalogue's folder.
            embedder_hash: `Bundle.embedder_hash` of the embedder that queries will come from; None = do not check.
            options: on which device it is searched, and whether its files are mapped into memory.

        Raises:
            CatalogError: there is no catalogue, it is damaged, or another embedder made it.
            BackendError: what its kind or the device needs is not there.
        """
        root = Path(path)
        return cls(root, _load_current(root, embedder_hash, options), embedder_hash, options)

    def search(
        self,
        embeddings: NDArray[np.float32],
        type_probs: NDArray[np.float32],
        k: int = 5,
        top_types: int = 2,
        filters: Filters | None = None,
        type_doubt: float = 0.0,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The most similar products of each row's likeliest types.

        A search with filters gives what a search over a catalogue of the allowed products alone gives: exactly where
        the kind is exact, within the recall that `info` tells where it is not.

        Args:
            embeddings: (N, D) float32, L2-normalised; a row of zeros asks nothing and gets nothing.
            type_probs: (N, T) over `taxonomy.TYPES`; only the `top_types` likeliest types of a row, and none of
                probability 0, are searched.
            k: products wanted for each row.
            top_types: how many types are searched.
            filters: which products may be returned; None = all.
            type_doubt: what answers under a type that is e times less likely than the likeliest lose of their cosine.

        Returns:
            (N, k) int64 product rows, best first, -1 where there are no more, and (N, k) float32 cosines less the
            doubt of their types, -1.0 where there are no more. Products with equal scores are ordered by row.

        Raises:
            ValueError: an array has the wrong shape.
        """
        return self._generation.search(embeddings, type_probs, k, top_types, filters, type_doubt)

    def snapshot(self) -> Generation:
        """The generation in use, which stays as it is; it has search, product, products and reconstruct too."""
        return self._generation

    def product(self, row: int) -> Product | None:
        """The product of a row; None for -1.

        Raises:
            IndexError: there is no such row.
        """
        return self._generation.product(row)

    def products(self, rows: Iterable[int]) -> list[Product | None]:
        """The products of several rows; None for each -1."""
        return self._generation.products(rows)

    def row_of(self, product_id: str) -> int | None:
        """Row of the product with that id; None when there is none."""
        return self._generation.table.row_of(product_id)

    def reconstruct(self, row: int) -> NDArray[np.float32]:
        """(M, D) the stored vectors of a product."""
        return self._generation.reconstruct(row)

    def refresh(self) -> bool:
        """Switch to the newest generation if there is one; cheap when there is none, so it may be called often.

        Others go on reading the old generation meanwhile. After an error the old one stays in use. While another thread
        refreshes, this returns at once. `Watch` does it in the background.

        Returns:
            Whether a new generation is in use now; stored rows are then void.

        Raises:
            CatalogError: the new generation is damaged or of another embedder. It is said once of each.
        """
        if not self._refreshing.acquire(blocking=False):
            return False
        try:
            mark = _mark(folder.current(self.path))
            if mark == self._mark or (mark is not None and mark == self._refused):
                return False
            self._refused = mark
            generation = _load_current(self.path, self._embedder_hash, self._options)
            self._generation, self._mark, self._refused = generation, _mark(generation.folder), None
            return True
        finally:
            self._refreshing.release()

    def info(self) -> dict[str, Any]:
        """Facts for people and programs: products, vectors, kind, embedder, generation, counts per type and more.

        `localised` counts the vectors by how the garment was found, see `Origin`. `recall` is recall@10 against exact
        search, measured when the catalogue was built, and `bytes_per_vector` the main memory that searching takes:
        means over all vectors, and by type; 1.0 and 4 * dimension where a type is flat.
        """
        generation = self._generation
        manifest = generation.manifest
        names = ("products", "vectors", "kind", "embedder", "generation", "bundle", "dimension", "created")
        facts = {name: getattr(manifest, name) for name in names}
        types = {name: _type_facts(manifest, section) for name, section in sorted(manifest.types.items())}
        facts |= asdict(manifest.settings) | {"asked": manifest.asked, "reason": manifest.reason}
        facts |= {name: manifest.mean(name) for name in FIGURES}
        return {**facts, "hash": generation.hash, "localised": generation.table.localised(), "types": types}

    def __len__(self) -> int:
        """Number of products."""
        return len(self._generation)

    def __bool__(self) -> bool:
        """A catalogue is true even when it is empty."""
        return True

    @property
    def generation(self) -> int:
        """Number of the generation in use."""
        return self._generation.manifest.generation

    @property
    def hash(self) -> str:
        """SHA-256 that stands for the whole content of the generation in use."""
        return self._generation.hash

    @property
    def embedder(self) -> str:
        """Hash of the embedder that made the vectors."""
        return self._generation.manifest.embedder

    @property
    def settings(self) -> Settings:
        """How links are made (they already are, in every product), and the label that tells viewers of them."""
        return self._generation.manifest.settings

    @property
    def dimension(self) -> int:
        """Length D of the vectors."""
        return self._generation.manifest.dimension


def _type_facts(manifest: Manifest, section: dict[str, Any]) -> dict[str, Any]:
    facts = {"products": section["products"], "vectors": section["vectors"]}
    facts["kind"] = section.get("kind", manifest.kind)
    return facts | {name: manifest.figure(name, section) for name in FIGURES}


def _mark(generation: Path) -> tuple[str, int, int] | None:
    """Tells a generation from another one of the same name, as after the folder was deleted and made anew."""
    try:
        status = (generation / MANIFEST).stat()
    except OSError:
        return None
    return generation.name, status.st_ino, status.st_mtime_ns


def _load_current(root: Path, embedder_hash: str | None, options: OpenOptions | None) -> Generation:
    # A writer may replace and remove the generation while it is being opened: then the next one is there.
    for _ in range(_ATTEMPTS):
        path = folder.current(root)
        try:
            generation = Generation.load(path, options)
        except FileNotFoundError as error:
            if folder.current(root) == path:
                raise CatalogError(f"{error.filename} is missing; {folder.rebuild_hint(root)}") from error
            continue
        _check_embedder(root, generation, embedder_hash)
        return generation
    raise CatalogError(f"{root} changes faster than it can be read; try again")


def _check_embedder(root: Path, generation: Generation, embedder_hash: str | None) -> None:
    made_by = generation.manifest.embedder
    if embedder_hash is not None and made_by != embedder_hash:
        raise CatalogError(
            f"{root} was made by another embedder ({generation.manifest.bundle or made_by[:12]});"
            f" {folder.rebuild_hint(root)}"
        )
