"""Run the pipeline over a video and score what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.config import load_pipeline_config
from matcher.pipeline import Pipeline
from matcher.types import NONE, Frame, Garments, Product
from matcher.video.open import open_video
from training.evaluation.output import Progress
from training.evaluation.video_score import Moment, Shown, score_video
from training.evaluation.video_truth import Interval

Products = Callable[[int], Product | None]


class MomentLog:
    """Keeps what is shown in every frame, in the few numbers that a score needs."""

    def __init__(self, products: Products) -> None:
        """Take the function that gives the product of a catalogue row."""
        self._products = products
        self._times: list[Fraction] = []
        self._shown: list[tuple[Shown, ...]] = []

    def add(self, frame: Frame, garments: Garments) -> None:
        """Note one frame with its settled garments."""
        self._times.append(frame.timestamp)
        self._shown.append(tuple(self._rows(garments)))

    def moments(self) -> list[Moment]:
        """All frames so far; a frame lasts until the next one, the last one as long as the one before it."""
        steps = [float(b - a) for a, b in zip(self._times, self._times[1:], strict=False)]
        steps.append(steps[-1] if steps else 0.0)
        rows = zip(self._times, steps, self._shown, strict=True)
        return [Moment(float(time), step, shown) for time, step, shown in rows]

    def _rows(self, garments: Garments) -> Iterator[Shown]:
        if not len(garments):
            return
        tiers = garments.tier if garments.has("tier") else [NONE] * len(garments)
        for track, rows, tier in zip(garments.track_id, garments.product_row, tiers, strict=True):
            product = self._products(int(rows[0])) if len(rows) and rows[0] >= 0 else None
            if track >= 0:
                yield Shown(int(track), product.id if product else "", int(tier) if product else NONE)


def open_pipeline(
    catalog: Path, config: Path | None = None, bundle: Path | None = None, threads: int = 0
) -> tuple[Pipeline, Catalog]:
    """The pipeline that users get, and the catalogue that it searches.

    Args:
        catalog: the catalogue's folder.
        config: settings; those for files when None.
        bundle: folder of the weights; the one that the settings name when None.
        threads: of each model, in place of the settings' number; 0 = as the settings say.

    Raises:
        MatcherError: one of them cannot be used.
    """
    settings = load_pipeline_config(config or "file.toml")
    settings = replace(settings, threads=threads or settings.threads)
    weights = Bundle.open(bundle or settings.bundle)
    shop = Catalog.load(catalog, weights.embedder_hash)
    return Pipeline(settings, shop, weights), shop


def watch(pipeline: Callable[[Frame], Garments], frames: Iterable[Frame], products: Products) -> list[Moment]:
    """Run a pipeline over frames and return what it shows in each."""
    log = MomentLog(products)
    for frame in frames:
        log.add(frame, pipeline(frame))
    return log.moments()


def evaluate_video(
    pipeline: Callable[[Frame], Garments],
    products: Products,
    video: Path | str,
    truth: list[Interval],
    complete: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Run a pipeline over a video file and compare what it shows with the truth.

    Args:
        pipeline: frame to settled garments; fresh, or reset.
        products: product of a catalogue row.
        video: path or address.
        truth: intervals in seconds from the start of the video.
        complete: the truth lists everything that is seen; see `score_video`.
        progress: wraps the frames.

    Returns:
        As `score_video`.

    Raises:
        MediaError: the video cannot be read.
    """
    with open_video(video) as source:
        frames = progress(source, "frames", source.frames_estimate)
        moments = watch(pipeline, frames, products)
    return score_video(truth, from_zero(moments), complete)


def from_zero(moments: list[Moment]) -> list[Moment]:
    """The same moments with the first frame at 0 s, because truth counts from the start of the video."""
    start = moments[0].time if moments else 0.0
    return [replace(moment, time=moment.time - start) for moment in moments]
