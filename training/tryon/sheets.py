"""Sheets of try-on pairs to look at: most should fool a glance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.errors import InputError
from training.data.garment_crops import VALIDATION
from training.tryon.pairs import Wardrobe
from training.tryon.records import ShopGarment, TryOn
from training.tryon.sources import shop_garments, wearers
from training.tryon.warp import GRID

_TILE = (240, 160)  # height, width
_AROUND = 40  # pixels


def write_sheet(
    root: Path, out: Path, rows: int = 5, columns: int = 4, seed: int = 1, family: str = GRID, split: str = VALIDATION
) -> Path:
    """Write a picture of pairs, the shop photo and beside it the garment on somebody.

    Args:
        root: folder of the data sets.
        out: picture to write, .jpg or .png.
        rows, columns: of pairs.
        seed: another one gives other pairs.
        family: of warps.
        split: of garments and wearers.

    Raises:
        InputError: there is no data, or the picture cannot be written.
    """
    garments = list(shop_garments(root, split))
    if not garments or not (root / "ccp" / "instances.json").is_file():
        raise InputError(f"no photos of garments and people under {root}; give the folder with clothing/ and ccp/")
    tiles = _pairs(garments, Wardrobe(list(wearers(root, split))), rows * columns, seed, family)
    sheet = np.vstack([np.hstack(tiles[i * columns : (i + 1) * columns]) for i in range(rows)])
    try:
        written = cv2.imwrite(str(out), sheet)
    except cv2.error:
        written = False
    if not written:
        raise InputError(
            f"cannot write the picture {out}; give an existing folder and a name that ends in .jpg or .png"
        )
    return out


def _pairs(
    garments: Sequence[ShopGarment], wardrobe: Wardrobe, count: int, seed: int, family: str
) -> list[NDArray[np.uint8]]:
    rng, tiles = np.random.default_rng(seed), []
    while len(tiles) < count:
        garment = garments[rng.integers(len(garments))]
        worn = wardrobe.dress(garment, rng, family)
        if worn is not None:
            tiles.append(np.hstack([_fit(garment.image), _fit(_around(worn))]))
    return tiles


def _around(worn: TryOn) -> NDArray[np.uint8]:
    x0, y0, x1, y1 = (int(v) for v in worn.box)
    return worn.image[max(y0 - _AROUND, 0) : y1 + _AROUND, max(x0 - _AROUND, 0) : x1 + _AROUND]


def _fit(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture in a tile, its proportions kept, on white."""
    scale = min(_TILE[0] / image.shape[0], _TILE[1] / image.shape[1])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[: _TILE[0], : _TILE[1]]
    tile = np.full((*_TILE, 3), 255, np.uint8)
    y, x = (_TILE[0] - small.shape[0]) // 2, (_TILE[1] - small.shape[1]) // 2
    tile[y : y + small.shape[0], x : x + small.shape[1]] = small
    return tile
