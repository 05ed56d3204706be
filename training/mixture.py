"""The garments that a recipe asks for, from caches that are made at first use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from training.data.garment_crops import TRAIN, VALIDATION, Garment, Garments, GarmentStore
from training.data.garment_sources import cached, drawn_garments, flat_garments
from training.data.garment_sources import street_garments as worn_garments
from training.tryon.pairs import Wardrobe, tryon_crops
from training.tryon.sources import shop_garments, street_garments, wearers
from training.tryon.warp import GRID, OUTLINE


@dataclass(frozen=True)
class GarmentData:
    """Which garments to train on.

    Attributes:
        root: folder of the data sets (`ccp`, `clothing`).
        cache: folder for the stores of crops, made at first use.
        tried_on: people who wear each photographed garment, through `training.tryon`; 0 = none.
        scenes: drawn scenes to cut worn garments from, with a packshot of each; 0 = none.
    """

    root: Path = Path("../shared/data")
    cache: Path = Path("runs/garments")
    tried_on: int = 0
    scenes: int = 0


_HELD_OUT_SEED = 900_000  # scenes from here on are validation


def open_garments(data: GarmentData) -> Garments:
    """Open, or make and open, every store that the recipe names."""
    stores: list[GarmentStore] = [
        cached(data.cache / "street", lambda: worn_garments(data.root / "ccp")),
        cached(data.cache / "flat", lambda: flat_garments(data.root / "clothing")),
    ]
    if data.tried_on:
        stores += [_tried_on(data, stores[0], split) for split in (TRAIN, VALIDATION)]
    if data.scenes:
        for split, first, share in ((TRAIN, 1, 1.0), (VALIDATION, _HELD_OUT_SEED, 0.15)):
            stores.append(_drawn(data.cache / f"drawn-{split}", max(round(data.scenes * share), 1), first, split))
    return Garments(stores)


def _tried_on(data: GarmentData, street: GarmentStore, split: str) -> GarmentStore:
    """Every photographed garment on people of its own split; validation uses the warps that training never sees."""
    family, seed = (GRID, 1) if split == TRAIN else (OUTLINE, 5)

    def make() -> Iterator[Garment]:
        wardrobe = Wardrobe(list(wearers(data.root, split)))
        garments = chain(shop_garments(data.root, split), street_garments(street, split))
        yield from tryon_crops(garments, wardrobe, data.tried_on, split, seed, family)

    return cached(data.cache / f"tryon-{split}-{data.tried_on}", make)


def _drawn(folder: Path, scenes: int, first: int, split: str) -> GarmentStore:
    return cached(folder, lambda: drawn_garments(scenes, first, split))
