"""What a frame costs as work grows: people in it, its resolution, products in the catalogue, streams at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed_clips import crowd, read_frames, scaled
from matcher.catalog.catalog import Catalog
from matcher.engine.live import Live, Stream
from matcher.engine.schedule import Schedule
from matcher.pipeline import Pipeline
from matcher.types import Frame
from matcher.video.live_source import LiveSource

PEOPLE = (1, 2, 4, 8, 16, 30)
HEIGHTS = (360, 540, 720, 1080, 1440)
STREAMS = (1, 2, 4)

MakePipeline = Callable[[Catalog | None], Pipeline]


def cost(pipeline: Pipeline, frames: Iterable[Frame]) -> dict[str, float]:
    """Processor time of frames that are there already, every one detected.

    Returns:
        {"garments" (tracked, mean per frame), "cpu_ms" (mean over all threads), "rest_ms" (of it, all but the
        detector), "lookup_ms" (the search alone, mean of wall time, for all frames whether they search or not)}.
    """
    pipeline.reset()
    frames, garments, rest = list(frames), 0, 0.0
    began = time.process_time()
    for frame in frames:
        found, start = pipeline.detect(frame), time.process_time()
        garments += len(pipeline.follow(frame, found, pipeline.cut(frame)))
        rest += time.process_time() - start
    spent = time.process_time() - began
    return {
        "garments": round(garments / len(frames), 2),
        "cpu_ms": round(1000 * spent / len(frames), 2),
        "rest_ms": round(1000 * rest / len(frames), 2),
        "lookup_ms": round(float(np.mean(pipeline.timings.get("look up", [0.0]))), 2),
    }


def growth(
    video: Path, shops: Sequence[Catalog], make: MakePipeline, count: int = 24, live_s: float = 6.0
) -> dict[str, Any]:
    """Measure all four.

    Args:
        video: a clip with one person in the middle.
        shops: catalogues, smallest first; the last one serves where their size does not matter.
        make: a pipeline, one thread, for a catalogue.
        count: frames for each point.
        live_s: seconds for each number of streams.

    Returns:
        {"people", "resolution", "products", "streams"}: a list of points each.
    """
    pipeline = make(shops[-1])
    pipeline.warm_up()
    frames = read_frames(video, count)
    people = [{"people": n, **cost(pipeline, crowd(frames, n))} for n in PEOPLE]
    sized = [{"height": h, **cost(pipeline, [scaled(f, (h * 16 // 9, h)) for f in frames])} for h in HEIGHTS]
    products = []
    for catalog in shops:
        small = make(catalog)
        small.warm_up()
        products.append({"products": len(catalog), **cost(small, frames)})
    streams = [{"streams": n, **streams_at_once(video, pipeline, n, live_s)} for n in STREAMS]
    return {"people": people, "resolution": sized, "products": products, "streams": streams}


def streams_at_once(video: Path, pipeline: Pipeline, count: int, seconds: float) -> dict[str, float]:
    """Play a clip at its own speed in several streams on one set of models.

    Returns:
        Per stream: {"fps", "detections_s", "dropped_share", "latency_ms" (median)}; for all together "cpu_ms" a frame.
    """
    sources = [LiveSource(video, loop=True) for _ in range(count)]
    frame_ms = 1000 / float(sources[0].rate)
    streams = [Stream(one, pipeline.beside(), (), Schedule(workers=2, frame_ms=frame_ms)) for one in sources]
    began = time.process_time()
    with Live(streams, workers=2) as live:
        live.wait(seconds)
    spent, status = time.process_time() - began, live.status()
    frames, dropped = sum(one.frames for one in status), sum(one.dropped for one in status)
    late = [ms for number in range(count) for ms in live.latencies_ms(number)]
    detected = sum(stream.schedule.counts.detected for stream in streams)
    return {
        "fps": round(frames / count / seconds, 2),
        "detections_s": round(detected / count / seconds, 2),
        "dropped_share": round(dropped / max(frames + dropped, 1), 4),
        "latency_ms": round(float(np.median(late)), 1) if late else 0.0,
        "cpu_ms": round(1000 * spent / max(frames, 1), 2),
    }
