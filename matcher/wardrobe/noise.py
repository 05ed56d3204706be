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
    # smooth fields are made small, wrapped, then enlarged: much faster than sampling every pixel
    small = (min(height, 5 * rows), min(width, 5 * columns))
    ys = (np.arange(-2, small[0] + 2, dtype=np.float32) + 0.5) * rows / small[0] + 2.5
    xs = (np.arange(-2, small[1] + 2, dtype=np.float32) + 0.5) * columns / small[1] + 2.5
    grid_x, grid_y = np.meshgrid(xs, ys)
    field = cv2.remap(np.pad(lattice, 3, mode="wrap"), grid_x, grid_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    if small == (height, width):
        return field[2:-2, 2:-2]
    scale_y, scale_x = height / small[0], width / small[1]
    move = np.float32([[1 / scale_x, 0, 1.5 + 0.5 / scale_x], [0, 1 / scale_y, 1.5 + 0.5 / scale_y]])
    return cv2.warpAffine(field, move, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def fractal(rng: np.random.Generator, size: tuple[int, int], cells: tuple[int, int], octaves: int = 3) -> np.ndarray:
    """Sum of `value_noise` octaves, each twice as fine and half as strong; (height, width) float32."""
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        total += value_noise(rng, size, (cells[0] << octave, cells[1] << octave)) * 0.5**octave
    return total
