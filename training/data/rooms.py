"""Drawn rooms with what a detector may take for clothes: pillars, panels, screens, tables, boxes, boards, curtains."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

Image = NDArray[np.uint8]


def furnished_room(canvas: tuple[int, int], rng: Generator) -> Image:
    """A wall, a floor and plain things before them, sharp as a photo is: (height, width, 3) uint8 BGR."""
    height, width = canvas
    floor = int(height * rng.uniform(0.4, 1.05))
    image = np.empty((height, width, 3), np.uint8)
    image[:] = paint(rng, 90, 250)
    _floor(image, floor, rng)
    for thing in rng.choice(list(_THINGS), rng.integers(1, 6), p=_ODDS):
        _THINGS[thing](image, floor, rng)
    grain = rng.normal(0, rng.uniform(1, 5), (height // 2, width // 2)).astype(np.float32)
    lit = image * _light(canvas, rng) + cv2.resize(grain, (width, height))[..., None]
    return np.clip(lit, 0, 255).astype(np.uint8)


def paint(rng: Generator, low: float = 15, high: float = 245) -> NDArray[np.float64]:
    """A colour (3,): grey more often than not, as walls and furniture are."""
    spread = 6 if rng.random() < 0.6 else 30
    return np.clip(rng.uniform(low, high) + rng.normal(0, spread, 3), 0, 255)


def _light(canvas: tuple[int, int], rng: Generator) -> NDArray[np.float32]:
    """Smooth changes of brightness, (height, width, 1)."""
    coarse = rng.uniform(0.75, 1.15, (3, 4)).astype(np.float32)
    return cv2.resize(coarse, (canvas[1], canvas[0]), interpolation=cv2.INTER_CUBIC)[..., None]


def _floor(image: Image, top: int, rng: Generator) -> None:
    """Everything below `top`: plain, or boards that run towards one point; perhaps a skirting board."""
    height, width = image.shape[:2]
    colour = paint(rng, 20, 200)
    image[top:] = colour
    if rng.random() < 0.6:
        far, step = rng.uniform(-0.3, 1.3) * width, rng.uniform(0.02, 0.12) * width
        for x in np.arange(-2 * width, 3 * width, step):
            near, there = np.array([x, x + step * rng.uniform(0.2, 1)]), far + (np.array([x, x + step]) - far) * 0.4
            corners = [(near[0], height), (near[1], height), (there[1], top), (there[0], top)]
            _fill(image, corners, colour * rng.uniform(0.8, 1.2))
    if rng.random() < 0.7:
        cv2.rectangle(image, (0, top - int(0.02 * height)), (width, top), paint(rng).tolist(), -1)


def _pillar(image: Image, floor: int, rng: Generator) -> None:
    """From above the picture to the floor, one side in shade."""
    height, width = image.shape[:2]
    x, broad, lean = rng.uniform(0, width), rng.uniform(0.02, 0.14) * width, rng.normal(0, 0.03) * width
    foot = floor + rng.uniform(-0.02, 0.1) * height
    colour, edge = paint(rng), x + broad * rng.uniform(0.5, 1)
    _fill(image, [(x + lean, 0), (x + broad + lean, 0), (x + broad, foot), (x, foot)], colour)
    _fill(image, [(edge + lean, 0), (x + broad + lean, 0), (x + broad, foot), (edge, foot)], colour * 0.8)


def _panel(image: Image, floor: int, rng: Generator) -> None:
    """A door, window, screen, picture or cupboard: a plain or shaded rectangle, perhaps framed."""
    height, width = image.shape[:2]
    w, h = rng.uniform(0.04, 0.3) * width, rng.uniform(0.08, 0.7) * height
    x = rng.uniform(-0.1, 1) * width
    y = floor - h if rng.random() < 0.4 else rng.uniform(-0.1, 0.8) * height
    skew = rng.normal(0, 0.04) * height
    corners = np.array([(x, y), (x + w, y + skew), (x + w, y + h - skew), (x, y + h)])
    _fill(image, corners, paint(rng))
    if rng.random() < 0.5:
        inner = corners.mean(0) + (corners - corners.mean(0)) * rng.uniform(0.75, 0.95)
        _fill(image, inner, paint(rng))


def _table(image: Image, floor: int, rng: Generator) -> None:
    """A round top on a leg with feet."""
    height, width = image.shape[:2]
    x, top = rng.uniform(0, width), floor - rng.uniform(0.05, 0.45) * height
    broad, tall = rng.uniform(0.04, 0.16) * width, rng.uniform(0.1, 0.5) * height
    metal, thick = paint(rng).tolist(), max(1, int(rng.uniform(0.004, 0.02) * width))
    foot = (int(x), int(top + tall))
    cv2.line(image, (int(x), int(top)), foot, metal, thick, cv2.LINE_AA)
    for angle in rng.uniform(0, np.pi, 3):
        end = (int(x + np.cos(angle) * broad * 0.7), int(foot[1] + np.sin(angle) * broad * 0.4))
        cv2.line(image, foot, end, metal, thick, cv2.LINE_AA)
    axes = (int(broad), max(1, int(broad * rng.uniform(0.1, 0.5))))
    cv2.ellipse(image, (int(x), int(top)), axes, 0, 0, 360, paint(rng).tolist(), -1, cv2.LINE_AA)


def _box(image: Image, floor: int, rng: Generator) -> None:
    """A crate, bench or counter: a front and a lighter top."""
    height, width = image.shape[:2]
    w, h, deep = rng.uniform(0.05, 0.35) * width, rng.uniform(0.06, 0.4) * height, rng.uniform(0.01, 0.08) * height
    x, y = rng.uniform(-0.1, 1) * width, floor - h * rng.uniform(0.2, 1)
    shift, colour = rng.normal(0, 0.3) * deep, paint(rng)
    _fill(image, [(x, y), (x + w, y), (x + w, y + h), (x, y + h)], colour)
    _fill(image, [(x, y), (x + w, y), (x + w + shift, y - deep), (x + shift, y - deep)], colour * 1.15)


def _curtain(image: Image, floor: int, rng: Generator) -> None:
    """Hanging cloth that nobody wears: folds from the upper edge to the floor."""
    width = image.shape[1]
    x, w = int(rng.uniform(-0.1, 0.9) * width), int(rng.uniform(0.06, 0.3) * width)
    left, right = max(x, 0), min(x + w, width)
    if right - left < 4 or floor < 8:
        return
    phase = np.cumsum(rng.uniform(0.2, 0.9, right - left))
    folds = 1 + rng.uniform(0.08, 0.3) * np.sin(phase)
    image[:floor, left:right] = np.clip(paint(rng) * folds[None, :, None], 0, 255)


def _fill(image: Image, corners: ArrayLike, colour: NDArray[np.float64]) -> None:
    cv2.fillConvexPoly(image, np.round(corners).astype(np.int32), np.minimum(colour, 255).tolist(), cv2.LINE_AA)


_THINGS = {"pillar": _pillar, "panel": _panel, "table": _table, "box": _box, "curtain": _curtain}
_ODDS = (0.3, 0.32, 0.12, 0.16, 0.1)
