"""frames.jsonl: one line of JSON per frame."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from matcher.attributes.describe import keywords
from matcher.attributes.of_garment import attributes_of, is_described
from matcher.errors import InputError
from matcher.files import PartFile
from matcher.sinks.base import Closing, Products
from matcher.types import TIERS, Frame, Garments


class JsonlSink(Closing):
    """Writes `{"pts", "time", "frame", "shot", "detected", "garments": [{"box", "score", "type", "type_score",
    "track", "tier", "products", "quality"}]}` lines.

    `frame` counts the decoded frames from 0, `shot` from 1 (left out where nothing tracks). `detected` is false where
    the boxes were carried on from the frame before. `box` is [x0, y0, x1, y1] in source pixels, `time` seconds, scores
    0..1, `track` null before the tracker knows the garment, `quality` (0..1) how well the tracker sees it, `tier`
    exact, similar or none, `products` [{"id", "score"}] best first: the first one is what the tier speaks of, and with
    tier none they are mere candidates. A garment that was exact and is not found in this frame is "held": true for
    a moment, with the box where it should be and the quality 0. Columns whose stage has not run are null, empty or
    left out. With attributes on there are also "colours" (names, the most of it first), their "shares" of the
    garment, "pattern", "sleeves" and "length" where they can be told, and "keywords"; and "attributes", the
    likeliest first, where the bundle has some.
    """

    def __init__(self, path: str | Path, products: Products | None = None) -> None:
        """Open the file.

        Args:
            path: of the result.
            products: gives the listing of a catalogue row, or None (such rows are left out); by default the one
                attached to the garments.

        Raises:
            InputError: the file cannot be written.
        """
        self._products = products
        self._file = PartFile(path)
        try:
            self._out = self._file.part.open("w", encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error

    def write(self, frame: Frame, garments: Garments) -> None:
        """Add the line of one frame."""
        line = json.dumps(frame_record(frame, garments, self._products), ensure_ascii=False, allow_nan=False)
        self._out.write(line + "\n")

    def close(self, ok: bool = True) -> None:
        """Finish the file, or remove it."""
        if self._out.closed:
            return
        self._out.close()
        if ok:
            self._file.commit()
        else:
            self._file.discard()


def frame_record(frame: Frame, garments: Garments, products: Products | None = None) -> dict[str, Any]:
    """The JSON object of one frame (see `JsonlSink`)."""
    rows = [garment_record(row, products) for row in garments]
    facts = {"pts": int(frame.pts), "time": _number(frame.time, 6), "frame": frame.index}
    shot = {"shot": garments.in_shot} if garments.in_shot else {}
    return {**facts, **shot, "detected": not garments.carried, "garments": rows}


def garment_record(garment: Garments, products: Products | None = None) -> dict[str, Any]:
    """The JSON object of one garment, a `Garments` of length 1."""
    track = int(garment.track_id[0]) if garment.has("track_id") else -1
    typed = garment.has("type_probs")
    record = {
        "box": [_number(v, 1) for v in garment.xyxy[0]],
        "score": _number(garment.score[0], 4),
        "type": garment.type_names[0] if typed else None,
        "type_score": _number(garment.type_score[0], 4) if typed else None,
        "track": track if track >= 0 else None,
        "tier": TIERS[int(garment.tier[0])] if garment.has("tier") else None,
        "products": _matches(garment, products),
    }
    seen = {"quality": _number(garment.quality[0], 4)} if garment.has("quality") else {}
    held = {"held": True} if garment.has("held") and garment.held[0] else {}
    return {**record, **seen, **held, **(look_record(garment) if is_described(garment) else {})}


def look_record(garment: Garments) -> dict[str, Any]:
    """What a garment, a `Garments` of length 1 that was looked at, looks like: names only where they are known."""
    found = attributes_of(garment)
    named = {name: getattr(found, name) for name in ("pattern", "sleeves", "length") if getattr(found, name)}
    seen = {"colours": list(found.colours), "shares": list(found.shares)} if garment.has("look") else {}
    details = {"attributes": list(found.details)} if garment.words is not None else {}
    words = keywords(garment.type_name if garment.has("type_probs") else "", found)
    return {**seen, **named, **details, "keywords": words}


def _matches(garment: Garments, products: Products | None) -> list[dict[str, Any]]:
    if not garment.has("product_row"):
        return []
    products = products or garment.listing
    found = []
    for row, score in zip(garment.product_row[0], garment.match_score[0], strict=True):
        product = products(int(row)) if row >= 0 else None
        if product is not None:
            found.append({"id": product.id, "score": _number(score, 4)})
    return found


def _number(value: float, digits: int) -> float | None:
    """Rounded, and None for what JSON has no number for."""
    value = float(value)
    return round(value, digits) if math.isfinite(value) else None
