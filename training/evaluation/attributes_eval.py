"""AP_IoU+F1: a find is right where its outline and its attributes are (Fashionpedia, Jia et al., ECCV 2020).

A find matches a garment of its category if their IoU reaches one threshold and the F1 of their attributes another.
Average precision is taken at every pair of thresholds 0.50, 0.55, ... 0.95 and averaged; categories whose attributes
are not judged count once for each IoU threshold. The F1 of a pair is the mean over the two classes "has" and "has not".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle

from training.datasets.masks import as_runs, segmentation
from training.datasets.report import Broken
from training.datasets.values import box_xywh, number

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
PER_PHOTO = 100
BOX, MASK = "bbox", "segm"


@dataclass
class _Cell:
    """What one photo has of one category: IoU and F1 (D, G) of finds, best first, and garments; scores (D,)."""

    iou: NDArray[np.float64]
    f1: NDArray[np.float64]
    scores: NDArray[np.float64]
    ignored: NDArray[np.bool_]


@dataclass(frozen=True)
class Attributes:
    """A truth for finds with attributes.

    Attributes:
        count: how many attributes there are.
        garments: (image id, category id) to its garments: COCO annotations with `attribute_ids`.
        sizes: image id to (height, width).
        judged: category ids whose attributes count.
    """

    count: int
    garments: Mapping[tuple[Any, int], list[Mapping[str, Any]]]
    sizes: Mapping[Any, tuple[int, int]]
    judged: Collection[int] = field(default=())


def f1_of(a: Iterable[int], b: Iterable[int], count: int) -> float:
    """Mean of the F1 scores of "has" and "has not" over `count` attributes; a class that neither side has is left out.

    Args:
        a: attributes of one side.
        b: of the other.
        count: of all attributes.
    """
    first, second = set(a), set(b)
    both, either = len(first & second), len(first | second)
    scores = []
    if either:
        scores.append(2 * both / (len(first) + len(second)))
    if both < count:  # somebody lacks something
        neither = count - either
        scores.append(2 * neither / (2 * count - len(first) - len(second)))
    return sum(scores) / len(scores)


def evaluate_attributes(truth: Attributes, finds: Sequence[Mapping[str, Any]], kind: str = MASK) -> dict[str, Any]:
    """Score finds.

    Args:
        truth: the garments.
        finds: {"image_id", "category_id", "attribute_ids", "score"} with "bbox" (xywh) or "segmentation".
        kind: `BOX` or `MASK`: what the IoU is of.

    Returns:
        {"AP", "AP_IoU50", "AP_IoU75", "AP_F50", "AP_F75", "AP_IoU50_F50", ..., "AP_IoU": by IoU alone,
        "per_category": {id: {"AP", "AP_IoU"}}}, fractions of 1; None where no category has a garment.

    Raises:
        Broken: a find cannot be used.
    """
    cells = _cells(truth, finds, kind)
    tables, plain = {}, {}
    for category in sorted({c for _, c in truth.garments}):
        own = [cell for (_, c), cell in sorted(cells.items(), key=lambda item: str(item[0])) if c == category]
        steps = THRESHOLDS if category in truth.judged else (-1.0,)
        tables[category] = np.array([[_precision(own, i, f) for f in steps] for i in THRESHOLDS])
        plain[category] = np.array([_precision(own, i, -1.0) for i in THRESHOLDS])
    return _summary(tables, plain, truth.judged)


def _summary(
    tables: Mapping[int, NDArray[np.float64]], plain: Mapping[int, NDArray[np.float64]], judged: Collection[int]
) -> dict[str, Any]:
    rows = {"AP": (None, None), "AP_IoU50": (0, None), "AP_IoU75": (5, None), "AP_F50": (None, 0), "AP_F75": (None, 5)}
    rows |= {f"AP_IoU{i}_F{f}": (5 * (i > 50), 5 * (f > 50)) for i in (50, 75) for f in (50, 75)}
    result: dict[str, Any] = {name: _mean(_cut(tables, judged, *at)) for name, at in rows.items()}
    result["AP_IoU"] = _mean(plain.values())
    result["per_category"] = {c: {"AP": _mean([tables[c]]), "AP_IoU": _mean([plain[c]])} for c in tables}
    return result


def _cut(
    tables: Mapping[int, NDArray[np.float64]], judged: Collection[int], i: int | None, f: int | None
) -> list[NDArray[np.float64]]:
    """Rows of an IoU threshold and, of judged categories, columns of an F1 threshold; None takes all."""
    found = []
    for category, table in tables.items():
        part = table if i is None else table[i : i + 1]
        found.append(part[:, f : f + 1] if f is not None and category in judged else part)
    return found


def _mean(tables: Iterable[NDArray[np.float64]]) -> float | None:
    values = np.concatenate([t.ravel() for t in tables] or [np.zeros(0)])
    values = values[~np.isnan(values)]
    return round(float(values.mean()), 4) if len(values) else None


def _cells(truth: Attributes, finds: Sequence[Mapping[str, Any]], kind: str) -> dict[tuple[Any, int], _Cell]:
    grouped: dict[tuple[Any, int], list[Mapping[str, Any]]] = defaultdict(list)
    for i, find in enumerate(finds):
        number(find["score"], f"the score of result {i}")
        grouped[find["image_id"], find["category_id"]].append(find)
    keys = {key for key in {*grouped, *truth.garments} if key[0] in truth.sizes}
    return {key: _cell(truth, truth.garments.get(key, []), grouped.get(key, []), kind, key) for key in keys}


def _cell(
    truth: Attributes,
    garments: list[Mapping[str, Any]],
    finds: list[Mapping[str, Any]],
    kind: str,
    key: tuple[Any, int],
) -> _Cell:
    best = sorted(finds, key=lambda find: -float(find["score"]))[:PER_PHOTO]
    # Ignored garments come last, so that a find prefers one that counts.
    known = sorted(garments, key=lambda garment: bool(garment.get("iscrowd")))
    crowd = [bool(garment.get("iscrowd")) for garment in known]
    size = truth.sizes[key[0]]
    shape = (len(best), len(known))
    iou = np.zeros(shape)
    if best and known:
        iou = rle.iou(_shapes(best, kind, size), _shapes(known, kind, size), [int(c) for c in crowd])
    f1 = np.zeros(shape)
    if key[1] in truth.judged:
        own = [[f1_of(f["attribute_ids"], g["attribute_ids"], truth.count) for g in known] for f in best]
        f1 = np.array(own).reshape(shape)
    return _Cell(iou, f1, np.array([float(find["score"]) for find in best]), np.array(crowd, bool))


def _shapes(rows: Sequence[Mapping[str, Any]], kind: str, size: tuple[int, int]) -> list[Any]:
    if kind == BOX:
        boxes = [box_xywh(list(row["bbox"])) for row in rows]
        return [[x0, y0, x1 - x0, y1 - y0] for x0, y0, x1, y1 in boxes]
    return [_runs(row, size) for row in rows]


def _runs(row: Mapping[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    shape = segmentation(row["segmentation"])
    if shape is None:
        raise Broken("a garment or a find has no segmentation; score boxes")
    if not all(size):
        raise Broken("an image has no width and height; score boxes")
    packed = as_runs(shape, *size)
    return {"size": packed["size"], "counts": packed["counts"].encode("ascii")}


def _precision(cells: Sequence[_Cell], least_iou: float, least_f1: float) -> float:
    """Average precision over 101 recalls of one category at a pair of thresholds; NaN without garments."""
    count = sum(int((~cell.ignored).sum()) for cell in cells)
    if not count:
        return float("nan")
    rights, passes, scores = [], [], []
    for cell in cells:
        right, passed = _match(cell, least_iou, least_f1)
        rights.append(right)
        passes.append(passed)
        scores.append(cell.scores)
    order = np.argsort(-np.concatenate(scores), kind="mergesort")
    counted = ~np.concatenate(passes)[order]
    right = np.concatenate(rights)[order][counted]
    hits = np.cumsum(right)
    recall, precision = hits / count, hits / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS, side="left")
    return float(np.where(at < len(envelope), np.append(envelope, 0.0)[np.minimum(at, len(envelope))], 0.0).mean())


def _match(cell: _Cell, least_iou: float, least_f1: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which finds are right, and which are neither right nor wrong.

    As in the published evaluation, a find takes over another garment only if both IoU and F1 are at least as good.
    """
    finds, garments = cell.iou.shape
    taken = np.zeros(garments, bool)
    right, passed = np.zeros(finds, bool), np.zeros(finds, bool)
    for d in range(finds):
        iou, f1, best = min(least_iou, 1 - 1e-10), min(least_f1, 1 - 1e-10), -1
        for g in range(garments):
            if taken[g] and not cell.ignored[g]:
                continue
            if best > -1 and not cell.ignored[best] and cell.ignored[g]:
                break
            if cell.iou[d, g] < iou or (cell.f1[d, g] < f1 and not cell.ignored[g]):
                continue
            iou, best = cell.iou[d, g], g
            if least_f1 >= 0:
                f1 = cell.f1[d, g]
        if best > -1:
            taken[best] = True
            passed[d] = cell.ignored[best]
            right[d] = not cell.ignored[best]
    return right, passed
