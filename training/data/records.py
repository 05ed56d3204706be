"""The one form in which every source of training pictures is held: a picture and a map of its instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")

# In an id map: 0 is background, 1..MAX_INSTANCES are garments, OTHER is the rest of a person (skin, hair, jewellery).
OTHER = 255
MAX_INSTANCES = 254


def spread(items: Sequence[Item], limit: int) -> list[Item]:
    """`limit` of the items at even distances, in their order; all for 0."""
    if not 0 < limit < len(items):
        return list(items)
    return [items[i * len(items) // limit] for i in range(limit)]


@dataclass(frozen=True)
class Annotated:
    """A picture with its garments.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        ids: (H, W) uint8 id map; a pixel belongs to at most one instance, so occlusion needs no further care.
        types: type id (index into `matcher.taxonomy.TYPES`) of instance 1, 2, ...
    """

    image: NDArray[np.uint8]
    ids: NDArray[np.uint8]
    types: tuple[int, ...]


@dataclass(frozen=True)
class Sample:
    """A finished training picture.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        ids: (H, W) uint8 id map; boxes are tight on it.
        boxes: (N, 4) float32 xyxy in pixels, right and bottom exclusive.
        type_ids: (N,) int64 indices into `TYPES`.
        instances: (N,) uint8, the value of each row in `ids`.
    """

    image: NDArray[np.uint8]
    ids: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    type_ids: NDArray[np.int64]
    instances: NDArray[np.uint8]


def count_pixels(ids: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Pixels of every value of an id map: (256,) int64."""
    return np.bincount(ids.ravel(), minlength=256)


def tight_boxes(ids: NDArray[np.uint8], instances: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Smallest boxes around instances that are present in an id map.

    Args:
        ids: (H, W) uint8.
        instances: (N,) values to look for; each must occur.

    Returns:
        (N, 4) float32 xyxy, right and bottom exclusive.
    """
    boxes = np.zeros((len(instances), 4), np.float32)
    for row, value in enumerate(instances):
        mask = ids == value
        xs = np.flatnonzero(mask.any(0))
        ys = np.flatnonzero(mask.any(1))
        boxes[row] = xs[0], ys[0], xs[-1] + 1, ys[-1] + 1
    return boxes
