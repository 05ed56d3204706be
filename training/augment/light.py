"""Light on cloth: a gradient over the garment, and the dark and bright sides of folds."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data.photometric import compress, motion_blur, noise, tone


def shade(image: NDArray[np.uint8], rng: Generator, strength: float) -> NDArray[np.uint8]:
    """Multiply a picture by a random field of light.

    Args:
        image: (S, S, 3) uint8.
        rng: source of randomness.
        strength: 0 changes nothing, 1 is a strong shading.
    """
    size = image.shape[0]
    coarse = rng.normal(0, 0.22 * strength, (3, 3)).astype(np.float32)
    field = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.6 * strength:
        field += _folds(size, rng) * rng.uniform(0.04, 0.16) * strength
    gain = np.exp(field)
    return cv2.multiply(image, cv2.merge([gain] * 3), dtype=cv2.CV_8U)


def _folds(size: int, rng: Generator) -> NDArray[np.float32]:
    """Soft ridges of random direction, -1..1."""
    cells = (int(rng.integers(2, 5)), int(rng.integers(6, 14)))
    ridges = cv2.resize(rng.uniform(-1, 1, cells).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), float(rng.uniform(-60, 60)), 1.2)
    return cv2.warpAffine(ridges, turn, (size, size), borderMode=cv2.BORDER_REFLECT)


def camera(image: NDArray[np.uint8], rng: Generator, strength: float) -> NDArray[np.uint8]:
    """What a camera and a codec do, with little change of colour: exact colour tells garments apart.

    Args:
        image: (H, W, 3) uint8 BGR.
        rng: source of randomness.
        strength: 0 changes nothing, 1 is an ordinary film frame.
    """
    darken = rng.uniform(0.1, 0.6) if rng.random() < 0.15 * strength else 0.0
    image = tone(image, rng, 0.65 * strength, darken)
    if rng.random() < 0.4 * strength:
        image = coarsen(image, rng, 0.25)
    draw = rng.random()
    if draw < 0.12 * strength:
        image = motion_blur(image, rng, int(rng.integers(1, 4)) * 2 + 1)
    elif draw < 0.3 * strength:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.5))
    if rng.random() < 0.3 * strength:
        image = noise(image, rng, rng.uniform(2, 9))
    return compress(image, rng) if rng.random() < 0.35 * strength else image


def coarsen(image: NDArray[np.uint8], rng: Generator, least: float) -> NDArray[np.uint8]:
    """Lose detail as a garment does that is small in its picture; `least` is the smallest share of the side kept."""
    height, width = image.shape[:2]
    share = rng.uniform(least, 1.0)
    small = cv2.resize(image, (max(int(width * share), 8), max(int(height * share), 8)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
