"""Procedural fabrics: a pattern printed or woven into a cloth, as a tile that repeats at its edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from matcher.wardrobe.noise import fractal, stream, value_noise
from matcher.wardrobe.palette import dye

TILE_PX = 256
TILE_M = 0.32


@dataclass(frozen=True)
class Fabric:
    """What a cloth is made of.

    Attributes:
        pattern: a key of `PATTERNS`.
        cloth: a key of `CLOTHS`, the fine structure and its shine.
        dyes: names of the ground colour and the pattern's colours.
        scale: size of the pattern, 1 is usual.
        seed: fixes every random choice.
    """

    pattern: str
    cloth: str
    dyes: tuple[str, ...]
    scale: float
    seed: int


def _axes() -> tuple[np.ndarray, np.ndarray]:
    ramp = (np.arange(TILE_PX, dtype=np.float32) + 0.5) / TILE_PX
    return np.meshgrid(ramp, ramp)


def _mix(ground: np.ndarray, colour: np.ndarray, amount: np.ndarray) -> np.ndarray:
    amount = np.clip(amount, 0, 1)[..., None]
    return ground * (1 - amount) + colour * amount


def _band(phase: np.ndarray, width: float, soft: float = 0.04) -> np.ndarray:
    """1 where the fractional part of `phase` is below `width`, with soft edges."""
    distance = np.abs((phase % 1.0) - 0.5)
    return np.clip((width / 2 - distance) / soft + 0.5, 0, 1)


def _repeats(fabric: Fabric, usual: float) -> int:
    return max(1, round(usual / fabric.scale))


def _plain(fabric: Fabric, image: np.ndarray) -> np.ndarray:
    return image


def _stripes(fabric: Fabric, image: np.ndarray, vertical: bool = False) -> np.ndarray:
    rng = stream(fabric.seed, "stripes")
    x, y = _axes()
    phase = (x if vertical else y) * _repeats(fabric, rng.choice([6, 9, 13]))
    image = _mix(image, dye(fabric.dyes[1]), _band(phase, rng.choice([0.25, 0.4, 0.5])))
    if len(fabric.dyes) > 2 and rng.random() < 0.5:
        image = _mix(image, dye(fabric.dyes[2]), _band(phase + 0.5, 0.12))
    return image


def _pinstripes(fabric: Fabric, image: np.ndarray) -> np.ndarray:
    x, _ = _axes()
    return _mix(image, dye(fabric.dyes[1]), 0.7 * _band(x * _repeats(fabric, 18), 0.12, 0.08))


def _check(fabric: Fabric, image: np.ndarray) -> np.ndarray:
    rng = stream(fabric.seed, "check")
    x, y = _axes()
    count = _repeats(fabric, rng.choice([4, 6, 9]))
    colour, width = dye(fabric.dyes[1]), rng.choice([0.35, 0.5])
    image = _mix(image, colour, 0.55 * _band(x * count, width))
    image = _mix(image, colour, 0.55 * _band(y * count, width))
    line = dye(fabric.dyes[-1])
    for axis in (x, y):
        image = _mix(image, line, 0.75 * _band(axis * count + 0.5, 0.08, 0.03))
    return image


def _windowpane(fabric: Fabric, image: np.ndarray) -> np.ndarray:
    x, y = _axes()
    lines = np.maximum(_band(x * _repeats(fabric, 4), 0.08, 0.03), _band(y * _repeats(fabric, 4), 0.08, 0.03))
    return _mix(image, dye(fabric.dyes[1]), 0.8 * lines)


def _houndstooth(fabric: Fabric, image: np.ndarray) -> np.ndarray:
    x, y = _axes()
    count = _repeats(fabric, 12)
    across, down = (x * count) % 1, (y * count) % 1
    weave = ((across + down) * 4 % 1) < 0.5
    dark = np.where((across < 0.5) & (down < 0.5), 1.0, np.where((across < 0.5) | (down < 0.5), weave, 0.0))
    return _mix(image, dye(fabric.dyes[1]), cv2.GaussianBlur(dark.astype(np.float32), (3, 3), 0))


def _chevron(fabric: Fabric, image: np.ndarray) -> np.ndarray:
    x, y = _axes()
    count = _repeats(fabric, 6)
    zigzag = np.abs((x * count) % 1 - 0.5)
    return _mix(image, dye(fabric.dyes[1]), _band((y * count + zigzag), 0.45))


def _dots(fabric: Fabric, image: np.ndarray) -> np.ndarray:
    rng = stream(fabric.seed, "dots")
    x, y = _axes()
    count = _repeats(fabric, rng.choice([6, 9, 14]))
    radius = rng.uniform(0.16, 0.32)
    cover = np.zeros_like(x)
    for shift in (0.0, 0.5):
        distance = np.hypot((x * count + shift) % 1 - 0.5, (y * count + shift) % 1 - 0.5)
        cover = np.maximum(cover, np.clip((radius - distance) / 0.06 + 0.5, 0, 1))
    return _mix(image, dye(fabric.dyes[1]), cover)


def _stamp(image: np.ndarray, draw: Callable[[np.ndarray, int, int], None], x: int, y: int) -> None:
    """Call `draw` at (x, y) and at the wrapped places, so that the tile still repeats."""
    for dy in (-TILE_PX, 0, TILE_PX):
        for dx in (-TILE_PX, 0, TILE_PX):
            if -80 < x + dx < TILE_PX + 80 and -80 < y + dy < TILE_PX + 80:
                draw(image, x + dx, y + dy)


def _flower(rng: np.random.Generator, radius: float, petal: tuple, heart: tuple) -> Callable:
    petals, turn = int(rng.integers(4, 7)), rng.uniform(0, 6.3)

    def draw(image: np.ndarray, x: int, y: int) -> None:
        for k in range(petals):
            angle = turn + 6.2832 * k / petals
            centre = (round(x + 0.6 * radius * np.cos(angle)), round(y + 0.6 * radius * np.sin(angle)))
            axes = (round(0.55 * radius), round(0.34 * radius))
            cv2.ellipse(image, centre, axes, float(np.degrees(angle)), 0, 360, petal, -1, cv2.LINE_AA)
        cv2.circle(image, (x, y), max(1, round(0.28 * radius)), heart, -1, cv2.LINE_AA)

    return draw


def _leaf(rng: np.random.Generator, radius: float, colour: tuple) -> Callable:
    angle = rng.uniform(0, 360)

    def draw(image: np.ndarray, x: int, y: int) -> None:
        cv2.ellipse(
            image, (x, y), (round(radius), max(1, round(radius * 0.34))), angle, 0, 360, colour, -1, cv2.LINE_AA
        )

    return draw


def _floral(fabric: Fabric, image: np.ndarray) -> np.ndarray:
    rng = stream(fabric.seed, "floral")
    colours = [tuple(float(v) for v in dye(name)) for name in fabric.dyes[1:]] or [(240.0, 240.0, 240.0)]
    image = np.ascontiguousarray(image)
    for k in range(round(46 / fabric.scale**1.5)):
        radius = rng.uniform(9, 19) * fabric.scale
        x, y = (int(v) for v in rng.integers(0, TILE_PX, 2))
        leaf = k % 2 == 0
        shape = (
            _leaf(rng, radius, colours[-1])
            if leaf
            else _flower(rng, radius, colours[k % len(colours)], (60.0, 180.0, 230.0))
        )
        _stamp(image, shape, x, y)
    return image


def _blobs(fabric: Fabric, image: np.ndarray) -> np.ndarray:
    """Camouflage: levels of smooth noise."""
    rng = stream(fabric.seed, "blobs")
    cells = _repeats(fabric, 5)
    for name in fabric.dyes[1:]:
        field = fractal(rng, (TILE_PX, TILE_PX), (cells, cells), 2)
        image = _mix(image, dye(name), np.clip((field - 0.12) / 0.05, 0, 1))
    return image


def _animal(fabric: Fabric, image: np.ndarray) -> np.ndarray:
    rng = stream(fabric.seed, "animal")
    cells = _repeats(fabric, 12)
    field = value_noise(rng, (TILE_PX, TILE_PX), (cells, cells))
    ring = np.clip(1 - np.abs(field - 0.25) / 0.16, 0, 1)
    return _mix(image, dye(fabric.dyes[1]), np.clip(ring * 2.4, 0, 1))


def _marble(fabric: Fabric, image: np.ndarray) -> np.ndarray:
    rng = stream(fabric.seed, "marble")
    field = fractal(rng, (TILE_PX, TILE_PX), (3, 3), 4)
    for k, name in enumerate(fabric.dyes[1:]):
        image = _mix(image, dye(name), np.clip(np.abs(np.sin(5 * field + k)) * 1.6 - 0.6, 0, 1))
    return image


def _fair_isle(fabric: Fabric, image: np.ndarray) -> np.ndarray:
    """Knitted bands of small figures."""
    rng = stream(fabric.seed, "isle")
    grid = np.zeros((32, 32), np.int32)
    for row in range(0, 32, 8):
        half = rng.random((5, 4)) < 0.45
        motif = np.concatenate([half, half[:, ::-1]], 1)
        grid[row : row + 5] = np.tile(motif, (1, 4)) * (1 + (row // 8) % (len(fabric.dyes) - 1))
        grid[row + 6] = 1
    levels = cv2.resize(grid.astype(np.float32), (TILE_PX, TILE_PX), interpolation=cv2.INTER_NEAREST)
    for k, name in enumerate(fabric.dyes[1:], 1):
        image = _mix(image, dye(name), cv2.GaussianBlur((levels == k).astype(np.float32), (3, 3), 0))
    return image


PATTERNS: dict[str, Callable[[Fabric, np.ndarray], np.ndarray]] = {
    "plain": _plain,
    "striped": _stripes,
    "vertical striped": lambda fabric, image: _stripes(fabric, image, vertical=True),
    "pinstriped": _pinstripes,
    "checked": _check,
    "windowpane": _windowpane,
    "houndstooth": _houndstooth,
    "chevron": _chevron,
    "dotted": _dots,
    "floral": _floral,
    "camouflage": _blobs,
    "animal print": _animal,
    "marbled": _marble,
    "fair isle": _fair_isle,
}


def _twill(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    return 0.5 * np.sin(6.2832 * 64 * (x + y)) + 0.5 * value_noise(rng, (TILE_PX, TILE_PX), (8, 128))


def _knit(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    count = int(rng.choice([28, 40]))
    return 0.9 * np.cos(6.2832 * (y * count + 0.5 * np.abs((x * count) % 1 - 0.5))) * np.abs(np.sin(np.pi * x * count))


def _ribbed(rng: np.random.Generator) -> np.ndarray:
    x, _ = _axes()
    return np.cos(6.2832 * x * int(rng.choice([24, 32])))


def _cable(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    plait = np.cos(6.2832 * (x * 8 + 0.12 * np.sin(6.2832 * y * 10)))
    return 0.8 * plait + 0.4 * _knit(rng)


def _grain(rng: np.random.Generator) -> np.ndarray:
    return 0.6 * fractal(rng, (TILE_PX, TILE_PX), (40, 40), 2)


def _wool(rng: np.random.Generator) -> np.ndarray:
    return 0.7 * fractal(rng, (TILE_PX, TILE_PX), (64, 64), 2)


def _straw(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    return np.sin(6.2832 * 36 * x) * np.sign(np.sin(6.2832 * 36 * y))


def _smooth(rng: np.random.Generator) -> np.ndarray:
    return 0.25 * value_noise(rng, (TILE_PX, TILE_PX), (96, 96))


# structure, depth of the structure's own shade, shine, how much large folds show
CLOTHS: dict[str, tuple[Callable[[np.random.Generator], np.ndarray], float, float, float]] = {
    "jersey": (_smooth, 0.05, 0.02, 1.0),
    "cotton": (_twill, 0.03, 0.03, 1.0),
    "denim": (_twill, 0.14, 0.03, 0.9),
    "knit": (_knit, 0.16, 0.01, 0.7),
    "rib": (_ribbed, 0.14, 0.02, 0.6),
    "cable": (_cable, 0.2, 0.01, 0.6),
    "wool": (_wool, 0.1, 0.01, 0.6),
    "leather": (_grain, 0.06, 0.35, 0.8),
    "patent": (_smooth, 0.02, 0.7, 0.5),
    "satin": (_smooth, 0.02, 0.3, 1.3),
    "nylon": (_smooth, 0.03, 0.18, 1.2),
    "suede": (_wool, 0.08, 0.0, 0.6),
    "canvas": (_straw, 0.06, 0.02, 0.6),
    "straw": (_straw, 0.22, 0.05, 0.3),
    "felt": (_wool, 0.06, 0.0, 0.4),
    "stretch": (_smooth, 0.03, 0.08, 0.45),
    "plastic": (_smooth, 0.0, 0.6, 0.0),
}


@lru_cache(maxsize=256)
def fabric_tile(fabric: Fabric) -> np.ndarray:
    """Draw one repeat of a fabric.

    Args:
        fabric: what to draw.

    Returns:
        (256, 256, 4) uint8: blue, green, red and height (128 is the middle); one repeat is 0.32 m wide.
    """
    rng = stream(fabric.seed, "cloth")
    image = np.broadcast_to(dye(fabric.dyes[0]), (TILE_PX, TILE_PX, 3)).astype(np.float32)
    image = PATTERNS[fabric.pattern](fabric, image)
    structure, depth, _, _ = CLOTHS[fabric.cloth]
    relief = structure(rng).astype(np.float32)
    melange = value_noise(rng, (TILE_PX, TILE_PX), (128, 128)) * (0.02 + 0.35 * depth)
    image = image * (1 + depth * relief + melange)[..., None]
    image += (depth * 40 * relief.clip(0, 1))[..., None] * (fabric.cloth == "denim")
    height = 128 + 40 * depth * relief
    return np.dstack([image, height]).clip(0, 255).astype(np.uint8)


def shine(fabric: Fabric) -> float:
    """Strength of the highlight of a fabric, 0 (matt) to 1."""
    return CLOTHS[fabric.cloth][2]


def drape(fabric: Fabric) -> float:
    """How strongly a fabric falls into folds, about 0 to 1.3."""
    return CLOTHS[fabric.cloth][3]
