"""Time of every stage and of whole frames on a clip."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.timing import quantiles
from matcher.config import EngineConfig, PipelineConfig
from matcher.engine.schedule import Schedule
from matcher.pipeline import Pipeline, spread_over_cores
from matcher.runner import run
from matcher.sinks.jsonl import JsonlSink
from matcher.types import Frame
from matcher.video.open import open_video

STRIDES = (1, 3)  # frames for each detection


def latency(
    video: Path, pipeline: Pipeline, frames: int | None = None, strides: Sequence[int] = STRIDES
) -> dict[str, Any]:
    """Match a clip: part after part, timing each, and then as `asworn match` does, several frames side by side.

    Args:
        video: the clip.
        pipeline: warm or not; it is warmed up here.
        frames: so many of the clip; None = all.
        strides: frames for each detection, of the runs as `asworn match` does them.

    Returns:
        {"frames", "size", "garments" (tracked, mean per frame), "ms": {part: {p50, p95, p99}}, "runs": [{"every",
        "fps", "cpu_ms"}], "at_once"}: "decode" and "frame" (decoding and matching) are parts beside the stages;
        `cpu_ms` is the processor time of a frame, decoding and writing of frames.jsonl included: whatever else the
        machine does lengthens it far less than the wall time. `fps` at the top is that of the first stride.

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
        for frame in islice(_timed(source, decode), frames):
            start = time.perf_counter()
            garments += len(pipeline(frame))
            match.append(1000 * (time.perf_counter() - start))
    whole = [a + b for a, b in zip(decode, match, strict=True)]
    stages = {**pipeline.timings, "decode": decode, "match": match, "frame": whole}
    runs = [throughput(video, pipeline, stride, frames) for stride in strides]
    return {
        "frames": len(match),
        "size": "x".join(map(str, size)),
        "garments": round(garments / max(len(match), 1), 2),
        "ms": {name: quantiles(times) for name, times in stages.items()},
        "runs": runs,
        "fps": runs[0]["fps"],
        "at_once": _whole_file(pipeline).frames_at_once,
    }


def throughput(video: Path, pipeline: Pipeline, every: int = 1, frames: int | None = None) -> dict[str, float]:
    """Frames a second, and processor time of a frame, with the settings of `asworn match` for a whole file.

    Args:
        video: the clip.
        pipeline: its settings, bundle and catalogue are taken.
        every: frames for each detection.
        frames: so many of the clip; None = all.
    """
    config = _whole_file(pipeline)
    whole = Pipeline(config, pipeline.catalog, pipeline.bundle)
    with open_video(video) as source, TemporaryDirectory() as folder:
        whole.warm_up(source.size)
        sinks = [JsonlSink(Path(folder) / "frames.jsonl", whole.products)]
        schedule, began = Schedule(EngineConfig(detect_every=every), config.frames_at_once), time.process_time()
        summary = run(islice(source, frames), sinks, whole, at_once=config.frames_at_once, schedule=schedule)
        spent = time.process_time() - began
    return {"every": every, "fps": round(summary.fps, 2), "cpu_ms": round(1000 * spent / max(summary.frames, 1), 2)}


def _whole_file(pipeline: Pipeline) -> PipelineConfig:
    """The pipeline's settings as `asworn match` takes them: its threads spread over frames side by side."""
    config = spread_over_cores(replace(pipeline.config, frames_at_once=0))
    return replace(config, detect=replace(config.detect, mask_rows="due"))


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
