"""What the timed peers share: told the number of a frame on standard input, they answer with milliseconds as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

GARMENTS = 3


def load(path: str) -> list[np.ndarray]:
    """The clip's frames (H, W, 3) uint8 BGR."""
    with np.load(path, allow_pickle=False) as file:
        return [file[str(i)] for i in range(len(file.files))]


def boxes(frame: np.ndarray) -> list[tuple[int, int, int, int]]:
    """The same three garments in every frame, in place of what random weights find: top, trousers, a shoe."""
    height, width = frame.shape[:2]
    shares = ((0.40, 0.2, 0.60, 0.5), (0.42, 0.5, 0.58, 0.9), (0.42, 0.9, 0.48, 0.97))
    return [(int(x0 * width), int(y0 * height), int(x1 * width), int(y1 * height)) for x0, y0, x1, y1 in shares]


def gallery(count: int, dimension: int) -> np.ndarray:
    """(count, dimension) float32 rows of unit length."""
    vectors = np.random.default_rng(0).standard_normal((count, dimension), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def serve(name: str, parts: dict[str, Callable]) -> None:
    """Say a name, then answer until the input ends. A part gets the frame's number and what the part before gave."""
    print(json.dumps({"name": name}), flush=True)
    for line in sys.stdin:
        times, value, busy = {}, None, time.process_time()
        for name, part in parts.items():
            start = time.perf_counter()
            value = part(int(line), value)
            times[name] = 1000 * (time.perf_counter() - start)
        times["frame"] = sum(times.values())
        times["cpu"] = 1000 * (time.process_time() - busy)
        print(json.dumps(times), flush=True)
