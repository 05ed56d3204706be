"""Catalogues of any size for measuring time: a real shop's products and drawn neighbours of their vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matcher.catalog.catalog import Catalog
from matcher.catalog.recall import near
from matcher.catalog.writer import CatalogWriter
from matcher.types import Product

SEED = 4


def synthetic_catalog(folder: Path, real: Catalog, size: int, bundle: str = "") -> Catalog:
    """Write a catalogue of `size` products: those of a real one first, then drawn ones around them.

    A drawn product has the type of the real one that it is near to, so the types' shares stay those of the shop.

    Args:
        folder: of the new catalogue; one that is there with this size already is taken as it is.
        real: the shop to start from.
        size: products, 1 or more.
        bundle: name of the bundle that made the vectors, for people.

    Raises:
        CatalogError: the folder holds other things.
    """
    if (folder / "CURRENT").is_file() and len(known := Catalog.load(folder, real.embedder)) == size:
        return known
    snapshot, rng = real.snapshot(), np.random.default_rng(SEED)
    vectors = [snapshot.reconstruct(row) for row in range(min(len(real), size))]
    dimension = vectors[0].shape[1]
    with CatalogWriter(folder, dimension, real.embedder, bundle) as writer:
        for row, known_vectors in enumerate(vectors):
            writer.add(real.product(row), known_vectors)
        for number in range(len(vectors), size):
            parent = number % len(vectors)
            product = Product(f"drawn-{number}", type=real.product(parent).type)
            writer.add(product, near(vectors[parent][0], rng))
        writer.commit()
    return Catalog.load(folder, real.embedder)
