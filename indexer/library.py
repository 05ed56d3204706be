"""Vectors of the generation that is current, by content."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from indexer.describe import Description
from matcher.catalog.catalog import Catalog
from matcher.catalog.generation import Generation
from matcher.errors import CatalogError


class CatalogLibrary:
    """See `pictures.Library`."""

    def __init__(self, path: Path, embedder_hash: str, dimension: int) -> None:
        """Open the catalogue that will be replaced; one that cannot be read or used has nothing to offer."""
        self.generation: Generation | None = None
        try:
            self.generation = Catalog.load(path, embedder_hash).snapshot()
        except CatalogError:
            return
        if self.generation.manifest.dimension != dimension:
            self.generation = None

    def find(self, content: str) -> Description | None:
        """The stored description of a content key; None when there is none."""
        found = self.generation.table.find_content(content) if self.generation is not None else None
        if found is None:
            return None
        type_name, position, origin = found
        if origin.type_probs is None or origin.xyxy is None:
            return None
        vector = self.generation.vector(type_name, position)
        return Description(origin.type_probs, vector, np.array(origin.xyxy, np.float32), origin.localised)
