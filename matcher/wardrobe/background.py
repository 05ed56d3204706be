"""Places behind the people: street, park, room, studio, and plain blurred ones."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from matcher.wardrobe.light import Light
from matcher.wardrobe.noise import fractal, stream
from matcher.wardrobe.props import box, car, ground, hedge, house, sky, sofa, some_colour, tree, window

KINDS = ("street", "street", "park", "room", "shop", "studio", "stage", "blur")


@dataclass(frozen=True)
class Backdrop:
    """A place.

    Attributes:
        image: (H, W, 3) float32 BGR 0..1 linear light.
        light: how people are lit in it.
        horizon: pixel row of the eye level.
        outdoor: whether people throw long shadows.
    """

    image: np.ndarray
    light: Light
    horizon: float
    outdoor: bool


def make_backdrop(seed: int, size: tuple[int, int], kind: str = "", horizon: float = 0.45) -> Backdrop:
    """Draw a place.

    Args:
        seed: fixes everything.
        size: (width, height) pixels.
        kind: one of `KINDS`; empty for a random one.
        horizon: share of the height above the eye level.

    Returns:
        The place, with its light.
    """
    rng = stream(seed, "backdrop")
    kind = kind or str(rng.choice(KINDS))
    width, height = size
    eye = horizon * height
    image = _PLACES[kind](rng, width, height, eye)
    image = image * (1 + 0.05 * fractal(rng, (height, width), (3, 4), 2))[..., None]
    blur = float(rng.choice([0.004, 0.007, 0.012])) * width
    ground = _soft_ground(image, eye, blur)
    light = _PLACE_LIGHT[kind](rng)
    return Backdrop(np.clip(ground, 0, None).astype(np.float32) ** 2, light, eye, kind in ("street", "park"))


def _soft_ground(image: np.ndarray, eye: float, blur: float) -> np.ndarray:
    """Far things are blurred, the ground near the camera less so."""
    far = cv2.GaussianBlur(image, (0, 0), max(0.6, blur))
    near = cv2.GaussianBlur(image, (0, 0), max(0.5, blur * 0.35))
    share = np.clip((np.arange(image.shape[0]) - eye - 4) / (0.25 * image.shape[0]), 0, 1)[:, None, None]
    return far * (1 - share) + near * share


def _street(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    image = sky(rng, width, height).astype(np.float32)
    base = eye + rng.uniform(0.03, 0.09) * height
    x = -rng.uniform(0, 0.2) * width
    while x < width:
        span = rng.uniform(0.18, 0.5) * width
        house(rng, image, x, span, rng.uniform(-0.3, 0.25) * height, base)
        x += span
    floor = ground(
        rng, width, height, eye, some_colour(rng, 0.4, 0.68, 0.02), str(rng.choice(["slabs", "slabs", "plain"]))
    )
    image[int(base) :] = floor[int(base) :]
    cv2.line(
        image,
        (0, int(base + 0.02 * height)),
        (width, int(base + 0.02 * height)),
        (0.35, 0.35, 0.36),
        max(1, height // 120),
    )
    for _ in range(int(rng.integers(0, 4))):
        car(rng, image, rng.uniform(0, width), base + 0.02 * height, rng.uniform(0.14, 0.24) * height)
    for _ in range(int(rng.integers(0, 3))):
        tree(rng, image, rng.uniform(0, width), base + 0.02 * height, rng.uniform(0.5, 0.9) * height)
    return image


def _park(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    image = sky(rng, width, height).astype(np.float32)
    base = eye + 0.02 * height
    grass = ground(rng, width, height, eye, np.array([0.22, 0.5, 0.4], np.float32) * rng.uniform(0.75, 1.15), "plain")
    blades = fractal(rng, (height, width), (120, 90), 2)[..., None] * 0.10
    image[int(base) :] = (grass * (1 + blades))[int(base) :]
    hedge(rng, image, base)
    for _ in range(int(rng.integers(3, 8))):
        tree(
            rng,
            image,
            rng.uniform(-0.05, 1.05) * width,
            base + rng.uniform(0, 0.06) * height,
            rng.uniform(0.5, 1.1) * height,
        )
    if rng.random() < 0.6:
        path = ground(rng, width, height, eye, some_colour(rng, 0.5, 0.7, 0.03), "plain")
        rows = np.arange(height)[:, None] - eye
        centre = width * rng.uniform(0.3, 0.7) + rows * rng.uniform(-0.6, 0.6)
        on_path = np.abs(np.arange(width)[None] - centre) < rows * rng.uniform(0.6, 1.6)
        image = np.where((on_path & (rows > 0.02 * height))[..., None], path, image).astype(np.float32)
    return image


def _room(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    wall = some_colour(rng, 0.45, 0.9, 0.06)
    light = 1 + 0.25 * np.exp(-(((np.arange(width) / width - rng.uniform(0, 1)) / 0.4) ** 2))[None, :, None]
    image = np.broadcast_to(wall, (height, width, 3)) * light * np.linspace(1.05, 0.85, height)[:, None, None]
    image = np.ascontiguousarray(image.astype(np.float32))
    base = eye + rng.uniform(0.16, 0.3) * height
    window(rng, image, base)
    for _ in range(int(rng.integers(0, 4))):
        x, y, w, h = (
            rng.uniform(0, 0.9) * width,
            rng.uniform(0.05, 0.4) * height,
            rng.uniform(0.06, 0.16) * width,
            rng.uniform(0.12, 0.3) * height,
        )
        box(image, x, y, x + w, y + h, some_colour(rng, 0.08, 0.3))
        box(image, x + 4, y + 4, x + w - 4, y + h - 4, some_colour(rng, 0.3, 0.8, 0.2))
    floor = ground(rng, width, height, eye, some_colour(rng, 0.3, 0.6, 0.02) * np.array([0.75, 0.92, 1.1]), "boards")
    image[int(base) :] = floor[int(base) :]
    box(image, 0, base - 0.02 * height, width, base, np.clip(wall * 1.15, 0, 1))
    if rng.random() < 0.7:
        sofa(rng, image, rng.uniform(-0.1, 0.8) * width, base)
    return image


def _shop(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    image = _room(rng, width, height, eye)
    base = eye + 0.1 * height
    for shelf in range(int(rng.integers(1, 4))):
        y = base - height * (0.12 + 0.2 * shelf)
        box(image, 0, y, width, y + 3, np.full(3, 0.35))
        x = 0.0
        while x < width:
            w = rng.uniform(0.01, 0.05) * width
            box(image, x, y - rng.uniform(0.05, 0.15) * height, x + w, y, some_colour(rng, 0.1, 0.9, 0.25))
            x += w * rng.uniform(1.0, 1.6)
    for _ in range(6):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, 0.12) * height))
        cv2.circle(image, centre, max(2, width // 80), (1.3, 1.35, 1.4), -1, cv2.LINE_AA)
    return image


def _studio(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    """Seamless paper: wall and floor run into each other."""
    paper = some_colour(rng, 0.25, 0.95, 0.08)
    y = np.linspace(0, 1, height)[:, None]
    x = np.linspace(0, 1, width)[None]
    pool = np.exp(-(((x - rng.uniform(0.3, 0.7)) / 0.45) ** 2) - ((y - 0.4) / 0.5) ** 2)
    curve = 1 - 0.12 * np.exp(-(((y - (eye / height + 0.16)) / 0.08) ** 2))
    return (paper[None, None] * ((0.72 + 0.35 * pool) * curve)[..., None]).astype(np.float32)


def _stage(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    """A dark studio with pools of light, cables and lamps."""
    image = np.full((height, width, 3), 1, np.float32) * some_colour(rng, 0.04, 0.14, 0.02)
    floor = ground(rng, width, height, eye, some_colour(rng, 0.14, 0.3, 0.03), "plain")
    base = int(eye + 0.12 * height)
    image[base:] = floor[base:]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for _ in range(int(rng.integers(2, 5))):
        cx, cy, r = rng.uniform(0, width), rng.uniform(base, height), rng.uniform(0.15, 0.35) * width
        tint = np.clip(rng.uniform(0.4, 1.0, 3), 0, 1)
        pool = np.exp(-(((x - cx) / r) ** 2) - ((y - cy) / (0.3 * r)) ** 2)[..., None]
        image += pool * tint * 0.35
        cv2.circle(
            image,
            (int(cx), int(rng.uniform(0, 0.2) * height)),
            max(2, width // 60),
            tuple(float(c) * 1.6 for c in tint),
            -1,
            cv2.LINE_AA,
        )
    for _ in range(int(rng.integers(2, 8))):
        px = rng.uniform(0, width)
        box(image, px, rng.uniform(0, 0.3) * height, px + rng.uniform(2, 30), base, some_colour(rng, 0.05, 0.3, 0.05))
    return image


def _blurred(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    base, other = some_colour(rng, 0.2, 0.8, 0.15), some_colour(rng, 0.2, 0.8, 0.15)
    field = fractal(rng, (height, width), (3, 4), 4)[..., None]
    image = np.ascontiguousarray((base + (other - base) * np.clip(field + 0.5, 0, 1)).astype(np.float32))
    for _ in range(40):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        disc = image.copy()
        cv2.circle(
            disc,
            centre,
            int(rng.uniform(0.005, 0.04) * width) + 1,
            tuple(float(c) for c in some_colour(rng, 0.3, 1.0, 0.2)),
            -1,
            cv2.LINE_AA,
        )
        image = image * 0.6 + disc * 0.4
    return image


def _day(rng: np.random.Generator) -> Light:
    side = rng.uniform(-1, 1)
    direction = np.array([side, rng.uniform(0.5, 1.2), rng.uniform(0.1, 0.9)])
    warm = rng.uniform(0, 0.25)
    strength = rng.uniform(0.35, 1.0)
    sky = 0.62 - 0.25 * strength
    return Light(
        _unit(direction),
        (strength * (1 - warm), strength, strength * (1 + 0.5 * warm)),
        (sky * 1.08, sky, sky * 0.94),
        (0.20, 0.21, 0.22),
    )


def _indoor(rng: np.random.Generator) -> Light:
    direction = np.array([rng.uniform(-1, 1), rng.uniform(0.2, 1.0), rng.uniform(0.3, 1)])
    warm = rng.uniform(0, 0.3)
    key, fill = rng.uniform(0.3, 0.7), rng.uniform(0.22, 0.4)
    return Light(
        _unit(direction), (key * (1 - warm), key, key * (1 + warm)), (fill * (1 - warm), fill, fill), (0.15, 0.16, 0.18)
    )


def _lamps(rng: np.random.Generator) -> Light:
    direction = np.array([rng.choice([-1, 1]) * rng.uniform(0.4, 1), rng.uniform(0.3, 1.0), rng.uniform(0.0, 0.7)])
    tint = rng.uniform(0.5, 1.1, 3) * rng.uniform(0.45, 0.9)
    fill = rng.uniform(0.04, 0.14)
    return Light(_unit(direction), tuple(float(v) for v in tint), (fill * 1.2, fill, fill), (fill, fill, fill))


def _unit(vector: np.ndarray) -> tuple[float, float, float]:
    vector = vector / np.linalg.norm(vector)
    return float(vector[0]), float(vector[1]), float(vector[2])


_PLACES = {
    "street": _street,
    "park": _park,
    "room": _room,
    "shop": _shop,
    "studio": _studio,
    "stage": _stage,
    "blur": _blurred,
}
_PLACE_LIGHT = {
    "street": _day,
    "park": _day,
    "room": _indoor,
    "shop": _indoor,
    "studio": _indoor,
    "stage": _lamps,
    "blur": _day,
}
