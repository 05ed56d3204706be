"""A catalogue of toy garments (see toy_bundle): one product of each colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.catalog.writer import CatalogWriter
from matcher.stages.embed import Embedder
from matcher.types import Product
from tests.toy_bundle import COLOURS, DIMENSION, paint


def write_shop(folder: Path, bundle: Bundle, types: tuple[str, ...] = tuple(COLOURS), prefix: str = "p") -> Catalog:
    """Write the next generation of a catalogue with a product PREFIX-TYPE of each type, and load it."""
    embedder = Embedder(bundle)
    box = np.array([[50, 50, 250, 250]], np.float32)
    with CatalogWriter(folder, DIMENSION, bundle.embedder_hash, bundle.name) as writer:
        for name in types:
            picture = paint((300, 300), {name: (50, 50, 250, 250)})
            writer.add(Product(f"{prefix}-{name}", title=f"A {name}", type=name), embedder.embed(picture, box))
        writer.commit()
    return Catalog.load(folder, bundle.embedder_hash)
