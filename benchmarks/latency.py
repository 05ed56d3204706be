"""Time of every stage and of whole frames on a clip."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.timing import quantiles
from matcher.pipeline import Pipeline
from matcher.runner import run
from matcher.types import Frame
from matcher.video.open import open_video


def latency(video: Path, pipeline: Pipeline) -> dict[str, Any]:
    """Match a clip twice: part after part, timing each, and as `asworn match` does, with decoding in a thread.

    Args:
        video: the clip; every frame is taken.
        pipeline: warm or not; it is warmed up here.

    Returns:
        {"frames", "size", "garments" (tracked, mean per frame), "ms": {part: {p50, p95, p99}}, "fps"}: "decode" and
        "frame" (decoding and matching) are parts beside the stages; `fps` is of the second way.

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
        "fps": _throughput(video, pipeline),
    }


def _throughput(video: Path, pipeline: Pipeline) -> float:
    pipeline.reset()
    with open_video(video) as source:
        return round(run(source, [], pipeline).fps, 2)


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
