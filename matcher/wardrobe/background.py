"""Places behind the people: street, park, room, studio, and plain blurred ones."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from matcher.wardrobe.light import Light
from matcher.wardrobe.noise import fractal, stream, value_noise

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


def _ground(
    rng: np.random.Generator, width: int, height: int, eye: float, colour: np.ndarray, tiles: str
) -> np.ndarray:
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


def _colour(rng: np.random.Generator, low: float, high: float, tint: float = 0.06) -> np.ndarray:
    return np.clip(rng.uniform(low, high) + rng.uniform(-tint, tint, 3), 0.02, 1).astype(np.float32)


def _sky(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    top, low = (
        np.array([0.88, 0.72, 0.55]) * rng.uniform(0.7, 1.1),
        np.array([0.95, 0.92, 0.88]) * rng.uniform(0.8, 1.05),
    )
    ramp = np.linspace(0, 1, height)[:, None, None]
    clouds = np.clip(fractal(rng, (height, width), (4, 5), 4) - rng.uniform(-0.3, 0.5), 0, 1)[..., None]
    return (top * (1 - ramp) + low * ramp) * (1 - clouds) + 0.93 * clouds


def _street(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    image = _sky(rng, width, height).astype(np.float32)
    base = eye + rng.uniform(0.03, 0.09) * height
    x = -rng.uniform(0, 0.2) * width
    while x < width:
        span = rng.uniform(0.18, 0.5) * width
        _house(rng, image, x, span, rng.uniform(-0.3, 0.25) * height, base)
        x += span
    floor = _ground(
        rng, width, height, eye, _colour(rng, 0.4, 0.68, 0.02), str(rng.choice(["slabs", "slabs", "plain"]))
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
        _car(rng, image, rng.uniform(0, width), base + 0.02 * height, rng.uniform(0.14, 0.24) * height)
    for _ in range(int(rng.integers(0, 3))):
        _tree(rng, image, rng.uniform(0, width), base + 0.02 * height, rng.uniform(0.5, 0.9) * height)
    return _passers(rng, image, eye)


def _box(image: np.ndarray, x0: float, y0: float, x1: float, y1: float, colour: np.ndarray) -> None:
    cv2.rectangle(image, (round(x0), round(y0)), (round(x1), round(y1)), tuple(float(c) for c in colour), -1)


def _house(rng: np.random.Generator, image: np.ndarray, x: float, span: float, top: float, base: float) -> None:
    wall = _colour(rng, 0.3, 0.8, 0.1)
    _box(image, x, top, x + span, base, wall)
    _box(image, x, top, x + span * 0.02, base, wall * 0.7)
    storey = rng.uniform(0.16, 0.24) * image.shape[0]
    count = int(rng.integers(2, 6))
    glass = _colour(rng, 0.12, 0.4, 0.05)
    y = base - storey * 1.25
    _shop_front(rng, image, x, span, y, base)
    while y > top:
        for k in range(count):
            left = x + span * (k + 0.22) / count
            right = left + span * 0.5 / count
            _box(image, left - 2, y - storey * 0.78, right + 2, y - storey * 0.12, wall * 1.15)
            _box(image, left, y - storey * 0.74, right, y - storey * 0.16, glass * rng.uniform(0.6, 1.6))
            _box(
                image, (left + right) / 2 - 1, y - storey * 0.74, (left + right) / 2 + 1, y - storey * 0.16, wall * 1.1
            )
        y -= storey


def _shop_front(rng: np.random.Generator, image: np.ndarray, x: float, span: float, top: float, base: float) -> None:
    if rng.random() < 0.3:
        return
    frame = _colour(rng, 0.08, 0.5, 0.15)
    _box(image, x + 0.04 * span, top, x + 0.96 * span, base, frame)
    _box(
        image,
        x + 0.08 * span,
        top + 0.22 * (base - top),
        x + 0.6 * span,
        base - 0.08 * (base - top),
        _colour(rng, 0.3, 0.8),
    )
    _box(image, x + 0.66 * span, top + 0.22 * (base - top), x + 0.88 * span, base, frame * 0.5)
    for _ in range(12):
        px, py = x + span * rng.uniform(0.1, 0.58), rng.uniform(top + 0.35 * (base - top), base - 0.1 * (base - top))
        _box(image, px, py, px + span * rng.uniform(0.01, 0.06), py + (base - top) * 0.12, _colour(rng, 0.1, 0.9, 0.3))
    if rng.random() < 0.5:
        stripe = _colour(rng, 0.2, 0.8, 0.3)
        for k in range(10):
            left = x + span * (0.04 + 0.092 * k)
            _box(
                image,
                left,
                top - 2,
                left + span * 0.092,
                top + 0.2 * (base - top),
                stripe if k % 2 else np.full(3, 0.9),
            )


def _car(rng: np.random.Generator, image: np.ndarray, x: float, base: float, size: float) -> None:
    paint = _colour(rng, 0.1, 0.8, 0.12)
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


def _tree(rng: np.random.Generator, image: np.ndarray, x: float, base: float, size: float) -> None:
    trunk = np.array([0.16, 0.22, 0.28]) * rng.uniform(0.7, 1.4)
    _box(image, x - 0.025 * size, base - 0.6 * size, x + 0.025 * size, base, trunk)
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


def _passers(rng: np.random.Generator, image: np.ndarray, eye: float) -> np.ndarray:
    """Far people as blurred figures: background, never counted."""
    return image


def _park(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    image = _sky(rng, width, height).astype(np.float32)
    base = eye + 0.02 * height
    grass = _ground(rng, width, height, eye, np.array([0.22, 0.5, 0.4], np.float32) * rng.uniform(0.75, 1.15), "plain")
    blades = fractal(rng, (height, width), (120, 90), 2)[..., None] * 0.10
    image[int(base) :] = (grass * (1 + blades))[int(base) :]
    _hedge(rng, image, base)
    for _ in range(int(rng.integers(3, 8))):
        _tree(
            rng,
            image,
            rng.uniform(-0.05, 1.05) * width,
            base + rng.uniform(0, 0.06) * height,
            rng.uniform(0.5, 1.1) * height,
        )
    if rng.random() < 0.6:
        path = _ground(rng, width, height, eye, _colour(rng, 0.5, 0.7, 0.03), "plain")
        rows = np.arange(height)[:, None] - eye
        centre = width * rng.uniform(0.3, 0.7) + rows * rng.uniform(-0.6, 0.6)
        on_path = np.abs(np.arange(width)[None] - centre) < rows * rng.uniform(0.6, 1.6)
        image = np.where((on_path & (rows > 0.02 * height))[..., None], path, image).astype(np.float32)
    return image


def _hedge(rng: np.random.Generator, image: np.ndarray, base: float) -> None:
    height, width = image.shape[:2]
    edge = base - height * (0.10 + 0.06 * fractal(rng, (1, width), (1, 9), 3)[0])
    rows = np.arange(height)[:, None]
    inside = (rows > edge[None]) & (rows < base + 2)
    leaf = np.array([0.16, 0.34, 0.26]) * (1 + 0.4 * fractal(rng, (height, width), (40, 60), 2))[..., None]
    image[inside] = leaf[inside]


def _room(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    wall = _colour(rng, 0.45, 0.9, 0.06)
    light = 1 + 0.25 * np.exp(-(((np.arange(width) / width - rng.uniform(0, 1)) / 0.4) ** 2))[None, :, None]
    image = np.broadcast_to(wall, (height, width, 3)) * light * np.linspace(1.05, 0.85, height)[:, None, None]
    image = np.ascontiguousarray(image.astype(np.float32))
    base = eye + rng.uniform(0.16, 0.3) * height
    _window(rng, image, base)
    for _ in range(int(rng.integers(0, 4))):
        x, y, w, h = (
            rng.uniform(0, 0.9) * width,
            rng.uniform(0.05, 0.4) * height,
            rng.uniform(0.06, 0.16) * width,
            rng.uniform(0.12, 0.3) * height,
        )
        _box(image, x, y, x + w, y + h, _colour(rng, 0.08, 0.3))
        _box(image, x + 4, y + 4, x + w - 4, y + h - 4, _colour(rng, 0.3, 0.8, 0.2))
    floor = _ground(rng, width, height, eye, _colour(rng, 0.3, 0.6, 0.02) * np.array([0.75, 0.92, 1.1]), "boards")
    image[int(base) :] = floor[int(base) :]
    _box(image, 0, base - 0.02 * height, width, base, np.clip(wall * 1.15, 0, 1))
    if rng.random() < 0.7:
        _sofa(rng, image, rng.uniform(-0.1, 0.8) * width, base)
    return image


def _window(rng: np.random.Generator, image: np.ndarray, base: float) -> None:
    if rng.random() < 0.35:
        return
    height, width = image.shape[:2]
    x, w = rng.uniform(0, 0.8) * width, rng.uniform(0.12, 0.3) * width
    y0, y1 = rng.uniform(0, 0.1) * height, base - rng.uniform(0.1, 0.25) * height
    _box(image, x - 6, y0 - 6, x + w + 6, y1 + 6, np.full(3, 0.9))
    _box(image, x, y0, x + w, y1, np.array([1.0, 0.98, 0.93]))
    for k in (1, 2):
        _box(image, x + k * w / 3 - 2, y0, x + k * w / 3 + 2, y1, np.full(3, 0.85))
    drape = _colour(rng, 0.3, 0.8, 0.15)
    for left in (x - 0.05 * width, x + w):
        for k in range(6):
            shade = 0.8 + 0.25 * (k % 2)
            _box(image, left + k * width * 0.009, 0, left + (k + 1) * width * 0.009, base, drape * shade)


def _sofa(rng: np.random.Generator, image: np.ndarray, x: float, base: float) -> None:
    height, width = image.shape[:2]
    colour, w, h = _colour(rng, 0.15, 0.6, 0.12), rng.uniform(0.3, 0.45) * width, 0.24 * height
    _box(image, x, base - h, x + w, base + 0.06 * height, colour)
    _box(image, x, base - 0.45 * h, x + w, base - 0.3 * h, colour * 1.2)
    for k in range(3):
        _box(image, x + w * (0.03 + 0.32 * k), base - 0.9 * h, x + w * (0.33 + 0.32 * k), base - 0.48 * h, colour * 1.1)
    _box(image, x, base + 0.02 * height, x + w, base + 0.06 * height, colour * 0.5)


def _shop(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    image = _room(rng, width, height, eye)
    base = eye + 0.1 * height
    for shelf in range(int(rng.integers(1, 4))):
        y = base - height * (0.12 + 0.2 * shelf)
        _box(image, 0, y, width, y + 3, np.full(3, 0.35))
        x = 0.0
        while x < width:
            w = rng.uniform(0.01, 0.05) * width
            _box(image, x, y - rng.uniform(0.05, 0.15) * height, x + w, y, _colour(rng, 0.1, 0.9, 0.25))
            x += w * rng.uniform(1.0, 1.6)
    for _ in range(6):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, 0.12) * height))
        cv2.circle(image, centre, max(2, width // 80), (1.3, 1.35, 1.4), -1, cv2.LINE_AA)
    return image


def _studio(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    """Seamless paper: wall and floor run into each other."""
    paper = _colour(rng, 0.25, 0.95, 0.08)
    y = np.linspace(0, 1, height)[:, None]
    x = np.linspace(0, 1, width)[None]
    pool = np.exp(-(((x - rng.uniform(0.3, 0.7)) / 0.45) ** 2) - ((y - 0.4) / 0.5) ** 2)
    curve = 1 - 0.12 * np.exp(-(((y - (eye / height + 0.16)) / 0.08) ** 2))
    return (paper[None, None] * ((0.72 + 0.35 * pool) * curve)[..., None]).astype(np.float32)


def _stage(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    """A dark studio with pools of light, cables and lamps."""
    image = np.full((height, width, 3), 1, np.float32) * _colour(rng, 0.04, 0.14, 0.02)
    floor = _ground(rng, width, height, eye, _colour(rng, 0.14, 0.3, 0.03), "plain")
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
        _box(image, px, rng.uniform(0, 0.3) * height, px + rng.uniform(2, 30), base, _colour(rng, 0.05, 0.3, 0.05))
    return image


def _blurred(rng: np.random.Generator, width: int, height: int, eye: float) -> np.ndarray:
    base, other = _colour(rng, 0.2, 0.8, 0.15), _colour(rng, 0.2, 0.8, 0.15)
    field = fractal(rng, (height, width), (3, 4), 4)[..., None]
    image = np.ascontiguousarray((base + (other - base) * np.clip(field + 0.5, 0, 1)).astype(np.float32))
    for _ in range(40):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        disc = image.copy()
        cv2.circle(
            disc,
            centre,
            int(rng.uniform(0.005, 0.04) * width) + 1,
            tuple(float(c) for c in _colour(rng, 0.3, 1.0, 0.2)),
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
