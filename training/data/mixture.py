"""The garments that a recipe asks for, from caches that are made at first use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.data.garment_crops import TRAIN, VALIDATION, Garments, GarmentStore
from training.data.garment_sources import cached, drawn_garments, flat_garments, packshots, street_garments


@dataclass(frozen=True)
class GarmentData:
    """Which garments to train on.

    Attributes:
        root: folder of the data sets (`ccp`, `clothing`).
        cache: folder for the stores of crops, made at first use.
        scenes: drawn scenes to cut worn garments from; 0 = none.
        products: rendered products per type to take packshots of; 0 = none.
        views: packshots of each product.
    """

    root: Path = Path("../shared/data")
    cache: Path = Path("runs/garments")
    scenes: int = 0
    products: int = 0
    views: int = 2


_HELD_OUT_SEED = 900_000  # scenes and wardrobes from here on are validation


def open_garments(data: GarmentData) -> Garments:
    """Open, or make and open, every store that the recipe names."""
    stores: list[GarmentStore] = [
        cached(data.cache / "street", lambda: street_garments(data.root / "ccp")),
        cached(data.cache / "flat", lambda: flat_garments(data.root / "clothing")),
    ]
    for split, first, share in ((TRAIN, 1, 1.0), (VALIDATION, _HELD_OUT_SEED, 0.1)):
        stores += _rendered(data, split, first, share)
    return Garments(stores)


def _rendered(data: GarmentData, split: str, first: int, share: float) -> list[GarmentStore]:
    stores = []
    if data.scenes:
        count = max(round(data.scenes * share), 1)
        stores.append(cached(data.cache / f"drawn-{split}", lambda: drawn_garments(count, first, split)))
    if data.products:
        count = max(round(data.products * share), 1)
        stores.append(cached(data.cache / f"packshots-{split}", lambda: packshots(first, count, data.views, split)))
    return stores
