"""Photos of single garments on plain grounds: the garment is found by GrabCut, doubtful results are dropped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.taxonomy import TYPE_IDS, type_of
from training.data.records import Annotated, spread

_WORK_SIDE = 128


def read_clothing(root: Path, limit: int = 0) -> Iterator[tuple[str, Annotated]]:
    """Read a folder of one folder per class, e.g. `clothing/train`.

    Args:
        root: the folder; classes that are no type of ours are left out.
        limit: photos looked at at most, spread over the classes; 0 = all.

    Yields:
        Name (class/file) and picture with one instance, for the photos whose garment could be cut out.
    """
    for path in spread(typed_photos(root), limit):
        folder = path.parent.name
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        mask = None if image is None else segment(image)
        if mask is not None:
            yield f"{folder}/{path.name}", Annotated(image, mask, (TYPE_IDS[type_of(folder)],))


def typed_photos(root: Path) -> list[Path]:
    """The files of a folder of one folder per class whose class is a type of ours, in order."""
    return [path for path in sorted(root.glob("*/*")) if type_of(path.parent.name) is not None]


def segment(image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Cut out the garment in the middle of a plain ground.

    Works at low resolution: GrabCut (Rother et al., 2004) started from a frame that is surely ground.

    Args:
        image: (H, W, 3) uint8 BGR.

    Returns:
        (H, W) uint8 of 0 and 1, or None when the result is not believable.
    """
    scale = _WORK_SIDE / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    labels = _grab(small)
    labels = _main_part(cv2.morphologyEx(labels, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))
    if labels is None or not _believable(labels):
        return None
    soft = cv2.resize(labels.astype(np.float32), image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return (cv2.GaussianBlur(soft, (0, 0), 1.0) > 0.5).astype(np.uint8)


def _grab(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = small.shape[:2]
    labels = np.full((height, width), cv2.GC_PR_FGD, np.uint8)
    edge_y, edge_x = max(2, height // 24), max(2, width // 24)
    labels[:edge_y], labels[-edge_y:] = cv2.GC_PR_BGD, cv2.GC_PR_BGD
    labels[:, :edge_x], labels[:, -edge_x:] = cv2.GC_PR_BGD, cv2.GC_PR_BGD
    labels[0], labels[-1], labels[:, 0], labels[:, -1] = (cv2.GC_BGD,) * 4
    cv2.setRNGSeed(0)
    cv2.grabCut(small, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    return ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8)


def _main_part(labels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    count, parts, stats, _ = cv2.connectedComponentsWithStats(labels)
    if count < 2:
        return None
    areas = stats[1:, cv2.CC_STAT_AREA]
    # A pair of shoes is two parts: every part of a fair share of the largest stays.
    return np.isin(parts, 1 + np.flatnonzero(areas >= 0.3 * areas.max())).astype(np.uint8)


def _believable(labels: NDArray[np.uint8]) -> bool:
    """A garment fills a fair part of the picture, near its middle, and leaves most of the border free."""
    height, width = labels.shape
    border = np.concatenate([labels[1], labels[-2], labels[:, 1], labels[:, -2]])
    middle = labels[height // 4 : -height // 4, width // 4 : -width // 4]
    return 0.1 < labels.mean() < 0.85 and border.mean() < 0.35 and middle.mean() > 0.45
