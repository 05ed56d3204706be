"""From a composed id map to a training sample: which instances remain visible, and their boxes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.taxonomy import TYPE_IDS
from training.data.records import Sample, count_pixels, tight_boxes

MIN_PIXELS = 14
MIN_SIDE = 4
_BODY = 0.8  # least share of a garment's pixels that must be thicker than a thread for these to make its box
_THREAD = np.ones((3, 3), np.uint8)  # what it does not fit into is no wider than two pixels
_THIN = {TYPE_IDS["belts"], TYPE_IDS["eyewear"]}  # by nature


def finish(
    image: NDArray[np.uint8],
    ids: NDArray[np.uint8],
    types: Sequence[int],
    full: NDArray[np.float64],
    min_visible: float = 0.17,
    bodies: bool = False,
) -> Sample:
    """Keep the instances that can still be seen.

    Args:
        image: (H, W, 3) uint8 BGR.
        ids: (H, W) uint8 id map after all occlusion and cropping.
        types: type id of instance 1, 2, ...
        full: pixels that instance 1, 2, ... would cover were it neither occluded nor cut.
        min_visible: an instance with less than this share of its pixels left is no longer a truth.
        bodies: boxes go round a garment's body, without straps and slivers of one or two pixels, which a network that
            sees a picture of this size cannot make out: the strap of a bag would stretch its box over a whole chest.
    """
    seen = count_pixels(ids)[1 : len(types) + 1]
    kept = np.flatnonzero((seen >= MIN_PIXELS) & (seen >= min_visible * np.asarray(full))) + 1
    instances = kept.astype(np.uint8)
    boxes = tight_boxes(_without_threads(ids, instances, types) if bodies else ids, instances)
    wide = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=1e9) >= MIN_SIDE
    type_ids = np.array([types[i - 1] for i in kept], np.int64)
    return Sample(image, ids, boxes[wide], type_ids[wide], instances[wide])


def body(mask: NDArray[np.uint8], type_id: int) -> NDArray[np.uint8]:
    """A garment's mask (H, W) of 0 and 1 without straps of a pixel or two; the whole of one that is thin all over."""
    if type_id in _THIN:
        return mask
    thick = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _THREAD)
    return thick if thick.sum() >= max(_BODY * mask.sum(), 1) else mask


def _without_threads(ids: NDArray[np.uint8], instances: NDArray[np.uint8], types: Sequence[int]) -> NDArray[np.uint8]:
    """The id map with the bodies of its instances alone."""
    bodies = ids.copy()
    for instance in instances.tolist():
        mask = (ids == instance).astype(np.uint8)
        bodies[mask > body(mask, types[instance - 1])] = 0
    return bodies
