"""Street photos whose people wear other clothes, so that a detector sees more of them than were photographed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from matcher.taxonomy import TYPE_IDS
from training.data.garment_crops import mask_box
from training.data.records import Annotated
from training.data.store import Store
from training.tryon.records import ShopGarment, Wearer
from training.tryon.sources import whole_enough
from training.tryon.spans import aspect
from training.tryon.synthesise import try_on

_CHANGED = 0.7  # of the garments; what stays as it was teaches that an edge of the paste is no garment's sign
_CANDIDATES = 3
_SEED = 7
_OVER, _UNDER = TYPE_IDS["outerwear"], {TYPE_IDS["tops"], TYPE_IDS["dresses"]}


class Rack:
    """Garments to put on: those of photos of single garments, and those that other people wear."""

    def __init__(self, photos: Store, singles: Store) -> None:
        """Note where there is a garment of which type; both stores must be of the training split."""
        self._photos, self._singles = photos, singles
        self._worn: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._shop: dict[int, list[int]] = defaultdict(list)
        for i, types in enumerate(photos.types):
            for instance, type_id in enumerate(types, start=1):
                self._worn[type_id].append((i, instance))
        for i, types in enumerate(singles.types):
            self._shop[types[0]].append(i)

    def draw(self, type_id: int, wanted: float, rng: Generator) -> ShopGarment | None:
        """A garment of a type, of a few random ones that whose height over width is nearest to `wanted`."""
        some = [one for _ in range(_CANDIDATES) if (one := self._any(type_id, rng)) is not None]
        return min(some, key=lambda one: abs(np.log(aspect(one.mask) / wanted)), default=None)

    def _any(self, type_id: int, rng: Generator) -> ShopGarment | None:
        shop, worn = self._shop[type_id], self._worn[type_id]
        if shop and rng.random() < 0.5:
            row = shop[rng.integers(len(shop))]
            picture = self._singles[row]
            return ShopGarment(picture.image, picture.ids * 255, type_id, self._singles.name(row))
        row, instance = worn[rng.integers(len(worn))]
        picture = self._photos[row]
        mask = (picture.ids == instance).astype(np.uint8)
        if not whole_enough(mask):
            return None
        x0, y0, x1, y1 = (int(v) for v in mask_box(mask))
        part = np.s_[y0:y1, x0:x1]
        return ShopGarment(picture.image[part], mask[part] * 255, type_id, f"{self._photos.name(row)}-{instance}")


def dressed_photos(photos: Store, singles: Store, count: int) -> Iterator[tuple[str, Annotated]]:
    """Photos of people in other clothes of the same types; their id maps stay, so that truths are as exact as before.

    Args:
        photos: street photos with id maps, see `training.data.ccp`.
        singles: photos of single garments, see `training.data.clothing`.
        count: pictures to make. Photos come in turn, in random order, those with an open coat over something twice.

    Yields:
        Name and picture.
    """
    rack = Rack(photos, singles)
    layered = [i for i, types in enumerate(photos.types) if _OVER in types and _UNDER.intersection(types)]
    turns = np.random.default_rng(_SEED).permutation([*range(len(photos)), *layered])
    for number in range(count):
        row = int(turns[number % len(turns)])
        photo, name = photos[row], photos.name(row)
        rng = np.random.default_rng((_SEED, number))
        yield f"{name}-{number}", _dressed(Wearer(photo.image, photo.ids, photo.types, name), rack, rng)


def _dressed(wearer: Wearer, rack: Rack, rng: Generator) -> Annotated:
    image = wearer.image
    for instance, type_id in enumerate(wearer.types, start=1):
        mask = wearer.ids == instance
        if rng.random() < _CHANGED and mask.any():
            garment = rack.draw(type_id, aspect(mask), rng)
            worn = garment and try_on(replace(wearer, image=image), instance, garment, rng)
            image = worn.image if worn else image
    return Annotated(image, wearer.ids, wearer.types)
