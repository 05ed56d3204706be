"""Embedding: one vector for each garment, near to those of other pictures of the same product."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import crop_square, mask_on_crop
from matcher.bundle import Bundle
from matcher.outline import refined
from matcher.stages.models import Runtime, image_of
from matcher.types import Frame, Garments


class Embedder:
    """Computes embeddings of the garments of one picture in one batch.

    Attributes:
        dimension: length of an embedding.
        size: side of the crops that the network takes, in pixels.
        margin: what a crop shows around the box, as a share of its longer side.
    """

    def __init__(self, bundle: Bundle, runtime: Runtime | None = None) -> None:
        """Load the embedder.

        Raises:
            BundleError: the bundle has no embedder, or its file cannot be loaded.
            BackendError: the backend or the device is not installed.
        """
        self._session = (runtime or Runtime()).load(bundle, "embedder")
        # Another project's embedder says itself what it takes: the card knows its name only.
        card = getattr(self._session, "card", bundle.model("embedder"))
        self.dimension: int = card["dimension"]
        self.size: int = card["input"]["size"]
        self.margin: float = card["input"]["margin"]
        self._uses_mask = card["input"].get("mask", True)
        self._refines = card["input"].get("refine", False)

    def __call__(self, frame: Frame | NDArray[np.uint8], garments: Garments) -> Garments:
        """Fill `embedding` for the rows with `due` set, or for all where that column is absent; zeros elsewhere.

        Args:
            frame: the picture, (H, W, 3) uint8 BGR.
            garments: needs xyxy; a mask is used where there is one.
        """
        rows = np.flatnonzero(garments.due) if garments.has("due") else np.arange(len(garments))
        embedding = np.zeros((len(garments), self.dimension), np.float32)
        if len(rows):
            mask = garments.mask[rows] if garments.has("mask") else None
            embedding[rows] = self.embed(image_of(frame), garments.xyxy[rows], mask)
        return garments.with_columns(embedding=embedding)

    def embed(
        self, image: NDArray[np.uint8], xyxy: NDArray[np.float32], mask: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Embeddings of boxes of one picture.

        Args:
            image: (H, W, 3) uint8 BGR.
            xyxy: (N, 4) boxes.
            mask: (N, M, M) 0..1 over the boxes; None = all of the box is garment.

        Returns:
            (N, D) float32, L2-normalised.
        """
        if not len(xyxy):
            return np.zeros((0, self.dimension), np.float32)
        if mask is None:
            mask = np.ones((len(xyxy), 2, 2), np.float32)
        crops = np.stack([crop_square(image, box, self.size, self.margin) for box in xyxy])
        pairs = zip(mask, xyxy, strict=True)
        return self.of_crops(crops, np.stack([mask_on_crop(one, box, self.size, self.margin) for one, box in pairs]))

    def of_crops(self, crops: NDArray[np.uint8], masks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings of crops that are cut already.

        Args:
            crops: (N, size, size, 3) uint8 BGR, N at least 1.
            masks: (N, size, size) 0..1 on them.

        Returns:
            (N, D) float32, L2-normalised.
        """
        inputs = {"crops": crops}
        if self._uses_mask:
            inputs["masks"] = refined(crops, masks) if self._refines else masks
        return self._session.run(**inputs)["embedding"]
