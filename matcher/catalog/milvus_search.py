"""The vectors of one type in Milvus, searched: candidates come from there, the ranking is the one of all kinds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.catalog.interface import Subset
from matcher.catalog.milvus_client import TIMEOUT_S, Connection
from matcher.catalog.milvus_fields import expression
from matcher.catalog.ranking import compare_each
from matcher.catalog.subindex import Allowed, SubIndex

_MOST = 16_384  # results of one query that a server gives
_AT_ONCE = 65_536  # results, over all queries of one request: answers have a limit of 64 MiB
_FETCHED = 1024  # vectors asked for by their keys at a time
_RECENT = 16_384  # vectors kept: what was found is looked at again, and video shows the same things for long
KEYS_OF_TYPE = 1 << 40  # a vector's key is its type's number times this, and its position


@dataclass(frozen=True, eq=False)
class Filtered(Allowed):
    """Positions that a search may return, and the same in Milvus's language."""

    expression: str = ""


class MilvusSubIndex(SubIndex):
    """See `TypeIndex`; the server filters by what it keeps of the products."""

    def _allowed(self, subset: Subset) -> Allowed:
        return Filtered(subset.rows[self.owners], expression(subset.filters))


@dataclass(frozen=True, eq=False)
class MilvusFinder:
    """See `Finder`: one partition of a collection whose index compares every vector.

    Attributes:
        connection: with the server.
        collection, partition: where the vectors are.
        first: key of position 0.
        dimension: length D of the vectors.
        count: of vectors.
    """

    connection: Connection
    collection: str
    partition: str
    first: int
    dimension: int
    count: int
    recent: Recent = field(default_factory=lambda: Recent(_RECENT))
    exact = True
    least = 0

    def candidates(
        self, queries: NDArray[np.float32], count: int, allowed: Allowed | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `Finder.candidates`."""
        if count > _MOST:
            return self._compared(queries, count, allowed)
        scores = np.full((len(queries), count), -np.inf, np.float32)
        positions = np.full((len(queries), count), -1, np.int64)
        step = max(1, _AT_ONCE // count)
        for start in range(0, len(queries), step):
            for i, hits in enumerate(self._search(queries[start : start + step], count, allowed), start):
                for j, hit in enumerate(hits):
                    scores[i, j], positions[i, j] = hit["distance"], hit["id"] - self.first
        return scores, positions

    def _search(self, queries: NDArray[np.float32], count: int, allowed: Allowed | None) -> list[list[dict[str, Any]]]:
        asked = allowed.expression if isinstance(allowed, Filtered) else ""
        with self.connection.plain_errors():
            found = self.connection.client.search(
                self.collection,
                data=list(queries),
                limit=count,
                filter=asked,
                partition_names=[self.partition],
                output_fields=["vector"],
                search_params={"metric_type": "IP"},
                consistency_level="Strong",
                timeout=TIMEOUT_S,
            )
        for hits in found:
            self.recent.put((hit["id"] - self.first, hit["entity"]["vector"]) for hit in hits)
        return found

    def _compared(
        self, queries: NDArray[np.float32], count: int, allowed: Allowed | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """More than a server gives: so many vectors tie, or so many are wanted, that each of them is compared here."""
        mine = np.arange(self.count) if allowed is None else np.flatnonzero(allowed.mask)
        positions, scores = compare_each(self.vectors, np.arange(self.count), mine, queries, count, count)
        return scores, positions

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Finder.vectors`."""
        wanted, inverse = np.unique(positions, return_inverse=True)
        found = self.recent.get(wanted)
        missing = [int(position) for position in wanted if int(position) not in found]
        for start in range(0, len(missing), _FETCHED):
            found.update(self._fetched(missing[start : start + _FETCHED]))
        stored = np.array([found[int(position)] for position in wanted], np.float32).reshape(-1, self.dimension)
        return stored[inverse.reshape(-1)].reshape(*positions.shape, self.dimension)

    def _fetched(self, positions: list[int]) -> Iterator[tuple[int, Any]]:
        keys = [self.first + position for position in positions]
        with self.connection.plain_errors():
            found = self.connection.client.get(
                self.collection,
                ids=keys,
                output_fields=["vector"],
                partition_names=[self.partition],
                timeout=TIMEOUT_S,
            )
        pairs = [(row["id"] - self.first, row["vector"]) for row in found]
        self.recent.put(pairs)
        return iter(pairs)


class Recent:
    """Vectors by position, the last so many that were put; for any number of threads."""

    def __init__(self, most: int) -> None:
        """Start with nothing."""
        self._most = most
        self._vectors: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, pairs: Iterable[tuple[int, Any]]) -> None:
        """Keep vectors, and forget the oldest."""
        with self._lock:
            for position, vector in pairs:
                self._vectors[position] = np.asarray(vector, np.float32)
                self._vectors.move_to_end(position)
            while len(self._vectors) > self._most:
                self._vectors.popitem(last=False)

    def get(self, positions: NDArray[np.int64]) -> dict[int, NDArray[np.float32]]:
        """Those that are there."""
        with self._lock:
            return {int(one): self._vectors[int(one)] for one in positions if int(one) in self._vectors}
