"""Looks through a whole data set: what is in it, and what is broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

from matcher.taxonomy import TYPES
from matcher.video.image import FORMATS
from training.datasets.base import DataSet
from training.datasets.masks import decode
from training.datasets.pixels import read_pixels
from training.datasets.records import Instance, Picture
from training.datasets.report import DAMAGE, Broken, Report

HEADERS, PIXELS = "headers", "pixels"
_SLACK = 2.0  # pixels that a box may reach over the border: sets round differently


class Progress(Protocol):
    """Wraps the pictures and shows how many have passed."""

    def __call__(self, items: Iterable[Picture], unit: str, total: int | None = None) -> Iterable[Picture]:
        """The same pictures."""
        ...


@dataclass
class Counts:
    """What a split holds."""

    pictures: int = 0
    garments: int = 0
    boxes: int = 0
    masks: int = 0
    landmarks: int = 0
    with_attributes: int = 0
    ignored: int = 0
    types: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    identities: set[str] = field(default_factory=set)

    def add(self, picture: Picture) -> None:
        """Count a picture and its garments."""
        self.pictures += 1
        self.roles[picture.role or "unknown"] += 1
        self.parts[picture.part] += bool(picture.part)
        for instance in picture.instances:
            if instance.type_id is None and not instance.identity:
                self.ignored += 1
                continue
            self.garments += 1
            self.boxes += instance.box is not None
            self.masks += instance.segmentation is not None
            self.landmarks += bool(instance.landmarks)
            self.with_attributes += bool(instance.attributes)
            self.types["unknown" if instance.type_id is None else TYPES[instance.type_id]] += 1
            if instance.identity:
                self.identities.add(instance.identity)

    def as_table(self) -> dict[str, Any]:
        """Plain values for JSON."""
        order = [name for name in (*TYPES, "unknown") if self.types[name]]
        return {
            "pictures": self.pictures,
            "garments": self.garments,
            "products": len(self.identities),
            "boxes": self.boxes,
            "masks": self.masks,
            "landmarks": self.landmarks,
            "with_attributes": self.with_attributes,
            "no_type": self.ignored,
            "types": {name: self.types[name] for name in order},
            "roles": dict(sorted(self.roles.items())),
            "parts": {name: n for name, n in sorted(self.parts.items()) if n},
        }


def look_through(
    data: DataSet, splits: Iterable[str], depth: str, report: Report, progress: Progress
) -> dict[str, Any]:
    """Count what is there, and check it if asked to.

    Args:
        data: an open data set.
        splits: of it.
        depth: `PIXELS` decodes every picture and draws every mask, `HEADERS` looks at sizes only, "" checks no files.
        report: gets what is broken.
        progress: wraps the pictures.

    Returns:
        Split to counts, see `Counts.as_table`.
    """
    found = {}
    for split in splits:
        counts = Counts()
        for picture in progress(data.pictures(split, report), f"{split} pictures"):
            counts.add(picture)
            if depth:
                check_picture(picture, depth, report)
        if not counts.pictures:
            report.add(split, "has no usable picture")
        found[split] = counts.as_table()
    return found


def check_picture(picture: Picture, depth: str, report: Report) -> None:
    """Hold the labels of a picture against its file; what does not fit goes into the report."""
    at = picture.name if picture.path is None else picture.path
    size = report.attempt(at, _size, picture, depth)
    if size is None:
        return
    if picture.size is not None and tuple(picture.size) != size:
        report.add(
            at, f"is {size[0]}x{size[1]}, but its labels are for {picture.size[0]}x{picture.size[1]}", "other size"
        )
        return
    for i, instance in enumerate(picture.instances):
        report.attempt(f"{at} garment {i} ({instance.category})", _check_instance, instance, size, depth)


def _size(picture: Picture, depth: str) -> tuple[int, int]:
    if depth == PIXELS or picture.path is None or picture.time is not None:
        height, width = read_pixels(picture).shape[:2]
        return width, height
    return header_size(picture.path)


def header_size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture file as shown, upright; nothing is decoded.

    Raises:
        Broken: missing, empty or no picture.
    """
    try:
        if not path.stat().st_size:
            raise Broken("is empty")
        with Image.open(path, formats=FORMATS) as image:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return image.size[::-1] if turned else image.size
    except UnidentifiedImageError:
        raise Broken("is no picture") from None
    except Broken:
        raise
    except (*DAMAGE, SyntaxError, Warning) as error:
        raise Broken(f"is damaged ({error})") from error


def _check_instance(instance: Instance, size: tuple[int, int], depth: str) -> None:
    width, height = size
    if instance.box is not None:
        x0, y0, x1, y1 = instance.box
        if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
            raise Broken(f"the box {list(instance.box)} lies outside the picture of {width}x{height}")
        if x0 < -_SLACK or y0 < -_SLACK or x1 > width + _SLACK or y1 > height + _SLACK:
            raise Broken(f"the box {list(instance.box)} reaches out of the picture of {width}x{height}")
    for x, y, seen in instance.landmarks:
        if seen and not (-_SLACK <= x <= width + _SLACK and -_SLACK <= y <= height + _SLACK):
            raise Broken(f"the landmark ({x:g}, {y:g}) lies outside the picture of {width}x{height}")
    if instance.segmentation is not None and depth == PIXELS:
        mask = decode(instance.segmentation, height, width)
        if not mask.any():
            raise Broken("the mask is empty")
        if instance.box is not None and not _meets(mask, instance.box):
            raise Broken("the mask and the box do not meet")


def _meets(mask: np.ndarray, box: tuple[float, float, float, float]) -> bool:
    x0, y0, x1, y1 = (max(int(v), 0) for v in box)
    return bool(mask[y0 : y1 + 1, x0 : x1 + 1].any())
