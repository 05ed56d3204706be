"""A checkpoint in the place of a bundle's detector, for measuring average precision."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from matcher.errors import ConfigError
from matcher.taxonomy import TYPES
from matcher.types import Garments
from training.match_rcnn.model import MatchRCNN

SHORT_SIDE, MAX_SIDE = 800, 1333


class CheckpointDetector:
    """Runs a Match R-CNN as it was trained, without an export.

    Attributes:
        parameters: how many the model has.
    """

    def __init__(self, model: MatchRCNN, short_side: int = SHORT_SIDE, max_side: int = MAX_SIDE) -> None:
        """Take a model whose classes are the types.

        Args:
            model: as from `training.match_rcnn.files.load_model`.
            short_side, max_side: pixels that pictures are brought to.

        Raises:
            ConfigError: its classes are others.
        """
        if tuple(model.config.names) != tuple(TYPES):
            raise ConfigError(
                'the checkpoint\'s classes are no types; train it with data.labels = "types" to measure it'
            )
        self._model, self._short, self._longest = model.eval(), short_side, max_side
        self._device = next(model.parameters()).device
        self.parameters = sum(p.numel() for p in model.parameters())

    def candidates(self, image: NDArray[np.uint8], threshold: float = 0.05) -> Garments:
        """Every box that the model keeps and whose score exceeds a threshold.

        Args:
            image: (H, W, 3) uint8 BGR.
            threshold: least probability; the model's own `score_threshold` also holds.

        Returns:
            Columns xyxy (source pixels), score, type_probs (1 at the box's type), and mask where there is a mask head.
        """
        height, width = image.shape[:2]
        scale = min(self._short / min(height, width), self._longest / max(height, width))
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        found = self._model.detect(torch.from_numpy(small)[None].to(self._device), [size[::-1]], threshold)[0]
        back = np.array([width / size[0], height / size[1]] * 2, np.float32)
        columns = {"type_probs": np.eye(len(TYPES), dtype=np.float32)[found.labels.cpu().numpy()]}
        if found.masks is not None:
            columns["mask"] = found.masks.float().cpu().numpy()
        boxes, scores = found.boxes.cpu().numpy() * back, found.scores.cpu().numpy()
        return Garments(boxes.astype(np.float32), scores.astype(np.float32), **columns)
