"""Watches a real clip: which garments show a listed product, what the pipeline says of them, and their vectors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.entrants import Entrant
from benchmarks.items import View
from matcher.boxes import area
from matcher.pipeline import Pipeline
from matcher.stages.detect import SLOT_OF_TYPE
from matcher.stages.embed import Embedder
from matcher.types import NONE, Frame, Garments
from matcher.video.open import open_video
from training.evaluation.output import Progress
from training.evaluation.video_truth import Interval

VIEW_EVERY_S = 0.5  # of each track, for the figures of single frames
_AROUND_S = 1.0  # frames further from all listed times are not looked at
_OWN_SHARE = 0.5  # of a track's frames in which it must be the product


@dataclass(frozen=True)
class ClipView:
    """A garment in one frame, or the mean of a track.

    Attributes:
        product: that it truly is.
        track: its number.
        type_probs: (T,) what the pipeline believes.
        vectors: name of the entrant to (D,).
    """

    product: str
    track: int
    type_probs: NDArray[np.float32]
    vectors: dict[str, NDArray[np.float32]]


@dataclass
class Track:
    """What became of a track: how long it is which product, and what it said last while it was one."""

    seconds: float = 0.0
    frames: int = 0
    as_product: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    said: str = ""
    tier: int = NONE
    tier_removed: int = NONE

    @property
    def product(self) -> str:
        """The product that it mostly is; empty when it mostly is none."""
        best = max(self.as_product, key=lambda name: self.as_product[name], default="")
        return best if best and self.as_product[best] >= _OWN_SHARE * self.frames else ""


@dataclass
class Seen:
    """All that was seen of a clip; `listed_s` is the time that products are listed, `seen_s` that they are tracked."""

    views: list[ClipView] = field(default_factory=list)
    tracks: dict[int, Track] = field(default_factory=lambda: defaultdict(Track))
    listed_s: float = 0.0
    seen_s: float = 0.0

    def track_means(self) -> Iterator[ClipView]:
        """Of each track that shows a product: the mean of its views."""
        groups: dict[int, list[ClipView]] = defaultdict(list)
        for view in self.views:
            groups[view.track].append(view)
        for number, views in groups.items():
            if self.tracks[number].product:
                mine = [view for view in views if view.product == self.tracks[number].product]
                yield _mean(mine)


def own_tracks(seen: Seen) -> list[Track]:
    """The tracks that show a product."""
    return [track for track in seen.tracks.values() if track.product]


class Watcher:
    """Runs a pipeline over a clip, and its last stages a second time with a catalogue that lacks the products."""

    def __init__(
        self,
        whole: Pipeline,
        poor: Pipeline,
        entrants: Sequence[Entrant],
        truth: Sequence[Interval],
        types: dict[str, int],
        step: int = 1,
    ) -> None:
        """Take the two pipelines.

        Args:
            whole: with all products.
            poor: without those of the clips.
            entrants: describe the views.
            truth: when which product is seen.
            types: product to type id.
            step: every so many frames are looked at.
        """
        self._whole, self._poor, self._entrants, self._truth, self._step = whole, poor, entrants, truth, step
        self._slots = {name: int(SLOT_OF_TYPE[kind]) for name, kind in types.items()}
        listed = {interval.product_id for interval in truth}
        self._listed_slots = {self._slots[name] for name in listed}
        self._last_view: dict[int, float] = {}

    def watch(self, video: Path, progress: Progress) -> Seen:
        """Watch the clip from its first frame.

        Raises:
            MediaError: the clip cannot be read.
        """
        seen = Seen()
        hidden = _Hidden(self._whole.embedder, self._rows_left_out)
        own, self._whole.embedder = self._whole.embedder, hidden
        self._whole.reset()
        self._poor.reset()
        try:
            with open_video(video) as source:
                for frame, duration in self._frames(progress(source, "frames", source.frames_estimate)):
                    self._look(frame, duration, self._whole(frame).seen, hidden.last, seen)
        finally:
            self._whole.embedder = own
        return seen

    def _frames(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, float]]:
        """The frames near listed times, timed from the first one, and the seconds that each stands for."""
        start, last = None, None
        for number, frame in enumerate(frames):
            start = frame.pts if start is None else start
            shifted = replace(frame, pts=frame.pts - start)
            if number % self._step or not any(one.holds(shifted.time, _AROUND_S) for one in self._truth):
                continue
            gap = shifted.time - last if last is not None else 0.0
            last = shifted.time
            yield shifted, gap if gap <= _AROUND_S else 0.0

    def _look(self, frame: Frame, duration: float, garments: Garments, embedded: Garments, seen: Seen) -> None:
        poor = self._poor
        removed = poor.settle(frame, poor.lookup(poor.fuse(frame, embedded)))
        now = {one.product_id for one in self._truth if one.holds(frame.time)}
        rows = self._product_rows(garments, now)
        seen.listed_s += duration * len(now)
        seen.seen_s += duration * len(rows)
        judged = {row for row in range(len(garments)) if self._slot(garments, row) in {self._slots[p] for p in now}}
        for row in judged:
            seen.tracks[int(garments.track_id[row])].frames += 1
        for product, row in rows.items():
            self._note(seen.tracks[int(garments.track_id[row])], product, duration, garments[row], removed[row])
            self._view(frame, product, garments[row], seen)

    def _note(self, track: Track, product: str, duration: float, garment: Garments, removed: Garments) -> None:
        track.as_product[product] += 1
        track.seconds += duration
        track.said = garment.product.id if garment.product is not None else ""
        track.tier, track.tier_removed = int(garment.tier[0]), int(removed.tier[0])

    def _view(self, frame: Frame, product: str, garment: Garments, seen: Seen) -> None:
        number = int(garment.track_id[0])
        if frame.time - self._last_view.get(number, -VIEW_EVERY_S) < VIEW_EVERY_S:
            return
        self._last_view[number] = frame.time
        view = View(frame.image, garment.xyxy[0], garment.mask[0])
        vectors = {one.name: one.embed(view) for one in self._entrants}
        seen.views.append(ClipView(product, number, garment.type_probs[0], vectors))

    def _product_rows(self, garments: Garments, now: set[str]) -> dict[str, int]:
        """Each product seen now with the row of the largest garment at its place on the body."""
        sizes = area(garments.xyxy)
        rows = {}
        for product in sorted(now):
            same = [r for r in range(len(garments)) if self._slot(garments, r) == self._slots[product]]
            if same:
                rows[product] = max(same, key=lambda row: sizes[row])
        return rows

    def _rows_left_out(self, frame: Frame, garments: Garments) -> NDArray[np.bool_]:
        """Rows at a place whose product the truth does not list now, as when it was cropped from this moment."""
        now = {self._slots[one.product_id] for one in self._truth if one.holds(frame.time)}
        left = self._listed_slots - now
        return np.array([self._slot(garments, row) in left for row in range(len(garments))], bool)

    def _slot(self, garments: Garments, row: int) -> int:
        return int(SLOT_OF_TYPE[garments.type_id[row]])


class _Hidden:
    """The embedder, blind to some rows; keeps what it gave last."""

    def __init__(self, embedder: Embedder, left_out: Callable[[Frame, Garments], NDArray[np.bool_]]) -> None:
        self._embedder, self._left_out = embedder, left_out
        self.last = Garments.empty()

    def __call__(self, frame: Frame, garments: Garments) -> Garments:
        due = garments.due & ~self._left_out(frame, garments)
        self.last = self._embedder(frame, garments.with_columns(due=due)).with_columns(due=garments.due)
        return self.last


def _mean(views: Sequence[ClipView]) -> ClipView:
    probs = np.mean([view.type_probs for view in views], axis=0)
    vectors = {}
    for name in views[0].vectors:
        mean = np.mean([view.vectors[name] for view in views], axis=0)
        vectors[name] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return ClipView(views[0].product, views[0].track, probs, vectors)
