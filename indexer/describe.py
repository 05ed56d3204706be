"""From a shop's picture to a vector: find the garment, tell its type, embed it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.background import foreground
from matcher.boxes import area
from matcher.bundle import Bundle
from matcher.config import DetectConfig
from matcher.stages.classify import Classifier
from matcher.stages.detect import Detector
from matcher.stages.embed import Embedder
from matcher.stages.models import Runtime
from matcher.taxonomy import SLOTS, TYPE_IDS, TYPES
from matcher.types import Garments

DETECTOR, WHOLE = "detector", "whole"
# Part of the key under which vectors are used again: raise it when the same picture would give another vector.
VERSION = 1
# A shop's picture shows what the feed says, so a hesitant box of the right type is better than none.
_HINTED_SCORE = 0.15
_LEAST_SHARE = 0.01  # of the picture: a smaller box is a detail, not the product


class Description(NamedTuple):
    """What one picture of a product says.

    Attributes:
        type_probs: (T,) float32 over `taxonomy.TYPES`.
        embedding: (D,) float32, L2-normalised.
        xyxy: (4,) float32, the garment's box in pixels of the picture.
        localised: `DETECTOR` when the garment was found, `WHOLE` when the picture or what stands on its plain
            background was taken.
    """

    type_probs: NDArray[np.float32]
    embedding: NDArray[np.float32]
    xyxy: NDArray[np.float32]
    localised: str


class Describer(Protocol):
    """What the indexer asks of the models."""

    dimension: int

    def describe(self, image: NDArray[np.uint8], type_hint: str | None) -> Description:
        """Describe the product in a picture.

        Args:
            image: (H, W, 3) uint8 BGR.
            type_hint: the feed's type, one of `taxonomy.TYPES`; None = unknown.
        """
        ...


class BundleDescriber:
    """Describes pictures with the same models, crops and masks as the matcher uses on video."""

    def __init__(self, bundle: Bundle, runtime: Runtime | None = None) -> None:
        """Load the models of a bundle.

        Raises:
            BundleError: a model is missing or cannot be loaded.
            BackendError: the backend or the device is not installed.
        """
        self._detector = Detector(bundle, DetectConfig(), runtime)
        self._classifier = Classifier(bundle, runtime) if "classifier" in bundle.card["models"] else None
        self._embedder = Embedder(bundle, runtime)
        self.dimension = self._embedder.dimension

    def describe(self, image: NDArray[np.uint8], type_hint: str | None) -> Description:
        """See `Describer.describe`."""
        found = self._of_type(image, type_hint) if type_hint else self._most_prominent(image)
        if found is not None:
            xyxy, mask, probs, how = found.xyxy[0], found.mask[0], found.type_probs[0], DETECTOR
        else:
            xyxy, mask = foreground(image)
            probs, how = self._probs(image, xyxy), WHOLE
        if type_hint:
            probs = np.eye(len(TYPES), dtype=np.float32)[TYPE_IDS[type_hint]]
        return Description(probs, self._embedder.embed(image, xyxy[None], mask[None])[0], xyxy, how)

    def _of_type(self, image: NDArray[np.uint8], type_name: str) -> Garments | None:
        """The best box of a type, else of one that is worn at the same place: a coat may be listed as a top."""
        found = self._detector.candidates(image, threshold=min(_HINTED_SCORE, self._detector.threshold), limit=30)
        found = _large_enough(found, image)
        same_slot = [SLOTS[name] == SLOTS[type_name] for name in found.type_names]
        for fits in (found.type_id == TYPE_IDS[type_name], np.array(same_slot, bool)):
            if fits.any():
                return _best(found[fits])
        return None

    def _most_prominent(self, image: NDArray[np.uint8]) -> Garments | None:
        """The large and certain garment of the picture, its type told by detector and classifier together."""
        found = _large_enough(self._detector(image), image)
        if not len(found):
            return None
        best = _best(found)
        return best if self._classifier is None else self._classifier(image, best)

    def _probs(self, image: NDArray[np.uint8], xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._classifier is None:
            return np.full(len(TYPES), 1 / len(TYPES), np.float32)
        return self._classifier.probs(image, xyxy[None])[0]


def _large_enough(garments: Garments, image: NDArray[np.uint8]) -> Garments:
    return garments[area(garments.xyxy) >= _LEAST_SHARE * image.shape[0] * image.shape[1]]


def _best(garments: Garments) -> Garments:
    """The row with the largest score times side length: shops show the product large, and in the middle of others."""
    return garments[int((garments.score * np.sqrt(area(garments.xyxy))).argmax())]
