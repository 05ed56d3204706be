"""A data set as the type classifier's and the embedder's trainers take it: single garments, cut out and packed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from matcher.errors import ConfigError, MatcherError
from training.data.garment_crops import (
    FLAT,
    PHOTO,
    TRAIN,
    TRYON,
    VALIDATION,
    WORN,
    Garment,
    Garments,
    GarmentStore,
    Row,
    cut,
    mask_box,
)
from training.datasets import records
from training.datasets.annotated import open_index
from training.datasets.index import PictureIndex, instance_mask
from training.datasets.pixels import read_pixels
from training.datasets.records import Instance, Picture
from training.datasets.registry import open_set

_MIN_SIDE = 12  # pixels; smaller garments are not worth a crop
_HELD_OUT = 10  # one product in so many, where the set has no validation split


def open_set_garments(name: str, root: Path, cache: Path, limit: int = 0) -> Garments:
    """The garments of a data set, packed at first use (about 150 kB each on disk).

    A street photo of a known product becomes a row of kind `TRYON`, others `WORN`; what shops show `FLAT`; whole
    pictures of nobody in particular `PHOTO`. Sets without a validation split keep one product in ten for it.

    Args:
        name: of the data set.
        root: its folder.
        cache: folder for indexes and packed garments.
        limit: pictures of each split at most; 0 = all.

    Raises:
        ConfigError: there is no such set, or no garment of a known type in it.
        InputError: the folder does not hold it.
    """
    splits = [s for s in (TRAIN, VALIDATION) if s in open_set(name, root).splits]
    stores: list[GarmentStore] = []
    for split in splits:
        index = open_index(name, root, split, cache, limit)
        hold_out = VALIDATION not in splits
        folder = cache / f"garments-{name}-{split}{f'-{limit}' if limit else ''}"
        stores += _packed(folder, _cut_all(index, split, hold_out))
    garments = Garments(stores)
    if not garments.find(TRAIN):
        raise ConfigError(f"{name} in {root} has no garment of a known type to train on")
    return garments


def _packed(folder: Path, garments: Iterator[Garment]) -> list[GarmentStore]:
    """The store in a folder, made of the garments if there is none; no store where there are no garments."""
    if (folder / "index.json").is_file():
        return [GarmentStore(folder)]
    first = next(garments, None)
    return [] if first is None else [GarmentStore.write(folder, chain([first], garments))]


def _cut_all(index: PictureIndex, split: str, hold_out: bool) -> Iterator[Garment]:
    for i in range(len(index)):
        picture = index[i]
        rows = [r for r in picture.instances if r.type_id is not None and not r.crowd]
        try:
            image = read_pixels(picture) if rows else None
            for number, instance in enumerate(rows):
                garment = _cut_one(picture, image, instance, number, split, hold_out)
                if garment is not None:
                    yield garment
        except MatcherError:
            continue  # a damaged picture; `asworn data check` names it


def _cut_one(
    picture: Picture, image: np.ndarray, instance: Instance, number: int, split: str, hold_out: bool
) -> Garment | None:
    mask = instance_mask(instance, image)
    if not mask.any():
        return None
    box = mask_box(mask)
    if (box[2:] - box[:2]).min() < min(_MIN_SIDE, *image.shape[:2]):
        return None
    identity = instance.identity or f"{picture.name}-{number}"
    if hold_out and zlib.crc32(identity.encode()) % _HELD_OUT == 1:
        split = VALIDATION
    return cut(image, mask, box, Row(_kind(picture, instance), split, int(instance.type_id), identity))


def _kind(picture: Picture, instance: Instance) -> str:
    if picture.role in (records.STREET, records.VIDEO):
        return TRYON if instance.identity else WORN
    if picture.role == records.SHOP:
        return FLAT
    return PHOTO if instance.box is None and instance.segmentation is None else WORN
