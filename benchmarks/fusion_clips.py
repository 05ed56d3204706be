"""Tracks with truth out of clips: the matcher's own detector and tracker, and what is really worn there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import TruthClip
from benchmarks.showcase import FIRST_SEED
from indexer.describe import BundleDescriber
from matcher.boxes import iou
from matcher.bundle import Bundle
from matcher.config import PipelineConfig
from matcher.pipeline import Pipeline
from matcher.stages.detect import SLOT_OF_TYPE
from matcher.stages.embed import Embedder
from matcher.stages.models import Runtime
from matcher.stages.quality import certainty, measure
from matcher.taxonomy import TYPE_IDS
from matcher.types import Frame, Garments
from matcher.video.image import read_image
from matcher.video.open import open_video
from matcher.wardrobe.clip import Clip
from matcher.wardrobe.packshot import render_packshot
from matcher.wardrobe.product import Product, make_wardrobe
from matcher.wardrobe.truth import Sight
from training.evaluation.output import Progress
from training.evaluation.video_truth import Interval, load_truth
from training.fusion.tracks import Gallery, Track

SIZE = (1280, 720)
FPS = Fraction(10)
PHOTO = 512  # pixels
SAME_GARMENT = 0.5  # IoU of a found box and a drawn garment
CERTAIN = 0.6  # share of a track's views that must show the same product

# Which product a box (4,) of a frame shows, as its truth says; None = none or not known.
Judge = Callable[[Frame, Garments, int], str | None]


@dataclass
class _Seen:
    """A track while it is being collected: a row for each embedded view."""

    rows: list[tuple[NDArray, float, NDArray, float]] = field(default_factory=list)
    votes: Counter[str | None] = field(default_factory=Counter)
    type_probs: NDArray[np.float32] | None = None


class Watcher:
    """Runs the matcher's stages up to the embedding and keeps every view that is embedded."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        """Load the models."""
        self._pipeline = Pipeline(PipelineConfig(threads=threads), bundle=bundle)
        self._embedder = Embedder(bundle, Runtime(threads=threads))

    def __call__(self, frames: Iterable[Frame], judge: Judge, rows: dict[str, int]) -> list[Track]:
        """The tracks whose product is known.

        Args:
            frames: of one clip.
            judge: its truth.
            rows: gallery row of each product.
        """
        self._pipeline.reset()
        seen: dict[int, _Seen] = {}
        for frame in frames:
            garments = self._pipeline(frame)
            self._keep(frame, self._embedder(frame, garments), judge, seen)
        return [_track(one, rows) for one in seen.values() if _product(one) in rows]

    def _keep(self, frame: Frame, garments: Garments, judge: Judge, seen: dict[int, _Seen]) -> None:
        measures = measure(frame.image, garments.xyxy, garments.score, SLOT_OF_TYPE[garments.type_id])
        columns = np.column_stack([*astuple(measures), certainty(garments.mask)])
        for i, number in enumerate(garments.track_id):
            one = seen.setdefault(int(number), _Seen())
            one.type_probs = garments.type_probs[i]
            if garments.due[i]:
                one.rows.append((garments.embedding[i], float(garments.quality[i]), columns[i], frame.time))
                one.votes[judge(frame, garments, i)] += 1


def _product(seen: _Seen) -> str | None:
    """The product that most views of a track show, if nearly all that show one agree."""
    if not seen.votes:
        return None
    name, count = seen.votes.most_common(1)[0]
    return name if count >= CERTAIN * sum(seen.votes.values()) else None


def _track(seen: _Seen, rows: dict[str, int]) -> Track:
    embeddings, qualities, measures, times = (np.array(column) for column in zip(*seen.rows, strict=True))
    return Track(embeddings, qualities, measures, times, seen.type_probs, rows[_product(seen)])


def shop_gallery(products: Iterable[Product], bundle: Bundle, threads: int) -> Gallery:
    """The shop's photo of each drawn product, described as the indexer does."""
    describer = BundleDescriber(bundle, Runtime(threads=threads))
    found = [(describer.describe(render_packshot(p, PHOTO)[0], p.type).embedding, TYPE_IDS[p.type]) for p in products]
    embeddings, types = zip(*found, strict=True)
    return Gallery(np.stack(embeddings), np.array(types))


def drawn_tracks(
    watcher: Watcher, shop: int, per_type: int, seeds: Iterable[int], seconds: float, progress: Progress
) -> list[Track]:
    """Tracks of drawn clips in which products of one drawn shop are worn.

    Args:
        watcher: the models.
        shop: seed of the shop.
        per_type: its products of each type; gallery rows are their order.
        seeds: one for each clip.
        seconds: length of each clip.
        progress: wraps the frames.
    """
    products = make_wardrobe(FIRST_SEED + shop, per_type)
    rows = {product.id: row for row, product in enumerate(products)}
    found = []
    for seed in seeds:
        clip = _Played(Clip(FIRST_SEED + seed, products, SIZE, FPS, seconds))
        found += watcher(progress(clip, "frames", clip.frames), clip.judge, rows)
    return found


class _Played:
    """A drawn clip as frames, which knows what is seen in the newest one."""

    def __init__(self, clip: Clip) -> None:
        self._clip, self.frames = clip, clip.frames
        self._sights: list[Sight] = []

    def __iter__(self) -> Iterator[Frame]:
        for i, (image, sights) in enumerate(self._clip):
            self._sights = sights
            yield Frame(image, i, 1 / FPS)

    def judge(self, frame: Frame, garments: Garments, row: int) -> str | None:
        """The drawn garment whose box is nearest, of the same place on the body where there are several."""
        if not self._sights:
            return None
        overlap = iou(garments.xyxy[row][None], np.array([one.box for one in self._sights], np.float32))[0]
        slot = SLOT_OF_TYPE[garments.type_id[row]]
        same = np.array([SLOT_OF_TYPE[TYPE_IDS[one.type]] == slot for one in self._sights])
        best = int((overlap + 0.3 * same).argmax())
        return self._sights[best].product_id if overlap[best] >= SAME_GARMENT else None


def real_tracks(
    watcher: Watcher, clip: TruthClip, types: dict[str, str], rows: dict[str, int], stride: int, progress: Progress
) -> list[Track]:
    """Tracks of a real clip while one of its products is seen.

    The truth says when a product is seen, not where: a track counts as a product's if it lies in its intervals and is
    worn at the same place on the body. So where two people are seen at once, a track of the other one may count too.

    Args:
        watcher: the models.
        clip: video and truth.
        types: type of each product.
        rows: gallery row of each product.
        stride: every so many frames are looked at.
        progress: wraps the frames.
    """
    truth = [one for one in load_truth(clip.truth) if one.product_id in rows]
    with open_video(clip.video) as source:
        frames = (frame for frame in progress(source, "frames", source.frames_estimate) if frame.index % stride == 0)
        return watcher(frames, _in_intervals(truth, types), rows)


def _in_intervals(truth: list[Interval], types: dict[str, str]) -> Judge:
    def judge(frame: Frame, garments: Garments, row: int) -> str | None:
        slot = SLOT_OF_TYPE[garments.type_id[row]]
        fits = (one for one in truth if one.holds(frame.time) and _slot(types[one.product_id]) == slot)
        return next((one.product_id for one in fits), None)

    return judge


def _slot(type_name: str) -> int:
    return int(SLOT_OF_TYPE[TYPE_IDS[type_name]])


def real_gallery(folder: Path, products: Iterable[tuple[str, str]], bundle: Bundle, threads: int) -> Gallery:
    """The shop's photo of each product (path relative to `folder`, type), described as the indexer does."""
    describer = BundleDescriber(bundle, Runtime(threads=threads))
    found = [(describer.describe(read_image(folder / path), t).embedding, TYPE_IDS[t]) for path, t in products]
    embeddings, types = zip(*found, strict=True)
    return Gallery(np.stack(embeddings), np.array(types))
