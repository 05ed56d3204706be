"""Where the detector of a bundle sees garments whose true places are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.items import Item, ItemList, View
from indexer.describe import BundleDescriber, one_hot
from matcher.boxes import iou, paste_mask
from matcher.bundle import Bundle
from matcher.files import PartFile
from matcher.stages.classify import Classifier
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime
from matcher.taxonomy import TYPES
from matcher.types import Garments
from training.evaluation.output import Progress, silent

SAME_IOU = 0.5  # of boxes or of masks: a found garment that overlaps the true one less is another one
_STREET = "street-"


@dataclass(frozen=True)
class Places:
    """What was found of N items.

    Attributes:
        xyxy: (N, 4) float32 boxes in pixels of each picture.
        mask: (N, M, M) float32 0..1 over the boxes.
        type_probs: (N, T) float32.
        found: (N,) bool; the other columns are zero where it is false.
    """

    xyxy: NDArray[np.float32]
    mask: NDArray[np.float32]
    type_probs: NDArray[np.float32]
    found: NDArray[np.bool_]

    @classmethod
    def none(cls, count: int, mask_size: int = 28) -> Places:
        """Nothing found yet."""
        masks = np.zeros((count, mask_size, mask_size), np.float32)
        probs = np.zeros((count, len(TYPES)), np.float32)
        return cls(np.zeros((count, 4), np.float32), masks, probs, np.zeros(count, bool))

    def put(self, row: int, xyxy: NDArray, mask: NDArray, type_probs: NDArray) -> None:
        """Note what was found of one item."""
        self.xyxy[row], self.mask[row], self.type_probs[row], self.found[row] = xyxy, mask, type_probs, True

    def view(self, row: int, image: NDArray[np.uint8]) -> View | None:
        """The garment of a row in its picture; None where it was not found."""
        return View(image, self.xyxy[row], self.mask[row]) if self.found[row] else None

    def save(self, path: Path) -> None:
        """Write them to an .npz file, whole or not at all."""
        file = PartFile(path)
        np.savez(file.part, xyxy=self.xyxy, mask=self.mask, type_probs=self.type_probs, found=self.found)
        file.commit()

    @classmethod
    def load(cls, path: Path) -> Places:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(*(file[name] for name in ("xyxy", "mask", "type_probs", "found")))


class Finder:
    """Finds items as the matcher and the indexer would."""

    def __init__(self, bundle: Bundle, runtime: Runtime | None = None) -> None:
        """Load the models of a bundle."""
        self._detector = Detector(bundle, runtime=runtime)
        self._classifier = Classifier(bundle, runtime)
        self._describer = BundleDescriber(bundle, runtime)

    def worn(self, items: ItemList, workers: int = 1, progress: Progress = silent) -> Places:
        """Worn garments: of all that the detector finds in the photo, what overlaps the true garment best."""
        places = Places.none(len(items))

        def work(image: NDArray[np.uint8], rows: list[int]) -> None:
            garments = self._detector(image)
            for row in rows:
                chosen = _overlapping(garments, items.items[row])
                if chosen is not None:
                    one = self._classifier(image, garments[chosen])
                    places.put(row, one.xyxy[0], one.mask[0], one.type_probs[0])

        items.look(work, workers, progress)
        return places

    def shown(self, items: ItemList, workers: int = 1, progress: Progress = silent) -> Places:
        """Products as the indexer finds them, told their type; those on street photos at their true boxes."""
        places = Places.none(len(items))

        def work(image: NDArray[np.uint8], rows: list[int]) -> None:
            for row in rows:
                item = items.items[row]
                self._put_street(places, row, item, image) if _on_street(item) else self._put(places, row, item, image)

        items.look(work, workers, progress)
        return places

    def _put(self, places: Places, row: int, item: Item, image: NDArray[np.uint8]) -> None:
        located = self._describer.locate(image, TYPES[item.type_id])
        places.put(row, located.xyxy, located.mask, located.type_probs)

    def _put_street(self, places: Places, row: int, item: Item, image: NDArray[np.uint8]) -> None:
        probs = one_hot(TYPES[item.type_id])[None]
        garment = Garments(np.array([item.xyxy], np.float32), type_probs=probs)
        masked = self._detector.add_masks(self._detector.propose(image), garment)
        places.put(row, masked.xyxy[0], masked.mask[0], probs[0])


def _on_street(item: Item) -> bool:
    return item.identity.startswith(_STREET)


def _overlapping(garments: Garments, item: Item) -> int | None:
    """Row of the garment whose mask overlaps an item's best; None where neither box nor mask does well enough."""
    if not len(garments):
        return None
    truth = item.whole_mask() > 0
    masks = np.array([_mask_iou(paste_mask(g.mask[0], g.xyxy[0], *item.size[::-1]), truth) for g in garments])
    boxes = iou(np.array([item.xyxy], np.float32), garments.xyxy)[0]
    shares = np.where(np.maximum(boxes, masks) >= SAME_IOU, masks, -1)
    best = int(np.argmax(shares))
    return best if shares[best] >= 0 else None


def _mask_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))
