"""YOLO-seg files as Ultralytics exports them (v8 and v11), with suppression left out of the file.

Layout: input (1, 3, H, W) RGB 0..1; `output0` (1, 4 + C + K, N): box centres and sizes in pixels of the input, C class
scores 0..1, K mask coefficients; `output1` (1, K, h, w): maps of which a mask's logits are the weighted sum.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.boxes import PADDING
from matcher.detectors.candidates import best_rows, corners, in_picture
from matcher.detectors.classes import Classes
from matcher.errors import ConfigError
from matcher.runtime.onnx_session import OnnxSession

_STRIDE = 32
_SIDE = 640  # of exports with free size that do not say theirs
_MOST_SIDE = 4096


class Letterbox(NamedTuple):
    """A picture amid grey.

    Attributes:
        canvas: (H, W, 3) uint8.
        scale: (2,) x and y: pixels of the canvas per pixel of the picture.
        offset: (2,) x and y of the picture's corner.
    """

    canvas: NDArray[np.uint8]
    scale: NDArray[np.float32]
    offset: NDArray[np.float32]


class YoloSession:
    """A `Session` for the detect stage: `image` (1, H, W, 3) uint8 BGR of any size in; `boxes` in its pixels out."""

    def __init__(self, session: OnnxSession, classes: Classes, nms_iou: float) -> None:
        """Take a loaded file.

        Raises:
            ConfigError: its inputs or outputs have another layout.
        """
        self.provider = session.provider
        self._session, self._classes, self._nms_iou = session, classes, nms_iou
        if session.metadata.get("end2end") == "True" or len(session.outputs) != 2 or len(session.inputs) != 1:
            raise ConfigError(
                f"{session.path} is no YOLO-seg file with two outputs and suppression left out; export a -seg model"
                " with nms=False end2end=False"
            )
        (self._input, shape), *_ = session.inputs.items()
        self._fixed = _fixed_size(shape)
        self._size = self._fixed or stated_size(session.metadata.get("imgsz", ""))

    def run(self, image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Find what may be garments.

        Returns:
            `boxes` (P, 4) xyxy in pixels of the picture, `scores` (P, T), and what `WindowMasks` reads.
        """
        picture = image[0]
        fitted = letterbox(picture, self._size, 0 if self._fixed else _STRIDE)
        blob = cv2.dnn.blobFromImage(fitted.canvas, 1 / 255, swapRB=True)
        rows, maps = self._session.run(
            **{self._input: blob.astype(self._session.dtypes[self._input], copy=False)}
        ).values()
        table = self._checked(rows[0].astype(np.float32, copy=False), maps)
        count = len(self._classes.names)
        boxes, type_scores = corners(table[:4].T), self._classes.to_types(table[4 : 4 + count])
        kept, scores = best_rows(boxes, type_scores, self._nms_iou)
        found = in_picture(boxes[kept], fitted.scale, fitted.offset, (picture.shape[1], picture.shape[0]))
        return {
            "boxes": found,
            "scores": scores,
            "found": found,
            "found_scores": scores,
            "weights": np.ascontiguousarray(table[4 + count :, kept].T),
            "maps": maps[0].astype(np.float32, copy=False),
            "to_map": _to_map(fitted, maps.shape),
        }

    def _checked(self, rows: NDArray[np.float32], maps: NDArray) -> NDArray[np.float32]:
        """The rows, if there are as many as there are classes and maps for."""
        expected = 4 + len(self._classes.names) + (maps.shape[1] if maps.ndim == 4 else 0)
        if rows.ndim != 2 or maps.ndim != 4 or len(rows) != expected:
            raise ConfigError(
                f"{self._session.path}: {len(self._classes.names)} class names and output1 {maps.shape} ask for"
                f" {expected} rows in output0, which is {rows.shape}; is it YOLO-seg, and are the names all there?"
            )
        return rows


def letterbox(image: NDArray[np.uint8], size: tuple[int, int], stride: int = 0) -> Letterbox:
    """Scale a picture to fit a size and lay it into the middle of grey, as Ultralytics does.

    Args:
        image: (H, W, 3) uint8.
        size: (height, width) in pixels.
        stride: grey is added up to its next multiple only; 0 = up to the whole size.
    """
    height, width = image.shape[:2]
    gain = min(size[0] / height, size[1] / width)
    new_h, new_w = max(round(height * gain), 1), max(round(width * gain), 1)
    room_y, room_x = size[0] - new_h, size[1] - new_w
    if stride:
        room_y, room_x = room_y % stride, room_x % stride
    # Half a pixel of an odd room goes to the right and below.
    top, left = max(round(room_y / 2 - 0.1), 0), max(round(room_x / 2 - 0.1), 0)
    canvas = np.full((new_h + room_y, new_w + room_x, 3), PADDING, np.uint8)
    inner = canvas[top : top + new_h, left : left + new_w]
    if (new_h, new_w) == (height, width):
        inner[:] = image
    else:
        cv2.resize(image, (new_w, new_h), dst=inner, interpolation=cv2.INTER_LINEAR)
    scale = np.array([new_w / width, new_h / height], np.float32)
    return Letterbox(canvas, scale, np.array([left, top], np.float32))


def stated_size(text: str) -> tuple[int, int]:
    """(height, width) that the file's metadata states as "[640, 640]"; `_SIDE` where it states none that is usable."""
    try:
        height, width = ast.literal_eval(text[:100])
        usable = all(isinstance(side, int) and _STRIDE <= side <= _MOST_SIDE for side in (height, width))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        usable = False
    return (height, width) if usable else (_SIDE, _SIDE)


def _fixed_size(shape: tuple[int | None, ...]) -> tuple[int, int] | None:
    """(height, width) of an input (1, 3, H, W); None where it is free."""
    if len(shape) != 4 or shape[0] not in (1, None) or shape[1] != 3:
        raise ConfigError(f"a YOLO-seg file takes (1, 3, height, width), this one {shape}; export it with batch=1")
    return None if shape[2] is None or shape[3] is None else (shape[2], shape[3])


def _to_map(fitted: Letterbox, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Scale and offset from pixels of the picture to pixels of the maps."""
    share = np.array([shape[3] / fitted.canvas.shape[1], shape[2] / fitted.canvas.shape[0]], np.float32)
    return np.concatenate([fitted.scale * share, fitted.offset * share])
