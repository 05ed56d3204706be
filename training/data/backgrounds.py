"""Backgrounds without people: photos with the person taken out, and drawn rooms, gradients and dark studios."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data.records import Annotated
from training.data.store import Store

Image = NDArray[np.uint8]
_SHRINK = 8


def remove_person(picture: Annotated) -> Image:
    """Fill the place of the person from its surroundings, at low resolution: (H, W, 3) uint8 BGR."""
    height, width = picture.ids.shape
    mask = cv2.dilate((picture.ids > 0).astype(np.uint8), np.ones((5, 5), np.uint8), iterations=5)
    small = (width // _SHRINK, height // _SHRINK)
    hole = cv2.dilate(cv2.resize(mask, small, interpolation=cv2.INTER_AREA), np.ones((3, 3), np.uint8))
    filled = cv2.inpaint(cv2.resize(picture.image, small, interpolation=cv2.INTER_AREA), hole, 5, cv2.INPAINT_TELEA)
    filled = cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC)
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 6)[..., None]
    return (picture.image * (1 - alpha) + filled * alpha).astype(np.uint8)


def read_backgrounds(photos: Store) -> Iterator[tuple[str, Annotated]]:
    """Every photo of a store without its person."""
    for i in range(len(photos)):
        picture = photos[i]
        yield photos.name(i), Annotated(remove_person(picture), np.zeros_like(picture.ids), ())


def photo_background(store: Store, canvas: tuple[int, int], rng: Generator) -> Image:
    """A random crop of a stored background, as large as fits, sometimes out of focus."""
    image = store[rng.integers(len(store))].image
    height, width = image.shape[:2]
    scale = max(canvas[0] / height, canvas[1] / width) * rng.uniform(1.0, 1.6)
    crop_h, crop_w = min(height, int(canvas[0] / scale)), min(width, int(canvas[1] / scale))
    y, x = rng.integers(0, height - crop_h + 1), rng.integers(0, width - crop_w + 1)
    crop = image[y : y + crop_h, x : x + crop_w]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    crop = cv2.resize(crop, (canvas[1], canvas[0]), interpolation=cv2.INTER_LINEAR)
    return cv2.GaussianBlur(crop, (0, 0), rng.uniform(1, 6)) if rng.random() < 0.35 else crop


def drawn_background(canvas: tuple[int, int], rng: Generator) -> Image:
    """A room, a gradient or a dark studio, drawn at a quarter of the size."""
    height, width = canvas[0] // 4, canvas[1] // 4
    draw = rng.random()
    if draw < 0.4:
        image = _room(height, width, rng)
    elif draw < 0.7:
        image = _gradient(height, width, rng)
    else:
        image = _studio(height, width, rng)
    return cv2.resize(np.clip(image, 0, 255).astype(np.uint8), (canvas[1], canvas[0]), interpolation=cv2.INTER_LINEAR)


def plain_background(canvas: tuple[int, int], rng: Generator) -> Image:
    """What shops photograph on: white, near white, or one colour, with a faint gradient."""
    colour = np.full(3, 255.0) if rng.random() < 0.5 else rng.uniform(150, 255) + rng.uniform(-25, 25, 3)
    if rng.random() < 0.25:
        colour = rng.uniform(0, 255, 3)
    slope = np.linspace(0, rng.uniform(-20, 5), canvas[0], dtype=np.float32)[:, None, None]
    return np.clip(np.broadcast_to(colour + slope, (*canvas, 3)), 0, 255).astype(np.uint8)


def _colour(rng: Generator, low: float = 20, high: float = 240) -> NDArray[np.float32]:
    grey = rng.uniform(low, high)
    return np.clip(grey + rng.normal(0, 22, 3), 0, 255).astype(np.float32)


def _gradient(height: int, width: int, rng: Generator) -> NDArray[np.float32]:
    a, b = _colour(rng), _colour(rng)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    t = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle) + 0.5
    return a + (b - a) * np.clip(t, 0, 1)[..., None]


def _room(height: int, width: int, rng: Generator) -> NDArray[np.float32]:
    image = _gradient(height, width, rng)
    floor = int(height * rng.uniform(0.5, 0.95))
    image[floor:] = _colour(rng, 20, 180) * np.linspace(0.8, 1.1, height - floor, dtype=np.float32)[:, None, None]
    for _ in range(rng.integers(0, 9)):  # doors, windows, furniture, posters
        w, h = int(rng.uniform(0.04, 0.3) * width), int(rng.uniform(0.08, 0.6) * height)
        x, y = int(rng.uniform(-0.1, 1) * width), int(rng.uniform(-0.1, 0.9) * height)
        cv2.rectangle(image, (x, y), (x + w, y + h), _colour(rng).tolist(), -1 if rng.random() < 0.7 else 1)
    for _ in range(rng.integers(0, 4)):  # edges of walls, pipes, cables
        ends = (rng.uniform(0, 1, (2, 2)) * (width, height)).astype(int).tolist()
        cv2.line(image, tuple(ends[0]), tuple(ends[1]), _colour(rng).tolist(), int(rng.integers(1, 3)))
    texture = rng.normal(0, 6, (height // 3, width // 3)).astype(np.float32)
    return image + cv2.resize(texture, (width, height))[..., None]


def _studio(height: int, width: int, rng: Generator) -> NDArray[np.float32]:
    image = np.full((height, width, 3), 1.0, np.float32) * _colour(rng, 2, 45)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for _ in range(rng.integers(1, 5)):  # spots of coloured light
        cx, cy, radius = rng.uniform(0, width), rng.uniform(-0.2, 0.9) * height, rng.uniform(0.08, 0.5) * width
        spot = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * radius**2))
        image += spot[..., None] * rng.uniform(10, 130) * rng.dirichlet((3, 3, 3)).astype(np.float32) * 1.6
    return image
