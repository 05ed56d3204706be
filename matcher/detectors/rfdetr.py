"""RF-DETR-Seg files as its own package exports them.

Layout: input (1, 3, S, S) RGB, normalised, the picture stretched to it; `dets` (1, Q, 4) box centres and sizes as
shares of the picture; `labels` (1, Q, C) logits, where the last column may stand for the background; `masks`
(1, Q, h, w) logits over the whole picture. The files hold no class names.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.detectors.candidates import best_rows, corners, in_picture
from matcher.detectors.classes import Classes
from matcher.detectors.windows import sigmoid
from matcher.errors import ConfigError
from matcher.runtime.onnx_session import OnnxSession

MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # of RGB 0..1
STD = np.array([0.229, 0.224, 0.225], np.float32)
OUTPUTS = ("dets", "labels", "masks")


class RfdetrSession:
    """A `Session` for the detect stage: `image` (1, H, W, 3) uint8 BGR of any size in; `boxes` in its pixels out."""

    def __init__(self, session: OnnxSession, classes: Classes, nms_iou: float) -> None:
        """Take a loaded file.

        Raises:
            ConfigError: its input or outputs have another layout.
        """
        self.provider = session.provider
        self._session, self._classes, self._nms_iou = session, classes, nms_iou
        shape = next(iter(session.inputs.values()))
        if not set(OUTPUTS) <= set(session.outputs) or len(session.inputs) != 1:
            raise ConfigError(f"{session.path} has not the outputs {', '.join(OUTPUTS)} of RF-DETR-Seg; export that")
        if len(shape) != 4 or shape[0] not in (1, None) or shape[1] != 3 or None in shape[2:]:
            raise ConfigError(f"{session.path} must take (1, 3, height, width) with a fixed size, not {shape}")
        self._input, self._size = next(iter(session.inputs)), (shape[3], shape[2])

    def run(self, image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Find what may be garments.

        Returns:
            `boxes` (P, 4) xyxy in pixels of the picture, `scores` (P, T), and what `WindowMasks` reads.
        """
        height, width = image.shape[1:3]
        blob = prepare(image[0], self._size).astype(self._session.dtypes[self._input], copy=False)
        output = self._session.run(**{self._input: blob})
        dets, labels, masks = (output[name][0].astype(np.float32, copy=False) for name in OUTPUTS)
        size = np.array([width, height], np.float32)
        boxes = corners(dets) * np.tile(size, 2)
        kept, scores = best_rows(boxes, self._classes.to_types(sigmoid(self._foreground(labels)).T), self._nms_iou)
        found = in_picture(boxes[kept], np.ones(2, np.float32), np.zeros(2, np.float32), (width, height))
        to_map = np.concatenate([np.array(masks.shape[:0:-1], np.float32) / size, np.zeros(2, np.float32)])
        return {
            "boxes": found,
            "scores": scores,
            "found": found,
            "found_scores": scores,
            "maps": masks[kept],
            "to_map": to_map,
        }

    def _foreground(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The columns of the classes: all of them, or all but the last."""
        count = len(self._classes.names)
        if labels.shape[1] not in (count, count + 1):
            raise ConfigError(
                f"{self._session.path} tells {labels.shape[1]} classes apart (the background may be one), the mapping"
                f" file has {count} names; list one for each class, in the detector's order"
            )
        return labels[:, :count]


def prepare(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """Stretch a picture (H, W, 3) uint8 BGR to (width, height) and normalise it: (1, 3, height, width) RGB."""
    # In floats, as its makers do: rounding to whole levels here moves scores in the second decimal.
    stretched = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    rgb = cv2.cvtColor(stretched, cv2.COLOR_BGR2RGB)
    normal = rgb * (1 / (255 * STD)) - MEAN / STD
    return np.ascontiguousarray(normal.transpose(2, 0, 1))[None]
