"""The garments that a recipe asks for, from caches that are made at first use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.data.garment_crops import TRAIN, VALIDATION, Garments, GarmentStore
from training.data.garment_sources import cached, drawn_garments, flat_garments, street_garments


@dataclass(frozen=True)
class GarmentData:
    """Which garments to train on.

    Attributes:
        root: folder of the data sets (`ccp`, `clothing`).
        cache: folder for the stores of crops, made at first use.
        scenes: drawn scenes to cut worn garments from, with a packshot of each; 0 = none.
    """

    root: Path = Path("../shared/data")
    cache: Path = Path("runs/garments")
    scenes: int = 0


_HELD_OUT_SEED = 900_000  # scenes from here on are validation


def open_garments(data: GarmentData) -> Garments:
    """Open, or make and open, every store that the recipe names."""
    stores: list[GarmentStore] = [
        cached(data.cache / "street", lambda: street_garments(data.root / "ccp")),
        cached(data.cache / "flat", lambda: flat_garments(data.root / "clothing")),
    ]
    if data.scenes:
        for split, first, share in ((TRAIN, 1, 1.0), (VALIDATION, _HELD_OUT_SEED, 0.15)):
            stores.append(_drawn(data.cache / f"drawn-{split}", max(round(data.scenes * share), 1), first, split))
    return Garments(stores)


def _drawn(folder: Path, scenes: int, first: int, split: str) -> GarmentStore:
    return cached(folder, lambda: drawn_garments(scenes, first, split))
