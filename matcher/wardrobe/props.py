"""Things that places are built from: ground, sky, houses, cars, trees, windows, furniture; drawn in place.

Pictures are (H, W, 3) float32 BGR 0..1; positions and sizes are in pixels.
"""

from __future__ import annotations

import cv2
import numpy as np

from matcher.wardrobe.noise import fractal, value_noise


def ground(rng: np.random.Generator, width: int, height: int, eye: float, colour: np.ndarray, tiles: str) -> np.ndarray:
    """Floor seen in perspective, for every row below the eye level; (height, width, 3)."""
    rows = np.maximum(np.arange(height, dtype=np.float32)[:, None] - eye, 0.5)
    depth = 1.5 * height / rows
    across = (np.arange(width, dtype=np.float32)[None] - width / 2) / height * depth
    turn = rng.uniform(-0.6, 0.6)
    x, z = across * np.cos(turn) + depth * np.sin(turn), depth * np.cos(turn) - across * np.sin(turn)
    grain = fractal(rng, (height, width), (40, 60), 2) * 0.05
    shade = 1 + grain + 0.12 * value_noise(rng, (height, width), (6, 8))
    thin = np.clip(rows / (0.1 * height), 0, 1)
    if tiles == "slabs":
        step = rng.uniform(0.4, 0.9)
        joint = np.maximum(np.abs((x / step) % 1 - 0.5) > 0.485, np.abs((z / step) % 1 - 0.5) > 0.485)
        stone = np.sin(np.floor(x / step) * 12.9 + np.floor(z / step) * 78.2) * 0.06
        shade = shade + thin * (stone - 0.28 * joint)
    elif tiles == "boards":
        board = np.floor(x / 0.14)
        shade = shade + thin * (np.sin(board * 33.3) * 0.10 - 0.35 * (np.abs((x / 0.14) % 1 - 0.5) > 0.47))
    return colour[None, None] * shade[..., None]


def some_colour(rng: np.random.Generator, low: float, high: float, tint: float = 0.06) -> np.ndarray:
    """A random greyish colour (3,) of lightness `low`..`high`; `tint` is how far a channel may depart from grey."""
    return np.clip(rng.uniform(low, high) + rng.uniform(-tint, tint, 3), 0.02, 1).astype(np.float32)


def sky(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A sky with clouds, paler towards the horizon; (height, width, 3) in 0..1."""
    top, low = (
        np.array([0.88, 0.72, 0.55]) * rng.uniform(0.7, 1.1),
        np.array([0.95, 0.92, 0.88]) * rng.uniform(0.8, 1.05),
    )
    ramp = np.linspace(0, 1, height)[:, None, None]
    clouds = np.clip(fractal(rng, (height, width), (4, 5), 4) - rng.uniform(-0.3, 0.5), 0, 1)[..., None]
    return (top * (1 - ramp) + low * ramp) * (1 - clouds) + 0.93 * clouds


def box(image: np.ndarray, x0: float, y0: float, x1: float, y1: float, colour: np.ndarray) -> None:
    """Fill an upright rectangle, in place; corners in pixels."""
    cv2.rectangle(image, (round(x0), round(y0)), (round(x1), round(y1)), tuple(float(c) for c in colour), -1)


def house(rng: np.random.Generator, image: np.ndarray, x: float, span: float, top: float, base: float) -> None:
    """Draw a front with rows of windows from `top` to `base` (rows of pixels), a shop at its foot, in place."""
    wall = some_colour(rng, 0.3, 0.8, 0.1)
    box(image, x, top, x + span, base, wall)
    box(image, x, top, x + span * 0.02, base, wall * 0.7)
    storey = rng.uniform(0.16, 0.24) * image.shape[0]
    count = int(rng.integers(2, 6))
    glass = some_colour(rng, 0.12, 0.4, 0.05)
    y = base - storey * 1.25
    shop_front(rng, image, x, span, y, base)
    while y > top:
        for k in range(count):
            left = x + span * (k + 0.22) / count
            right = left + span * 0.5 / count
            box(image, left - 2, y - storey * 0.78, right + 2, y - storey * 0.12, wall * 1.15)
            box(image, left, y - storey * 0.74, right, y - storey * 0.16, glass * rng.uniform(0.6, 1.6))
            box(image, (left + right) / 2 - 1, y - storey * 0.74, (left + right) / 2 + 1, y - storey * 0.16, wall * 1.1)
        y -= storey


def shop_front(rng: np.random.Generator, image: np.ndarray, x: float, span: float, top: float, base: float) -> None:
    """Draw a shop window with goods, a door and at times an awning, in place; now and then nothing."""
    if rng.random() < 0.3:
        return
    frame = some_colour(rng, 0.08, 0.5, 0.15)
    box(image, x + 0.04 * span, top, x + 0.96 * span, base, frame)
    box(
        image,
        x + 0.08 * span,
        top + 0.22 * (base - top),
        x + 0.6 * span,
        base - 0.08 * (base - top),
        some_colour(rng, 0.3, 0.8),
    )
    box(image, x + 0.66 * span, top + 0.22 * (base - top), x + 0.88 * span, base, frame * 0.5)
    for _ in range(12):
        px, py = x + span * rng.uniform(0.1, 0.58), rng.uniform(top + 0.35 * (base - top), base - 0.1 * (base - top))
        box(
            image,
            px,
            py,
            px + span * rng.uniform(0.01, 0.06),
            py + (base - top) * 0.12,
            some_colour(rng, 0.1, 0.9, 0.3),
        )
    if rng.random() < 0.5:
        stripe = some_colour(rng, 0.2, 0.8, 0.3)
        for k in range(10):
            left = x + span * (0.04 + 0.092 * k)
            box(
                image,
                left,
                top - 2,
                left + span * 0.092,
                top + 0.2 * (base - top),
                stripe if k % 2 else np.full(3, 0.9),
            )


def car(rng: np.random.Generator, image: np.ndarray, x: float, base: float, size: float) -> None:
    """Draw a parked car seen from its side, in place: its left end at `x`, `size` pixels high, wheels at row `base`."""
    paint = some_colour(rng, 0.1, 0.8, 0.12)
    length = 2.6 * size
    body = np.array([[0, 0.1], [0, 0.5], [0.16, 0.55], [0.3, 0.95], [0.68, 1.0], [0.84, 0.6], [1, 0.5], [1, 0.1]])
    points = np.round(np.stack([x + body[:, 0] * length, base - body[:, 1] * size], 1)).astype(np.int32)
    cv2.fillPoly(image, [points], tuple(float(c) for c in paint), cv2.LINE_AA)
    glass = np.array([[0.2, 0.58], [0.32, 0.9], [0.66, 0.94], [0.78, 0.6]])
    points = np.round(np.stack([x + glass[:, 0] * length, base - glass[:, 1] * size], 1)).astype(np.int32)
    cv2.fillPoly(image, [points], (0.2, 0.18, 0.17), cv2.LINE_AA)
    for share in (0.2, 0.8):
        centre = (round(x + share * length), round(base - 0.12 * size))
        cv2.circle(image, centre, max(1, round(0.18 * size)), (0.08, 0.08, 0.08), -1, cv2.LINE_AA)
        cv2.circle(image, centre, max(1, round(0.09 * size)), (0.5, 0.5, 0.5), -1, cv2.LINE_AA)


def tree(rng: np.random.Generator, image: np.ndarray, x: float, base: float, size: float) -> None:
    """Draw a tree `size` pixels high that stands at (`x`, `base`), in place."""
    trunk = np.array([0.16, 0.22, 0.28]) * rng.uniform(0.7, 1.4)
    box(image, x - 0.025 * size, base - 0.6 * size, x + 0.025 * size, base, trunk)
    green = np.array([0.18, 0.42, 0.32]) * rng.uniform(0.6, 1.3) + rng.uniform(-0.04, 0.04, 3)
    for _ in range(60):
        px, py = x + rng.normal(0, 0.17) * size, base - size * rng.normal(0.75, 0.14)
        colour = green * rng.uniform(0.55, 1.5)
        cv2.circle(
            image,
            (round(px), round(py)),
            max(1, round(rng.uniform(0.02, 0.09) * size)),
            tuple(float(c) for c in colour),
            -1,
            cv2.LINE_AA,
        )


def hedge(rng: np.random.Generator, image: np.ndarray, base: float) -> None:
    """Draw a hedge over the whole width that stands at row `base`, in place."""
    height, width = image.shape[:2]
    edge = base - height * (0.10 + 0.06 * fractal(rng, (1, width), (1, 9), 3)[0])
    rows = np.arange(height)[:, None]
    inside = (rows > edge[None]) & (rows < base + 2)
    leaf = np.array([0.16, 0.34, 0.26]) * (1 + 0.4 * fractal(rng, (height, width), (40, 60), 2))[..., None]
    image[inside] = leaf[inside]


def window(rng: np.random.Generator, image: np.ndarray, base: float) -> None:
    """Draw a bright window with curtains above row `base`, in place; now and then nothing."""
    if rng.random() < 0.35:
        return
    height, width = image.shape[:2]
    x, w = rng.uniform(0, 0.8) * width, rng.uniform(0.12, 0.3) * width
    y0, y1 = rng.uniform(0, 0.1) * height, base - rng.uniform(0.1, 0.25) * height
    box(image, x - 6, y0 - 6, x + w + 6, y1 + 6, np.full(3, 0.9))
    box(image, x, y0, x + w, y1, np.array([1.0, 0.98, 0.93]))
    for k in (1, 2):
        box(image, x + k * w / 3 - 2, y0, x + k * w / 3 + 2, y1, np.full(3, 0.85))
    drape = some_colour(rng, 0.3, 0.8, 0.15)
    for left in (x - 0.05 * width, x + w):
        for k in range(6):
            shade = 0.8 + 0.25 * (k % 2)
            box(image, left + k * width * 0.009, 0, left + (k + 1) * width * 0.009, base, drape * shade)


def sofa(rng: np.random.Generator, image: np.ndarray, x: float, base: float) -> None:
    """Draw a sofa that stands at row `base`, its left end at `x`, in place."""
    height, width = image.shape[:2]
    colour, w, h = some_colour(rng, 0.15, 0.6, 0.12), rng.uniform(0.3, 0.45) * width, 0.24 * height
    box(image, x, base - h, x + w, base + 0.06 * height, colour)
    box(image, x, base - 0.45 * h, x + w, base - 0.3 * h, colour * 1.2)
    for k in range(3):
        box(image, x + w * (0.03 + 0.32 * k), base - 0.9 * h, x + w * (0.33 + 0.32 * k), base - 0.48 * h, colour * 1.1)
    box(image, x, base + 0.02 * height, x + w, base + 0.06 * height, colour * 0.5)
