"""From a shop's picture to a vector: find the garment, tell its type, embed it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.background import foreground, whole
from matcher.boxes import area
from matcher.bundle import Bundle
from matcher.config import DetectConfig
from matcher.stages.classify import Classifier
from matcher.stages.detect import Detector, Proposals
from matcher.stages.embed import Embedder
from matcher.stages.models import Runtime
from matcher.taxonomy import SLOTS, TYPE_IDS, TYPES
from matcher.types import Garments

DETECTOR, WHOLE = "detector", "whole"
# Part of the key under which descriptions are used again: raise it when the same picture would give another one.
VERSION = 4
# A shop's picture shows what the feed says, so a hesitant box of the right type is better than none.
_HINTED_SCORE = 0.15
_LEAST_SHARE = 0.01  # of the picture: a smaller box is a detail, not the product
# Pixels of the short side. A picture that is smaller than the usual size is looked at as it is: scaled up, it has blur
# where a garment's details are looked for. Where nothing is found at the usual size, a coarse copy may show it.
_LEAST_SIDE, _COARSE_SIDE = 96, 128


class Description(NamedTuple):
    """What one picture of a product says.

    Attributes:
        type_probs: (T,) float32 over `taxonomy.TYPES`, what the models think, whatever the feed says.
        embedding: (D,) float32, L2-normalised.
        xyxy: (4,) float32, the garment's box in pixels of the picture.
        localised: `DETECTOR` when the garment was found, `WHOLE` when the picture or what stands on its plain
            background was taken.
    """

    type_probs: NDArray[np.float32]
    embedding: NDArray[np.float32]
    xyxy: NDArray[np.float32]
    localised: str


def problem_of(found: Description) -> str:
    """Why a description cannot be used, as the end of a sentence that names the picture; "" = it can."""
    usable = np.isfinite(found.embedding).all() and abs(np.linalg.norm(found.embedding) - 1) < 1e-3
    return "" if usable else "the embedder gave no usable vector for it"


class Located(NamedTuple):
    """Where the product is in a picture: as in `Description`, and its (M, M) float32 mask 0..1 over the box."""

    type_probs: NDArray[np.float32]
    xyxy: NDArray[np.float32]
    mask: NDArray[np.float32]
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
    """Describes pictures with the same models, crops and masks as the matcher uses on video.

    One picture at a time: on a CPU, where the detector takes most of the time, batches gain nothing.
    """

    def __init__(self, bundle: Bundle, runtime: Runtime | None = None) -> None:
        """Load the models of a bundle.

        Raises:
            BundleError: a model is missing or cannot be loaded.
            BackendError: the backend or the device is not installed.
        """
        # One large garment is found as well in a smaller picture, and sooner, than people in a film.
        self._side: int | None = bundle.model("detector").get("shop_side")
        self._detector = Detector(bundle, DetectConfig(short_side=self._side), runtime)
        self._classifier = Classifier(bundle, runtime) if "classifier" in bundle.card["models"] else None
        self._embedder = Embedder(bundle, runtime)
        self.dimension = self._embedder.dimension

    def describe(self, image: NDArray[np.uint8], type_hint: str | None) -> Description:
        """See `Describer.describe`."""
        found = self.locate(image, type_hint)
        return Description(found.type_probs, self.embed(image, found), found.xyxy, found.localised)

    def embed(self, image: NDArray[np.uint8], found: Located) -> NDArray[np.float32]:
        """(D,) the vector of what `locate` found in a picture."""
        return self._embedder.embed(image, found.xyxy[None], found.mask[None])[0]

    def locate(self, image: NDArray[np.uint8], type_hint: str | None) -> Located:
        """Find the product; arguments as for `describe`."""
        proposals, chosen = self._find(image, type_hint, self._native_side(image))
        standing = None if len(chosen) else foreground(image)
        if not len(chosen) and standing is None and self._detector.scales:
            proposals, chosen = self._find(image, type_hint, _COARSE_SIDE)
        if len(chosen):
            masked = self._detector.add_masks(proposals, chosen)
            xyxy, mask, how = chosen.xyxy[0], masked.mask[0], DETECTOR
        else:
            (xyxy, mask), how = standing or whole(image), WHOLE
        return Located(self._told_type(image, xyxy, chosen, type_hint), xyxy, mask, how)

    def _native_side(self, image: NDArray[np.uint8]) -> int | None:
        """The short side at which a small picture is looked at; None = the usual one."""
        side = max(min(image.shape[:2]), _LEAST_SIDE)
        return side if self._side is not None and side < self._side else None

    def _find(
        self, image: NDArray[np.uint8], type_hint: str | None, short_side: int | None = None
    ) -> tuple[Proposals, Garments]:
        """The detector's proposals, and the product among them or none."""
        proposals = self._detector.propose(image, short_side)
        found = _large_enough(self._detector.select(proposals, self._threshold(type_hint)), image)
        return proposals, _of_type(found, type_hint) if type_hint else _most_prominent(found)

    def _threshold(self, type_hint: str | None) -> float:
        return min(_HINTED_SCORE, self._detector.threshold) if type_hint else self._detector.threshold

    def _told_type(
        self, image: NDArray[np.uint8], xyxy: NDArray[np.float32], chosen: Garments, type_hint: str | None
    ) -> NDArray[np.float32]:
        """(T,) by detector and classifier together; by the classifier alone where the detector had no free choice."""
        if len(chosen) and not type_hint:
            return (self._classifier(image, chosen) if self._classifier else chosen).type_probs[0]
        if self._classifier:
            return self._classifier.probs(image, xyxy[None])[0]
        return one_hot(type_hint) if type_hint else np.full(len(TYPES), 1 / len(TYPES), np.float32)


def one_hot(type_name: str) -> NDArray[np.float32]:
    """(T,) certain of a type."""
    return np.eye(len(TYPES), dtype=np.float32)[TYPE_IDS[type_name]]


def _large_enough(garments: Garments, image: NDArray[np.uint8]) -> Garments:
    return garments[area(garments.xyxy) >= _LEAST_SHARE * image.shape[0] * image.shape[1]]


def _most_prominent(garments: Garments) -> Garments:
    return _best(garments, garments.score)


def _of_type(garments: Garments, type_name: str) -> Garments:
    """The best row of a type, else of the types worn at the same place: a coat may be listed as a top. May be empty."""
    if not len(garments):
        return garments
    # The probabilities before they were scaled to a sum of 1: the largest of them is the score.
    probs = garments.type_probs * (garments.score / garments.type_probs.max(1))[:, None]
    own = probs[:, TYPE_IDS[type_name]]
    if (own >= _HINTED_SCORE).any():
        # Certain of the type from here on: the mask head draws another outline for each type.
        best = _best(garments[own >= _HINTED_SCORE], own[own >= _HINTED_SCORE])
        return best.with_columns(type_probs=one_hot(type_name)[None])
    slot = probs[:, [SLOTS[name] == SLOTS[type_name] for name in TYPES]].sum(1)
    return _best(garments[slot >= _HINTED_SCORE], slot[slot >= _HINTED_SCORE])


def _best(garments: Garments, score: NDArray[np.float32]) -> Garments:
    """The row with the largest score times side length, or none: shops show the product large, amid smaller things."""
    order = np.argsort(-score * np.sqrt(area(garments.xyxy)), kind="stable")
    return garments[order[:1]]
