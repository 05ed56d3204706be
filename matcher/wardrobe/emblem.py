"""Prints on the chest: words, numbers and simple figures."""

from __future__ import annotations

import cv2
import numpy as np

from matcher.wardrobe.canvas import Canvas
from matcher.wardrobe.noise import fractal, stream

FONTS = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)


def print_emblem(
    canvas: Canvas,
    emblem: tuple[str, str],
    seed: int,
    colours: list[np.ndarray],
    centre: tuple[float, float],
    size: float,
) -> None:
    """Print an emblem on a canvas.

    Args:
        canvas: what to print on.
        emblem: kind and text, as in `Product.emblem`.
        seed: fixes font and proportions.
        colours: BGR colours, the first is the main one.
        centre: middle of the print, metres.
        size: width of the print, metres.
    """
    kind, text = emblem
    rng = stream(seed, "emblem")
    if kind == "word":
        _word(canvas, text, rng, colours[0], centre, size)
    elif kind == "photo":
        _photo(canvas, rng, colours, centre, size)
    else:
        _FIGURES[kind](canvas, rng, colours, centre, size)
        if rng.random() < 0.5:
            _word(canvas, text, rng, colours[0], (centre[0], centre[1] + 0.62 * size), size * 0.7)


def _word(
    canvas: Canvas, text: str, rng: np.random.Generator, colour: np.ndarray, centre: tuple[float, float], size: float
) -> None:
    font = FONTS[int(rng.integers(len(FONTS)))]
    (width, height), _ = cv2.getTextSize(text, font, 4.0, 10)
    patch = np.zeros((height + 40, width + 40), np.uint8)
    cv2.putText(patch, text, (20, height + 20), font, 4.0, 255, int(rng.integers(9, 16)), cv2.LINE_AA)
    size = size if len(text) > 3 else size * 0.5
    wanted = max(6, round(size * canvas.density))
    patch = cv2.resize(
        patch,
        (wanted, max(4, round(wanted * patch.shape[0] / patch.shape[1] * rng.uniform(1, 1.6)))),
        interpolation=cv2.INTER_AREA,
    )
    _blend(canvas, patch.astype(np.float32) / 255, colour, centre)


def _blend(canvas: Canvas, cover: np.ndarray, colour: np.ndarray, centre: tuple[float, float]) -> None:
    height, width = cover.shape
    x0, y0 = round(centre[0] * canvas.density) - width // 2, round(centre[1] * canvas.density) - height // 2
    left, top = max(0, x0), max(0, y0)
    right, bottom = min(canvas.height.shape[1], x0 + width), min(canvas.height.shape[0], y0 + height)
    if right <= left or bottom <= top:
        return
    part = cover[top - y0 : bottom - y0, left - x0 : right - x0, None]
    if colour.ndim == 3:
        colour = colour[top - y0 : bottom - y0, left - x0 : right - x0]
    area = canvas.colour[top:bottom, left:right]
    canvas.colour[top:bottom, left:right] = area * (1 - part) + colour * part


def _circle(
    canvas: Canvas, rng: np.random.Generator, colours: list[np.ndarray], centre: tuple[float, float], size: float
) -> None:
    canvas.disc(centre, size * 0.42, colours[0], 4)
    canvas.disc(centre, size * rng.uniform(0.2, 0.34), colours[1], 4)


def _mountain(
    canvas: Canvas, rng: np.random.Generator, colours: list[np.ndarray], centre: tuple[float, float], size: float
) -> None:
    x, y = centre
    canvas.disc((x + 0.2 * size, y - 0.22 * size), 0.12 * size, colours[1], 3)
    base = y + 0.3 * size
    for shift, rise, shade in ((0.22, 0.32, 0.75), (-0.08, 0.5, 1.0)):
        top = (x + shift * size, base - rise * size)
        canvas.polygon([(top[0] - 0.4 * size, base), top, (top[0] + 0.4 * size, base)], colours[0] * shade)


def _star(
    canvas: Canvas, rng: np.random.Generator, colours: list[np.ndarray], centre: tuple[float, float], size: float
) -> None:
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    radii = np.where(np.arange(10) % 2 == 0, 0.5, 0.2) * size
    canvas.polygon(
        [(centre[0] + r * np.cos(a), centre[1] + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)], colours[0]
    )


def _chest_stripes(
    canvas: Canvas, rng: np.random.Generator, colours: list[np.ndarray], centre: tuple[float, float], size: float
) -> None:
    for k in range(int(rng.integers(1, 4))):
        y = centre[1] + (k - 1) * 0.05
        canvas.line((0, y), (canvas.width, y), colours[k % len(colours)], 0.032)


def _sun(
    canvas: Canvas, rng: np.random.Generator, colours: list[np.ndarray], centre: tuple[float, float], size: float
) -> None:
    canvas.disc(centre, 0.42 * size, colours[0], 3)
    for k in range(4):
        y = centre[1] + (0.06 + 0.09 * k) * size
        canvas.line((centre[0] - 0.45 * size, y), (centre[0] + 0.45 * size, y), canvas.base, 0.012 * (k + 1) * size)


def _photo(
    canvas: Canvas, rng: np.random.Generator, colours: list[np.ndarray], centre: tuple[float, float], size: float
) -> None:
    """A printed picture: coloured smooth noise in a rectangle."""
    width, height = max(6, round(size * canvas.density)), max(6, round(size * rng.uniform(0.8, 1.3) * canvas.density))
    field = fractal(rng, (height, width), (3, 3), 4)[..., None]
    image = np.where(field > 0.1, colours[0], colours[1]) * (0.75 + 0.4 * np.abs(field))
    _blend(canvas, np.full((height, width), 0.95, np.float32), image.astype(np.float32), centre)


_FIGURES = {"circle": _circle, "mountain": _mountain, "star": _star, "stripes": _chest_stripes, "sun": _sun}
