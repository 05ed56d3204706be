"""A photo as it is: moved, scaled, cropped, mirrored and relit, on a canvas of fixed size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from training.data.finish import finish
from training.data.photometric import degrade
from training.data.records import Annotated, Sample, count_pixels


def view_matrix(
    size: tuple[int, int], canvas: tuple[int, int], scale: float, centre: tuple[float, float], flip: bool, tilt: float
) -> np.ndarray:
    """Affine map (2, 3) from a picture to a canvas.

    Args:
        size: (height, width) of the picture.
        canvas: (height, width) to fill.
        scale: canvas pixels per picture pixel.
        centre: picture point, as shares of (width, height), that lands in the middle of the canvas.
        flip: mirror left to right.
        tilt: turn in degrees.
    """
    x, y = centre[0] * size[1], centre[1] * size[0]
    matrix = cv2.getRotationMatrix2D((x, y), tilt, scale)
    matrix[:, 2] += canvas[1] / 2 - x, canvas[0] / 2 - y
    if flip:
        matrix[0] *= -1
        matrix[0, 2] += canvas[1] - 1
    return matrix


def _choose_view(picture: Annotated, canvas: tuple[int, int], rng: Generator) -> tuple[float, tuple[float, float]]:
    fit = min(canvas[0] / picture.ids.shape[0], canvas[1] / picture.ids.shape[1])
    draw = rng.random()
    if draw < 0.6:  # the whole person, nearer or farther
        return fit * np.exp(rng.uniform(np.log(0.75), np.log(1.35))), (rng.uniform(0.42, 0.58), rng.uniform(0.42, 0.58))
    if draw < 0.75:  # far away
        return fit * rng.uniform(0.4, 0.75), (rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7))
    # a part of the person: head to chest, waist-up, or legs
    return fit * rng.uniform(1.35, 2.4), (rng.uniform(0.4, 0.6), rng.uniform(0.2, 0.85))


def place(
    picture: Annotated, canvas: tuple[int, int], matrix: np.ndarray, border: int
) -> tuple[np.ndarray, np.ndarray]:
    """Warp a picture and its id map onto a canvas (height, width); outside the picture `border` rules, ids are 0."""
    size = (canvas[1], canvas[0])
    shrink = abs(np.linalg.det(matrix[:, :2])) ** 0.5
    source = picture.image
    if shrink < 0.5:  # plain bilinear warping would alias
        source = cv2.blur(source, (2, 2))
    image = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border, borderValue=(114, 114, 114))
    return image, cv2.warpAffine(picture.ids, matrix, size, flags=cv2.INTER_NEAREST)


def compose_photo(picture: Annotated, canvas: tuple[int, int], rng: Generator, bodies: bool = False) -> Sample:
    """One photo on a canvas of (height, width) pixels; `bodies` as for `finish`."""
    scale, centre = _choose_view(picture, canvas, rng)
    tilt = rng.normal(0, 4) if rng.random() < 0.3 else 0.0
    matrix = view_matrix(picture.ids.shape, canvas, scale, centre, bool(rng.random() < 0.5), tilt)
    # A mirrored border would show the person a second time, unlabelled.
    border = cv2.BORDER_CONSTANT if rng.random() < 0.5 else cv2.BORDER_REPLICATE
    image, ids = place(picture, canvas, matrix, border)
    full = count_pixels(picture.ids)[1 : len(picture.types) + 1] * scale**2
    darken = rng.uniform(0.2, 0.9) if rng.random() < 0.12 else 0.0
    return finish(degrade(image, rng, darken), ids, picture.types, full, bodies=bodies)
