"""Time of every stage and of whole frames on a clip."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.timing import quantiles
from matcher.pipeline import Pipeline, spread_over_cores
from matcher.runner import run
from matcher.types import Frame
from matcher.video.open import open_video


def latency(video: Path, pipeline: Pipeline) -> dict[str, Any]:
    """Match a clip twice: part after part, timing each, and as `asworn match` does, several frames side by side.

    Args:
        video: the clip; every frame is taken.
        pipeline: warm or not; it is warmed up here.

    Returns:
        {"frames", "size", "garments" (tracked, mean per frame), "ms": {part: {p50, p95, p99}}, "fps", "at_once"}:
        "decode" and "frame" (decoding and matching) are parts beside the stages; `fps` is of the second way, with
        `at_once` frames side by side.

    Raises:
        MediaError: the clip cannot be read.
    """
    with open_video(video) as source:
        size = source.size
        pipeline.warm_up(size)
        pipeline.reset()
        decode: list[float] = []
        match: list[float] = []
        garments = 0
        for frame in _timed(source, decode):
            start = time.perf_counter()
            garments += len(pipeline(frame))
            match.append(1000 * (time.perf_counter() - start))
    whole = [a + b for a, b in zip(decode, match, strict=True)]
    stages = {**pipeline.timings, "decode": decode, "match": match, "frame": whole}
    parts = {name: quantiles(times) for name, times in stages.items()}
    return {
        "frames": len(match),
        "size": "x".join(map(str, size)),
        "garments": round(garments / max(len(match), 1), 2),
        "ms": parts,
        **_throughput(video, pipeline),
    }


def _throughput(video: Path, pipeline: Pipeline) -> dict[str, float]:
    """Frames a second with the settings that `asworn match` takes for a whole file."""
    config = spread_over_cores(pipeline.config)
    config = replace(config, detect=replace(config.detect, mask_rows="due"))
    whole = Pipeline(config, pipeline.catalog, pipeline.bundle)
    with open_video(video) as source:
        whole.warm_up(source.size)
        summary = run(source, [], whole, at_once=config.frames_at_once)
    return {"fps": round(summary.fps, 2), "at_once": config.frames_at_once}


def _timed(frames: Iterable[Frame], times: list[float]) -> Iterator[Frame]:
    """The frames, with the milliseconds that each took to come."""
    iterator = iter(frames)
    while True:
        start = time.perf_counter()
        frame = next(iterator, None)
        if frame is None:
            return
        times.append(1000 * (time.perf_counter() - start))
        yield frame
