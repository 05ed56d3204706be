"""From a composed id map to a training sample: which instances remain visible, and their boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.data.records import Sample, count_pixels, tight_boxes

MIN_PIXELS = 14
MIN_SIDE = 4


def finish(
    image: NDArray[np.uint8],
    ids: NDArray[np.uint8],
    types: Sequence[int],
    full: NDArray[np.float64],
    min_visible: float = 0.17,
) -> Sample:
    """Keep the instances that can still be seen.

    Args:
        image: (H, W, 3) uint8 BGR.
        ids: (H, W) uint8 id map after all occlusion and cropping.
        types: type id of instance 1, 2, ...
        full: pixels that instance 1, 2, ... would cover were it neither occluded nor cut.
        min_visible: an instance with less than this share of its pixels left is no longer a truth.
    """
    seen = count_pixels(ids)[1 : len(types) + 1]
    kept = np.flatnonzero((seen >= MIN_PIXELS) & (seen >= min_visible * np.asarray(full))) + 1
    instances = kept.astype(np.uint8)
    boxes = tight_boxes(ids, instances)
    wide = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=1e9) >= MIN_SIDE
    type_ids = np.array([types[i - 1] for i in kept], np.int64)
    return Sample(image, ids, boxes[wide], type_ids[wide], instances[wide])
