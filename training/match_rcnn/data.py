"""Pictures of a data set with all that the heads learn: boxes, classes, masks, landmarks, attributes, products."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from matcher.errors import ConfigError
from matcher.taxonomy import TYPES
from training.datasets.annotated import open_index
from training.datasets.index import PictureIndex, instance_mask, trainable
from training.datasets.pixels import read_pixels
from training.datasets.records import SHOP, TRAIN, Instance, Picture
from training.datasets.registry import open_set
from training.datasets.report import Report
from training.datasets.taxonomy import packaged
from training.match_rcnn.targets import Truth

LABELS = ("types", "categories")


@dataclass(frozen=True)
class ExamplesConfig:
    """Which pictures, and how large.

    Attributes:
        set: name of a public data set (`training.datasets.registry.SETS`).
        root: its folder.
        cache: folder for its index, made at first use.
        limit: pictures at most; 0 = all.
        labels: "types" of garments, or the set's own "categories", which landmarks need.
        box_masks: take filled boxes for masks where the set has boxes alone; such garments are left out otherwise.
        short_sides: pixels; one is drawn for each picture.
        max_side: the long side is at most this.
        flip: mirror every other picture; not with landmarks, of which left ones would become right ones.
    """

    set: str = "deepfashion2"
    root: Path = Path("../data/deepfashion2")
    cache: Path = Path("runs/cache")
    limit: int = 0
    labels: str = "types"
    box_masks: bool = False
    short_sides: tuple[int, ...] = (640, 672, 704, 736, 768, 800)
    max_side: int = 1333
    flip: bool = True


def class_names(data: ExamplesConfig) -> tuple[str, ...]:
    """Names of the classes that a recipe trains.

    Raises:
        ConfigError: the set has no categories of its own, or `labels` is neither.
    """
    if data.labels not in LABELS:
        raise ConfigError(f"data.labels is {data.labels!r}; choose one of {', '.join(LABELS)}")
    if data.labels == "types":
        return TYPES
    names = packaged(data.set).categories
    if not names:
        raise ConfigError(f'{data.set} has no fixed categories; set data.labels = "types"')
    return names


def landmark_counts(data: ExamplesConfig) -> tuple[int, ...]:
    """Landmarks of each class.

    Raises:
        ConfigError: the set has none.
    """
    table = (packaged(data.set).rest or {}).get("landmarks")
    if table is None:
        raise ConfigError(f"{data.set} has no landmarks; deepfashion2 has")
    return tuple(table["counts"])


class Examples:
    """Training pictures by number.

    Attributes:
        attributes: number in the data set to name, in the order of the truths' columns.
        pairs: of each product that people wear and shops show: (numbers of street pictures, numbers of shop ones).
    """

    def __init__(
        self, data: ExamplesConfig, most_landmarks: int = 0, with_pairs: bool = False, with_attributes: bool = False
    ) -> None:
        """Open the set.

        Args:
            data: of the recipe.
            most_landmarks: columns of landmarks in each truth.
            with_pairs: whether to look for pictures of the same product.
            with_attributes: whether truths have attributes.

        Raises:
            ConfigError: there is no such set, or nothing in it can be trained on.
            InputError: the folder does not hold it.
        """
        self._data, self._landmarks = data, most_landmarks
        self._names = {name: i for i, name in enumerate(class_names(data))}
        self._index: PictureIndex = open_index(data.set, data.root, TRAIN, data.cache, data.limit)
        self.attributes = _attributes(data) if with_attributes else {}
        self._rows = [
            i
            for i, found in enumerate(self._index.garments)
            if any(outlined or data.box_masks for _, outlined in found)
        ]
        if not self._rows:
            hint = "" if data.box_masks else "; where there are only boxes, set data.box_masks = true"
            raise ConfigError(f"no picture has garments of known types with masks{hint}")
        self.pairs = self._find_pairs() if with_pairs else []

    def __len__(self) -> int:
        return len(self._rows)

    def _find_pairs(self) -> list[tuple[list[int], list[int]]]:
        found: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for number, row in enumerate(self._rows):
            picture = self._index[row]
            for identity in {i.identity for i in self._usable(picture) if i.identity}:
                found[identity][int(picture.role == SHOP)].append(number)
        pairs = [found[identity] for identity in sorted(found) if all(found[identity])]
        if not pairs:
            raise ConfigError(f"{self._data.set} has no product both worn and in a shop; the match head needs such")
        return pairs

    def _usable(self, picture: Picture) -> list[Instance]:
        known = trainable(picture) if self._data.labels == "types" else [i for i in picture.instances if not i.crowd]
        return [i for i in known if self._data.box_masks or i.segmentation is not None]

    def make(self, number: int, rng: Generator) -> tuple[NDArray[np.uint8], Truth]:
        """A picture (H, W, 3) uint8 BGR, scaled and perhaps mirrored, and its truth.

        Raises:
            InputError: the picture is damaged; `asworn data check` names such.
        """
        picture = self._index[self._rows[number]]
        image, rows = read_pixels(picture), self._usable(picture)
        masks = [instance_mask(row, image) for row in rows]
        height, width = image.shape[:2]
        side = float(rng.choice(self._data.short_sides))
        scale = min(side / min(height, width), self._data.max_side / max(height, width))
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        mirrored = self._data.flip and not self._landmarks and rng.random() < 0.5
        truth = self._truth(picture, rows, masks, size, (size[0] / width, size[1] / height))
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        return (image[:, ::-1], _mirrored(truth, size[0])) if mirrored else (image, truth)

    def _truth(
        self,
        picture: Picture,
        rows: list[Instance],
        masks: list[NDArray[np.uint8]],
        size: tuple[int, int],
        scale: tuple[float, float],
    ) -> Truth:
        boxes = np.array([r.box or _mask_box(m) for r, m in zip(rows, masks, strict=True)], np.float32).reshape(-1, 4)
        boxes *= np.tile(scale, 2).astype(np.float32)
        boxes[:, 0::2], boxes[:, 1::2] = boxes[:, 0::2].clip(0, size[0]), boxes[:, 1::2].clip(0, size[1])
        sound = ((boxes[:, 2:] - boxes[:, :2]) > 1).all(1)
        small = [cv2.resize(m, size, interpolation=cv2.INTER_NEAREST) for m in masks]
        points = np.stack([self._points(r, scale) for r in rows]) if rows else np.zeros((0, self._landmarks, 3))
        kept = torch.from_numpy(np.flatnonzero(sound))
        return Truth(
            torch.from_numpy(boxes)[kept],
            torch.tensor([self._label(r) for r in rows], dtype=torch.int64)[kept],
            torch.from_numpy(np.stack(small))[kept],
            torch.from_numpy(points.astype(np.float32))[kept],
            torch.tensor([[a in r.attributes for a in self.attributes] for r in rows]).float()[kept],
            torch.tensor([_product(r) for r in rows], dtype=torch.int64)[kept],
            street=picture.role != SHOP,
        )

    def _label(self, instance: Instance) -> int:
        if self._data.labels == "types":
            return int(instance.type_id or 0)
        return self._names[instance.category]

    def _points(self, instance: Instance, scale: tuple[float, float]) -> NDArray[np.float64]:
        """Landmarks (L, 3) of an instance, those that it has not all 0."""
        points = np.zeros((self._landmarks, 3))
        known = np.array(instance.landmarks, np.float64).reshape(-1, 3)[: self._landmarks]
        points[: len(known)] = known * (*scale, 1)
        return points


def _attributes(data: ExamplesConfig) -> dict[int, str]:
    found = open_set(data.set, data.root)
    next(found.pictures(TRAIN, Report()), None)  # a set knows its attributes once it reads its labels
    if not found.attributes:
        raise ConfigError(f"{data.set} in {data.root} has no attributes; leave attributes out of the recipe")
    return dict(sorted(found.attributes.items()))


def _product(instance: Instance) -> int:
    return zlib.crc32(instance.identity.encode()) if instance.identity else -1


def _mask_box(mask: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    xs, ys = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return (xs[0], ys[0], xs[-1] + 1, ys[-1] + 1) if len(xs) else (0, 0, 0, 0)


def _mirrored(truth: Truth, width: int) -> Truth:
    boxes = truth.boxes.clone()
    boxes[:, 0], boxes[:, 2] = width - truth.boxes[:, 2], width - truth.boxes[:, 0]
    return truth._replace(boxes=boxes, masks=truth.masks.flip(2))


def stack(images: Sequence[NDArray[np.uint8]], mean: Sequence[float]) -> NDArray[np.uint8]:
    """Pictures of several sizes as one array (N, H, W, 3), filled up with the mean colour (BGR) right and below."""
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    canvas = np.empty((len(images), height, width, 3), np.uint8)
    canvas[:] = np.array(mean).round().astype(np.uint8)
    for row, image in zip(canvas, images, strict=True):
        row[: image.shape[0], : image.shape[1]] = image
    return canvas
