"""What a video's tracks say of a moment in it: they know a garment from many frames, a single picture from one."""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from matcher.boxes import iou
from matcher.catalog.catalog import Catalog
from matcher.types import TIERS
from matcher.web.app.finder import Look

_SAME = 0.5  # overlap above which a box of the picture is one of the track


class Frames:
    """The lines of a frames.jsonl by their times, without holding them."""

    def __init__(self, path: Path) -> None:
        """Read where each line begins, and its time."""
        self._path = path
        self._offsets: list[int] = []
        self._times: list[float] = []
        place = 0
        with path.open("rb") as file:
            for line in file:
                self._offsets.append(place)
                self._times.append(float(json.loads(line)["time"]))
                place += len(line)

    def at(self, time_s: float) -> dict[str, Any] | None:
        """The frame shown at a time, counted from the first one; None where there are none."""
        if not self._times:
            return None
        # Half a millisecond: what a player says of its time is rounded.
        number = max(bisect_right(self._times, self._times[0] + time_s + 5e-4) - 1, 0)
        with self._path.open("rb") as file:
            file.seek(self._offsets[number])
            return json.loads(file.readline())


@lru_cache(maxsize=4)
def frames_of(path: Path, modified_ns: int) -> Frames:
    """The frames of a file, read again when it has changed."""
    return Frames(path)


def with_tracks(look: Look, frame: dict[str, Any], size: tuple[int, int], catalog: Catalog) -> Look:
    """A picture of a moment with the decisions of the video's tracks where its garments are theirs.

    Args:
        look: the still; any size.
        frame: a line of frames.jsonl.
        size: (width, height) of the video that its boxes are in.
        catalog: where the products are.
    """
    seen = [one for one in frame["garments"] if one.get("products") and one.get("track") is not None]
    if not seen or not len(look.garments) or not look.garments.has("product_row"):
        return look
    scale = np.array([look.size[0] / size[0], look.size[1] / size[1]] * 2, np.float32)
    overlap = iou(look.garments.xyxy, np.array([one["box"] for one in seen], np.float32) * scale)
    rows, scores = look.garments.product_row.copy(), look.garments.match_score.copy()
    tier = look.garments.tier.copy()
    for i, best in enumerate(overlap.argmax(1)):
        if overlap[i, best] > _SAME and rows.shape[1]:
            found = [(catalog.row_of(one["id"]), one["score"]) for one in seen[best]["products"]]
            known = [(row, score) for row, score in found if row is not None][: rows.shape[1]]
            rows[i], scores[i] = -1, -1
            rows[i, : len(known)] = [row for row, _ in known]
            scores[i, : len(known)] = [score for _, score in known]
            tier[i] = TIERS.index(seen[best]["tier"]) if known else 0
    return replace(look, garments=look.garments.with_columns(product_row=rows, match_score=scores, tier=tier))
