"""Vectors to look up among: clustered as a shop's are, with a few types that hold most products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.taxonomy import TYPE_IDS, TYPES

LARGE = ("footwear", "tops")  # the two types that hold `LARGE_SHARE`, half each; queries ask for these two
LARGE_SHARE = 0.4
_PER_STYLE = 200  # products of a style on average; styles are of very different sizes
_STYLE_DIMENSIONS = 32  # products of a style differ in so many directions, and a little in all others
_TYPE, _STYLE, _PRODUCT, _NOISE = 0.3, 0.6, 0.45, 0.2  # lengths of the parts of a vector before it is normalised
_VIEW = 0.8  # length of what a view on video differs by from the product's own vector
_BLOCK = 50_000


@dataclass(frozen=True)
class LookupData:
    """A made-up shop.

    Attributes:
        vectors: (N, D) float32 of unit length.
        types: (N,) type ids.
        queries: (Q, D) float32 of unit length, near to products of the two large types.
    """

    vectors: NDArray[np.float32]
    types: NDArray[np.int64]
    queries: NDArray[np.float32]

    @property
    def asked(self) -> NDArray[np.bool_]:
        """(N,) products of the two types that queries ask for."""
        return np.isin(self.types, asked_types())


def asked_types() -> list[int]:
    """Ids of the two types that queries ask for."""
    return [TYPE_IDS[name] for name in LARGE]


def type_shares() -> NDArray[np.float64]:
    """(T,) share of the products of each type: two large ones, the others ever smaller."""
    small = 1 / np.arange(1, len(TYPES) - len(LARGE) + 1)
    shares = np.zeros(len(TYPES))
    large = np.isin(np.arange(len(TYPES)), asked_types())
    shares[large] = LARGE_SHARE / len(LARGE)
    shares[~large] = (1 - LARGE_SHARE) * small / small.sum()
    return shares


def make_data(count: int, dimension: int, queries: int, seed: int = 0) -> LookupData:
    """Draw a shop of `count` products and views of some of them.

    A vector is the sum of its type's direction, its style's (a colour or pattern, which products of all types may have;
    sizes of styles fall off like 1/rank), what sets it apart (in 32 directions shared by all), and a little noise; then
    it is normalised. So look-alikes of other types lie near, as a striped skirt does to a striped top.
    """
    rng = np.random.default_rng(seed)
    types = rng.choice(len(TYPES), count, p=type_shares()).astype(np.int64)
    centres = _unit(rng.standard_normal((len(TYPES), dimension), np.float32))
    styles = _unit(rng.standard_normal((max(count // _PER_STYLE, 4), dimension), np.float32))
    sizes = 1 / np.arange(1, len(styles) + 1)
    style = rng.choice(len(styles), count, p=sizes / sizes.sum())
    basis = _unit(rng.standard_normal((_STYLE_DIMENSIONS, dimension), np.float32)) / _STYLE_DIMENSIONS**0.5
    vectors = np.empty((count, dimension), np.float32)
    for start in range(0, count, _BLOCK):
        part = slice(start, start + _BLOCK)
        n = len(types[part])
        own = rng.standard_normal((n, _STYLE_DIMENSIONS), np.float32) @ basis
        noise = rng.standard_normal((n, dimension), np.float32) / dimension**0.5
        where = _TYPE * centres[types[part]] + _STYLE * styles[style[part]]
        vectors[part] = _unit(where + _PRODUCT * own + _NOISE * noise)
    asked = rng.choice(np.flatnonzero(np.isin(types, asked_types())), queries)
    views = rng.standard_normal((queries, dimension), np.float32) / dimension**0.5
    return LookupData(vectors, types, _unit(vectors[asked] + _VIEW * views))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
