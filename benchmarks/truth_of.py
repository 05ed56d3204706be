"""Pictures with instance maps as COCO truth, to be scored like photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as rle

from training.data.records import Annotated
from training.evaluation.coco_truth import CocoTruth


def truth_of(pictures: Sequence[Annotated]) -> CocoTruth:
    """The garments of the pictures, with masks; a photo's id is its place in the list, and hidden garments are none."""
    images = [
        {"id": i, "file_name": str(i), "width": one.image.shape[1], "height": one.image.shape[0]}
        for i, one in enumerate(pictures)
    ]
    rows = []
    for i, one in enumerate(pictures):
        for number, type_id in enumerate(one.types, 1):
            seen = rle.encode(np.asfortranarray(one.ids == number, np.uint8))
            area = float(rle.area(seen))
            if area > 0:
                box = [float(v) for v in rle.toBbox(seen)]
                row = {"id": len(rows) + 1, "image_id": i, "category_id": type_id, "iscrowd": 0, "bbox": box}
                rows.append(row | {"area": area, "segmentation": seen})
    return CocoTruth(images, rows, masks=True, unknown=())
