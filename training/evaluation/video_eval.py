"""Run the pipeline over a video and score what it shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.config import load_pipeline_config
from matcher.errors import InputError
from matcher.foreign import with_embedder
from matcher.pipeline import Pipeline
from matcher.types import NONE, TIERS, Frame, Garments, Product
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
        """All frames so far."""
        return in_time(self._times, self._shown)

    def _rows(self, garments: Garments) -> Iterator[Shown]:
        if not len(garments):
            return
        tiers = garments.tier if garments.has("tier") else [NONE] * len(garments)
        columns = (garments.track_id, garments.product_row, garments.match_score, tiers)
        for track, rows, scores, tier in zip(*columns, strict=True):
            product = self._products(int(rows[0])) if len(rows) and rows[0] >= 0 else None
            if track >= 0:
                known = (product.id, int(tier), float(scores[0])) if product else ("", NONE, 0.0)
                yield Shown(int(track), *known)


def open_pipeline(
    catalog: Path, config: Path | None = None, bundle: str | None = None, threads: int = 0
) -> tuple[Pipeline, Catalog]:
    """The pipeline that users get, and the catalogue that it searches.

    Args:
        catalog: the catalogue's folder.
        config: settings; those for files when None.
        bundle: the weights, a folder or a packaged name; the one that the settings name when None.
        threads: of each model, in place of the settings' number; 0 = as the settings say.

    Raises:
        MatcherError: one of them cannot be used.
    """
    settings = load_pipeline_config(config or "file.toml")
    settings = replace(settings, threads=threads or settings.threads)
    weights = with_embedder(Bundle.open(bundle or settings.bundle), settings.embedder)
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


def read_moments(path: Path) -> list[Moment]:
    """What a finished run showed, from its frames.jsonl.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        return in_time([Fraction(str(line["time"])) for line in lines], [tuple(_shown(line)) for line in lines])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not the frames.jsonl of a run: {error}") from error


def _shown(line: dict[str, Any]) -> Iterator[Shown]:
    for garment in line["garments"]:
        if garment["track"] is not None:
            first = garment["products"][0] if garment["products"] else {"id": "", "score": 0.0}
            yield Shown(garment["track"], first["id"], TIERS.index(garment["tier"] or "none"), first["score"] or 0.0)


def in_time(times: list[Fraction], shown: list[tuple[Shown, ...]]) -> list[Moment]:
    """Moments of frames at these seconds: each lasts until the next one, the last as long as the one before it."""
    steps = [float(b - a) for a, b in zip(times, times[1:], strict=False)]
    steps.append(steps[-1] if steps else 0.0)
    return [Moment(float(time), step, rows) for time, step, rows in zip(times, steps, shown, strict=True)]


def from_zero(moments: list[Moment]) -> list[Moment]:
    """The same moments with the first frame at 0 s, because truth counts from the start of the video."""
    start = moments[0].time if moments else 0.0
    return [replace(moment, time=moment.time - start) for moment in moments]
