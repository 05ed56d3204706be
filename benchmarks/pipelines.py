"""Whole pipelines, frame by frame in turn: ours, and two that a user would otherwise put together.

The peers run in their own environment, one program each, which waits while the others work. Their weights are random
what they find does not matter: three fixed boxes of a frame are embedded and searched. Decoding is left out.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peer import Asked, asked, peer_model
from benchmarks.timing import quantiles
from matcher.errors import InputError
from matcher.pipeline import Pipeline
from matcher.types import Frame
from matcher.video.open import open_video

OURS = "ours"
SIZE = (640, 640)
_WARM_UP = 3


def pipelines(
    pipeline: Pipeline,
    frames: list[Frame],
    environment: Path,
    threads: int,
    every: int = 5,
    install: bool = False,
) -> dict[str, Any]:
    """Time them.

    Args:
        pipeline: with a catalogue; its models on as many threads.
        frames: of one clip, in order.
        environment: the peers'.
        threads: of each; the process is held to as many cores, and so are the peers.
        every: the older pipeline, which takes seconds, runs on every so many frames.
        install: make the environment if there is none.

    Returns:
        {"frames", "size", "threads", "ms": {name: {part: {p50, p95, p99}}}, "fps": {name: 1000 / median},
        "ratio": {peer: our frame rate / its}, "ratio_cpu": the same of processor time, which other work on the machine
        does not change, "garments": tracked by ours in a frame on average}. Parts "frame" and "cpu" are whole frames.

    Raises:
        BackendError: a peer cannot be had, or failed.
    """
    hold_to(threads)
    model = peer_model(environment, SIZE, install)
    count = str(len(pipeline.catalog))
    pipeline.warm_up(frames[0].size)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        np.savez(folder / "frames.npz", **{str(i): frame.image for i, frame in enumerate(frames)})
        shared = [str(folder / "frames.npz"), count, str(threads)]
        quick = stack.enter_context(asked(environment, "yolo_clip.py", [*shared, str(model)]))
        older = stack.enter_context(asked(environment, "older.py", shared))
        times, garments = _rounds(pipeline, frames, {quick: 1, older: every})
    medians = {name: statistics.median(parts["frame"]) for name, parts in times.items()}
    work = {name: statistics.median(parts["cpu"]) for name, parts in times.items()}
    return {
        "frames": len(frames) - _WARM_UP,
        "size": "x".join(map(str, frames[0].size)),
        "threads": threads,
        "products": int(count),
        "garments": round(garments, 2),
        "peer_weights": "random: their time alone is compared; three boxes a frame are embedded and searched",
        "ms": {name: {part: quantiles(values) for part, values in parts.items()} for name, parts in times.items()},
        "fps": {name: round(1000 / ms, 3) for name, ms in medians.items()},
        "ratio": {name: round(ms / medians[OURS], 2) for name, ms in medians.items() if name != OURS},
        "ratio_cpu": {name: round(ms / work[OURS], 2) for name, ms in work.items() if name != OURS},
    }


def hold_to(threads: int) -> None:
    """Let this process and those that it starts use no more cores than threads, where the system can say so."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _rounds(
    pipeline: Pipeline, frames: list[Frame], peers: dict[Asked, int]
) -> tuple[dict[str, dict[str, list[float]]], float]:
    """Milliseconds by name and part, and our garments in a frame. A peer's number says on which frames it runs."""
    times: dict[str, dict[str, list[float]]] = {OURS: {"frame": [], "cpu": []}, **{one.name: {} for one in peers}}
    garments = 0
    for number, frame in enumerate(frames):
        start, busy = time.perf_counter(), time.process_time()
        garments += len(pipeline(frame))
        if number < _WARM_UP:  # tracks begin
            continue
        times[OURS]["frame"].append(1000 * (time.perf_counter() - start))
        times[OURS]["cpu"].append(1000 * (time.process_time() - busy))
        for one, every in peers.items():
            if (number - _WARM_UP) % every == 0:
                for part, ms in one.ask(number).items():
                    times[one.name].setdefault(part, []).append(ms)
    for part, values in pipeline.timings.items():
        times[OURS][part] = list(values)[_WARM_UP:]
    return times, garments / len(frames)


def clip_frames(video: Path, count: int, start_s: float = 0.0) -> list[Frame]:
    """The first frames of a clip from a time on.

    Raises:
        MediaError: it cannot be read.
        InputError: it has too few.
    """
    found: list[Frame] = []
    with open_video(video) as source:
        for frame in source:
            if frame.time >= start_s:
                found.append(frame)
            if len(found) == count:
                return found
    raise InputError(f"{video} has only {len(found)} frames from {start_s} s on; ask for fewer")
