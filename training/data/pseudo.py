"""Labels for unlabelled street photos from an earlier detector, checked against each photo's tags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import paste_mask
from matcher.bundle import Bundle
from matcher.stages.detect import Detector, resolve
from matcher.taxonomy import TYPE_IDS, type_of
from matcher.types import Garments
from matcher.video.image import read_image
from training.data.records import Annotated
from training.data.store import Store

_SAME_GARMENT = 0.7  # IoU above which candidates of two types of one place on the body are one garment

_CANDIDATES = 30


@dataclass(frozen=True)
class Belief:
    """Which guesses become labels.

    Attributes:
        alone: a garment of this probability, of a type that the tags name, is a label whatever else there is.
        tagged: where no guess of a tagged type is that sure, its best guess will do from this probability on:
            the tag says that the garment is there.
    """

    alone: float = 0.4
    tagged: float = 0.12


def tagged_types(tags: list[str]) -> frozenset[int]:
    """Type ids that a photo's tags name."""
    return frozenset(TYPE_IDS[name] for name in map(type_of, tags) if name is not None)


def read_pseudo(detector: Detector, root: Path, belief: Belief | None = None) -> Iterator[tuple[str, Annotated]]:
    """Label photos by a detector.

    The tags choose between types: only types that they name are considered, so a coat that the detector takes for a
    top is labelled a coat where the tags know of no top. A photo is used when every type that its tags name is found.

    Args:
        detector: the earlier detector.
        root: folder with `unlabelled` and `tags.json`.
        belief: how sure the detector has to be.

    Yields:
        File name and picture.
    """
    belief = belief or Belief()
    tags = json.loads((root / "tags.json").read_text(encoding="utf-8"))
    for name in sorted(tags):
        image = read_image(root / "unlabelled" / name)
        found = detector.candidates(image, belief.tagged, limit=_CANDIDATES)
        picture = label(image, found, tagged_types(tags[name]), belief.alone)
        if picture is not None:
            yield name, picture


def label(image: NDArray[np.uint8], found: Garments, wanted: frozenset[int], alone: float) -> Annotated | None:
    """Turn what was found into labels.

    Args:
        image: (H, W, 3) uint8 BGR.
        found: candidates with masks, one row for each pair of box and type, best first.
        wanted: type ids that are surely in the photo; no others are.
        alone: score from which a find needs no tag's support.

    Returns:
        The labelled picture, or None when a wanted type is missing.
    """
    right = found[np.isin(found.type_id, list(wanted))]
    right = right[resolve(right.xyxy, right.type_id, np.arange(len(right)), _SAME_GARMENT)]
    first = np.zeros(len(right), bool)
    first[np.unique(right.type_id, return_index=True)[1]] = True
    right = right[first | (right.score >= alone)]
    if set(right.type_id.tolist()) != wanted:
        return None
    height, width = image.shape[:2]
    ids = np.zeros((height, width), np.uint8)
    masks = [paste_mask(mask, xyxy, width, height) for mask, xyxy in zip(right.mask, right.xyxy, strict=True)]
    # Large garments first: belts, bags and glasses lie in front of them.
    order = sorted(range(len(right)), key=lambda i: -int(masks[i].sum()))
    for number, i in enumerate(order, start=1):
        ids[masks[i]] = number
    _join_shoes(ids, [int(right.type_id[i]) for i in order])
    return Annotated(image, ids, tuple(int(right.type_id[i]) for i in order))


def _join_shoes(ids: NDArray[np.uint8], types: list[int]) -> None:
    """Make one instance of all footwear, in place: the data set counts a pair as one, the detector finds both ways."""
    shoes = [number for number, type_id in enumerate(types, start=1) if type_id == TYPE_IDS["footwear"]]
    ids[np.isin(ids, shoes[1:])] = shoes[0] if shoes else 0


def label_photos(bundle: Bundle, root: Path, out: Path) -> Store:
    """Label the unlabelled photos under `root` by a bundle's detector and store them in the folder `out`."""
    return Store.write(out, read_pseudo(Detector(bundle), root))
