"""One detection of ours against one forward pass of YOLO11n-seg, in turn, in one run, on the same threads."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peer import peer_model
from benchmarks.timing import alternate, quantiles
from matcher.bundle import Bundle
from matcher.runtime.load import load_session
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime

SIZES = {"640x640": (640, 640), "384x640": (384, 640)}  # (height, width): the usual input, and the one for 16:9


def detector_speed(
    bundle: Bundle, frames: list[NDArray[np.uint8]], peer: Path, rounds: int, threads: int, install: bool = False
) -> dict[str, Any]:
    """Time detections.

    Ours is timed whole: from a decoded frame to boxes, types and masks. The peer's is its network alone, without
    preparing the picture, suppression and masks.

    Args:
        bundle: has the detector.
        frames: pictures (H, W, 3) uint8 BGR; they take turns.
        peer: the peer's environment; see `peer_model`.
        rounds: how often each is timed.
        threads: of ONNX Runtime.
        install: make the peer's environment if there is none.

    Returns:
        {"ms": {name: {p50, p95, p99}}, "ratio": {peer's name: peer's median / ours}, "garments", ...}.

    Raises:
        BackendError: the peer's model cannot be had.
    """
    detector = Detector(bundle, runtime=Runtime(threads=threads))
    found = [len(detector(frame)) for frame in frames]
    tasks = {"ours": lambda i: detector(frames[i % len(frames)])}
    tasks |= {f"YOLO11n-seg {name}": _peer(peer, size, threads, install) for name, size in SIZES.items()}
    times = alternate(tasks, rounds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "frame": "x".join(str(side) for side in frames[0].shape[1::-1]),
        "threads": threads,
        "rounds": rounds,
        "garments": round(statistics.mean(found), 1),
        "peer_weights": "random: its time alone is compared",
        "ms": {name: quantiles(values) for name, values in times.items()},
        "ratio": {name: round(ms / medians["ours"], 2) for name, ms in medians.items() if name != "ours"},
    }


def _peer(environment: Path, size: tuple[int, int], threads: int, install: bool) -> Any:
    session = load_session(peer_model(environment, size, install), threads=threads)
    picture = np.random.default_rng(0).random((1, 3, *size), np.float32)
    return lambda _: session.run(images=picture)
