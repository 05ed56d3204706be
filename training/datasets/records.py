"""The one form in which every data set is read: pictures with their garments. Pixels and masks are read when asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Who took a picture.
STREET, SHOP, VIDEO = "street", "shop", "video"
# Splits, the same names for every set.
TRAIN, VALIDATION, TEST = "train", "validation", "test"
# Which side of a retrieval protocol a picture is on.
QUERY, GALLERY = "query", "gallery"

Box = tuple[float, float, float, float]
# COCO's forms: a list of polygons [x0, y0, x1, y1, ...], or {"size": [height, width], "counts": compressed string}.
Segmentation = list[list[float]] | dict[str, Any]


@dataclass(frozen=True)
class Instance:
    """One garment of a picture.

    Attributes:
        category: name that the data set gives it.
        type_id: index into `matcher.taxonomy.TYPES`, or None for what is no garment type.
        box: xyxy in pixels of the picture as annotated; None = the whole picture.
        segmentation: its outline, or None; see `training.datasets.masks`.
        attributes: numbers of attributes; the data set has their names.
        landmarks: (x, y, visibility) with COCO's visibilities: 0 not labelled, 1 hidden, 2 visible.
        identity: names the product; the same name means the same product. Empty = not known.
        conditions: further labels of the set, e.g. {"occlusion": 2}.
        crowd: a region that is to be ignored.
    """

    category: str
    type_id: int | None
    box: Box | None = None
    segmentation: Segmentation | None = None
    attributes: tuple[int, ...] = ()
    landmarks: tuple[tuple[float, float, int], ...] = ()
    identity: str = ""
    conditions: Mapping[str, int] = field(default_factory=dict)
    crowd: bool = False


@dataclass(frozen=True)
class Picture:
    """One picture, or one moment of a video.

    Attributes:
        name: unique in its data set.
        path: of the picture or the video; None where the pixels come with the record.
        role: `STREET`, `SHOP`, `VIDEO`, or empty where that is not known.
        split: `TRAIN`, `VALIDATION` or `TEST`.
        part: `QUERY` or `GALLERY` where the set's protocol says so.
        size: (width, height) that the annotations are for, or None.
        time: seconds from the start of the video.
        instances: the garments.
        pixels: (H, W, 3) uint8 BGR for sets of tiny pictures in one file.
    """

    name: str
    path: Path | None
    role: str = ""
    split: str = TRAIN
    part: str = ""
    size: tuple[int, int] | None = None
    time: Fraction | None = None
    instances: tuple[Instance, ...] = ()
    pixels: NDArray[np.uint8] | None = None
