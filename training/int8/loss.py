"""What a bundle in 8-bit integers answers otherwise than the same bundle in floats."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import iou
from matcher.bundle import Bundle
from matcher.stages.classify import Classifier
from matcher.stages.detect import Detector
from matcher.stages.embed import Embedder
from matcher.stages.models import Runtime
from matcher.types import Garments

_SAME = 0.5  # overlap of boxes from which on they are of one garment


def loss_of(exact: Bundle, rough: Bundle, images: Iterable[NDArray[np.uint8]], threads: int = 0) -> dict[str, Any]:
    """Compare two bundles on pictures.

    Args:
        exact: in floats; what it says counts as right.
        rough: the other.
        images: (H, W, 3) uint8 BGR, none of which the ranges were read from.
        threads: of the networks; 0 = all cores.

    Returns:
        {"pictures", "garments": found by `exact`, "found_again": share of them found with the same type, "extra": what
        `rough` finds besides, as a share of them, "mask_iou": mean over those found again, "same_type": share with the
        same first type by the classifier, "cosine": {"mean", "min"} of the embeddings}; None for all without garments.
    """
    runtime = Runtime(threads=threads)
    detectors, classifiers, embedders = (
        [kind(bundle, runtime=runtime) for bundle in (exact, rough)] for kind in (Detector, Classifier, Embedder)
    )
    pictures, again, extra = 0, [], 0
    ious: list[float] = []
    types: list[NDArray[np.bool_]] = []
    cosines: list[NDArray[np.float32]] = []
    for image in images:
        pictures += 1
        wanted, found = (detector(image) for detector in detectors)
        pairs = _pairs(wanted, found)
        again.append((len(pairs), len(wanted)))
        extra += len(found) - len(pairs)
        ious += [_overlap(wanted.mask[i], found.mask[j]) for i, j in pairs if wanted.has("mask") and found.has("mask")]
        if len(wanted):
            first, second = (one.probs(image, wanted.xyxy).argmax(1) for one in classifiers)
            types.append(first == second)
            a, b = (one(image, wanted).embedding for one in embedders)
            cosines.append((a * b).sum(1))
    count = sum(total for _, total in again)
    said: dict[str, Any] = {"pictures": pictures, "garments": count}
    if not count:
        return said | dict.fromkeys(("found_again", "extra", "mask_iou", "same_type", "cosine"))
    alike = np.concatenate(cosines)
    return said | {
        "found_again": round(sum(hits for hits, _ in again) / count, 4),
        "extra": round(extra / count, 4),
        "mask_iou": round(float(np.mean(ious)), 4) if ious else None,
        "same_type": round(float(np.concatenate(types).mean()), 4),
        "cosine": {"mean": round(float(alike.mean()), 4), "min": round(float(alike.min()), 4)},
    }


def _pairs(wanted: Garments, found: Garments) -> list[tuple[int, int]]:
    """Rows of both that are one garment of one type, each once, the surest first."""
    if not len(wanted) or not len(found):
        return []
    overlap = iou(wanted.xyxy, found.xyxy)
    overlap[wanted.type_probs.argmax(1)[:, None] != found.type_probs.argmax(1)[None]] = 0
    pairs = []
    for i in range(len(wanted)):
        j = int(overlap[i].argmax())
        if overlap[i, j] >= _SAME:
            pairs.append((i, j))
            overlap[:, j] = 0
    return pairs


def _overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Overlap of two masks over nearly the same box."""
    first, second = a >= 0.5, b >= 0.5
    either = np.logical_or(first, second).sum()
    return float(np.logical_and(first, second).sum() / either) if either else 1.0
