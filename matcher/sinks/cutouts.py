"""Garments cut out of their picture: the picture under the box, and the garment alone on transparent ground."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.attributes.describe import keywords
from matcher.attributes.of_garment import attributes_of
from matcher.boxes import clip, crop_square, mask_on_crop, square
from matcher.files import write_whole
from matcher.outline import refine
from matcher.sinks.safe import safe_cell
from matcher.types import TIERS, Garments

SIDE = 192  # pixels of the square that an outline is refined in
MARGIN = 0.05
LABELS = "labels.csv"
_HEADER = ("file", "cutout", "type", "score", "x0", "y0", "x1", "y1", "keywords", "tier", "product_id", "title")


@dataclass(frozen=True, eq=False)
class Square:
    """A garment in the square around its box.

    Attributes:
        crop: (SIDE, SIDE, 3) uint8 BGR.
        mask: (SIDE, SIDE) float32 0..1, its outline where the colours change.
        place: (left, top, side) of the square in pixels of the picture; it may reach outside.
    """

    crop: NDArray[np.uint8]
    mask: NDArray[np.float32]
    place: tuple[int, int, int]


def in_square(image: NDArray[np.uint8], garment: Garments) -> Square:
    """The square around a garment (a `Garments` of length 1) of a picture (H, W, 3) uint8 BGR.

    Without a mask all of its box is taken for the garment.
    """
    box = garment.xyxy[0]
    given = garment.mask[0] if garment.has("mask") else np.ones((2, 2), np.float32)
    crop, mask = crop_square(image, box, SIDE, MARGIN), mask_on_crop(given, box, SIDE, MARGIN)
    return Square(crop, refine(crop, mask) if garment.has("mask") else mask, square(box, MARGIN))


def whole_box(image: NDArray[np.uint8], garment: Garments) -> tuple[int, int, int, int]:
    """The garment's box as (x0, y0, x1, y1) whole pixels inside the picture; at least one pixel each way."""
    height, width = image.shape[:2]
    box = clip(garment.xyxy, width, height)[0]
    x0, y0 = min(int(box[0]), width - 1), min(int(box[1]), height - 1)
    return x0, y0, max(int(np.ceil(box[2])), x0 + 1), max(int(np.ceil(box[3])), y0 + 1)


def box_crop(image: NDArray[np.uint8], garment: Garments) -> NDArray[np.uint8]:
    """The picture under the box, (h, w, 3) uint8 BGR."""
    x0, y0, x1, y1 = whole_box(image, garment)
    return image[y0:y1, x0:x1]


def cut_out(image: NDArray[np.uint8], garment: Garments, found: Square | None = None) -> NDArray[np.uint8]:
    """The garment alone, (h, w, 4) uint8 BGRA: what is not garment is transparent, and black, so that nothing leaks."""
    left, top, side = (found or (found := in_square(image, garment))).place
    x0, y0, x1, y1 = whole_box(image, garment)
    scale = SIDE / side
    # One warp, so that boxes that reach outside of the square by a rounding need no care.
    matrix = np.array([[scale, 0, (x0 - left) * scale], [0, scale, (y0 - top) * scale]], np.float32)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    mask = cv2.warpAffine(found.mask, matrix, (x1 - x0, y1 - y0), flags=how)
    alpha = np.clip((mask - 0.35) / 0.3, 0, 1)  # a soft edge of a few pixels
    colour = np.where(alpha[..., None] > 0, image[y0:y1, x0:x1], 0)
    return np.dstack([colour, np.round(255 * alpha).astype(np.uint8)])


def words_of(garment: Garments) -> list[str]:
    """The keywords of a garment of length 1."""
    return keywords(garment.type_name, attributes_of(garment))


def write_cutouts(folder: Path, image: NDArray[np.uint8], garments: Garments) -> list[str]:
    """Write two PNGs of each garment and `labels.csv`, which says what they show.

    Args:
        folder: made if need be.
        image: (H, W, 3) uint8 BGR.
        garments: of that picture, looked up or not.

    Returns:
        Names of the files.

    Raises:
        InputError: the folder cannot be written to.
    """
    names, rows = [], []
    for i, one in enumerate(garments):
        found, name = in_square(image, one), f"{i:02d}-{one.type_name}"
        pair = f"{name}.png", f"{name}-cutout.png"
        write_whole(folder / pair[0], _png(box_crop(image, one)))
        write_whole(folder / pair[1], _png(cut_out(image, one, found)))
        names += pair
        rows.append((*pair, *_labels(one, words_of(one))))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_HEADER, *rows])
    write_whole(folder / LABELS, text.getvalue())
    return [*names, LABELS]


def _labels(one: Garments, words: list[str]) -> tuple[str, ...]:
    product = one.product if one.has("product_row") else None
    box = (f"{float(v):.1f}" for v in one.xyxy[0])
    tier = TIERS[int(one.tier[0])] if one.has("tier") else ""
    names = (safe_cell(product.id), safe_cell(product.title)) if product else ("", "")
    return one.type_name, f"{float(one.score[0]):.4f}", *box, " ".join(words), tier, *names


def _png(pixels: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()
