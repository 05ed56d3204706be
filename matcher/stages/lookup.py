"""Look-up: the products of the catalogue that look most like each embedded garment."""

from __future__ import annotations

import time

import numpy as np

from matcher.catalog.catalog import Catalog
from matcher.config import LookupConfig
from matcher.types import Garments


class Lookup:
    """Searches one generation of a catalogue until `refresh` finds a newer one."""

    def __init__(self, catalog: Catalog, config: LookupConfig | None = None) -> None:
        """Search this catalogue with these settings."""
        self.catalog = catalog
        self.config = config or LookupConfig()
        self._generation = catalog.snapshot()
        self._checked = time.monotonic()

    def __call__(self, garments: Garments) -> Garments:
        """Fill product_row (N, K) and match_score (N, K) for rows whose embedding is not zero; -1 elsewhere.

        Args:
            garments: needs embedding and type_probs; only the likeliest types of each row are searched.
        """
        k = self.config.k
        product_row = np.full((len(garments), k), -1, np.int64)
        match_score = np.full((len(garments), k), -1, np.float32)
        asked = np.flatnonzero(garments.embedding.any(1))
        if len(asked):
            product_row[asked], match_score[asked] = self._generation.search(
                garments.embedding[asked], garments.type_probs[asked], k, self.config.top_types
            )
        found = garments.with_columns(product_row=product_row, match_score=match_score)
        return found.with_products(self._generation.product)

    def refresh(self) -> bool:
        """Take up a new generation of the catalogue, at most every `refresh_s`; never where that is 0.

        Returns:
            Whether there is one: rows found before are then void.

        Raises:
            CatalogError: the new generation is damaged or of another embedder.
        """
        due = self.config.refresh_s and time.monotonic() - self._checked >= self.config.refresh_s
        if not due:
            return False
        self._checked = time.monotonic()
        self.catalog.refresh()
        # Compared with our own: somebody else who shares the catalogue may have refreshed it.
        previous, self._generation = self._generation, self.catalog.snapshot()
        return self._generation is not previous
