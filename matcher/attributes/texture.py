"""What of a cloth's surface tells its pattern: numbers measured on a masked crop, for `matcher.attributes.pattern`.

Light is taken out first (each channel of CIELAB less its own soft average inside the mask); what is left is looked at
along the direction of colour in which it varies most, at three sizes. Stripes have all their edges in one direction,
checks in two that are square to one another, dots and prints in all: the second and the fourth moments of the
gradient's direction tell these apart. How regular it is comes from the autocorrelation.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2

SIDE = 96  # pixels that a crop is brought to
SCALES = (0.7, 1.5, 3.0)  # pixels of blur before edges are looked for
_SOFT = 9.0  # pixels; folds and light are broader
_EDGE_PX = 5  # eroded from the mask: its edge is the strongest "pattern" of all
LEAST_PIXELS = 150
FEATURES = 6 * len(SCALES) + 13


def texture(crop: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Measure the surface of a garment.

    Args:
        crop: (S, S, 3) uint8 BGR.
        mask: (S, S) float32 0..1.

    Returns:
        (FEATURES,) float32, or None where too little of the garment is seen.
    """
    image = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    inside = _core(cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    if inside is None:
        return None
    colours = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    flat = _without_light(colours, inside)
    along, spread = _main_direction(flat, inside)
    values = [*spread, *_shape(along, inside), *_regular(along, inside)]
    for sigma in SCALES:
        values += _edges(along, inside, sigma)
    return np.nan_to_num(np.array(values, np.float32))


def _core(mask: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    inside = mask > 0.5
    for size in (_EDGE_PX, 3):
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 1, 2 * size + 1))
        core = cv2.erode(inside.astype(np.uint8), kernel, borderValue=0) > 0
        if core.sum() >= LEAST_PIXELS:
            return core
    return inside if inside.sum() >= LEAST_PIXELS else None


def _without_light(colours: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(S, S, 3) less the soft average inside the mask; zeros outside."""
    weight = inside.astype(np.float32)
    soft = cv2.GaussianBlur(colours * weight[..., None], (0, 0), _SOFT)
    soft /= np.maximum(cv2.GaussianBlur(weight, (0, 0), _SOFT), 1e-3)[..., None]
    return (colours - soft) * weight[..., None]


def _main_direction(flat: NDArray[np.float32], inside: NDArray[np.bool_]) -> tuple[NDArray[np.float32], list[float]]:
    """The surface (S, S) along the colour that varies most, and how much it varies, in all and by channel."""
    pixels = flat[inside]
    values, vectors = np.linalg.eigh(np.cov(pixels.T) + 1e-6 * np.eye(3))
    along = flat @ vectors[:, -1].astype(np.float32)
    total = np.sqrt(values.sum())
    light, red, blue = pixels.std(0)
    return along, [np.log(total + 0.5), np.log(light + 0.5), np.log(np.hypot(red, blue) + 0.5), values[-1] / total**2]


def _shape(along: NDArray[np.float32], inside: NDArray[np.bool_]) -> list[float]:
    """How the values are spread: two colours with sharp borders, or a ground with few marks, or noise."""
    values = along[inside]
    spread = float(values.std()) + 1e-3
    z = (values - values.mean()) / spread
    return [
        abs(float((z**3).mean())),
        np.log(float((z**4).mean()) + 1),
        float(np.abs(z).mean()),
        float((z**2 < 0.1).mean()),
    ]


def _regular(along: NDArray[np.float32], inside: NDArray[np.bool_]) -> list[float]:
    """How it repeats, by autocorrelation inside the mask: the best repeat, its length, those along the two axes."""
    size = (2 * SIDE, 2 * SIDE)
    values, weight = np.zeros(size, np.float32), np.zeros(size, np.float32)
    values[:SIDE, :SIDE] = np.where(inside, along - along[inside].mean(), 0)
    weight[:SIDE, :SIDE] = inside
    overlap = _autocorrelation(weight)
    matched = _autocorrelation(values) / np.maximum(overlap, 0.15 * overlap.max())
    matched /= max(float(matched.max()), 1e-6)
    half = np.fft.fftshift(matched)[SIDE - 32 : SIDE + 33, SIDE - 32 : SIDE + 1]
    y, x = np.mgrid[-32:33, -32:1]
    far = np.hypot(x, y)
    horizontal, vertical = half[32, ::-1], half[32:, 32]
    best = np.where((far > 4) & (far < 32) & _peaks(half), half, -1)
    place = np.unravel_index(int(best.argmax()), best.shape)
    return [
        float(best.max()),
        far[place] / 32,
        _second_rise(horizontal),
        _second_rise(vertical),
        float(half[far > 4].min()),
    ]


def _autocorrelation(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return irfft2(np.abs(rfft2(values)) ** 2, values.shape).astype(np.float32)


def _peaks(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    return values >= cv2.dilate(values, np.ones((5, 5), np.uint8))


def _second_rise(line: NDArray[np.float32]) -> float:
    """How much a correlation rises again after it first fell: 0 for no repeat along this line."""
    lowest = np.minimum.accumulate(line)
    return float((line - lowest)[4:].max())


def _edges(along: NDArray[np.float32], inside: NDArray[np.bool_], sigma: float) -> list[float]:
    """Strength and directions of the edges at one size."""
    soft = cv2.GaussianBlur(along, (0, 0), sigma)
    dx, dy = cv2.Sobel(soft, cv2.CV_32F, 1, 0)[inside], cv2.Sobel(soft, cv2.CV_32F, 0, 1)[inside]
    energy = dx * dx + dy * dy
    total = float(energy.sum()) + 1e-3
    # Doubling the angle of a gradient makes both sides of a line alike; doubling once more, lines and those across.
    doubled = np.square(dx + 1j * dy)
    again = np.square(doubled) / np.maximum(energy, 1e-6)
    second, fourth = abs(doubled.sum()) / total, abs(again.sum()) / total
    upright, square = float(doubled.real.sum()) / total, float(again.real.sum()) / total
    strength = np.sqrt(energy)
    peaky = float(strength.mean() / (np.sqrt(energy.mean()) + 1e-3))
    return [np.log(float(strength.mean()) + 0.2), float(second), float(fourth), abs(upright), peaky, square]
