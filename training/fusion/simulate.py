"""Simulated tracks of garments, described by a bundle's embedder, for training and measuring fusion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple
from typing import TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from matcher.boxes import crop_square, mask_on_crop
from matcher.bundle import Bundle
from matcher.stages.embed import Embedder
from matcher.stages.models import Runtime
from matcher.stages.quality import certainty
from matcher.taxonomy import TYPES
from training.augment.cloth import BEND, WAVE
from training.augment.finding import View
from training.data.garment_crops import FLAT, TRAIN, VALIDATION, WORN, Garments
from training.embedder.sampler import PairSource
from training.embedder.views import shop_view
from training.fusion.plates import Moments, garment_moments
from training.fusion.sighting import Conditions, Sighting, see
from training.fusion.tracks import Gallery, Track

VIEWS = (8, 16)
GAP_S = (0.25, 1.5)  # between two views that are embedded
MIXED_UP = 0.04  # share of views in which the tracker is on another garment
_BATCH = 16

T = TypeVar("T")
Progress = Callable[[Sequence[T], str], Iterable[T]]


class Describe:
    """A bundle's embedder on crops and masks that are already cut."""

    def __init__(self, bundle: Bundle, runtime: Runtime | None = None) -> None:
        """Load the embedder; see `matcher.stages.embed.Embedder` for the errors."""
        self._embedder = Embedder(bundle, runtime)
        self.size, self.margin = self._embedder.size, self._embedder.margin

    def __call__(self, views: Sequence[View]) -> NDArray[np.float32]:
        """(N, D) embeddings of at least one (crop, mask)."""
        parts = [views[at : at + _BATCH] for at in range(0, len(views), _BATCH)]
        columns = ((np.stack(column) for column in zip(*part, strict=True)) for part in parts)
        return np.concatenate([self._embedder.of_crops(crops, masks) for crops, masks in columns])

    def sighting(self, seen: Sighting) -> View:
        """The crop and mask of a sighting as the matcher cuts them."""
        crop = crop_square(seen.image, seen.box, self.size, self.margin)
        return crop, mask_on_crop(seen.mask, seen.box, self.size, self.margin)


class Simulator:
    """Draws tracks of the garments of one split; each is looked for among the gallery of that split."""

    def __init__(self, garments: Garments, split: str, describe: Describe) -> None:
        """Training garments are bent by the training family of warps, held-out ones by the other."""
        self._garments, self._describe = garments, describe
        self._source = PairSource(garments, split)
        self._scenery = garments.find(split if split == TRAIN else VALIDATION, (WORN, FLAT))
        self._family = BEND if split == TRAIN else WAVE
        self.identities = self._source.identities

    def track(self, identity: str, wanted: int, rng: Generator) -> Track:
        """A track of one garment.

        Args:
            identity: one of `identities`.
            wanted: its row in the gallery.
            rng: source of randomness.
        """
        pair = self._source.pair(identity, rng)
        own, other = self._moments(pair.worn, rng), self._moments(int(rng.choice(self._scenery)), rng)
        conditions, count = Conditions.draw(rng), int(rng.integers(VIEWS[0], VIEWS[1] + 1))
        seen = []
        for i in range(count):
            shown, before = (own, other) if rng.random() >= MIXED_UP else (other, own)
            seen.append(see(shown(rng), before, conditions, i / (count - 1), rng))
        times = np.cumsum(rng.uniform(*GAP_S, count))
        return described(seen, times, pair.type_id, wanted, self._describe)

    def shop(self, identities: Sequence[str], rng: Generator, progress: Progress) -> Gallery:
        """A gallery with the shop's view of each of some garments, in their order."""
        pairs = [self._source.pair(name, rng) for name in identities]
        size, margin = self._describe.size, self._describe.margin
        parts = []
        for at in progress(range(0, len(pairs), _BATCH), "shop views"):
            some = pairs[at : at + _BATCH]
            views = [shop_view(self._garments[p.shop], rng, size, margin, self._family) for p in some]
            parts.append(self._describe(views))
        return Gallery(np.concatenate(parts), np.array([pair.type_id for pair in pairs]))

    def _moments(self, row: int, rng: Generator) -> Moments:
        behind = self._garments[int(rng.choice(self._scenery))]
        return garment_moments(self._garments[row], behind, self._family)


def described(seen: Sequence[Sighting], times: NDArray, type_id: int, wanted: int, describe: Describe) -> Track:
    """The track of some sightings in order of time; its type is taken as known."""
    embeddings = describe([describe.sighting(one) for one in seen])
    measures = np.concatenate([np.stack(astuple(one.measures), 1) for one in seen])
    sure = certainty(np.stack([one.mask for one in seen]))
    qualities = np.concatenate([one.measures.quality() for one in seen])
    probs = np.eye(len(TYPES), dtype=np.float32)[type_id]
    return Track(embeddings, qualities, np.column_stack([measures, sure]), times, probs, wanted)
