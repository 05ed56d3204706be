"""Try-on crops for training: every shop garment on several people, as rows that share its identity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from training.data.garment_crops import TRYON, Garment, Row, cut
from training.data.records import count_pixels
from training.tryon.records import ShopGarment, TryOn, Wearer
from training.tryon.spans import aspect
from training.tryon.synthesise import try_on
from training.tryon.warp import GRID

_LEAST = 0.15  # of the median area of the type; what shows less is no fair question
_CANDIDATES = 3


@dataclass(frozen=True)
class Place:
    """Where a garment can be put: the number of a wearer, the value in its id map, height over width there."""

    wearer: int
    instance: int
    aspect: float


class Wardrobe:
    """People, and which of their garments can be replaced."""

    def __init__(self, wearers: Sequence[Wearer]) -> None:
        """Look at every garment of every wearer once."""
        self.wearers = wearers
        self.places: dict[int, list[Place]] = defaultdict(list)
        areas: dict[int, list[int]] = defaultdict(list)
        for i, wearer in enumerate(wearers):
            counts = count_pixels(wearer.ids)
            for instance, type_id in enumerate(wearer.types, start=1):
                if counts[instance]:
                    self.places[type_id].append(Place(i, instance, aspect(wearer.ids == instance)))
                    areas[type_id].append(int(counts[instance]))
        for type_id, known in areas.items():
            least = _LEAST * float(np.median(known))
            kept = [place for place, area in zip(self.places[type_id], known, strict=True) if area >= least]
            self.places[type_id] = kept

    def choose(self, garment: ShopGarment, rng: Generator) -> Place | None:
        """A place of the garment's type, one of a few random ones whose proportions suit it best."""
        places = self.places.get(garment.type_id, [])
        if not places:
            return None
        some = [places[i] for i in rng.integers(len(places), size=_CANDIDATES)]
        wanted = aspect(garment.mask)
        return min(some, key=lambda place: abs(np.log(place.aspect / wanted)))

    def dress(self, garment: ShopGarment, rng: Generator, family: str = GRID) -> TryOn | None:
        """The garment on somebody; None where nobody wears its type, or too little would be seen."""
        place = self.choose(garment, rng)
        if place is None:
            return None
        return try_on(self.wearers[place.wearer], place.instance, garment, rng, family)


def tryon_crops(
    garments: Iterable[ShopGarment], wardrobe: Wardrobe, times: int, split: str, seed: int, family: str = GRID
) -> Iterator[Garment]:
    """Crops of garments on several people each.

    Args:
        garments: what to put on.
        wardrobe: on whom.
        times: people for each garment.
        split: that the rows are marked with; garments and wearers must be of it.
        seed: every garment's people follow from it and its number.
        family: of warps.
    """
    for number, garment in enumerate(garments):
        rng = np.random.default_rng((seed, number))
        for _ in range(times):
            worn = wardrobe.dress(garment, rng, family)
            if worn is not None:
                yield cut(worn.image, worn.mask, worn.box, Row(TRYON, split, worn.type_id, worn.identity))
