"""Sets of simulated tracks, made once for each embedder: for training, for choosing, and for reporting.

Held-out garments are split by name into those that choices are made on and those that are reported; both are looked
for among all held-out garments and some training garments. Training sets hold training garments alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from matcher.bundle import Bundle
from matcher.stages.models import Runtime
from training.data.garment_crops import TRAIN, VALIDATION, Garments
from training.embedder.sampler import PairSource
from training.fusion.simulate import Describe, Progress, Simulator
from training.fusion.tracks import Gallery, TrackSet, load_tracks, save_tracks
from training.mixture import GarmentData, open_garments

LEARN, CHOOSE, REPORT = "learn", "choose", "report"
_SEEDS = {LEARN: 610_000_000, CHOOSE: 620_000_000, REPORT: 630_000_000}
_SPLIT_SEED = 640_000_000


@dataclass(frozen=True)
class TrackData:
    """Which tracks are simulated.

    Attributes:
        garments: where the garments come from.
        cache: folder for the tracks' embeddings; a file for each embedder and part.
        tracks: so many of each part at most.
        distractors: so many training garments at most join the gallery.
        threads: of the embedder.
    """

    garments: GarmentData = field(default_factory=GarmentData)
    cache: Path = Path("runs/tracks")
    tracks: int = 400
    distractors: int = 3000
    threads: int = 2


def simulated(data: TrackData, bundle: Bundle, part: str, progress: Progress) -> TrackSet:
    """The tracks of one part, from the cache where they were made before.

    Args:
        data: which tracks.
        bundle: its embedder describes the views.
        part: `LEARN`, `CHOOSE` or `REPORT`.
        progress: wraps tracks and shop views.

    Raises:
        ConfigError: there are no garments.
    """
    maker = _Maker(data, bundle, progress)
    held = TRAIN if part == LEARN else VALIDATION
    known = f"{maker.digest}-{bundle.embedder_hash[:12]}"
    learn = f"-{data.tracks}" if part == LEARN else ""
    gallery = _cached(data.cache / f"gallery-{held}{learn}-{data.distractors}-{known}.npz", lambda: maker.gallery(part))
    tracks = _cached(data.cache / f"{part}-{data.tracks}-{known}.npz", lambda: maker.tracks(part))
    return TrackSet(tracks.tracks, gallery.gallery)


def _cached(path: Path, make: Callable[[], TrackSet]) -> TrackSet:
    if not path.is_file():
        save_tracks(path, make())
    return load_tracks(path)


class _Maker:
    """Makes tracks and galleries; the models are opened when something has to be made."""

    def __init__(self, data: TrackData, bundle: Bundle, progress: Progress) -> None:
        self._data, self._bundle, self._progress = data, bundle, progress

    @property
    def digest(self) -> str:
        """Of all rows and of the order of the garments' names: rows of a gallery mean nothing for others."""
        names = [name for split in (TRAIN, VALIDATION) for name in PairSource(self._garments, split).identities]
        known = json.dumps([names, [(row.kind, row.identity) for row in self._garments.rows]])
        return hashlib.sha256(known.encode()).hexdigest()[:8]

    def tracks(self, part: str) -> TrackSet:
        """The tracks of a part; the gallery is apart."""
        simulator = self._simulator(TRAIN if part == LEARN else VALIDATION)
        chosen = _names(simulator.identities, part)[: self._data.tracks]
        rows = {name: row for row, name in enumerate(self._held(simulator, part))}
        found = [
            simulator.track(name, rows[name], np.random.default_rng((_SEEDS[part], rows[name])))
            for name in self._progress(chosen, f"tracks to {part}")
        ]
        return TrackSet(found, _nothing())

    def gallery(self, part: str) -> TrackSet:
        """The gallery of a part, without tracks."""
        train, rng = self._simulator(TRAIN), np.random.default_rng(_SPLIT_SEED + 1)
        asked = train if part == LEARN else self._simulator(VALIDATION)
        held = self._held(asked, part)
        extra = _spread([name for name in train.identities if name not in set(held)], self._data.distractors)
        shown = asked.shop(held, rng, self._progress)
        return TrackSet([], shown.joined(train.shop(extra, rng, self._progress)))

    def _held(self, simulator: Simulator, part: str) -> list[str]:
        """The garments whose shop views lead the gallery."""
        return (
            sorted(_names(simulator.identities, part)[: self._data.tracks]) if part == LEARN else simulator.identities
        )

    def _simulator(self, split: str) -> Simulator:
        return Simulator(self._garments, split, self._describe)

    @cached_property
    def _garments(self) -> Garments:
        return open_garments(self._data.garments)

    @cached_property
    def _describe(self) -> Describe:
        return Describe(self._bundle, Runtime(threads=self._data.threads))


def _nothing() -> Gallery:
    return Gallery(np.zeros((0, 0), np.float32), np.zeros(0, np.int64))


def _names(identities: list[str], part: str) -> list[str]:
    """The identities of a part in a random order that never changes."""
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(identities))
    start, step = {LEARN: (0, 1), CHOOSE: (0, 2), REPORT: (1, 2)}[part]
    return [identities[i] for i in order[start::step]]


def _spread(names: list[str], count: int) -> list[str]:
    places = np.linspace(0, len(names), min(count, len(names)), endpoint=False).astype(int)
    return [names[i] for i in places]
