"""The vectors of one type, searched for products: the best vector of a product speaks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import faiss
import numpy as np
from numpy.typing import NDArray

from matcher.catalog.kinds import Kind

# FAISS sums in another order with a selector, with many queries or with few, so equal vectors may differ by a last
# bit. Scores within this distance are told apart by an exact score of ours, never by the order FAISS gave.
_TIE = 1e-5
_SLACK = 8
_BLOCK = 512  # queries compared at a time, which bounds memory


@dataclass(frozen=True)
class SubIndex:
    """The vectors of one type.

    Attributes:
        kind: how `index` was built.
        index: positions 0..M-1.
        owners: (M,) int64 product row of each position.
    """

    kind: Kind
    index: faiss.Index
    owners: NDArray[np.int64]

    @cached_property
    def most_vectors(self) -> int:
        """Vectors of the product that has most of them."""
        return int(np.unique(self.owners, return_counts=True)[1].max(initial=1))

    def spread(self, most: int) -> NDArray[np.int64]:
        """At most so many positions, evenly spread over all of them, in order."""
        count = len(self.owners)
        return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))

    def search(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k best products for each query; equal scores are ordered by product row.

        The answer depends on the vectors and the products allowed only, not on where they stand, on the other
        queries or on what was filtered out.

        Args:
            queries: (N, D) float32.
            k: products wanted, at least 1.
            allowed: (P,) bool over product rows; None = all.

        Returns:
            (N, k) int64 rows and (N, k) float32 scores, best first; -1 and -1.0 where there are no more.
        """
        keep = None if allowed is None else allowed[self.owners]
        blocks = [self._search(queries[i : i + _BLOCK], k, keep) for i in range(0, len(queries), _BLOCK)]
        rows, scores = zip(nothing(0, k), *blocks, strict=True)
        return np.concatenate(rows), np.concatenate(scores)

    def _search(
        self, queries: NDArray[np.float32], k: int, keep: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        total = len(self.owners) if keep is None else int(np.count_nonzero(keep))
        rows, scores = nothing(len(queries), k)
        todo = np.arange(len(queries)) if total else np.arange(0)
        # So many vectors hold k products for certain.
        count = min(total, (k - 1) * self.most_vectors + 1 + _SLACK)
        while len(todo):
            rough, positions = self.kind.candidates(self.index, queries[todo], count, keep)
            rows[todo], scores[todo] = self._best(queries[todo], positions, k)
            # A vector that FAISS left out may tie with our last one: look further where that can be.
            open_rows = rough[:, -1] >= scores[todo, -1] - _TIE
            todo = todo[open_rows] if count < total else todo[:0]
            count = min(total, count * 4)
        return rows, scores

    def _best(
        self, queries: NDArray[np.float32], positions: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        found = positions >= 0
        owners = np.where(found, self.owners[positions], np.iinfo(np.int64).max)
        exact = exact_scores(queries, self.kind.vectors(self.index, np.maximum(positions, 0)))
        return best_of_each(owners, np.where(found, exact, -np.inf).astype(np.float32), k)


def exact_scores(queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inner products (N, C) of queries (N, D) and vectors (N, C, D), the same bits wherever a vector stands."""
    products = queries[:, None, :].astype(np.float64) * vectors
    return np.clip(products.sum(-1), -1, 1).astype(np.float32)


def nothing(count: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The answer "no product" for `count` queries."""
    return np.full((count, k), -1, np.int64), np.full((count, k), -1, np.float32)


def best_of_each(
    owners: NDArray[np.int64], scores: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k best products of each row, each with the best of its scores; equal scores are ordered by product row.

    Args:
        owners: (N, C) product rows, in any order, with repetitions.
        scores: (N, C) float32; -inf where there is no product.
        k: products wanted.

    Returns:
        As `SubIndex.search`.
    """
    order = np.lexsort((owners, -scores), axis=1)
    owners, scores = np.take_along_axis(owners, order, 1), np.take_along_axis(scores, order, 1)
    # A stable sort by owner brings the later vectors of a product right behind its best one.
    by_owner = np.argsort(owners, axis=1, kind="stable")
    same = np.diff(np.take_along_axis(owners, by_owner, 1), axis=1) == 0
    if same.any():
        repeated = np.zeros(owners.shape, bool)
        np.put_along_axis(repeated, by_owner[:, 1:], same, 1)
        scores = np.where(repeated, -np.inf, scores).astype(np.float32)
        order = np.argsort(-scores, axis=1, kind="stable")
        owners, scores = np.take_along_axis(owners, order, 1), np.take_along_axis(scores, order, 1)
    return _padded(owners, scores, k)


def _padded(owners: NDArray[np.int64], scores: NDArray, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    rows, best = nothing(len(owners), k)
    width = min(k, owners.shape[1])
    real = np.isfinite(scores[:, :width])
    rows[:, :width] = np.where(real, owners[:, :width], -1)
    best[:, :width] = np.where(real, scores[:, :width], -1)
    return rows, best
