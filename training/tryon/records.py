"""What a try-on is made from and what it gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Wearer:
    """A street photo with its full label map.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        ids: (H, W) uint8 id map, see `training.data.records`.
        types: type id of garment 1, 2, ... of the id map.
        name: of the photo; splits are made by it.
    """

    image: NDArray[np.uint8]
    ids: NDArray[np.uint8]
    types: tuple[int, ...]
    name: str


@dataclass(frozen=True)
class ShopGarment:
    """A garment as its shop shows it.

    Attributes:
        image: (h, w, 3) uint8 BGR.
        mask: (h, w) uint8, 0 or 255.
        type_id: index into `matcher.taxonomy.TYPES`.
        identity: name of the piece of clothing.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    type_id: int
    identity: str


@dataclass(frozen=True)
class TryOn:
    """A photo of somebody who wears the garment.

    Attributes:
        image: (H, W, 3) uint8 BGR, the whole photo.
        mask: (H, W) uint8 of 0 and 1, where the garment is seen.
        box: (4,) float32 xyxy around the mask, right and bottom exclusive.
        type_id: of the garment.
        identity: of the garment.
        wearer: name of the photo.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    box: NDArray[np.float32]
    type_id: int
    identity: str
    wearer: str
