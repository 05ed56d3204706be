"""Outlines of garments: COCO polygons and run lengths, checked before anything is drawn."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle

from training.datasets.records import Segmentation
from training.datasets.report import Broken
from training.datasets.values import integer, number, sequence

MAX_SIDE = 30_000  # pixels
MAX_PIXELS = 100_000_000
_MAX_POINTS = 200_000


def segmentation(value: Any) -> Segmentation | None:
    """Any COCO segmentation in its checked form; None where there is none.

    Args:
        value: polygons, {"size", "counts"} with a list of runs or a compressed string, or nothing.

    Raises:
        Broken: it is none of these, or its runs do not fill its picture.
    """
    if value is None or value == []:
        return None
    if isinstance(value, list):
        return [_polygon(part) for part in value]
    if isinstance(value, dict):
        size = sequence(value["size"], "the mask's size")
        height, width = (integer(v, "the mask's size", 1, MAX_SIDE) for v in size)
        counts = value["counts"]
        runs = decompress(counts) if isinstance(counts, str) else [integer(c, "a run", 0) for c in sequence(counts, "")]
        return from_runs(runs, height, width)
    raise Broken("the segmentation is neither polygons nor run lengths")


def from_runs(runs: list[int], height: int, width: int) -> dict[str, Any]:
    """Runs of 0s and 1s, column after column, as compressed run lengths.

    Raises:
        Broken: they do not add up to the picture; decoding such runs would show what was in memory before.
    """
    if height * width > MAX_PIXELS:
        raise Broken(f"the mask is for a picture of {width}x{height}; at most {MAX_PIXELS} pixels are read")
    if sum(runs) != height * width:
        raise Broken(f"the mask's runs cover {sum(runs)} pixels of a picture of {width}x{height}")
    packed = rle.frPyObjects({"size": [height, width], "counts": runs}, height, width)
    return {"size": [height, width], "counts": packed["counts"].decode("ascii")}


def from_pairs(cell: str, height: int, width: int) -> dict[str, Any]:
    """Run lengths as Kaggle writes them: "start length start length ...", starts from 1, column after column.

    Raises:
        Broken: no whole numbers, or they overlap, go backwards or leave the picture.
    """
    words = cell.split()
    if not words or len(words) % 2:
        raise Broken("EncodedPixels is not pairs of start and length")
    values = [integer(word, "a number of EncodedPixels", 1) for word in words]
    runs, at = [], 0
    for start, length in zip(values[::2], values[1::2], strict=True):
        if start - 1 < at or start - 1 + length > height * width:
            raise Broken(
                f"EncodedPixels leaves the picture of {width}x{height}, or goes backwards, at {start} {length}"
            )
        runs += [start - 1 - at, length]
        at = start - 1 + length
    return from_runs([*runs, height * width - at], height, width)


def from_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask (H, W) as compressed run lengths."""
    packed = rle.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(v) for v in packed["size"]], "counts": packed["counts"].decode("ascii")}


def decompress(counts: str) -> list[int]:
    """The runs in COCO's compressed string: six bits a character, each run from the third on as a difference.

    Raises:
        Broken: other characters, an unfinished number or a negative run.
    """
    runs: list[int] = []
    value, shift = 0, 0
    for character in counts:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise Broken("the mask's string is damaged")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    if shift or any(run < 0 for run in runs):
        raise Broken("the mask's string is damaged")
    return runs


def decode(shape: Segmentation, height: int, width: int) -> NDArray[np.uint8]:
    """Draw a checked outline.

    Args:
        shape: what `segmentation` gave.
        height, width: of the picture that it was drawn for.

    Returns:
        (height, width) uint8 of 0 and 1.

    Raises:
        Broken: it belongs to a picture of another size, or lies far outside.
    """
    return _draw(as_runs(shape, height, width)["counts"], height, width)


def as_runs(shape: Segmentation, height: int, width: int) -> dict[str, Any]:
    """A checked outline as run lengths for a picture of that size; arguments and errors as for `decode`."""
    if isinstance(shape, dict):
        if list(shape["size"]) != [height, width]:
            raise Broken(f"the mask is for {shape['size'][1]}x{shape['size'][0]}, the picture is {width}x{height}")
        return shape
    # Polygons are walked pixel by pixel: far corners would take long and fill the memory.
    for part in shape:
        points = np.asarray(part).reshape(-1, 2)
        if (points < (-width, -height)).any() or (points > (2 * width, 2 * height)).any():
            raise Broken(f"the outline lies outside the picture of {width}x{height}")
    packed = rle.merge(rle.frPyObjects(shape, height, width))
    return {"size": [height, width], "counts": packed["counts"].decode("ascii")}


def runs_box(shape: dict[str, Any]) -> tuple[float, float, float, float] | None:
    """The smallest xyxy box around a run-length mask, right and bottom exclusive; None when it is empty."""
    height = shape["size"][0]
    ends = list(accumulate(decompress(shape["counts"])))
    spans = [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=False) if b > a]
    if not spans:
        return None
    # A run that goes over the end of a column has pixels in its first and its last row.
    tall = any(a // height != (b - 1) // height for a, b in spans)
    top = 0 if tall else min(a % height for a, _ in spans)
    bottom = height if tall else max((b - 1) % height for _, b in spans) + 1
    return spans[0][0] // height, top, (spans[-1][1] - 1) // height + 1, bottom


def _draw(counts: str, height: int, width: int) -> NDArray[np.uint8]:
    runs = decompress(counts)
    values = (np.arange(len(runs)) & 1).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T)


def _polygon(part: Any) -> list[float]:
    flat = sequence(part, "a polygon")
    if len(flat) < 6 or len(flat) % 2 or len(flat) > 2 * _MAX_POINTS:
        raise Broken(f"a polygon has {len(flat)} numbers; it needs an even number from 6 on")
    return [number(v, "a corner of a polygon") for v in flat]
