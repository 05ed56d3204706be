"""What is really seen in a clip: per frame, as intervals, and as files."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from matcher.taxonomy import TYPE_IDS, TYPES

LEAST_SHARE = 0.25
LEAST_AREA = 0.0005
LONGEST_GAP_S = Fraction(2, 5)
SHORTEST_S = Fraction(3, 10)


@dataclass(frozen=True)
class Sight:
    """One garment in one frame.

    Attributes:
        product_id: what is worn.
        type: its type.
        box: xyxy pixels round the visible part.
        pixels: visible pixels.
        share: visible part of the whole garment, 0..1; what the frame cuts off counts as not visible.
        clear: whether it counts as on screen: at least a quarter of it, and 0.05 % of the picture.
        mask: (H, W) bool, its visible pixels.
    """

    product_id: str
    type: str
    box: tuple[int, int, int, int]
    pixels: int
    share: float
    clear: bool
    mask: np.ndarray = field(repr=False, compare=False)


@dataclass(frozen=True)
class Appearance:
    """A product on screen from `t_start` to `t_end`, seconds."""

    product_id: str
    t_start: Fraction
    t_end: Fraction


def sight(product_id: str, kind: str, mask: np.ndarray, whole: float) -> Sight | None:
    """Measure a garment's visible pixels, (H, W) bool; None if there are none. `whole` is its full area in pixels."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not len(columns):
        return None
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    pixels = int(np.count_nonzero(mask))
    share = min(1.0, pixels / max(whole, 1.0))
    return Sight(product_id, kind, box, pixels, share, share >= LEAST_SHARE and pixels >= LEAST_AREA * mask.size, mask)


def appearances(clear: list[set[str]], cuts: set[int], fps: Fraction) -> list[Appearance]:
    """Turn the products that are clearly seen in each frame into intervals.

    Args:
        clear: product ids per frame.
        cuts: numbers of the frames that begin a new shot; no interval crosses one.
        fps: frames a second.

    Returns:
        Intervals ordered by start; gaps below 0.4 s inside a shot are closed, intervals below 0.3 s left out.
    """
    found = []
    for product_id in sorted(set().union(*clear)):
        runs: list[list[int]] = []
        for frame, products in enumerate(clear):
            if product_id not in products:
                continue
            near = runs and (frame - runs[-1][1] - 1) / fps < LONGEST_GAP_S
            if near and not any(runs[-1][1] < cut <= frame for cut in cuts):
                runs[-1][1] = frame
            else:
                runs.append([frame, frame])
        found += [
            Appearance(product_id, first / fps, (last + 1) / fps)
            for first, last in runs
            if (last + 1 - first) / fps >= SHORTEST_S
        ]
    return sorted(found, key=lambda one: (one.t_start, one.product_id))


def write_csv(path: Path, rows: list[Appearance]) -> None:
    """Write t_start,t_end,product_id, in seconds."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("t_start", "t_end", "product_id"))
        writer.writerows((f"{float(row.t_start):.3f}", f"{float(row.t_end):.3f}", row.product_id) for row in rows)


def coco(frames: dict[int, list[Sight]], size: tuple[int, int]) -> dict[str, list]:
    """COCO instances of some frames: image ids are frame numbers, categories the types in their order from 1."""
    width, height = size
    images = [{"id": frame, "file_name": f"{frame:06d}.png", "width": width, "height": height} for frame in frames]
    annotations = []
    for frame, sights in frames.items():
        for one in sights:
            x0, y0, x1, y1 = one.box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": frame,
                    "category_id": TYPE_IDS[one.type] + 1,
                    "iscrowd": 0,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": one.pixels,
                    "segmentation": run_lengths(one.mask),
                    "product_id": one.product_id,
                }
            )
    categories = [{"id": index + 1, "name": name} for index, name in enumerate(TYPES)]
    return {"images": images, "annotations": annotations, "categories": categories}


def run_lengths(mask: np.ndarray) -> dict[str, list[int]]:
    """COCO's run lengths of a mask, down the columns, beginning with a run of zeros."""
    flat = mask.astype(np.int8).ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return {"size": list(mask.shape), "counts": [0, *runs] if flat[0] else runs}


def write_json(path: Path, data: dict[str, list]) -> None:
    """Write COCO data."""
    path.write_text(json.dumps(data, separators=(",", ":")), encoding="utf-8")
