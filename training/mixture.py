"""The garments that a recipe asks for, from caches that are made at first use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from matcher.bundle import Bundle
from training.data.clip_garments import clip_garments
from training.data.found_masks import with_found
from training.data.garment_crops import TRAIN, VALIDATION, Garments, GarmentStore
from training.data.garment_sources import SCENE, cached, drawn_garments, flat_garments
from training.data.garment_sources import street_garments as worn_garments
from training.datasets.garments import open_set_garments
from training.tryon.pairs import Wardrobe, tryon_crops
from training.tryon.records import ShopGarment
from training.tryon.sources import shop_garments, street_garments, wearers
from training.tryon.warp import GRID, OUTLINE


@dataclass(frozen=True)
class GarmentData:
    """Which garments to train on.

    Attributes:
        set: name of a public data set to train on (`training.datasets.registry.SETS`); empty for our own sources.
        root: folder of that data set, or of our own sources (`ccp`, `clothing`).
        limit: pictures of each split and source at most, spread over it; 0 = all.
        cache: folder for the stores of crops, made at first use.
        tried_on: people who wear each garment of a shop photo, through `training.tryon`; 0 = none.
        tried_on_street: people who wear each garment of somebody else; 0 = none.
        clips: folder of video clips whose tracks give pairs, see `training.data.clip_garments`; may be empty.
        scenes: drawn scenes to cut worn garments from, with a packshot of each; 0 = none.
        found_by: bundle (a folder, or a packaged name) whose detector's masks half of the worn views have; empty for
            simulated faults alone. See `training.data.found_masks`.
        review: store of judged garments to train on alone, made by `training.review`; empty for the sources above.
    """

    set: str = ""
    root: Path = Path("../shared/data")
    limit: int = 0
    cache: Path = Path("runs/garments")
    tried_on: int = 0
    tried_on_street: int = 0
    clips: str = ""
    scenes: int = 0
    found_by: str = ""
    review: str = ""

    @property
    def part(self) -> str:
        """What the names of stores end with that hold a part of their source."""
        return f"-of-{self.limit}" if self.limit else ""


_HELD_OUT_SEED = 900_000  # scenes from here on are validation


def open_garments(data: GarmentData) -> Garments:
    """Open, or make and open, every store that the recipe names.

    Raises:
        ConfigError: there is no such data set, or no garment of a known type in it.
        BundleError: there is no bundle `found_by`, or it has no detector.
        InputError: its folder does not hold it.
    """
    if data.review:
        return Garments([GarmentStore(Path(data.review))])
    if data.set:
        return open_set_garments(data.set, data.root, data.cache, data.limit)
    stores: list[GarmentStore] = [
        cached(data.cache / f"street{data.part}", lambda: worn_garments(data.root / "ccp", data.limit)),
        cached(data.cache / f"flat{data.part}", lambda: flat_garments(data.root / "clothing", data.limit)),
    ]
    for split in (TRAIN, VALIDATION):
        stores += _tried_on(data, stores[0], split)
    if data.clips:
        stores.append(cached(data.cache / "clips", lambda: clip_garments(Path(data.clips))))
    if data.scenes:
        for split, first, share in ((TRAIN, 1, 1.0), (VALIDATION, _HELD_OUT_SEED, 0.15)):
            folder = data.cache / f"drawn-{split}-{data.scenes}-{SCENE[1]}p"
            stores.append(_drawn(folder, max(round(data.scenes * share), 1), first, split))
    if data.found_by:
        bundle = Bundle.open(data.found_by)
        stores = [with_found(store, bundle) for store in stores]
    return Garments(stores)


def _tried_on(data: GarmentData, street: GarmentStore, split: str) -> list[GarmentStore]:
    """Photographed garments on people of their own split; validation uses the warps that training never sees."""
    family, seed, times = GRID, 1, (data.tried_on, data.tried_on_street)
    if split == VALIDATION:
        family, seed, times = OUTLINE, 5, (min(times[0], 2), min(times[1], 1))
    people = cache(lambda: Wardrobe(list(wearers(data.root, split, data.limit))))
    # Generators: nothing is read before a store is made.
    shop, others = shop_garments(data.root, split, data.limit), street_garments(street, split)

    def store(name: str, garments: Iterator[ShopGarment], n: int, own: int) -> GarmentStore:
        folder = data.cache / f"tryon-{name}-{split}-{n}{data.part}"
        return cached(folder, lambda: tryon_crops(garments, people(), n, split, own, family))

    asked = (("shop", shop, times[0], seed), ("street", others, times[1], seed + 1))
    return [store(*one) for one in asked if one[2]]


def _drawn(folder: Path, scenes: int, first: int, split: str) -> GarmentStore:
    return cached(folder, lambda: drawn_garments(scenes, first, split))
