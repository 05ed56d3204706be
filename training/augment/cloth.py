"""Warps of soft things: a turn, a change of perspective, and a smooth displacement on top.

Two families are kept apart. `bend` is for training; `wave` moves pixels by another law and is for validation only,
so that a model cannot score by having learnt the warp.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.augment.geometry import Box

Maps = tuple[NDArray[np.float32], NDArray[np.float32]]
BEND, WAVE = "bend", "wave"


def warp_maps(box: Box, canvas: int, rng: Generator, family: str, strength: float) -> Maps:
    """Where each pixel of a canvas comes from.

    Args:
        box: xyxy of the garment in the source picture; it will fill about three quarters of the canvas.
        canvas: side of the result in pixels.
        rng: source of randomness.
        family: `BEND` or `WAVE`.
        strength: 0 moves nothing, 1 is a strong but plausible warp.

    Returns:
        Two (canvas, canvas) float32 maps, x and y in source pixels, as `cv2.remap` takes them.
    """
    side = max(box[2] - box[0], box[3] - box[1]) / 0.75
    line = (np.arange(canvas, dtype=np.float32) + 0.5) / canvas - 0.5
    u, v = np.meshgrid(line, line)
    u, v = _turn(u, v, rng, strength)
    u, v = _bend(u, v, rng, strength) if family == BEND else _wave(u, v, rng, strength)
    return (
        (u * side + (box[0] + box[2]) / 2).astype(np.float32),
        (v * side + (box[1] + box[3]) / 2).astype(np.float32),
    )


def remap(image: NDArray[np.uint8], maps: Maps, fill: int) -> NDArray[np.uint8]:
    """Pull a picture through maps; what lies outside it gets `fill`."""
    return cv2.remap(image, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(fill,) * 3)


def _turn(u: NDArray, v: NDArray, rng: Generator, strength: float) -> Maps:
    """Rotation, unequal scales and perspective around the middle."""
    angle = rng.normal(0, 0.22 * strength)
    sx, sy = np.exp(rng.normal(0, 0.12 * strength, 2))
    c, s = np.cos(angle), np.sin(angle)
    depth = 1 + u * rng.normal(0, 0.25 * strength) + v * rng.normal(0, 0.25 * strength)
    return (c * u - s * v) * sx / depth, (s * u + c * v) * sy / depth


def _bend(u: NDArray, v: NDArray, rng: Generator, strength: float) -> Maps:
    """Random shifts on a coarse grid, joined by cubic interpolation."""
    cells = int(rng.integers(3, 7))
    coarse = rng.normal(0, 0.11 * strength / cells**0.5, (cells, cells, 2)).astype(np.float32)
    shift = cv2.resize(coarse, u.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return u + shift[..., 0], v + shift[..., 1]


def _wave(u: NDArray, v: NDArray, rng: Generator, strength: float) -> Maps:
    """Shear, two travelling sine waves, and the squeeze of a sheet rolled around an upright cylinder."""
    u = u + v * rng.normal(0, 0.15 * strength)
    for _ in range(2):
        direction, turns = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 2.2)
        phase = 2 * np.pi * turns * (u * np.cos(direction) + v * np.sin(direction)) + rng.uniform(0, 2 * np.pi)
        height = rng.uniform(0.2, 1.0) * 0.035 * strength
        u, v = u - height * np.sin(direction) * np.sin(phase), v + height * np.cos(direction) * np.sin(phase)
    reach = 0.5 + 0.35 * (1 - rng.uniform(0, 1) * strength)
    return np.arcsin(np.clip(u * 0.8 / reach, -0.98, 0.98)) * reach / 0.8, v
