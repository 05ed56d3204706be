"""A few made-up garments in a store, so that training code can run without any data set."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from training.data.garment_crops import (
    FLAT,
    PHOTO,
    TRAIN,
    VALIDATION,
    WORN,
    Garment,
    Garments,
    GarmentStore,
    Row,
    cut,
    mask_box,
)


def toy_garment(number: int, kind: str, split: str, types: int = 3) -> Garment:
    """A blob whose colour and stripes are those of its number; its type decides its shape."""
    rng = np.random.default_rng(number)
    image = np.full((120, 100, 3), int(rng.integers(0, 256)), np.uint8)
    mask = np.zeros((120, 100), np.uint8)
    type_id = (2, 8, 10)[number % types]
    axes = {2: (22, 45), 8: (14, 40), 10: (38, 26)}[type_id]
    cv2.ellipse(mask, (50, 60), axes, 0, 0, 360, 1, -1)
    cloth = np.empty_like(image)
    cloth[:] = rng.integers(0, 256, 3)
    cloth[:: int(rng.integers(3, 12))] = rng.integers(0, 256, 3)
    image[mask > 0] = cloth[mask > 0]
    return cut(image, mask, mask_box(mask), Row(kind, split, type_id, f"{kind}-{number}"))


def toy_garments(folder: Path, count: int = 24) -> Garments:
    """`count` garments for training and a third as many for validation, of three types."""
    kinds = (FLAT, WORN, PHOTO)
    train = [toy_garment(i, kinds[i // 3 % 3], TRAIN) for i in range(count)]
    held = [toy_garment(1000 + i, kinds[i // 3 % 3], VALIDATION) for i in range(count // 3)]
    return Garments([GarmentStore.write(folder / "toys", train + held)])
