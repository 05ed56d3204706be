"""Labels for unlabelled street photos from an earlier detector, checked against each photo's tags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import paste_mask
from matcher.stages.detect import Detector, resolve
from matcher.taxonomy import TYPE_IDS, type_of
from matcher.types import Garments
from matcher.video.image import read_image
from training.data.records import Annotated

_SAME_GARMENT = 0.7  # IoU above which candidates of two types of one place on the body are one garment


@dataclass(frozen=True)
class Doubt:
    """When a guess is believed.

    Attributes:
        sure: a garment of this probability, of a type that the tags name, becomes a label.
        unsure: a garment between the two makes the photo useless: it can be called neither garment nor ground.
    """

    sure: float = 0.4
    unsure: float = 0.22


def tagged_types(tags: list[str]) -> frozenset[int]:
    """Type ids that a photo's tags name."""
    return frozenset(TYPE_IDS[name] for name in map(type_of, tags) if name is not None)


def read_pseudo(detector: Detector, root: Path, doubt: Doubt | None = None) -> Iterator[tuple[str, Annotated]]:
    """Label photos by a detector.

    The tags choose between types: only types that they name are considered, so a coat that the detector takes for a
    top is labelled a coat where the tags know of no top. A photo is used when every type that its tags name is
    found and nothing is left in doubt.

    Args:
        detector: the earlier detector.
        root: folder with `unlabelled` and `tags.json`.
        doubt: how sure the detector has to be.

    Yields:
        File name and picture.
    """
    doubt = doubt or Doubt()
    tags = json.loads((root / "tags.json").read_text(encoding="utf-8"))
    for name in sorted(tags):
        image = read_image(root / "unlabelled" / name)
        picture = label(image, detector.candidates(image, doubt.unsure), tagged_types(tags[name]), doubt.sure)
        if picture is not None:
            yield name, picture


def label(image: NDArray[np.uint8], found: Garments, wanted: frozenset[int], sure: float) -> Annotated | None:
    """Turn what was found into labels.

    Args:
        image: (H, W, 3) uint8 BGR.
        found: candidates with masks, one row for each pair of box and type, best first.
        wanted: type ids that are surely in the photo; no others are.
        sure: least score of a label.

    Returns:
        The labelled picture, or None when a wanted type is missing or a wanted find is doubtful.
    """
    right = found[np.isin(found.type_id, list(wanted))]
    right = right[resolve(right.xyxy, right.type_id, np.arange(len(right)), _SAME_GARMENT)]
    if (right.score < sure).any() or set(right.type_id.tolist()) != wanted:
        return None
    height, width = image.shape[:2]
    ids = np.zeros((height, width), np.uint8)
    masks = [paste_mask(mask, xyxy, width, height) for mask, xyxy in zip(right.mask, right.xyxy, strict=True)]
    # Large garments first: belts, bags and glasses lie in front of them.
    order = sorted(range(len(right)), key=lambda i: -int(masks[i].sum()))
    for number, i in enumerate(order, start=1):
        ids[masks[i]] = number
    return Annotated(image, ids, tuple(int(right.type_id[i]) for i in order))
