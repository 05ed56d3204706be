"""Seeded random streams and smooth noise fields, all tileable."""

from __future__ import annotations

import zlib

import cv2
import numpy as np


def stream(*keys: int | str) -> np.random.Generator:
    """Return a random generator that depends on nothing but `keys`."""
    return np.random.default_rng([zlib.crc32(key.encode()) if isinstance(key, str) else int(key) for key in keys])


def value_noise(rng: np.random.Generator, size: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """Smooth noise that repeats at its edges.

    Args:
        rng: where the random lattice comes from.
        size: (height, width) of the field in pixels.
        cells: number of lattice cells down and across; fewer are smoother.

    Returns:
        (height, width) float32, roughly -1..1.
    """
    height, width = size
    rows, columns = max(1, cells[0]), max(1, cells[1])
    lattice = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
    padded = np.pad(lattice, 2, mode="wrap")
    ys = (np.arange(height, dtype=np.float32) + 0.5) * rows / height + 1.5
    xs = (np.arange(width, dtype=np.float32) + 0.5) * columns / width + 1.5
    grid_x, grid_y = np.meshgrid(xs, ys)
    return cv2.remap(padded, grid_x, grid_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def fractal(rng: np.random.Generator, size: tuple[int, int], cells: tuple[int, int], octaves: int = 3) -> np.ndarray:
    """Sum of `value_noise` octaves, each twice as fine and half as strong; (height, width) float32."""
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        total += value_noise(rng, size, (cells[0] << octave, cells[1] << octave)) * 0.5**octave
    return total
