"""`asworn bench fusion`: what several views of a garment are worth, by the way they are made into one answer."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets import TruthClip, data_folder, truth_clips
from benchmarks.fusion_clips import Watcher, drawn_tracks, real_gallery, real_tracks, shop_gallery
from benchmarks.fusion_methods import METHODS, Method
from benchmarks.fusion_score import ask, choose_exact, figures
from benchmarks.showcase import FIRST_SEED
from matcher.bundle import Bundle
from matcher.wardrobe.product import make_wardrobe
from training.evaluation.output import Progress
from training.fusion.sets import CHOOSE, REPORT, TrackData, simulated
from training.fusion.tracks import Track, TrackSet, load_tracks, save_tracks

SHOP = 700  # seeds of shop and clips, counted from those of the benchmarks
SIMULATED, DRAWN, REAL = "simulated", "drawn clips", "real clips"


@dataclass(frozen=True)
class ClipPlan:
    """How much is drawn and watched.

    Attributes:
        clips: drawn clips.
        seconds: length of each.
        per_type: products of each type in their shop.
        stride: of the real clips' frames, each so many is looked at.
    """

    clips: int = 3
    seconds: float = 15
    per_type: int = 18
    stride: int = 2


def fusion(
    data: TrackData,
    bundle: Bundle,
    parts: tuple[str, ...],
    plan: ClipPlan,
    progress: Progress,
    more: dict[str, Method] | None = None,
) -> dict[str, Any]:
    """Compare ways of fusing on the same tracks.

    Each method's threshold of "exact" is chosen on simulated tracks of other garments than those that are reported.

    Args:
        data: simulated tracks, and the cache of all tracks.
        bundle: the weights.
        parts: which of `SIMULATED`, `DRAWN`, `REAL`.
        plan: of the clips.
        progress: wraps what takes long.
        more: further methods by name.

    Returns:
        {part: {"tracks", "views", "gallery", "methods": {name: figures}}}; see `benchmarks.fusion_score.figures`.

    Raises:
        ConfigError: there are no garments.
        InputError: there are no real clips.
    """
    methods = {**METHODS, **(more or {})}
    chosen = simulated(data, bundle, CHOOSE, progress)
    exact = {name: choose_exact(ask(chosen, method)) for name, method in methods.items()}
    clips = _Clips(data, bundle, plan, progress, chosen)
    make: dict[str, Callable[[], TrackSet]] = {
        SIMULATED: lambda: simulated(data, bundle, REPORT, progress),
        DRAWN: clips.drawn,
        REAL: clips.real,
    }
    return {part: _part(make[part](), methods, exact) for part in parts}


def _part(found: TrackSet, methods: dict[str, Method], exact: dict[str, float]) -> dict[str, Any]:
    return {
        "tracks": len(found.tracks),
        "views": round(float(np.mean([len(track) for track in found.tracks])), 1) if found.tracks else 0,
        "gallery": len(found.gallery),
        "methods": {name: figures(ask(found, method), exact[name]) for name, method in methods.items()},
    }


@dataclass(frozen=True)
class _Clips:
    """Tracks out of clips; the held-out gallery gives them distractors."""

    data: TrackData
    bundle: Bundle
    plan: ClipPlan
    progress: Progress
    held_out: TrackSet

    def drawn(self) -> TrackSet:
        plan = self.plan
        return self._with_distractors(f"drawn-{plan.clips}-{plan.seconds:g}-{plan.per_type}", self._draw)

    def real(self) -> TrackSet:
        return self._with_distractors(f"real-{self.plan.stride}", self._watch)

    def _with_distractors(self, name: str, make: Callable[[], TrackSet]) -> TrackSet:
        path = self.data.cache / f"{name}-{self.bundle.hash[:12]}.npz"
        if not path.is_file():
            save_tracks(path, make())
        found = load_tracks(path)
        return replace(found, gallery=found.gallery.joined(self.held_out.gallery))

    def _draw(self) -> TrackSet:
        plan, threads = self.plan, self.data.threads
        seeds = range(SHOP + 1, SHOP + 1 + plan.clips)
        watcher = Watcher(self.bundle, threads)
        tracks = drawn_tracks(watcher, SHOP, plan.per_type, seeds, plan.seconds, self.progress)
        products = self.progress(make_wardrobe(FIRST_SEED + SHOP, plan.per_type), "shop photos")
        return TrackSet(tracks, shop_gallery(products, self.bundle, threads))

    def _watch(self) -> TrackSet:
        folder = data_folder()
        products = _listed(folder / "videos" / "truth" / "products.csv")
        watcher, found = Watcher(self.bundle, self.data.threads), []
        for clip in truth_clips(folder):
            found += self._one(watcher, clip, products)
        pictures = [(row["image"], row["type"]) for row in products]
        return TrackSet(found, real_gallery(folder / "videos" / "truth", pictures, self.bundle, self.data.threads))

    def _one(self, watcher: Watcher, clip: TruthClip, products: list[dict[str, str]]) -> list[Track]:
        types = {row["id"]: row["type"] for row in products}
        rows = {row["id"]: number for number, row in enumerate(products)}
        return real_tracks(watcher, clip, types, rows, self.plan.stride, self.progress)


def _listed(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
