"""Average precision of the detector on a COCO file, computed by pycocotools."""

from __future__ import annotations

import contextlib
import io
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from matcher.boxes import paste_mask
from matcher.errors import InputError
from matcher.taxonomy import TYPES
from matcher.types import Garments
from matcher.video.image import read_image
from training.evaluation.coco_truth import CocoTruth, load_coco, photo_path
from training.evaluation.output import Progress

PER_PHOTO = 100  # COCO's limit of detections per photo and type
METRICS = ("AP", "AP50", "AP75")


class Candidates(Protocol):
    """What of a detector is scored."""

    def candidates(self, image: NDArray[np.uint8], threshold: float = 0.05) -> Garments:
        """One row per (box, type) whose probability exceeds `threshold`; `score` is that probability."""
        ...


# Type to (recalls, precisions) at IoU 0.5.
Curves = dict[str, tuple[list[float], list[float]]]


def evaluate_detector(
    detector: Candidates,
    images: Path,
    annotations: Path,
    threshold: float,
    progress: Progress,
    curves: Curves | None = None,
) -> dict[str, Any]:
    """Run a detector over the photos of a COCO file and score it.

    Args:
        detector: gives candidates for a photo.
        images: folder of the photos.
        annotations: the COCO file.
        threshold: candidates less likely than this are not asked for.
        progress: wraps the list of photos and shows how far it is.
        curves: gets precision over recall of the boxes of each type, if given.

    Returns:
        {"photos", "box", "mask" (None without masks in the file), "per_type", "ms_per_photo"}; `ms_per_photo` is
        the median time from decoded photo to boxes and masks.

    Raises:
        InputError: the file or a photo cannot be used.
    """
    truth = load_coco(annotations)
    found: dict[Any, Garments] = {}
    times = []
    for image in progress(truth.images, "photos"):
        pixels = read_image(photo_path(images, image["file_name"]))
        start = time.perf_counter()
        garments = detector.candidates(pixels, threshold)
        times.append(time.perf_counter() - start)
        found[image["id"]] = _to_file_size(garments, pixels, image)
    return {**score(truth, found, curves), "ms_per_photo": round(1000 * statistics.median(times), 2)}


def score(truth: CocoTruth, found: Mapping[Any, Garments], curves: Curves | None = None) -> dict[str, Any]:
    """Average precision of candidates.

    Args:
        truth: the garments; every photo has its size.
        found: photo id to candidates, boxes in the photo's pixels.
        curves: gets precision over recall of the boxes of each type, if given.

    Returns:
        {"photos", "box": {AP, AP50, AP75}, "mask": the same or None, "per_type": {type: {"AP50"}}}, fractions of 1;
        a mean is over the types that occur in the truth.
    """
    masks = truth.masks and all(g.has("mask") for g in found.values())
    sizes = {image["id"]: (image["width"], image["height"]) for image in truth.images}
    rows = [row for id_, garments in found.items() for row in _results(id_, garments, sizes[id_], masks)]
    box, per_type = _average_precision(truth, rows, "bbox", curves)
    return {
        "photos": len(truth.images),
        "box": box,
        "mask": _average_precision(truth, rows, "segm")[0] if masks else None,
        "per_type": per_type,
    }


def _to_file_size(garments: Garments, pixels: NDArray[np.uint8], image: dict[str, Any]) -> Garments:
    """Boxes in the pixels that the COCO file speaks of, which a copy of the photo at another size does not have."""
    height, width = pixels.shape[:2]
    image["width"], image["height"] = image["width"] or width, image["height"] or height
    scale = np.array([image["width"] / width, image["height"] / height], np.float32)
    if abs(scale[0] / scale[1] - 1) > 0.02:
        raise InputError(
            f"{image['file_name']} is {width}x{height}, but its annotations are for "
            f"{image['width']}x{image['height']}; use the photos that were annotated"
        )
    return garments.with_columns(xyxy=garments.xyxy * np.tile(scale, 2))


def _results(image_id: Any, garments: Garments, size: tuple[int, int], masks: bool) -> list[dict[str, Any]]:
    rows = []
    for i in np.argsort(-garments.score, kind="stable")[: PER_PHOTO * len(TYPES)]:
        x0, y0, x1, y1 = (float(v) for v in garments.xyxy[i])
        row = {
            "image_id": image_id,
            "category_id": int(garments.type_id[i]),
            "score": float(garments.score[i]),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
            "iscrowd": 0,
        }
        if masks:
            pasted = paste_mask(garments.mask[i], garments.xyxy[i], *size)
            row["segmentation"] = rle.encode(np.asfortranarray(pasted, np.uint8))
        rows.append(row)
    return rows


def _average_precision(
    truth: CocoTruth, rows: list[dict[str, Any]], kind: str, curves: Curves | None = None
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    numbered = [{"id": i, **row} for i, row in enumerate(rows, 1)]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        judge = COCOeval(_coco(truth.dataset()), _coco(truth.dataset(numbered)), kind)
        judge.evaluate()
        judge.accumulate()
    # (IoU threshold, recall, type, size range, limit of detections); -1 where a type does not occur in the truth.
    precision = judge.eval["precision"][:, :, :, 0, -1]
    occurs = [k for k in range(len(TYPES)) if precision[0, 0, k] > -1]
    if curves is not None:
        recalls = judge.params.recThrs.tolist()
        curves.update({TYPES[k]: (recalls, precision[0, :, k].tolist()) for k in occurs})
    means = [float(precision[index][..., occurs].mean()) for index in (slice(None), 0, 5)]
    per_type = {TYPES[k]: {"AP50": round(float(precision[0, :, k].mean()), 4)} for k in occurs}
    return {name: round(mean, 4) for name, mean in zip(METRICS, means, strict=True)}, per_type


def _coco(dataset: dict[str, Any]) -> COCO:
    coco = COCO()
    coco.dataset = dataset
    coco.createIndex()
    return coco
