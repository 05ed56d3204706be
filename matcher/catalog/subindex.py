"""The vectors of one type, searched for products: the best vector of a product speaks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from matcher.catalog.interface import Subset
from matcher.catalog.ranking import best_among, compare_each, nothing

# FAISS sums in another order with a selector, with many queries or with few, so equal vectors may differ by a last
# bit. Scores within this distance are told apart by an exact score of ours, never by the order FAISS gave.
_TIE = 1e-5
_SLACK = 8
_BLOCK = 512  # queries compared at a time, which bounds memory
_MOST = 4096  # candidates of an approximate kind for a query; where they hold too few products, all are compared


@dataclass(frozen=True, eq=False)
class Allowed:
    """Positions of a sub-index that a search may return.

    Attributes:
        mask: (M,) bool.
    """

    mask: NDArray[np.bool_]

    @cached_property
    def count(self) -> int:
        """How many."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def selector(self) -> faiss.IDSelector:
        """The same for FAISS."""
        return faiss.IDSelectorBitmap(np.packbits(self.mask, bitorder="little"))


class Finder(Protocol):
    """Finds vectors that are near; which products they belong to is the sub-index's matter."""

    @property
    def exact(self) -> bool:
        """Whether the candidates are the best vectors for certain."""
        ...

    @property
    def least(self) -> int:
        """Where fewer vectors are allowed, comparing each of them is better; 0 where `exact`."""
        ...

    def candidates(
        self, queries: NDArray[np.float32], count: int, allowed: Allowed | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The best positions for each query, in one batched call.

        Args:
            queries: (N, D).
            count: how many per query, at most as many as are allowed.
            allowed: positions that may be returned; None = all.

        Returns:
            (N, count) inner products, best first, and (N, count) positions, -1 where there are no more.
        """
        ...

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Stored vectors (..., D) at positions of any shape."""
        ...


@dataclass(frozen=True, eq=False)
class SubIndex:
    """The vectors of one type, see `TypeIndex`.

    Attributes:
        finder: finds candidates among positions 0..M-1.
        owners: (M,) int64 product row of each position.
    """

    finder: Finder
    owners: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Remember what the last few subsets allow."""
        object.__setattr__(self, "_allowed", lru_cache(maxsize=8)(self._allowed))

    @property
    def exact(self) -> bool:
        """See `TypeIndex.exact`."""
        return self.finder.exact

    @cached_property
    def most_vectors(self) -> int:
        """Vectors of the product that has most of them."""
        return int(np.unique(self.owners, return_counts=True)[1].max(initial=1))

    def spread(self, most: int) -> NDArray[np.int64]:
        """See `TypeIndex.spread`."""
        count = len(self.owners)
        return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `TypeIndex.vectors`."""
        return self.finder.vectors(positions)

    def search(
        self, queries: NDArray[np.float32], k: int, subset: Subset | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See `TypeIndex.search`.

        Where `exact`, the answer depends on the vectors and the products allowed only, not on where they stand, on the
        other queries or on what was filtered out.
        """
        allowed = None if subset is None else self._allowed(subset)
        total = len(self.owners) if allowed is None else allowed.count
        if not total:
            return nothing(len(queries), k)
        way = self._exactly if self.exact else self._scan if total <= self.finder.least else self._roughly
        blocks = [way(queries[i : i + _BLOCK], k, allowed) for i in range(0, len(queries), _BLOCK)]
        rows, scores = zip(nothing(0, k), *blocks, strict=True)
        return np.concatenate(rows), np.concatenate(scores)

    def _allowed(self, subset: Subset) -> Allowed:
        return Allowed(subset.rows[self.owners])

    def _exactly(
        self, queries: NDArray[np.float32], k: int, allowed: Allowed | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        total = len(self.owners) if allowed is None else allowed.count
        rows, scores = nothing(len(queries), k)
        todo = np.arange(len(queries))
        count = min(total, self._enough(k))
        while len(todo):
            rough, positions = self.finder.candidates(queries[todo], count, allowed)
            rows[todo], scores[todo] = self._best(queries[todo], positions, k)
            # A vector that FAISS left out may tie with our last one: look further where that can be.
            open_rows = rough[:, -1] >= scores[todo, -1] - _TIE
            todo = todo[open_rows] if count < total else todo[:0]
            count = min(total, count * 4)
        return rows, scores

    def _roughly(
        self, queries: NDArray[np.float32], k: int, allowed: Allowed | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        total = len(self.owners) if allowed is None else allowed.count
        most = min(total, max(_MOST, k + _SLACK))
        rows, scores = nothing(len(queries), k)
        todo = np.arange(len(queries))
        count = min(most, self._enough(k), 4 * k + _SLACK)
        while len(todo):
            _, positions = self.finder.candidates(queries[todo], count, allowed)
            rows[todo], scores[todo] = self._best(queries[todo], positions, k)
            todo = todo[rows[todo, -1] < 0]
            if count == most:
                break
            count = min(most, count * 4)
        # Where nothing allowed is near, or a product has thousands of vectors.
        if len(todo):
            rows[todo], scores[todo] = self._scan(queries[todo], k, allowed)
        return rows, scores

    def _scan(
        self, queries: NDArray[np.float32], k: int, allowed: Allowed | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        mine = np.arange(len(self.owners)) if allowed is None else np.flatnonzero(allowed.mask)
        return compare_each(self.vectors, self.owners, mine, queries, k, self._enough(k))

    def _enough(self, k: int) -> int:
        """So many vectors hold k products for certain, and a few that tie with the last."""
        return (k - 1) * self.most_vectors + 1 + _SLACK

    def _best(
        self, queries: NDArray[np.float32], positions: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return best_among(self.vectors, self.owners, positions, queries, k)
