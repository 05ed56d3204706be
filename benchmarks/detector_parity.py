"""Other projects' detectors: what our adapters find against what those projects' own packages find in the same file.

The files have random weights, so nothing is found rightly: what is compared is the way from a network's numbers to
boxes and masks. A mask of ours has 28x28 cells over its box; it is compared at the cells' centres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peer import run_peer
from matcher.boxes import iou, paste_mask
from matcher.bundle import Bundle
from matcher.config import DetectConfig
from matcher.detectors.name import MASK_SIZE, with_detector
from matcher.detectors.windows import sample
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime
from matcher.taxonomy import TYPES
from matcher.types import Garments

PEERS = {"yolo": "yolo_reference.py", "rfdetr": "rfdetr_reference.py"}
LEAST = {"yolo": 0.05, "rfdetr": 0.05}  # least score of what the packages are asked for
_SAME = 0.5  # IoU from which a box of theirs and one of ours are the same


@dataclass(frozen=True)
class Found:
    """What we find in a picture: boxes (P, 4) in its pixels, scores (P, T) of the types, masks (P, M, M)."""

    xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    mask: NDArray[np.float32]


def parity(
    layout: str, pictures: list[NDArray[np.uint8]], environment: Path, folder: Path, install: bool = False
) -> dict[str, Any]:
    """Compare an adapter with the package.

    Args:
        layout: yolo or rfdetr.
        pictures: (H, W, 3) uint8 BGR.
        environment: the peers' environment.
        folder: for the exported file, the pictures and what the package finds.
        install: make the environment if there is none.

    Returns:
        See `compare`.

    Raises:
        BackendError: the environment or the export failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "pictures.npz", **{str(i): picture for i, picture in enumerate(pictures)})
    run_peer(environment, PEERS[layout], [str(folder / "pictures.npz"), str(folder)], install)
    with np.load(folder / "found.npz", allow_pickle=False) as file:
        theirs = dict(file)
    mapping = folder / "classes.toml"
    names = [f"class {i}" for i in range(len(TYPES))]
    rows = [f'{name} = ["{own}"]' for name, own in zip(TYPES, names, strict=True)]
    listed = "" if layout == "yolo" else f"names = {names}\n"
    mapping.write_text(listed + "[types]\n" + "\n".join(rows) + "\n", encoding="utf-8")
    bundle = with_detector(Bundle.open(), f"{layout}:{folder / 'model.onnx'}", str(mapping))
    detector = Detector(bundle, DetectConfig(), Runtime(threads=1))
    return compare([_found(detector, one, LEAST[layout]) for one in pictures], theirs, pictures)


def compare(ours: list[Found], theirs: Mapping[str, NDArray], pictures: list[NDArray[np.uint8]]) -> dict[str, Any]:
    """How far our finds are from theirs.

    Args:
        ours: of each picture.
        theirs: boxesN, scoresN, classesN, masksN (bits along the width) of picture N.
        pictures: the pictures.

    Returns:
        {"theirs", "ours": counts, "matched", "box_px": {"median", "max"}, "score": {...}, "cells_equal": share of
        mask cells on the same side of one half, "mask_iou": mean over garments of ours laid into the picture}.
    """
    boxes, scores, cells, masks = [], [], [], []
    for i, (found, picture) in enumerate(zip(ours, pictures, strict=True)):
        xyxy, types = theirs[f"boxes{i}"], theirs[f"classes{i}"]
        # One box may be of several classes, and boxes may coincide: then the score tells which is which.
        apart = np.abs(theirs[f"scores{i}"][:, None] - found.scores[:, types].T)
        alike = iou(xyxy, found.xyxy) - apart
        whole = np.unpackbits(theirs[f"masks{i}"], axis=-1, count=picture.shape[1]).astype(bool)
        for row in np.flatnonzero(alike.max(1, initial=0) > _SAME):
            mine = int(alike[row].argmax())
            boxes.append(float(np.abs(xyxy[row] - found.xyxy[mine]).max()))
            scores.append(float(apart[row, mine]))
            centres = sample(whole[row][None].astype(np.float32), xyxy[row][None], MASK_SIZE)[0] > 0.5
            cells.append(float((centres == (found.mask[mine] > 0.5)).mean()))
            masks.append(_mask_iou(found.mask[mine], found.xyxy[mine], whole[row]))
    return {
        "pictures": len(pictures),
        "theirs": sum(len(theirs[f"boxes{i}"]) for i in range(len(pictures))),
        "ours": sum(len(found.xyxy) for found in ours),
        "matched": len(boxes),
        "box_px": _spread(boxes),
        "score": _spread(scores),
        "cells_equal": round(float(np.mean(cells)), 4) if cells else None,
        "mask_iou": round(float(np.nanmean(masks)), 4) if masks else None,
    }


def _found(detector: Detector, picture: NDArray[np.uint8], least: float) -> Found:
    """Everything above a score, before one garment in two boxes is resolved, which is the pipeline's own business."""
    found = detector.propose(picture)
    rows = found.scores.max(1, initial=0) >= least
    garments = Garments(found.boxes[rows], type_probs=found.scores[rows])
    return Found(garments.xyxy, found.scores[rows], detector.add_masks(found, garments).mask)


def _mask_iou(mask: NDArray[np.float32], xyxy: NDArray[np.float32], whole: NDArray[np.bool_]) -> float:
    """Intersection over union in the picture, within the box: some packages let masks reach beyond it."""
    mine = paste_mask(mask, xyxy, whole.shape[1], whole.shape[0])
    whole = whole & paste_mask(np.ones_like(mask), xyxy, whole.shape[1], whole.shape[0])
    union = (mine | whole).sum()
    return float((mine & whole).sum() / union) if union else float("nan")


def _spread(values: list[float]) -> dict[str, float] | None:
    return {"median": round(float(np.median(values)), 5), "max": round(max(values), 5)} if values else None
