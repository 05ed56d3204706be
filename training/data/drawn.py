"""Scenes and product photos of the wardrobe renderer as training pictures, rendered once and stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from matcher.taxonomy import TYPES
from matcher.wardrobe.packshot import render_packshot
from matcher.wardrobe.product import make_product
from matcher.wardrobe.scene import Scene, random_scene
from training.data.records import MAX_INSTANCES, Annotated
from training.data.store import Store

# Seeds from here on, so that training never sees the scenes that tests and the demo draw from small seeds.
FIRST_SEED = 1_000_000
SIZE = (640, 352)
PACKSHOT = 384


def from_scene(scene: Scene) -> Annotated:
    """A drawn scene in the form of all sources; the masks of a scene do not overlap."""
    ids = np.zeros(scene.image.shape[:2], np.uint8)
    for number, mask in enumerate(scene.masks[:MAX_INSTANCES], start=1):
        ids[mask] = number
    return Annotated(scene.image, ids, tuple(int(t) for t in scene.type_ids[:MAX_INSTANCES]))


def read_drawn(count: int, first: int = FIRST_SEED) -> Iterator[tuple[str, Annotated]]:
    """Render `count` scenes of 640x352 pixels."""
    for seed in range(first, first + count):
        yield f"scene {seed}", from_scene(random_scene(seed, SIZE))


def open_drawn(folder: Path, count: int) -> Store:
    """Open a store of drawn scenes, rendering it at first use."""
    return Store.kept(folder, lambda: read_drawn(count))


def read_products(count: int, first: int = FIRST_SEED) -> Iterator[tuple[str, Annotated]]:
    """Photograph `count` products of 384x384 pixels, as many of each type, in all styles of product photo."""
    for seed in range(first, first + count):
        type_id = seed % len(TYPES)
        name = f"{TYPES[type_id]}-{seed}"
        image, mask = render_packshot(make_product(name, TYPES[type_id], seed), PACKSHOT, seed // len(TYPES))
        if mask.any():
            yield name, Annotated(image, mask, (type_id,))


def open_products(folder: Path, count: int) -> Store:
    """Open a store of drawn product photos, rendering it at first use."""
    return Store.kept(folder, lambda: read_products(count))
