"""Which garments meet in a batch: many of one type, many of one colour, so that the negatives are hard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data.garment_crops import DRAWN, FLAT, PACKSHOT, TRAIN, TRYON, WORN, Garment, Garments

_SHOP = (FLAT, PACKSHOT)
_CROWD = 4  # times as many garments are looked at to find those of one colour


@dataclass(frozen=True)
class Pair:
    """Rows of one garment: one for the shop's view, one for the worn view (they may be the same row).

    Attributes:
        shop, worn: row numbers.
        type_id: of the garment.
        number: of the identity; a colourway (see `training.embedder.colourway`) has a number of its own.
        dye: seed of the colourway, 0 for the garment's own colours.
    """

    shop: int
    worn: int
    type_id: int
    number: int = 0
    dye: int = 0


class PairSource:
    """Pairs of rows with one identity, the source of every training pair.

    A garment tried on by others pairs its shop photo with one of those photos, a rendered product its packshot with a
    scene. Without such rows, and now and then with them, a garment is paired with itself, and the two views make the
    difference.
    """

    def __init__(self, garments: Garments, split: str = TRAIN, own: float = 0.0) -> None:
        """Group the rows of a split by identity; whole photos (without a mask) are left out.

        Args:
            garments: all rows.
            split: which of them.
            own: share of pairs of a garment with itself where others wear it too.
        """
        shop: dict[str, list[int]] = defaultdict(list)
        worn: dict[str, list[int]] = defaultdict(list)
        tried: dict[str, list[int]] = defaultdict(list)
        self.types: dict[str, int] = {}
        self.rendered: set[str] = set()
        self._own = own
        for i in garments.find(split, (FLAT, WORN, PACKSHOT, DRAWN, TRYON)):
            row = garments.rows[i]
            self.types[row.identity] = row.type_id
            if row.kind in (PACKSHOT, DRAWN):
                self.rendered.add(row.identity)
            (shop if row.kind in _SHOP else tried if row.kind == TRYON else worn)[row.identity].append(i)
        # Nobody's shop photo: its first rows were left out.
        self.identities = sorted(name for name in self.types if shop[name] or worn[name])
        self._numbers = {name: number for number, name in enumerate(self.identities)}
        self._shop = {name: shop[name] or worn[name] for name in self.identities}
        self._itself = {name: worn[name] or shop[name] for name in self.identities}
        self._tried = {name: tried[name] for name in self.identities}

    def pair(self, identity: str, rng: Generator) -> Pair:
        """A random pair of rows of one identity."""
        shop, worn = self._shop[identity], self._tried[identity]
        if not worn or rng.random() < self._own:
            worn = self._itself[identity]
        number = self._numbers[identity]
        return Pair(int(rng.choice(shop)), int(rng.choice(worn)), self.types[identity], number)

    def shop_row(self, identity: str) -> int:
        """The first row that a shop would show."""
        return self._shop[identity][0]


class PairSampler:
    """Batches: a half of one type, a quarter of mixed types, a quarter in other colours of garments of the first half.

    Every other batch takes its first half from one corner of the colour space. A share of batches takes it from one
    kind of picture, rendered or photographed: what a shop's photos have in common then tells none of them apart.
    """

    def __init__(
        self, garments: Garments, source: PairSource, colourways: float = 0.25, one_source: float = 0.0
    ) -> None:
        """Sample from a source of pairs.

        Args:
            garments: the rows that `source` counts.
            source: of pairs.
            colourways: share of a batch that is dyed, see `training.embedder.colourway`.
            one_source: share of batches whose first half is all rendered or all photographed.
        """
        self._source, self._colourways, self._one_source = source, colourways, one_source
        self._colour = {name: _mean_colour(garments[source.shop_row(name)]) for name in source.identities}
        self._by_type: dict[int, list[str]] = defaultdict(list)
        for name in source.identities:
            self._by_type[source.types[name]].append(name)

    def draw(self, count: int, rng: Generator) -> list[Pair]:
        """`count` pairs; fewer only if there are fewer identities."""
        kinds = sorted(self._by_type)
        sizes = np.sqrt([len(self._by_type[kind]) for kind in kinds])
        names = self._by_type[kinds[rng.choice(len(kinds), p=sizes / sizes.sum())]]
        if self._one_source and rng.random() < self._one_source:
            names = self._of_one_source(names, rng)
        dyed = round(self._colourways * count)
        chosen = self._alike(names, count // 2, rng) if rng.random() < 0.5 else _some(names, count // 2, rng)
        taken = set(chosen)
        chosen += _some([n for n in self._source.identities if n not in taken], count - dyed - len(chosen), rng)
        pairs = [self._source.pair(name, rng) for name in chosen]
        return pairs + [self._dyed(name, rng) for name in chosen[:dyed]]

    def _of_one_source(self, names: Sequence[str], rng: Generator) -> list[str]:
        """The rendered or the photographed ones of some garments."""
        rendered = [name for name in names if name in self._source.rendered]
        photographed = [name for name in names if name not in self._source.rendered]
        sizes = np.sqrt([len(rendered), len(photographed)])
        return (rendered, photographed)[rng.choice(2, p=sizes / sizes.sum())]

    def _dyed(self, name: str, rng: Generator) -> Pair:
        pair, dye = self._source.pair(name, rng), int(rng.integers(1, 2**31))
        # Numbers of colourways are negative, so that they are nobody else's.
        return Pair(pair.shop, pair.worn, pair.type_id, -dye, dye)

    def _alike(self, names: Sequence[str], count: int, rng: Generator) -> list[str]:
        """Garments of nearly one colour, the first at random."""
        crowd = _some(names, _CROWD * count, rng)
        colours = np.stack([self._colour[name] for name in crowd])
        nearest = np.argsort(np.linalg.norm(colours - colours[0], axis=1), kind="stable")
        return [crowd[i] for i in nearest[:count]]


def _mean_colour(garment: Garment) -> NDArray[np.float64]:
    """Mean Lab colour (3,) under the mask."""
    inside = garment.mask > 127
    pixels = garment.image[inside] if inside.any() else garment.image.reshape(-1, 3)
    return cv2.cvtColor(pixels[None, ::7], cv2.COLOR_BGR2LAB)[0].mean(0)


def _some(names: Sequence[str], count: int, rng: Generator) -> list[str]:
    return [names[i] for i in rng.choice(len(names), min(count, len(names)), replace=False)]
