"""From scores of vectors to the best products: exact scores, equal ones in a fixed order, each product once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vectors = Callable[[NDArray[np.int64]], NDArray[np.float32]]
_COMPARED = 16_384  # vectors at a time, which bounds memory
_WORTH_THREADS = 1 << 24  # multiplications


def inner(queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inner products (N, C) of queries (N, D) and vectors (C, D), in this thread alone unless they are very many.

    NumPy's library shares out even a tenth of a millisecond's work. Its threads wait for one another, and where other
    work holds the cores, as in the matcher, they wait for a whole time slice.
    """
    if len(queries) * vectors.size > _WORTH_THREADS:
        return queries @ vectors.T
    return np.einsum("nd,cd->nc", queries, vectors)


def exact_scores(queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inner products (N, C) of queries (N, D) and vectors (N, C, D), the same bits wherever a vector stands."""
    products = queries[:, None, :].astype(np.float64) * vectors
    return np.clip(products.sum(-1), -1, 1).astype(np.float32)


def best_among(
    vectors: Vectors,
    owners: NDArray[np.integer],
    positions: NDArray[np.int64],
    queries: NDArray[np.float32],
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k best products of candidates, scored exactly.

    Args:
        vectors: gives the stored vectors (..., D) at positions of any shape.
        owners: (M,) product row of each position.
        positions: (N, C) candidates for each query, -1 = none.
        queries: (N, D).
        k: products wanted.

    Returns:
        (N, k) rows and (N, k) scores, as `TypeIndex.search`.
    """
    found = positions >= 0
    there = np.where(found, owners[positions].astype(np.int64), np.iinfo(np.int64).max)  # owners may be int32
    exact = exact_scores(queries, vectors(np.maximum(positions, 0)))
    return best_of_each(there, np.where(found, exact, -np.inf).astype(np.float32), k)


def compare_each(
    vectors: Vectors,
    owners: NDArray[np.integer],
    mine: NDArray[np.int64],
    queries: NDArray[np.float32],
    k: int,
    enough: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k best products by comparing every vector at the positions `mine` (C,); else as `best_among`.

    Args:
        enough: so many of the nearest vectors hold k products for certain.
    """
    rows, scores = nothing(len(queries), k)
    for start in range(0, len(mine), _COMPARED):
        positions = mine[start : start + _COMPARED]
        rough = inner(queries, vectors(positions))
        width = min(len(positions), enough)
        chosen = positions[np.argpartition(-rough, width - 1, axis=1)[:, :width]]
        found = best_among(vectors, owners, chosen, queries, k)
        both = np.concatenate([rows, found[0]], 1), np.concatenate([scores, found[1]], 1)
        rows, scores = best_of_each(both[0], np.where(both[0] >= 0, both[1], -np.inf).astype(np.float32), k)
    return rows, scores


def nearest(
    queries: NDArray[np.float32],
    positions: NDArray[np.int64],
    vectors: Vectors,
    count: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The best `count` of the positions found for each query, scored with the stored vectors.

    Args:
        queries: (N, D).
        positions: (N, C), -1 where there is none.
        vectors: gives the stored vectors (C, D) at positions (C,).
        count: how many are wanted.

    Returns:
        (N, count) inner products, best first, and (N, count) positions; -inf and -1 where there are no more.
    """
    scores = np.full((len(queries), count), -np.inf, np.float32)
    best = np.full((len(queries), count), -1, np.int64)
    for i, (query, found) in enumerate(zip(queries, positions, strict=True)):
        mine = found[found >= 0]
        exact = inner(query[None], vectors(mine))[0]
        order = np.argsort(-exact, kind="stable")[:count]
        scores[i, : len(order)], best[i, : len(order)] = exact[order], mine[order]
    return scores, best


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
        (N, k) rows and (N, k) scores, as `TypeIndex.search`.
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
