"""Average precision of landmarks as DeepFashion2 measures it: COCO's keypoint AP over its 294 landmarks.

The similarity of a find and a garment is the mean of exp(-d^2 / (8 s^2 A)) over the garment's labelled landmarks, with
the distance d in pixels, the area A of the garment's box and a constant s for each landmark.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from training.datasets.records import Picture
from training.datasets.report import Broken
from training.datasets.taxonomy import packaged

VISIBLE, HIDDEN_TOO = "visible", "hidden_too"
_PER_PHOTO = 20


def constants() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where the landmarks of each category start among the 294, with the end (14,), and the constants (294,)."""
    table = packaged("deepfashion2").rest["landmarks"]
    return np.concatenate([[0], np.cumsum(table["counts"])]), np.array(table["sigmas"])


def garments_of(pictures: Iterable[Picture], which: str = HIDDEN_TOO) -> list[dict[str, Any]]:
    """COCO annotations of the garments with landmarks.

    Args:
        pictures: of DeepFashion2; the number of an image is that of its file.
        which: `VISIBLE` leaves hidden landmarks out, `HIDDEN_TOO` counts them.
    """
    starts, _ = constants()
    names = packaged("deepfashion2").categories
    rows = []
    for picture in pictures:
        for instance in (i for i in picture.instances if i.landmarks):
            category = names.index(instance.category) + 1
            points = np.zeros((int(starts[-1]), 3))
            own = np.array(instance.landmarks)
            own[own[:, 2] < (2 if which == VISIBLE else 1)] = 0
            points[starts[category - 1] : starts[category]] = own
            x0, y0, x1, y1 = instance.box
            row = {"image_id": int(picture.name.rpartition("/")[2]), "category_id": category, "iscrowd": 0}
            row |= {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}
            row |= {"keypoints": points.ravel().tolist(), "num_keypoints": int((points[:, 2] > 0).sum())}
            rows.append({**row, "id": len(rows) + 1})
    return rows


def evaluate_landmarks(garments: Sequence[Mapping[str, Any]], finds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Score found landmarks.

    Args:
        garments: what `garments_of` gave.
        finds: {"image_id", "category_id", "keypoints": 294 x (x, y, v), "score"}, the published form of results.

    Returns:
        {"AP", "AP50", "AP75", "garments", "finds"}, fractions of 1.

    Raises:
        Broken: a find has not 294 landmarks.
    """
    starts, sigmas = constants()
    total = 3 * int(starts[-1])
    strange = [i for i, find in enumerate(finds) if len(find["keypoints"]) != total]
    if strange:
        raise Broken(f"result {strange[0]} has {len(finds[strange[0]]['keypoints'])} numbers, not {total}")
    categories = [{"id": i, "name": name} for i, name in enumerate(packaged("deepfashion2").categories, 1)]
    known = {row["image_id"] for row in garments}
    truth = _coco(garments, known, categories)
    rows = [_find(find, i) for i, find in enumerate(finds, 1) if find["image_id"] in known]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        judge = COCOeval(truth, _coco(rows, known, categories), "keypoints")
        judge.params.kpt_oks_sigmas = sigmas
        judge.params.maxDets = [_PER_PHOTO]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][:, :, :, 0, -1]
    occurs = precision[0, 0] > -1
    means = [float(precision[at][..., occurs].mean()) if occurs.any() else 0.0 for at in (slice(None), 0, 5)]
    scores = {name: round(mean, 4) for name, mean in zip(("AP", "AP50", "AP75"), means, strict=True)}
    return {**scores, "garments": len(garments), "finds": len(rows)}


def _find(find: Mapping[str, Any], number: int) -> dict[str, Any]:
    points = np.asarray(find["keypoints"], float).reshape(-1, 3)
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    width, height = high - low
    # COCO gives a find the area of the box around its landmarks; it matters for size ranges only.
    return {**find, "id": number, "area": float(width * height), "bbox": [*low.tolist(), float(width), float(height)]}


def _coco(rows: Iterable[Mapping[str, Any]], images: Iterable[int], categories: list[dict[str, Any]]) -> COCO:
    coco = COCO()
    copies = [dict(row) for row in rows]  # pycocotools writes into them
    coco.dataset = {"images": [{"id": i} for i in images], "annotations": copies, "categories": categories}
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco
