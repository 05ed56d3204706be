"""Garments cut out of the pictures that the detector was trained on: drawn scenes, photos that it labelled itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.classifier.config import TypesConfig
from training.data.garment_crops import TRAIN, Garment, Garments, GarmentStore, Row, cut, mask_box
from training.data.garment_sources import cached
from training.data.store import Store
from training.mixture import open_garments

_MIN_SIDE = 16  # pixels; in drawn scenes smaller ones are slivers behind other people


def open_all(config: TypesConfig) -> Garments:
    """Every garment that a recipe names: those of its `data`, then those of its `pictures`.

    Raises:
        ConfigError: a folder of `pictures` is not a finished store.
    """
    stores = [_cut(config.data.cache / f"pictures-{kind}", Path(f), kind) for kind, f in config.pictures.items()]
    return Garments([open_garments(config.data), *stores])


def _cut(cache: Path, folder: Path, kind: str) -> GarmentStore:
    return cached(cache, lambda: stored_garments(folder, kind))


def stored_garments(folder: Path, kind: str) -> Iterator[Garment]:
    """Cut every garment out of the pictures of a `training.data.store.Store`, as rows of `kind` for training."""
    store = Store(folder)
    for i in range(len(store)):
        picture = store[i]
        for number, type_id in enumerate(picture.types, start=1):
            mask = (picture.ids == number).astype(np.uint8)
            if not mask.any():
                continue
            box = mask_box(mask)
            if (box[2:] - box[:2]).min() >= _MIN_SIDE:
                row = Row(kind, TRAIN, int(type_id), f"{kind}-{store.name(i)}-{number}")
                yield cut(picture.image, mask, box, row)
