"""Draws what was found into a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.boxes import clip, paste_mask
from matcher.sinks.base import Products
from matcher.sinks.text import fit, put_text, text_width
from matcher.types import EXACT, NONE, SIMILAR, Garments, Product

Colour = tuple[int, int, int]
# BGR; one hue per type, in the order of taxonomy.TYPES, all light enough to be seen on dark film.
TYPE_COLOURS: tuple[Colour, ...] = (
    (120, 170, 255),
    (90, 200, 215),
    (200, 130, 250),
    (235, 215, 110),
    (110, 140, 235),
    (160, 220, 120),
    (215, 150, 180),
    (250, 170, 110),
    (225, 190, 90),
    (180, 120, 230),
    (130, 215, 160),
)
TIER_COLOURS: dict[int, Colour] = {NONE: (190, 190, 190), SIMILAR: (60, 180, 255), EXACT: (110, 220, 90)}
_PLATE: Colour = (28, 24, 22)
_INK: Colour = (250, 250, 250)
_VEIL = 0.38  # opacity of masks


def draw(image: NDArray[np.uint8], garments: Garments, products: Products | None = None) -> NDArray[np.uint8]:
    """A copy of a picture with boxes, translucent masks and labels.

    A label is the product's title once one is settled on, with a bar in the colour of its tier (green exact, amber
    similar), and "type 87%" before that. Lines and letters grow with the picture. Where a product has a label that must
    stand with its link (`Product.disclosure`), it is written below.

    Args:
        image: (H, W, 3) uint8 BGR.
        garments: with boxes in pixels of `image`; masks, types, products and tiers are used where they are there.
        products: gives the listing of a catalogue row; by default the one attached to the garments.
    """
    result = image.copy()
    height, width = image.shape[:2]
    boxes = clip(garments.xyxy, width, height).round().astype(int)
    colours = [TYPE_COLOURS[i] for i in garments.type_id] if garments.has("type_probs") else [_INK] * len(garments)
    thick = max(round(min(width, height) / 360), 1)
    # Large garments first, so that small ones (a belt, a bag) stay on top.
    order = np.argsort(-(boxes[:, 2:] - boxes[:, :2]).prod(1), kind="stable")
    if garments.has("mask"):
        for i in order:
            _veil(result, garments.mask[i], garments.xyxy[i], colours[i], thick)
    for i in order:
        _outline(result, boxes[i], colours[i], thick)
    _labels(result, garments, boxes, order, products)
    _disclose(result, disclosures(garments, products))
    return result


def disclosures(garments: Garments, products: Products | None = None) -> list[str]:
    """The labels that must stand with the products settled on, each once."""
    found = [product.disclosure for one in garments if (product := _settled(one, products)) is not None]
    return list(dict.fromkeys(filter(None, found)))


def label(garment: Garments, products: Products | None = None) -> tuple[str, int]:
    """The words and the tier for one garment (a `Garments` of length 1)."""
    product = _settled(garment, products)
    if product is not None:
        return product.name, int(garment.tier[0])
    if garment.has("type_probs"):
        return f"{garment.type_name} {garment.type_score[0]:.0%}", NONE
    return f"garment {garment.score[0]:.0%}", NONE


def _settled(garment: Garments, products: Products | None) -> Product | None:
    """The product settled on for one garment."""
    if not garment.has("tier") or garment.tier[0] <= NONE:
        return None
    if not garment.has("product_row") or not garment.product_row.shape[1]:
        return None
    return (products or garment.listing)(int(garment.product_row[0, 0]))


def _disclose(image: NDArray[np.uint8], words: list[str]) -> None:
    """Write labels at the lower left, one above the other, in place."""
    height, width = image.shape[:2]
    px = int(np.clip(round(min(width, height) / 42), 9, 48))
    pad, tall = max(px // 3, 3), round(px * 1.5)
    for number, line in enumerate(words, 1):
        line = fit(line, px, max(width - 2 * pad, 1))
        y = height - number * tall
        if y < 0:
            return
        plate = image[y : y + tall, : text_width(line, px) + 2 * pad]
        plate[:] = cv2.addWeighted(plate, 0.2, np.full_like(plate, _PLATE), 0.8, 0)
        put_text(image, line, pad, y + round(tall * 0.72), px, _INK)


def _veil(image: NDArray[np.uint8], mask: NDArray[np.float32], box: NDArray, colour: Colour, thick: int) -> None:
    """Tint the pixels of a mask and trace its border, in place."""
    x0, y0, x1, y1 = (int(v) for v in (*np.floor(box[:2]), *np.ceil(box[2:])))
    left, top = max(x0, 0), max(y0, 0)
    part = image[top : max(y1, 0), left : max(x1, 0)]
    if not part.size:
        return
    inside = paste_mask(mask, box - [left, top, left, top], part.shape[1], part.shape[0])
    tint = cv2.addWeighted(part, 1 - _VEIL, np.full_like(part, colour), _VEIL, 0)
    cv2.copyTo(tint, inside.view(np.uint8), part)
    borders = cv2.findContours(inside.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    cv2.drawContours(part, borders, -1, colour, thick, cv2.LINE_AA)


def _outline(image: NDArray[np.uint8], box: NDArray[np.int_], colour: Colour, thick: int) -> None:
    """Corners of a box: they show its extent and leave the cloth visible."""
    x0, y0, x1, y1 = (int(v) for v in box)
    if x1 <= x0 or y1 <= y0:
        return
    arm = max(min(x1 - x0, y1 - y0) // 5, 3)
    for x, dx in ((x0, arm), (x1 - 1, -arm)):
        for y, dy in ((y0, arm), (y1 - 1, -arm)):
            points = np.array([[x + dx, y], [x, y], [x, y + dy]])
            cv2.polylines(image, [points], False, colour, thick + 1, cv2.LINE_AA)


def _labels(
    image: NDArray[np.uint8], garments: Garments, boxes: NDArray, order: NDArray, products: Products | None
) -> None:
    height, width = image.shape[:2]
    px = int(np.clip(round(min(width, height) / 36), 10, 64))
    pad, tall = max(px // 3, 3), round(px * 1.5)
    taken: list[tuple[int, int, int, int]] = []
    for i in order:
        words, tier = label(garments[int(i)], products)
        words = fit(words, px, max(min(width // 2, 22 * px), 4 * px))
        wide = text_width(words, px) + 2 * pad + pad
        x = int(np.clip(boxes[i, 0], 0, max(width - wide, 0)))
        y = _free_row(x, int(boxes[i, 1]) - tall, wide, tall, height, taken)
        taken.append((x, y, x + wide, y + tall))
        plate = image[y : y + tall, x : x + wide]
        plate[:] = cv2.addWeighted(plate, 0.2, np.full_like(plate, _PLATE), 0.8, 0)
        plate[:, :pad] = TIER_COLOURS[tier]
        put_text(image, words, x + 2 * pad, y + round(tall * 0.72), px, _INK)


def _free_row(x: int, y: int, wide: int, tall: int, height: int, taken: list[tuple[int, int, int, int]]) -> int:
    """The place nearest below `y` where a label does not cover another, else `y` itself; inside the picture."""
    start = int(np.clip(y, 0, max(height - tall, 0)))
    y = start
    while y + tall <= height:
        under = [b for (a, t, c, b) in taken if a < x + wide and x < c and t < y + tall and y < b]
        if not under:
            return y
        y = max(under)
    return start
