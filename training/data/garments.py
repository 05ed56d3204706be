"""Single garments as shops show them, several on one ground, and mosaics of photos."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from training.data.backgrounds import photo_background, plain_background
from training.data.cutouts import Cutout, Scene, cut_out, paste
from training.data.finish import finish
from training.data.photometric import degrade
from training.data.photos import place, view_matrix
from training.data.records import Annotated, Sample, count_pixels
from training.data.sources import Sources

_MIN_GARMENT = 900  # pixels; smaller pieces of a photo are no product picture
_MIN_FILL = 0.45
_BALANCE = 0.5  # half of the single garments are tops: drawn as they come, a detector calls coats and hats tops


def compose_garment(sources: Sources, canvas: tuple[int, int], rng: Generator) -> Sample:
    """One garment: the photo as taken, or cut out and laid on another ground."""
    if rng.random() < 0.55:
        return _as_taken(sources.garments.draw(rng, _BALANCE), canvas, rng)
    scene = Scene.on(_ground(sources, canvas, rng))
    _lay(scene, _any_garment(sources, rng), (0, 0, *canvas), rng)
    return _done(scene, rng)


def compose_product(picture: Annotated, canvas: tuple[int, int], rng: Generator) -> Sample:
    """A photo of one product, as the shop took it."""
    return _as_taken(picture, canvas, rng)


def compose_flatlay(sources: Sources, canvas: tuple[int, int], rng: Generator) -> Sample:
    """Several garments side by side, each in a cell of a grid of its own, sometimes touching."""
    scene = Scene.on(_ground(sources, canvas, rng))
    rows = int(rng.integers(1, 4))
    columns = max(1, round(rows * canvas[1] / canvas[0] * rng.uniform(0.6, 1.2)))
    height, width = canvas[0] / rows, canvas[1] / columns
    for i in range(rows * columns):
        if rng.random() < 0.85:
            cell = (i // columns * height, i % columns * width, height, width)
            _lay(scene, _any_garment(sources, rng), cell, rng)
    return _done(scene, rng)


def compose_mosaic(sources: Sources, canvas: tuple[int, int], rng: Generator) -> Sample:
    """Photos side by side on one canvas, people and single garments mixed."""
    rows = 2
    columns = max(2, round(rows * canvas[1] / canvas[0] * 1.3))
    scene = Scene.on(np.full((*canvas, 3), 114, np.uint8))
    ys, xs = (np.linspace(0, side, n + 1).astype(int) for side, n in ((canvas[0], rows), (canvas[1], columns)))
    for i in range(rows * columns):
        row, column = divmod(i, columns)
        store = sources.garments if rng.random() < 0.25 else sources.photos
        _tile(scene, store[rng.integers(len(store))], (ys[row], xs[column], ys[row + 1], xs[column + 1]), rng)
    return _done(scene, rng)


def _tile(scene: Scene, picture: Annotated, cell: tuple[int, int, int, int], rng: Generator) -> None:
    top, left, bottom, right = cell
    size = (bottom - top, right - left)
    fit = max(size[0] / picture.ids.shape[0], size[1] / picture.ids.shape[1]) * rng.uniform(0.95, 1.25)
    centre = (rng.uniform(0.45, 0.55), rng.uniform(0.4, 0.6))
    matrix = view_matrix(picture.ids.shape, size, fit, centre, bool(rng.random() < 0.5), 0.0)
    image, ids = place(picture, size, matrix, cv2.BORDER_REPLICATE)
    scene.image[top:bottom, left:right] = image
    named = (ids > 0) & (ids < 255)
    scene.ids[top:bottom, left:right] = np.where(named, ids + len(scene.types), ids)
    scene.full += (count_pixels(picture.ids)[1 : len(picture.types) + 1] * fit**2).tolist()
    scene.types += picture.types


def _as_taken(picture: Annotated, canvas: tuple[int, int], rng: Generator) -> Sample:
    fit = min(canvas[0] / picture.ids.shape[0], canvas[1] / picture.ids.shape[1])
    scale = fit * np.exp(rng.uniform(np.log(0.55), np.log(1.3)))
    centre = (rng.uniform(0.4, 0.6), rng.uniform(0.4, 0.6))
    tilt = rng.normal(0, 10) if rng.random() < 0.5 else 0.0
    matrix = view_matrix(picture.ids.shape, canvas, scale, centre, bool(rng.random() < 0.5), tilt)
    image, ids = place(picture, canvas, matrix, cv2.BORDER_REPLICATE)
    full = count_pixels(picture.ids)[1:2] * scale**2
    return finish(degrade(image, rng), ids, picture.types, full)


def _any_garment(sources: Sources, rng: Generator) -> Cutout | None:
    """A garment of the single-garment photos, or one taken off a person (the only source of some types)."""
    if rng.random() < 0.6:
        return cut_out(sources.garments.draw(rng, _BALANCE))
    picture = sources.photos[rng.integers(len(sources.photos))]
    large = np.flatnonzero(count_pixels(picture.ids)[1 : len(picture.types) + 1] >= _MIN_GARMENT) + 1
    piece = cut_out(picture, int(rng.choice(large))) if len(large) else None
    # An open coat or what a bag hides is torn to pieces: that looks like no product.
    return piece if piece is not None and (piece.ids > 0).mean() > _MIN_FILL else None


def _ground(sources: Sources, canvas: tuple[int, int], rng: Generator) -> np.ndarray:
    if rng.random() < 0.75:
        return plain_background(canvas, rng)
    return photo_background(sources.backgrounds, canvas, rng)


def _lay(scene: Scene, garment: Cutout | None, cell: tuple[float, float, float, float], rng: Generator) -> None:
    if garment is None:
        return
    y, x, height, width = cell
    fit = min(height / garment.ids.shape[0], width / garment.ids.shape[1])
    scale = min(fit * rng.uniform(0.45, 1.08), 3.0)
    free_y, free_x = height - garment.ids.shape[0] * scale, width - garment.ids.shape[1] * scale
    at = int(x + free_x * rng.uniform(0.3, 0.7)), int(y + free_y * rng.uniform(0.3, 0.7))
    paste(scene, garment, *at, scale, bool(rng.random() < 0.5), 0.0, rng)


def _done(scene: Scene, rng: Generator) -> Sample:
    return finish(degrade(scene.image, rng), scene.ids, scene.types, np.array(scene.full))
