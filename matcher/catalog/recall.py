"""How many of the ten best products does an approximate index find? Measured, and tuned, when it is built."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from matcher.catalog.interface import TypeIndex
from matcher.catalog.ranking import compare_each

AT = 10
NEAR = 0.75  # cosine of what is seen in a film and the shop's picture of it, about
_QUERIES = 128  # to tune with; twice as many others to measure
_SAME = 1e-5  # cosines that differ less are equal

T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """Queries, and the scores of the best products for each.

    Attributes:
        queries: (Q, D) float32.
        truth: (Q, AT) float32, best first; -1.0 where there are no more.
    """

    queries: NDArray[np.float32]
    truth: NDArray[np.float32]


def near(vectors: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Unit vectors (..., D), each at a cosine of about `NEAR` to one of those given (..., D)."""
    noise = rng.standard_normal(vectors.shape, np.float32)
    noise *= np.sqrt(1 / NEAR**2 - 1) / np.linalg.norm(noise, axis=-1, keepdims=True)
    drawn = vectors + noise
    return (drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)).astype(np.float32)


def draw(sub: TypeIndex, seed: int, count: int = _QUERIES) -> Sample:
    """Views of products, as a film would show them, and what comparing each vector gives for them."""
    rng = np.random.default_rng(seed)
    positions = np.sort(rng.integers(0, len(sub.owners), count))
    queries = near(sub.vectors(positions), rng)
    views = int(np.bincount(sub.owners).max())
    everything = np.arange(len(sub.owners))
    found = compare_each(sub.vectors, sub.owners, everything, queries, AT, AT * views)
    return Sample(queries, found[1])


def recall(sub: TypeIndex, sample: Sample) -> float:
    """Share of the best products that are found; a product with an equal score is as good."""
    scores = sub.search(sample.queries, AT)[1]
    there = sample.truth > -1
    last = np.where(there, sample.truth, np.inf).min(1, keepdims=True)  # the worst of the best
    found = np.minimum((scores >= last - _SAME).sum(1), there.sum(1))
    return float(found.sum() / max(there.sum(), 1))


def measured(sub: TypeIndex, seed: int = 2) -> float:
    """Recall@10 on a sample that nothing was tuned with; 1.0 for an exact index, with no search."""
    return 1.0 if sub.exact else round(recall(sub, draw(sub, seed, count=2 * _QUERIES)), 4)


def cheapest(efforts: Iterable[T], make: Callable[[T], TypeIndex], sample: Sample, wanted: float) -> T:
    """The first effort with which the recall wanted is reached; the last one where none does."""
    for effort in efforts:
        if recall(make(effort), sample) >= wanted:
            break
    return effort
