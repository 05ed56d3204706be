"""Put a shop photo's garment on a person: warp it, light it, and leave in front what was in front."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from matcher.taxonomy import TYPE_IDS
from training.data.garment_crops import mask_box
from training.tryon.records import ShopGarment, TryOn, Wearer
from training.tryon.relight import exposure, shading
from training.tryon.spans import Spans, measure
from training.tryon.warp import GRID, grid_maps, outline_maps

_SLEEVED = {TYPE_IDS[name] for name in ("tops", "outerwear", "dresses")}
_UPPER = {TYPE_IDS["tops"], TYPE_IDS["outerwear"]}
_MIN_PIXELS = 400
_PAD = 12


def try_on(wearer: Wearer, instance: int, garment: ShopGarment, rng: Generator, family: str = GRID) -> TryOn | None:
    """Dress a person.

    Args:
        wearer: the photo.
        instance: value in its id map of the garment to replace, best one of the same type.
        garment: what to put on.
        rng: source of randomness.
        family: of warps, `GRID` or `OUTLINE`.

    Returns:
        The photo with the garment on; None where too little of it would be seen.
    """
    mask = (wearer.ids == instance).astype(np.uint8)
    if int(mask.sum()) < _MIN_PIXELS:
        return None
    box = mask_box(mask)
    x0, y0, x1, y1 = _padded(box, mask.shape)
    part, seen = wearer.image[y0:y1, x0:x1], mask[y0:y1, x0:x1]
    under = _trunk_mask(wearer, instance)[y0:y1, x0:x1]
    cloth = _extended(garment)
    if family == GRID:
        sleeved = garment.type_id in _SLEEVED
        maps = grid_maps(seen.shape, _worn_spans(seen, under, sleeved), measure(garment.mask, sleeved), rng)
    else:
        maps = outline_maps(seen, garment.mask, rng)
    worn = cv2.remap(cloth, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lit = worn.astype(np.float32) * shading(part, seen, rng)[..., None] * exposure(rng)
    image = wearer.image.copy()
    image[y0:y1, x0:x1] = _blend(part, np.clip(lit, 0, 255), seen)
    return TryOn(image, mask, box, garment.type_id, garment.identity, wearer.name)


def _padded(box: NDArray[np.float32], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (int(v) for v in box)
    return max(x0 - _PAD, 0), max(y0 - _PAD, 0), min(x1 + _PAD, shape[1]), min(y1 + _PAD, shape[0])


def _trunk_mask(wearer: Wearer, instance: int) -> NDArray[np.uint8]:
    """The garment and what is worn over it: a shirt under an open coat is as wide as the coat."""
    mask = wearer.ids == instance
    if wearer.types[instance - 1] in _UPPER:
        for other, type_id in enumerate(wearer.types, start=1):
            if type_id in _UPPER:
                mask = mask | (wearer.ids == other)
    return mask.astype(np.uint8)


def _worn_spans(seen: NDArray[np.uint8], under: NDArray[np.uint8], sleeved: bool) -> Spans:
    """Width of the trunk with what hides it, height of what is seen."""
    rows = np.flatnonzero(seen.any(1))
    covered = np.zeros_like(under)
    covered[rows[0] : rows[-1] + 1] = under[rows[0] : rows[-1] + 1]
    return measure(covered if covered.any() else seen, sleeved)


def _extended(garment: ShopGarment) -> NDArray[np.uint8]:
    """The garment's picture with its own cloth repeated beyond its edges, so that no background is pulled in."""
    inner = cv2.erode((garment.mask > 127).astype(np.uint8), np.ones((3, 3), np.uint8))
    inner = inner if inner.any() else (garment.mask > 127).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(1 - inner, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    ys, xs = np.nonzero(inner)
    nearest = np.zeros((labels.max() + 1, 2), np.int64)
    nearest[labels[ys, xs]] = np.stack([ys, xs], 1)
    return _mirror_beyond(garment.image, inner, nearest[labels])


def _mirror_beyond(image: NDArray[np.uint8], inner: NDArray[np.uint8], nearest: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Outside the garment take the point mirrored at its nearest edge where that is cloth, else the edge itself."""
    height, width = inner.shape
    ys, xs = np.mgrid[0:height, 0:width]
    far_y, far_x = 2 * nearest[..., 0] - ys, 2 * nearest[..., 1] - xs
    usable = (far_y >= 0) & (far_y < height) & (far_x >= 0) & (far_x < width)
    far_y, far_x = np.clip(far_y, 0, height - 1), np.clip(far_x, 0, width - 1)
    usable &= inner[far_y, far_x] > 0
    from_y = np.where(usable, far_y, nearest[..., 0])
    from_x = np.where(usable, far_x, nearest[..., 1])
    return image[from_y, from_x]


def _blend(below: NDArray[np.uint8], above: NDArray[np.float32], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)[..., None]
    return (below * (1 - soft) + above * soft).astype(np.uint8)
