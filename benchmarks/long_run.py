"""A long run: a clip played again and again as a live source, with memory and lateness watched."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matcher.engine.live import Live, Stream
from matcher.engine.schedule import Schedule
from matcher.pipeline import Pipeline
from matcher.sinks.base import Sink
from matcher.video.live_source import LiveSource

EVERY_S = 5.0
SETTLED = 0.2  # of the run are left out of the slopes: caches fill, the schedule finds its stride


def long_run(
    video: Path,
    pipeline: Pipeline,
    minutes: float,
    sinks: Sequence[Sink] = (),
    every_s: float = EVERY_S,
    told: Callable[[dict[str, float]], None] = lambda sample: None,
) -> dict[str, Any]:
    """Play a clip at its own speed for a time.

    Args:
        video: the clip.
        pipeline: not yet used.
        minutes: how long.
        sinks: take the results.
        every_s: seconds between two samples.
        told: called with each sample.

    Returns:
        {"minutes", "frames", "dropped", "detected", "mean_stride", "rate" (the clip's), "samples": [{"s", "rss_mb",
        "latency_ms" (median since the last one), "dropped", "fps"}], "slope": {"rss_mb_per_hour",
        "latency_ms_per_hour"}}; slopes are least squares over all but the first fifth.
    """
    engine = pipeline.config.engine
    source = LiveSource(video, loop=True)
    pipeline.warm_up(source.size)
    schedule = Schedule(engine, pipeline.config.frames_at_once)
    stream = Stream(source, pipeline, sinks, schedule, engine.queue)
    with Live([stream], pipeline.config.frames_at_once) as live:
        samples = watch(live, 60 * minutes, every_s, told)
    status, rate = live.status()[0], float(source.rate)
    return {
        "minutes": round(minutes, 2),
        "frames": status.frames,
        "dropped": status.dropped,
        "detected": schedule.counts.detected,
        "mean_stride": round(schedule.counts.stride, 2),
        "rate": round(rate, 3),
        "samples": samples,
        "slope": {f"{name}_per_hour": slope(samples, name) for name in ("rss_mb", "latency_ms")},
    }


def slope(samples: Sequence[dict[str, float]], name: str) -> float | None:
    """Change of a figure in an hour, by least squares over all but the first fifth; None for under three samples."""
    kept = samples[int(len(samples) * SETTLED) :]
    if len(kept) < 3:
        return None
    hours = [sample["s"] / 3600 for sample in kept]
    return round(float(np.polyfit(hours, [sample[name] for sample in kept], 1)[0]), 2)


def watch(
    live: Live, seconds: float, every_s: float, told: Callable[[dict[str, float]], None]
) -> list[dict[str, float]]:
    """Samples of the first stream, as in `long_run`, until it ends or the time is over."""
    samples, began, seen = [], time.monotonic(), 0
    while not live.wait(every_s) and time.monotonic() - began < seconds:
        late, status = live.latencies_ms(), live.status()[0]
        fresh, seen = late[seen:] or late[-1:] or [0.0], len(late)
        samples.append(
            {
                "s": round(time.monotonic() - began, 1),
                "rss_mb": round(resident_mb(), 1),
                "latency_ms": round(float(np.median(fresh)), 1),
                "dropped": status.dropped,
                "fps": round(status.rate, 1),
            }
        )
        told(samples[-1])
    return samples


def resident_mb() -> float:
    """Memory of this process that is in use, in MB (Linux; elsewhere the most that it ever used)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
