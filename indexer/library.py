"""Vectors of the generation that is current, by content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from indexer.describe import Description
from indexer.work import WorkStore
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

    def contents(self) -> Iterator[str]:
        """Every content key that `find` may know."""
        if self.generation is not None:
            yield from self.generation.table.contents()


class Libraries:
    """The store of finished work before the generation of before; what is described now goes into the store.

    Remembers where each description came from, for the counts.
    """

    def __init__(self, work: WorkStore, before: CatalogLibrary | None) -> None:
        """Take both; None = what was indexed before is not used again."""
        self._work = work
        self._before = before
        self._resumed: set[str] = set()
        self._reused: set[str] = set()
        self._fresh: set[str] = set()

    def find(self, content: str) -> Description | None:
        """See `pictures.Library`."""
        found = self._work.find(content)
        if found is not None:
            if content not in self._fresh:
                self._resumed.add(content)
            return found
        found = self._before.find(content) if self._before is not None else None
        if found is not None:
            self._reused.add(content)
        return found

    def contents(self) -> Iterator[str]:
        """See `pictures.Library`."""
        yield from self._work.contents()
        if self._before is not None:
            yield from self._before.contents()

    def put(self, content: str, found: Description) -> None:
        """Keep what was described just now."""
        if content not in self._reused and content not in self._resumed:
            self._fresh.add(content)
            self._work.put(content, found)

    def is_resumed(self, content: str) -> bool:
        """Whether a description came from a build that was stopped."""
        return content in self._resumed

    def is_reused(self, content: str) -> bool:
        """Whether a description came from the generation before."""
        return content in self._reused
