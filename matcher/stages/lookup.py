"""Look-up: the products of the catalogue that look most like each embedded garment."""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from matcher.catalog.catalog import Catalog
from matcher.catalog.filters import Filters
from matcher.catalog.listing import worth_asking
from matcher.config import LookupConfig
from matcher.stages.verify import Verifier
from matcher.taxonomy import TYPES
from matcher.types import Garments


def asked_types(type_probs: NDArray[np.float32], config: LookupConfig) -> NDArray[np.float32]:
    """The probabilities (N, T) of the types that a look-up by these settings searches; 0 for the others."""
    return worth_asking(type_probs, config.top_types, config.most_types)


class Searchable(Protocol):
    """A catalogue or one generation of it."""

    def search(
        self,
        embeddings: NDArray[np.float32],
        type_probs: NDArray[np.float32],
        k: int,
        top_types: int,
        filters: Filters | None,
        type_doubt: float,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `matcher.catalog.catalog.Catalog.search`."""
        ...


def nearest(
    catalog: Searchable,
    embeddings: NDArray[np.float32],
    type_probs: NDArray[np.float32],
    k: int,
    config: LookupConfig,
    filters: Filters | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The products that look most like each garment, by the settings; arguments and results as of `Catalog.search`."""
    return catalog.search(embeddings, asked_types(type_probs, config), k, len(TYPES), filters, config.type_doubt)


class Lookup:
    """Searches one generation of a catalogue until `refresh` finds a newer one."""

    def __init__(self, catalog: Catalog, config: LookupConfig | None = None, verifier: Verifier | None = None) -> None:
        """Search this catalogue with these settings; a verifier re-ranks what is found."""
        self.catalog, self.verifier = catalog, verifier
        self.config = config or LookupConfig()
        self._generation = catalog.snapshot()
        self._checked = time.monotonic()

    def __call__(self, garments: Garments) -> Garments:
        """Fill product_row (N, K), match_score (N, K) and searched (N,) for rows whose embedding is not zero.

        Elsewhere they are -1, -1 and 0.

        Args:
            garments: needs embedding and type_probs; only the likeliest types of each row are searched.
        """
        k = self.config.k
        product_row = np.full((len(garments), k), -1, np.int64)
        match_score = np.full((len(garments), k), -1, np.float32)
        searched = np.zeros(len(garments), np.int64)
        asked = np.flatnonzero(garments.embedding.any(1))
        if len(asked):
            product_row[asked], match_score[asked] = self._search(garments[asked])
            types = asked_types(garments.type_probs[asked], self.config)
            searched[asked] = self._generation.searched(types, len(TYPES))
        found = garments.with_columns(product_row=product_row, match_score=match_score, searched=searched)
        return found.with_products(self._generation.product)

    def _search(self, garments: Garments) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        k, vectors = self.config.k, garments.embedding
        depth = k if self.verifier is None else max(k, self.verifier.depth)
        rows, scores = nearest(self._generation, vectors, garments.type_probs, depth, self.config)
        if self.verifier is None:
            return rows, scores
        near = np.array([self._nearest(vector, found) for vector, found in zip(vectors, rows, strict=True)], np.float32)
        verified = np.where(rows >= 0, self.verifier.scores(vectors, near, scores), -1)
        order = np.lexsort((rows, -verified, rows < 0), axis=1)[:, :k]
        return np.take_along_axis(rows, order, 1), np.take_along_axis(verified, order, 1)

    def _nearest(self, vector: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(K, D) of each product the stored vector that is nearest; zeros where there is no product."""
        near = np.zeros((len(rows), len(vector)), np.float32)
        for i in np.flatnonzero(rows >= 0):
            stored = self._generation.reconstruct(int(rows[i]))
            near[i] = stored[int((stored @ vector).argmax())]
        return near

    def refresh(self) -> bool:
        """Take up a new generation of the catalogue, at most every `refresh_s`; never where that is 0.

        Where a `Watch` looks after the catalogue, what it loaded is taken up at once, and nothing is waited for.

        Returns:
            Whether there is one: rows found before are then void.

        Raises:
            CatalogError: the new generation is damaged or of another embedder.
        """
        if not self.catalog.watched:
            due = self.config.refresh_s and time.monotonic() - self._checked >= self.config.refresh_s
            if not due:
                return False
            self._checked = time.monotonic()
            self.catalog.refresh()
        # Compared with our own: somebody else who shares the catalogue may have refreshed it.
        previous, self._generation = self._generation, self.catalog.snapshot()
        return self._generation is not previous
