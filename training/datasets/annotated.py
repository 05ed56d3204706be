"""A data set as the detector's trainer takes it: pictures with id maps, read when they are drawn."""

from __future__ import annotations

import logging
from itertools import chain, islice
from pathlib import Path

import cv2
import numpy as np

from matcher.errors import ConfigError, InputError, MatcherError
from training.data.records import MAX_INSTANCES, Annotated
from training.data.store import Drawable
from training.datasets.index import PictureIndex, instance_mask, trainable
from training.datasets.pixels import read_pixels
from training.datasets.records import TRAIN, Instance, Picture
from training.datasets.registry import open_set
from training.datasets.report import Report

log = logging.getLogger(__name__)
_DAMAGED_IN_A_ROW = 100


def open_index(name: str, root: Path, split: str, cache: Path, limit: int = 0) -> PictureIndex:
    """The index of a split in a cache, made at first use.

    Args:
        name: of the data set.
        root: its folder.
        split: of it.
        cache: folder for indexes.
        limit: pictures at most; 0 = all.

    Raises:
        ConfigError: there is no such set or split.
        InputError: the folder does not hold it, or nothing in it can be used.
    """
    folder = cache / f"index-{name}-{split}{f'-{limit}' if limit else ''}"
    if (folder / "index.json").is_file():
        index = PictureIndex(folder)
        if index.origin != str(root.resolve()):
            raise ConfigError(
                f"{folder} is of {index.origin or 'another folder'}; set data.cache to a folder for {root}"
            )
        return index
    data, report = open_set(name, root), Report()
    if split not in data.splits:
        raise ConfigError(f"{name} in {root} has no split {split!r}; there are {', '.join(data.splits)}")
    pictures = islice(data.pictures(split, report), limit or None)
    first = next(pictures, None)
    if first is None:
        raise InputError(f"nothing in {root} can be used as {name}; asworn data check {name} {root} says why")
    index = PictureIndex.write(folder, chain([first], pictures), root.resolve())
    if report.count:
        log.warning("%d broken labels or files are left out; asworn data check %s %s", report.count, name, root)
    return index


class AnnotatedSet(Drawable):
    """Pictures of a data set that have garments of known types, as `Annotated`; nothing is kept in memory but types."""

    def __init__(self, index: PictureIndex, height: int, box_masks: bool = False, square: bool = False) -> None:
        """Take what can be trained on.

        Args:
            index: of the pictures.
            height: they are brought to this height in pixels.
            box_masks: take filled boxes for masks where there are none.
            square: bring them to `height` x `height`, as older work did with 512.

        Raises:
            ConfigError: no picture has garments of known types, or none has masks and `box_masks` is not set.
        """
        self._index, self._height, self._square, self._box_masks = index, height, square, box_masks
        self._rows, self._types = [], []
        for i, garments in enumerate(index.garments):
            usable = tuple(type_id for type_id, outlined in garments if outlined or box_masks)
            if usable:
                self._rows.append(i)
                self._types.append(usable[:MAX_INSTANCES])
        if not self._rows:
            hint = "" if box_masks else "; where there are only boxes, set data.box_masks = true"
            raise ConfigError(f"no picture has garments of known types with masks{hint}")

    def _usable(self, picture: Picture) -> list[Instance]:
        rows = [i for i in trainable(picture) if self._box_masks or i.segmentation is not None]
        return rows[:MAX_INSTANCES]

    def __len__(self) -> int:
        return len(self._rows)

    def name(self, i: int) -> str:
        """Name of a picture in its data set."""
        return self._index[self._rows[i]].name

    @property
    def types(self) -> list[tuple[int, ...]]:
        """The type ids of every picture, without reading any pixel."""
        return self._types

    def __getitem__(self, i: int) -> Annotated:
        """A picture; where its file or its masks are damaged, the next one that is not.

        Raises:
            ConfigError: a hundred pictures in a row are damaged.
        """
        for step in range(_DAMAGED_IN_A_ROW):
            try:
                return self._read((i + step) % len(self))
            except MatcherError as error:
                log.warning("%s is left out: %s", self.name((i + step) % len(self)), error)
        raise ConfigError(f"the pictures around {self.name(i)} are damaged; asworn data check says how")

    def _read(self, i: int) -> Annotated:
        picture = self._index[self._rows[i]]
        image, rows = read_pixels(picture), self._usable(picture)
        ids = np.zeros(image.shape[:2], np.uint8)
        for number, instance in enumerate(rows, start=1):
            ids[instance_mask(instance, image) > 0] = number
        width = self._height if self._square else max(round(image.shape[1] * self._height / image.shape[0]), 1)
        size = (width, self._height)
        return Annotated(
            cv2.resize(image, size, interpolation=cv2.INTER_AREA),
            cv2.resize(ids, size, interpolation=cv2.INTER_NEAREST),
            tuple(int(instance.type_id) for instance in rows),
        )


def open_annotated(
    name: str, root: Path, cache: Path, height: int, limit: int, box_masks: bool, square: bool
) -> AnnotatedSet:
    """The training split of a data set for the detector; see `open_index` and `AnnotatedSet`."""
    index = open_index(name, root, TRAIN, cache, limit)
    return AnnotatedSet(index, height, box_masks, square)
