"""Detection: a picture in, boxes, types and masks out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.attributes.detected import DetectorWords
from matcher.boxes import clip, fit, nms
from matcher.bundle import Bundle
from matcher.config import DetectConfig
from matcher.errors import BundleError
from matcher.stages.layers import apart, claimants
from matcher.stages.models import Runtime, image_of
from matcher.stages.same_garment import SLOT_OF_TYPE, resolve, resolve_by_masks, rivals
from matcher.taxonomy import TYPES
from matcher.types import Frame, Garments

__all__ = ["SLOT_OF_TYPE", "Detector", "Proposals", "resolve"]


@dataclass(frozen=True)
class Proposals:
    """What the network says about one picture.

    Attributes:
        boxes: (P, 4) xyxy in pixels of the network's input.
        scores: (P, T) probabilities of the types.
        pyramid: feature maps by name (or what else the network made), which the mask head reads.
        scale: (x, y) pixels of the input per pixel of the picture.
        size: (width, height) of the picture.
        attributes: (P, A) 0..1 chances of the bundle's attributes; None where it has none.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    pyramid: dict[str, NDArray[np.float32]]
    scale: tuple[float, float]
    size: tuple[int, int]
    attributes: NDArray[np.float32] | None = None


class Detector:
    """Finds garments in one picture. Holds no state between pictures; safe to call from several threads.

    Attributes:
        config: the settings.
        scales: whether a picture is scaled to the size that is asked for; a detector of another project prepares it
            itself, and answers in pixels of the picture.
        threshold: least score.
        start_score: least score to begin a track with.
        words: what its attributes stand for; None where it has none.
    """

    def __init__(
        self,
        bundle: Bundle,
        config: DetectConfig | None = None,
        runtime: Runtime | None = None,
        attributes: bool = True,
    ) -> None:
        """Load the detector and, unless the settings turn masks off, its mask head.

        Args:
            bundle: the weights.
            config: settings; the defaults when None.
            runtime: how models run; the default when None.
            attributes: whether to give out what a bundle's detector says of a garment's attributes.

        Raises:
            BundleError: the bundle has no detector, its card says nonsense, or a file cannot be loaded.
            BackendError: the backend or the device is not installed.
        """
        self.config = config or DetectConfig()
        runtime = runtime or Runtime()
        card = bundle.model("detector")
        self.scales = "backend" not in card
        if self.scales:
            self._short_side = self.config.short_side or card["input"]["short_side"]
            self._max_side = self.config.max_side or card["input"]["max_side"]
            self._stride = card["input"].get("stride", 32)
        self.threshold = _first(self.config.score_threshold, card.get("score_threshold"), 0.5)
        # A track lasts, so that it wants a surer box to begin with than one picture does.
        self.start_score = _first(self.config.score_threshold, card.get("start_score"), self.threshold)
        self._nms_iou = _first(self.config.nms_iou, card.get("nms_iou"), 0.5)
        self._mask_size = card.get("mask_size", 28)
        self.words = DetectorWords.of_card(card) if attributes else None
        self._folder = bundle.folder
        self._session = runtime.load(bundle, "detector")
        self._masks = runtime.load(bundle, "detector", "mask_file") if self.config.masks else None

    def __call__(self, frame: Frame | NDArray[np.uint8], threshold: float | None = None) -> Garments:
        """Find the garments of a picture, one row for each garment.

        Args:
            frame: the picture, (H, W, 3) uint8 BGR.
            threshold: least score; the configured one when None.

        Returns:
            Columns xyxy, score (probability of the best type), type_probs (rows sum to 1), mask unless masks are
            off, and attributes where the bundle has some; best first.
        """
        image = image_of(frame)
        found = self.propose(image)
        return self.mask(found, self.select(found, threshold))

    def propose(self, image: NDArray[np.uint8], short_side: int | None = None) -> Proposals:
        """Run the network on a picture.

        Args:
            image: (H, W, 3) uint8 BGR.
            short_side: pixels that it is scaled to, where it is; as configured when None.

        Raises:
            BundleError: its attributes are not those that the card names.
        """
        canvas, scale = self._fitted(image, short_side)
        output = self._session.run(image=canvas[None])
        boxes, scores, attributes = output.pop("boxes"), output.pop("scores"), output.pop("attributes", None)
        if self.words is not None and (attributes is None or attributes.shape[1] != len(self.words.names)):
            raise BundleError(f"the detector of {self._folder} has not the attributes of its card; export it again")
        return Proposals(boxes, scores, output, scale, (image.shape[1], image.shape[0]), attributes)

    def warm_up(self, image: NDArray[np.uint8]) -> None:
        """Run on a picture (H, W, 3) uint8 BGR of the size of those to come, so that the first is as quick as any."""
        self.candidates(image, threshold=0.0, limit=4)
        if (prepare := getattr(self._session, "prepare", None)) is not None:
            prepare(self._fitted(image)[0][None])

    def select(self, found: Proposals, threshold: float | None = None) -> Garments:
        """The garments among the proposals, as from a call but without masks."""
        rows, types = self._candidates(found, self.threshold if threshold is None else threshold)
        masked = found.scores[rows, types] >= self.threshold if self._masks is not None else None
        keep = resolve(found.boxes[rows], types, rows, self.config.same_garment_iou, masked)
        keep = keep[: self.config.max_garments]
        rows, types = rows[keep], types[keep]
        scores = found.scores[rows]
        probs = scores / np.maximum(scores.sum(1, keepdims=True), 1e-9)
        garments = Garments(self._in_source(found, rows), found.scores[rows, types], type_probs=probs)
        if self.words is not None:
            garments = garments.with_columns(attributes=found.attributes[rows]).with_words(self.words)
        return self._apart(found, garments)

    def mask(self, found: Proposals, garments: Garments, chosen: NDArray[np.bool_] | None = None) -> Garments:
        """Fill mask of all garments of a picture, clothes without the pixels that are another one's; see `add_masks`.

        Args:
            found: the picture's proposals.
            garments: all that were found in it; needs xyxy, type_probs and score, which says who may claim a pixel.
            chosen: (N,) the rows wanted, the others get zeros; None = all. Time grows with their number and with that
                of the garments that overlap them.
        """
        sure = garments.score >= self.threshold
        drawn = chosen
        if chosen is not None:
            drawn = chosen | claimants(chosen, garments.xyxy, garments.type_id, sure)
        masked = self.add_masks(found, garments, drawn)
        if not masked.has("mask"):
            return masked
        mask = apart(masked.xyxy, masked.type_id, masked.mask, sure)
        if chosen is not None:
            mask = mask * chosen[:, None, None]
        return masked.with_columns(mask=mask)

    def add_masks(self, found: Proposals, garments: Garments, chosen: NDArray[np.bool_] | None = None) -> Garments:
        """Fill mask (N, M, M), each drawn without a look at the others, unless masks are off.

        Args:
            found: the picture's proposals.
            garments: needs xyxy in pixels of that picture, and type_probs.
            chosen: (N,) the rows wanted, the others get zeros; None = all. Time grows with their number.
        """
        if self._masks is None:
            return garments
        rows = np.arange(len(garments)) if chosen is None else np.flatnonzero(chosen)
        mask = np.zeros((len(garments), self._mask_size, self._mask_size), np.float32)
        if len(rows):
            boxes = garments.xyxy[rows] * np.array(found.scale * 2, np.float32)
            inputs = {"boxes": boxes, "labels": garments.type_id[rows].astype(np.int64)}
            mask[rows] = self._masks.run(**found.pyramid, **inputs)["masks"]
        return garments.with_columns(mask=mask)

    def candidates(
        self, image: Frame | NDArray[np.uint8], threshold: float = 0.05, limit: int = 100, masks: bool = True
    ) -> Garments:
        """Every (box, type) pair above a threshold after suppression within types, for measuring average precision.

        Args:
            image: (H, W, 3) uint8 BGR.
            threshold: least probability.
            limit: most rows.
            masks: whether to compute masks (if the settings have them on).

        Returns:
            As from a call, but with one row for each pair: `type_probs` is 1 at the pair's type, score is its
            probability.
        """
        found = self.propose(image_of(image))
        rows, types = (part[:limit] for part in self._candidates(found, threshold))
        probs = np.eye(len(TYPES), dtype=np.float32)[types]
        garments = Garments(self._in_source(found, rows), found.scores[rows, types], type_probs=probs)
        return self.add_masks(found, garments) if masks else garments

    def _fitted(
        self, image: NDArray[np.uint8], short_side: int | None = None
    ) -> tuple[NDArray[np.uint8], tuple[float, float]]:
        """The picture as the network takes it, and (x, y) pixels of that per pixel of the picture."""
        if not self.scales:
            return image, (1.0, 1.0)
        return fit(image, short_side or self._short_side, self._max_side, self._stride)

    def _apart(self, found: Proposals, garments: Garments) -> Garments:
        """Leave out garments whose masks show a better one's cloth. Doubtful ones are not worth a mask here."""
        if self._masks is None:
            return garments
        sure = garments.score >= self.threshold
        pairs = rivals(garments.xyxy, garments.type_id) & sure[:, None] & sure[None, :]
        if not pairs.any():
            return garments
        mask = self.add_masks(found, garments, pairs.any(1)).mask
        return garments[resolve_by_masks(garments.xyxy, garments.type_id, mask, pairs, self.config.same_garment_iou)]

    def _candidates(self, found: Proposals, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Proposal and type of each pair that survives suppression within its type, best first."""
        rows, types = np.nonzero(found.scores >= threshold)
        keep = nms(found.boxes[rows], found.scores[rows, types], types, self._nms_iou)
        return rows[keep], types[keep]

    def _in_source(self, found: Proposals, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Boxes (N, 4) of proposals in pixels of the source."""
        return clip(found.boxes[rows].reshape(-1, 4) / np.array(found.scale * 2, np.float32), *found.size)


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)
