"""A finished run read again: run.json and frames.jsonl become the frames and garments that they were written from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from matcher.attributes.describe import Attributes
from matcher.attributes.detected import DetectorWords
from matcher.errors import InputError
from matcher.exports.finished import read_lines
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import TIERS, Frame, Garments, Product

_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)
_FIELDS = {field.name for field in fields(Product)}


@dataclass(frozen=True)
class RecordedVideo:
    """What a run noted about its video, in the form of a `VideoSource` that has no pictures.

    Attributes:
        name, size, rate, start, start_timecode: as of a `VideoSource`.
        unit: seconds per unit of the frames' stamps.
    """

    name: str
    size: tuple[int, int]
    rate: Fraction
    unit: Fraction
    start: Fraction
    start_timecode: str | None


class Recording:
    """A folder that `asworn match` wrote."""

    def __init__(self, folder: Path) -> None:
        """Read its run.json.

        Raises:
            InputError: there is no whole run in it, or one of a version that noted too little.
        """
        self.folder = folder
        self.record = read_record(folder)
        try:
            video = self.record["video"]
            rate, unit, start = (Fraction(video[name]) for name in ("rate", "time_base", "start"))
            width, height = (int(v) for v in video["size"])
            name, code = str(video["name"]), video["start_timecode"]
            self.video = RecordedVideo(name, (width, height), rate, unit, start, code)
            if min(rate, unit) <= 0:
                raise ValueError
        except (KeyError, ValueError, TypeError, ZeroDivisionError):
            raise InputError(f"{folder / 'run.json'} says too little of the video; match it again") from None
        self._listings = {name: _product(name, values) for name, values in self.record.get("products", {}).items()}
        self._ids: dict[str, int] = {}
        self._products: list[Product] = []

    @property
    def lines(self) -> Path:
        """Its frames.jsonl."""
        return self.folder / "frames.jsonl"

    def frames(self) -> Iterator[tuple[Frame, Garments]]:
        """Each frame, without its picture, and its garments; rows of `product_row` are read by `product`.

        Raises:
            InputError: frames.jsonl is missing or damaged.
        """
        for line in read_lines(self.lines):
            try:
                frame = Frame(_NO_PICTURE, int(line["pts"]), self.video.unit, self.video.name, int(line["frame"]))
                yield frame, self._garments(line)
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"{self.lines} has a line that is no result ({error}); match the video again"
                ) from None

    def product(self, row: int) -> Product | None:
        """The product of a row that `frames` gave out."""
        return self._products[row] if 0 <= row < len(self._products) else None

    def use(self, listing: Callable[[str], Product | None]) -> None:
        """Take listings by id from elsewhere, as from a newer catalogue, where it has them. Before `frames`."""
        self._listings |= {name: found for name in self._listings if (found := listing(name)) is not None}

    def _garments(self, line: dict[str, Any]) -> Garments:
        rows = line["garments"]
        if not rows:
            return Garments.empty().of_shot(line.get("shot", 0))
        columns: dict[str, Any] = {
            "type_probs": [_one_type(row["type"], row["type_score"]) for row in rows],
            "track_id": [-1 if row["track"] is None else row["track"] for row in rows],
            "tier": [TIERS.index(row["tier"] or TIERS[0]) for row in rows],
            "product_row": [[self._row(row["products"])] for row in rows],
            "match_score": [[row["products"][0]["score"] if row["products"] else -1] for row in rows],
        }
        if all("quality" in row for row in rows):
            columns["quality"] = [row["quality"] for row in rows]
        if any("held" in row for row in rows):
            columns["held"] = [bool(row.get("held")) for row in rows]
        if all("colours" in row for row in rows):
            columns["look"] = [_look(row) for row in rows]
        words = _words(rows)
        if words is not None:
            columns["attributes"] = [_chances(row, words) for row in rows]
        boxes = np.array([[np.nan if v is None else v for v in row["box"]] for row in rows], np.float32)
        garments = Garments(boxes, np.array([row["score"] or 0 for row in rows], np.float32), **columns)
        garments = garments.with_products(self.product).of_shot(line.get("shot", 0))
        garments = garments.with_words(words) if words is not None else garments
        return garments if line.get("detected", True) else garments.as_carried()

    def _row(self, products: list[dict[str, Any]]) -> int:
        if not products:
            return -1
        name = str(products[0]["id"])
        if name not in self._ids:
            self._ids[name] = len(self._products)
            self._products.append(self._listings.get(name, Product(name)))
        return self._ids[name]


def read_record(folder: Path) -> dict[str, Any]:
    """The contents of a run's run.json.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        record = json.loads((folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{folder} holds no finished run; give a folder that asworn match wrote") from None
    if not isinstance(record, dict):
        raise InputError(f"{folder / 'run.json'} is damaged; match the video again")
    return record


def _product(name: str, values: dict[str, Any]) -> Product:
    return Product(name, **{key: value for key, value in values.items() if key in _FIELDS and key != "id"})


def _one_type(name: str | None, score: float | None) -> list[float]:
    probs = [0.0] * len(TYPES)
    if name is not None:
        probs[TYPE_IDS[name]] = score or 0.0
    return probs


def _words(rows: list[dict[str, Any]]) -> DetectorWords | None:
    """The attributes that these garments have; None where the run knew none."""
    if not all("attributes" in row for row in rows):
        return None
    return DetectorWords(tuple(dict.fromkeys(str(name) for row in rows for name in row["attributes"])))


def _chances(row: dict[str, Any], words: DetectorWords) -> list[float]:
    """Chances that read as the attributes of the row, in their order."""
    place = {name: i for i, name in enumerate(row["attributes"])}
    return [1 - place[name] / 1000 if name in place else 0.0 for name in words.names]


def _look(row: dict[str, Any]) -> np.ndarray:
    words = {name: row.get(name, "") for name in ("pattern", "sleeves", "length")}
    return Attributes(tuple(row["colours"]), tuple(row.get("shares", ())), **words).look()
