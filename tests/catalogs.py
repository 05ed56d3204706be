"""Small catalogues of random vectors for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.catalog.writer import CatalogWriter
from matcher.taxonomy import TYPES
from matcher.types import Product

DIMENSION = 24
EMBEDDER = "e" * 64
Entry = tuple[Product, NDArray[np.float32]]


def normalised(vectors: NDArray) -> NDArray[np.float32]:
    """Vectors (..., D) of length 1."""
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def random_entries(seed: int, count: int, most_views: int = 1, distinct: int | None = None) -> list[Entry]:
    """Products with random properties and vectors.

    Args:
        seed: equal seeds give equal entries.
        count: products.
        most_views: each has 1 to this many vectors.
        distinct: draw the vectors from only this many, so that many scores are equal; None = all differ.
    """
    rng = np.random.default_rng(seed)
    pool = normalised(rng.normal(size=(distinct or count * most_views, DIMENSION)))
    return [_entry(rng, i, pool, most_views, distinct is None) for i in range(count)]


def _entry(rng: np.random.Generator, i: int, pool: NDArray[np.float32], most_views: int, own: bool) -> Entry:
    views = int(rng.integers(1, most_views + 1))
    rows = i * most_views + np.arange(views) if own else rng.integers(0, len(pool), views)
    price = None if rng.random() < 0.1 else float(rng.integers(5, 200))
    product = Product(
        id=f"p{i}",
        title=f"Product {i}",
        type=TYPES[int(rng.integers(0, 4))],
        brand=str(rng.choice(["Ada", "Bo", "Cy"])),
        gender=str(rng.choice(["women", "men", ""])),
        price=price,
        currency="" if price is None else str(rng.choice(["EUR", "USD"])),
        availability=str(rng.choice(["in stock", "out of stock"])),
        link=f"https://shop.example/{i}",
    )
    return product, pool[rows]


def write_catalog(path: Path, entries: Iterable[Entry], embedder: str = EMBEDDER) -> Path:
    """Write a catalogue of these entries, in this order."""
    with CatalogWriter(path, DIMENSION, embedder, bundle="test") as writer:
        for product, vectors in entries:
            writer.add(product, vectors)
        writer.commit()
    return path


def random_queries(seed: int, count: int, entries: list[Entry]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Queries (N, D), a third of them stored vectors, and type probabilities (N, T) over the types in use."""
    rng = np.random.default_rng(seed)
    queries = normalised(rng.normal(size=(count, DIMENSION)))
    for i in range(0, count, 3):
        queries[i] = entries[int(rng.integers(len(entries)))][1][0]
    probs = np.zeros((count, len(TYPES)), np.float32)
    probs[:, :4] = rng.dirichlet(np.ones(4), count)
    return queries, probs
