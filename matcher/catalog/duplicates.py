"""Products that look the same: one garment with several listings, or one picture used for several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.catalog.generation import Generation
from matcher.catalog.interface import TypeIndex

ALIKE = 0.995  # cosine
_NEIGHBOURS = 8
_BLOCK = 1024


@dataclass(frozen=True)
class Alike:
    """Products that look the same.

    Attributes:
        ids: of the products, in the order of the catalogue.
        score: the least cosine by which one of them was joined to the others.
        same_picture: whether all of them show the very same picture.
    """

    ids: tuple[str, ...]
    score: float
    same_picture: bool


def find_duplicates(generation: Generation, least: float = ALIKE, most_vectors: int = 20_000) -> list[Alike]:
    """Groups of products of one type that look the same; variants of one product (equal group id) do not count.

    Args:
        generation: what to look through.
        least: cosine from which two pictures show the same garment.
        most_vectors: of each type, at most this many, evenly spread, are searched for; the very same picture is found
            however many there are.

    Returns:
        Groups, the largest first. A product that is like more than 8 others is joined through the nearest of them.
    """
    groups = _Groups(len(generation))
    for rows in generation.table.shared_contents():
        for a, b in zip(rows, rows[1:], strict=False):
            if not _are_variants(generation, a, b):
                groups.join(a, b, 1.0)
    for sub in generation.types.values():
        for a, b, score in _pairs(sub, generation, least, most_vectors):
            groups.join(a, b, score)
    found = [_alike(generation, rows, score) for rows, score in groups.all()]
    return sorted(found, key=lambda one: (-len(one.ids), one.ids))


def _pairs(sub: TypeIndex, generation: Generation, least: float, most: int) -> Iterator[tuple[int, int, float]]:
    chosen = sub.spread(most)
    for start in range(0, len(chosen), _BLOCK):
        positions = chosen[start : start + _BLOCK]
        rows, scores = sub.search(sub.vectors(positions), _NEIGHBOURS + 1)
        near = (scores >= least) & (rows >= 0) & (rows != sub.owners[positions][:, None])
        for i, j in zip(*np.nonzero(near), strict=True):
            a, b = int(sub.owners[positions[i]]), int(rows[i, j])
            if not _are_variants(generation, a, b):
                yield a, b, float(scores[i, j])


def _are_variants(generation: Generation, a: int, b: int) -> bool:
    group = generation.table.stored(a).group_id
    return bool(group) and group == generation.table.stored(b).group_id


def _alike(generation: Generation, rows: list[int], score: float) -> Alike:
    contents = [{one.content or one.image for one in generation.table.origins(row)} for row in rows]
    shared = set.intersection(*contents) - {""}
    return Alike(tuple(generation.table.stored(row).id for row in rows), round(score, 4), bool(shared))


class _Groups:
    """Rows joined in pairs (union-find)."""

    def __init__(self, count: int) -> None:
        self._parents: NDArray[np.int64] = np.arange(count)
        self._scores: dict[int, float] = {}

    def join(self, a: int, b: int, score: float) -> None:
        """Put two rows into one group."""
        for row in (a, b):
            # Of each row the best reason counts, of the group the weakest.
            self._scores[row] = max(score, self._scores.get(row, -1.0))
        self._parents[self._root(a)] = self._root(b)

    def _root(self, row: int) -> int:
        while self._parents[row] != row:
            self._parents[row] = self._parents[self._parents[row]]
            row = int(self._parents[row])
        return row

    def all(self) -> Iterator[tuple[list[int], float]]:
        """Every group: its rows, ascending, and its score."""
        groups: dict[int, list[int]] = {}
        for row in sorted(self._scores):
            groups.setdefault(self._root(row), []).append(row)
        for rows in groups.values():
            yield rows, min(self._scores[row] for row in rows)
