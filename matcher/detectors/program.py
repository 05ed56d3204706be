"""The full detector as a torch program, which gives all boxes their masks at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.runtime.batching import Batcher
from matcher.runtime.session import Session


class ProgramDetector:
    """A `Session` for the detect stage: `image` (1, H, W, 3) in, its boxes and what `RoiMasks` reads out."""

    def __init__(self, session: Session, most: int = 1, gather_ms: float = 0.0) -> None:
        """Ask a session for pictures, perhaps those of several callers at once.

        Args:
            session: its outputs have one row for each picture; see `training.programs.detector`.
            most: pictures in one run.
            gather_ms: how long one may wait for others.
        """
        self._plain, self._most, self.provider = session, most, session.provider
        self._session = Batcher(session, most, gather_ms) if most > 1 else session

    def prepare(self, image: NDArray[np.uint8]) -> None:
        """Run once with so many of (1, H, W, 3) as there may be, and fewer: the first run of a size takes long."""
        count = 1
        while count < 2 * self._most:
            self._plain.run(image=np.repeat(image, min(count, self._most), 0))
            count *= 2

    def run(self, image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Detect in one picture.

        Returns:
            `boxes` (P, 4) xyxy input pixels, `scores` (P, T), `attributes` (P, A) where the program gives some; and
            of those with an area `found`, `found_scores` and `found_masks` (P, M, M) float32 0..1.
        """
        output = self._session.run(image=image)
        boxes, scores, masks = (output[name][0] for name in ("boxes", "scores", "masks"))
        real = scores.any(1) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        boxes, scores = boxes[real], scores[real]
        found = {"found": boxes, "found_scores": scores, "found_masks": masks[real].astype(np.float32) / 255}
        attributes = {name: output[name][0][real] for name in ("attributes",) if name in output}
        return {"boxes": boxes, "scores": scores, **attributes, **found}
