"""Which garments meet in a batch: half of them of one type, so that the negatives are hard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from training.data.garment_crops import DRAWN, FLAT, PACKSHOT, TRAIN, WORN, Garments


@dataclass(frozen=True)
class Pair:
    """Rows of one garment: one for the shop's view, one for the worn view (they may be the same row)."""

    shop: int
    worn: int
    type_id: int


class PairSource:
    """Pairs of rows with one identity, the source of every training pair.

    A rendered product pairs a packshot with a scene in which it is worn where both exist; a photographed garment is
    paired with itself, and the two views make the difference.
    """

    def __init__(self, garments: Garments, split: str = TRAIN) -> None:
        """Group the rows of a split by identity; whole photos (without a mask) are left out."""
        shop: dict[str, list[int]] = defaultdict(list)
        worn: dict[str, list[int]] = defaultdict(list)
        self.types: dict[str, int] = {}
        for i in garments.find(split, (FLAT, WORN, PACKSHOT, DRAWN)):
            row = garments.rows[i]
            self.types[row.identity] = row.type_id
            (shop if row.kind in (FLAT, PACKSHOT) else worn)[row.identity].append(i)
        self.identities = sorted(self.types)
        self._shop = {name: shop[name] or worn[name] for name in self.identities}
        self._worn = {name: worn[name] or shop[name] for name in self.identities}

    def pair(self, identity: str, rng: Generator) -> Pair:
        """A random pair of rows of one identity."""
        shop, worn = self._shop[identity], self._worn[identity]
        return Pair(shop[rng.integers(len(shop))], worn[rng.integers(len(worn))], self.types[identity])


class PairSampler:
    """Batches of different identities, half of them of one type."""

    def __init__(self, source: PairSource) -> None:
        """Sample from a source of pairs."""
        self._source = source
        self._by_type: dict[int, list[str]] = defaultdict(list)
        for name in source.identities:
            self._by_type[source.types[name]].append(name)

    def draw(self, count: int, rng: Generator) -> list[Pair]:
        """`count` pairs; fewer only if there are fewer identities. The last half is of mixed types."""
        kinds = sorted(self._by_type)
        sizes = np.sqrt([len(self._by_type[kind]) for kind in kinds])
        kind = kinds[rng.choice(len(kinds), p=sizes / sizes.sum())]
        chosen = _some(self._by_type[kind], count // 2, rng)
        taken = set(chosen)
        chosen += _some([n for n in self._source.identities if n not in taken], count - len(chosen), rng)
        return [self._source.pair(name, rng) for name in chosen]


def _some(names: Sequence[str], count: int, rng: Generator) -> list[str]:
    return [names[i] for i in rng.choice(len(names), min(count, len(names)), replace=False)]
