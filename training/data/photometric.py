"""Changes of light, colour and sharpness, and what cameras and codecs do to a picture. Boxes stay as they are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]
_RAMP = np.arange(256, dtype=np.float32) / 255.0
# One tile of noise, rolled and cropped, is far cheaper than fresh noise for every picture.
_NOISE = np.random.default_rng(0).normal(0.0, 1.0, (768, 1024)).astype(np.float32)


def tone(image: Image, rng: Generator, strength: float = 1.0, darken: float = 0.0) -> Image:
    """Random gamma, gain and colour cast through one lookup table.

    Args:
        image: (H, W, 3) uint8.
        rng: source of randomness.
        strength: 0 changes nothing, 1 is the usual spread.
        darken: 0..1, how far the picture is pushed towards a dark scene.
    """
    gamma = np.exp(rng.normal(0.0, 0.25 * strength) + 0.5 * darken)
    gain = np.exp(rng.normal(0.0, 0.12 * strength) - 0.9 * darken)
    cast = np.exp(rng.normal(0.0, 0.06 * strength, 3))
    table = np.clip(_RAMP[:, None] ** gamma * (gain * cast) * 255.0, 0, 255).astype(np.uint8)
    return cv2.LUT(image, table[:, None, :])


def recolour(image: Image, rng: Generator) -> Image:
    """Random saturation and a small turn of the hue; sometimes black and white."""
    if rng.random() < 0.12:
        return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    ramp = np.arange(256)
    tables = np.stack([(ramp + rng.integers(-8, 9)) % 180, np.clip(ramp * rng.uniform(0.4, 1.5), 0, 255), ramp], -1)
    return cv2.cvtColor(cv2.LUT(hsv, tables[:, None, :].astype(np.uint8)), cv2.COLOR_HSV2BGR)


def motion_blur(image: Image, rng: Generator, length: int) -> Image:
    """Blur along a random direction; `length` in pixels."""
    kernel = np.zeros((length, length), np.float32)
    angle, middle = rng.uniform(0, np.pi), (length - 1) / 2
    step = np.array([np.cos(angle), np.sin(angle)]) * middle
    a, b = np.round(middle - step).astype(int), np.round(middle + step).astype(int)
    cv2.line(kernel, tuple(map(int, a)), tuple(map(int, b)), 1.0)
    return cv2.filter2D(image, -1, kernel / max(kernel.sum(), 1.0))


def noise(image: Image, rng: Generator, sigma: float) -> Image:
    """Grey sensor noise of standard deviation `sigma` (grey levels)."""
    height, width = image.shape[:2]
    y, x = rng.integers(0, _NOISE.shape[0] - height + 1), rng.integers(0, _NOISE.shape[1] - width + 1)
    grain = (_NOISE[y : y + height, x : x + width] * sigma).astype(np.int16)
    return cv2.add(image, cv2.merge([grain] * 3), dtype=cv2.CV_8U)


def compress(image: Image, rng: Generator) -> Image:
    """JPEG at a random low quality."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))])
    return cv2.imdecode(data, cv2.IMREAD_COLOR) if done else image


def degrade(image: Image, rng: Generator, darken: float = 0.0) -> Image:
    """The whole chain: tone, colour, blur, noise, compression, each at random.

    Args:
        image: (H, W, 3) uint8 BGR.
        rng: source of randomness.
        darken: 0..1, how dark the scene is; dark scenes are noisier.
    """
    image = tone(image, rng, 1.0, darken)
    if rng.random() < 0.3:
        image = recolour(image, rng)
    if rng.random() < 0.12:
        image = motion_blur(image, rng, int(rng.integers(2, 5)) * 2 + 1)
    elif rng.random() < 0.12:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.6))
    if rng.random() < 0.25 + 0.4 * darken:
        image = noise(image, rng, rng.uniform(2, 8) + 6 * darken)
    return compress(image, rng) if rng.random() < 0.25 else image
