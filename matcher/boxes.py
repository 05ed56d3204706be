"""Boxes and crops. Boxes are float32 (N, 4) xyxy in pixels of the image they belong to."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FILL = 127  # grey that stands for "outside the picture" in crops
PADDING = 114  # grey to the right of and below a picture brought to a detector's size


def clip(xyxy: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Boxes (N, 4) xyxy cut at the borders of a (height, width) image."""
    limit = np.array([width, height, width, height], np.float32)
    return np.clip(np.asarray(xyxy, np.float32), 0, limit)


def area(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Areas (N,) of boxes (N, 4) xyxy; 0 for empty ones."""
    size = np.maximum(xyxy[..., 2:] - xyxy[..., :2], 0)
    return size[..., 0] * size[..., 1]


def intersection(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Areas (N, M) that boxes a (N, 4) and b (M, 4), both xyxy, share."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    size = np.maximum(high - low, 0)
    return size[..., 0] * size[..., 1]


def iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union (N, M) of boxes a (N, 4) and b (M, 4), both xyxy."""
    shared = intersection(a, b)
    union = area(a)[:, None] + area(b)[None, :] - shared
    return shared / np.maximum(union, 1e-6)


def nms(xyxy: NDArray[np.float32], score: NDArray[np.float32], group: NDArray[np.int64], limit: float) -> NDArray:
    """Greedy non-maximum suppression within groups.

    Args:
        xyxy: (N, 4) boxes.
        score: (N,).
        group: (N,) integers; only boxes of one group suppress each other.
        limit: boxes whose IoU with a better one is above this are dropped.

    Returns:
        Indices kept, best first, int64.
    """
    order = np.argsort(-score, kind="stable")
    overlap = (iou(xyxy, xyxy) > limit) & (group[:, None] == group[None, :])
    dropped = np.zeros(len(score), bool)
    kept = []
    for i in order:
        if not dropped[i]:
            kept.append(i)
            dropped |= overlap[i]
    return np.array(kept, np.int64)


def square(xyxy: NDArray[np.float32], margin: float) -> tuple[int, int, int]:
    """The square (left, top, side), whole pixels, around a box (4,); `margin` of its longer side on each side."""
    x0, y0, x1, y1 = (float(v) for v in xyxy)
    side = max(round(max(x1 - x0, y1 - y0) * (1 + 2 * margin)), 2)
    return round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2), side


def crop_square(image: NDArray[np.uint8], xyxy: NDArray[np.float32], size: int, margin: float) -> NDArray[np.uint8]:
    """Cut the square around a box out of an image and scale it.

    Args:
        image: (H, W, 3) uint8.
        xyxy: (4,) box in pixels of `image`; may reach outside.
        size: side of the result in pixels.
        margin: share of the box's longer side that is added on every side.

    Returns:
        (size, size, 3) uint8; what lies outside the image is grey (`FILL`).
    """
    left, top, side = square(xyxy, margin)
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    result = np.full((size, size, 3), FILL, np.uint8)
    scale = size / side
    u0, v0 = round((x0 - left) * scale), round((y0 - top) * scale)
    u1, v1 = round((x1 - left) * scale), round((y1 - top) * scale)
    if x1 <= x0 or y1 <= y0 or u1 <= u0 or v1 <= v0:
        return result
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    result[v0:v1, u0:u1] = cv2.resize(image[y0:y1, x0:x1], (u1 - u0, v1 - v0), interpolation=method)
    return result


def mask_on_crop(mask: NDArray[np.float32], xyxy: NDArray[np.float32], size: int, margin: float) -> NDArray[np.float32]:
    """Bring a mask given over its box onto the crop that `crop_square` cuts for that box.

    Args:
        mask: (M, M) values 0..1 that cover exactly the box.
        xyxy: (4,) the box.
        size: side of the crop in pixels.
        margin: as given to `crop_square`.

    Returns:
        (size, size) float32 in 0..1, 0 outside the box.
    """
    left, top, side = square(xyxy, margin)
    scale = size / side
    u0, u1 = (round((float(xyxy[i]) - left) * scale) for i in (0, 2))
    v0, v1 = (round((float(xyxy[i]) - top) * scale) for i in (1, 3))
    u0, v0, u1, v1 = max(u0, 0), max(v0, 0), min(max(u1, u0 + 1), size), min(max(v1, v0 + 1), size)
    result = np.zeros((size, size), np.float32)
    result[v0:v1, u0:u1] = cv2.resize(np.asarray(mask, np.float32), (u1 - u0, v1 - v0), interpolation=cv2.INTER_LINEAR)
    return np.clip(result, 0, 1)


def paste_mask(mask: NDArray[np.float32], xyxy: NDArray[np.float32], width: int, height: int) -> NDArray[np.bool_]:
    """Lay a mask given over its box into a whole picture.

    Args:
        mask: (M, M) values 0..1 that cover exactly the box.
        xyxy: (4,) box in pixels.
        width: of the picture.
        height: of the picture.

    Returns:
        (height, width) bool, true where the mask is above one half.
    """
    x0, y0, x1, y1 = (int(v) for v in (*np.floor(xyxy[:2]), *np.ceil(xyxy[2:])))
    result = np.zeros((height, width), bool)
    if x1 <= x0 or y1 <= y0:
        return result
    full = cv2.resize(np.asarray(mask, np.float32), (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR) > 0.5
    cx0, cy0, cx1, cy1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if cx1 > cx0 and cy1 > cy0:
        result[cy0:cy1, cx0:cx1] = full[cy0 - y0 : cy1 - y0, cx0 - x0 : cx1 - x0]
    return result


def fit(
    image: NDArray[np.uint8], short_side: int, max_side: int, stride: int = 32
) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Bring a picture to a detector's size.

    It is scaled so that its short side is `short_side`, or less where its long side would pass `max_side`, then
    padded with grey (`PADDING`) on the right and below to multiples of `stride`.

    Args:
        image: (H, W, 3) uint8.
        short_side: pixels.
        max_side: pixels.
        stride: pixels.

    Returns:
        The canvas (H', W', 3) uint8, and (scale_x, scale_y): canvas pixels per pixel of `image`.
    """
    height, width = image.shape[:2]
    scale = min(short_side / min(height, width), max_side / max(height, width))
    new_h, new_w = max(round(height * scale), 1), max(round(width * scale), 1)
    canvas = np.empty((-(-new_h // stride) * stride, -(-new_w // stride) * stride, 3), np.uint8)
    canvas[new_h:], canvas[:new_h, new_w:] = PADDING, PADDING
    # Halving, then bilinear: five to ten times faster than averaging areas by an odd ratio, and as free of aliasing.
    while min(image.shape[0] / new_h, image.shape[1] / new_w) >= 2:
        even = image[: image.shape[0] & ~1, : image.shape[1] & ~1]
        image = cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    cv2.resize(image, (new_w, new_h), dst=canvas[:new_h, :new_w], interpolation=cv2.INTER_LINEAR)
    return canvas, (new_w / width, new_h / height)
