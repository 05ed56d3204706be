"""Judgements: matches to be confirmed, rejected or corrected, and the pairs that come of them."""

from __future__ import annotations

import csv
import io
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.errors import InputError
from matcher.files import write_whole
from matcher.web.app.store import Store

FOLDER = "review"
PAIRS = "pairs.csv"
VERDICTS = ("right", "wrong", "corrected")
MARGIN = 0.35  # of the box, kept around it: training moves and turns what it sees
_MOST_SIDE = 640
_FIELDS = ("image", "x0", "y0", "x1", "y1", "product_id", "type", "verdict", "source")


@dataclass(frozen=True)
class Match:
    """A match to be judged.

    Attributes:
        source: where it comes from, e.g. the name of a video and a time.
        type: of the garment.
        product: id of the product shown; "" where none was.
        score: its similarity.
        tier: exact, similar or none.
    """

    source: str
    type: str
    product: str
    score: float
    tier: str


class Reviews:
    """Matches and what people said of them."""

    def __init__(self, store: Store) -> None:
        """Keep them in this store; pictures in the folder `review` beside it."""
        self._store = store
        self.folder = store.folder / FOLDER

    def add(self, match: Match, image: NDArray[np.uint8], box: NDArray[np.float32]) -> str:
        """Add a match with the part of its picture around a box (4,) xyxy; its id."""
        crop, inside = surroundings(image, box)
        number = secrets.token_hex(8)
        write_whole(
            self.folder / f"{number}.jpg", cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        )
        values = (number, match.source, time.time(), f"{number}.jpg", *map(float, inside))
        values += (match.type, match.product, match.score, match.tier)
        self._store.change(
            "INSERT INTO review (id, source, added, picture, x0, y0, x1, y1, type, product, score, tier)"
            f" VALUES (?{', ?' * (len(values) - 1)})",
            values,
        )
        return number

    def judge(self, number: str, verdict: str, truth: str = "") -> bool:
        """Store a verdict.

        Args:
            number: id of the match.
            verdict: one of `VERDICTS`, or "" to take it back.
            truth: id of the product that it really is, for "corrected".

        Returns:
            Whether there is such a match.

        Raises:
            InputError: a verdict that is none, or a correction without a product.
        """
        if verdict not in (*VERDICTS, ""):
            raise InputError(f"a verdict is one of {', '.join(VERDICTS)}")
        if (verdict == "corrected") != bool(truth):
            raise InputError("a correction names the product that it really is, other verdicts do not")
        sql = """UPDATE review SET verdict = ?, judged = ?, truth = CASE ? WHEN 'right' THEN product
            WHEN 'corrected' THEN ? ELSE '' END WHERE id = ? AND (product != '' OR ? != 'right')"""
        when = time.time() if verdict else None
        return bool(self._store.change(sql, (verdict, when, verdict, truth, number, verdict)))

    def open(self, count: int = 50) -> list[dict]:
        """Matches that nobody has judged: first what was shown, the least sure of it, which teaches most."""
        sql = "SELECT * FROM review WHERE verdict = '' ORDER BY tier = 'none', score, id LIMIT ?"
        return self._store.rows(sql, (count,))

    def find(self, number: str) -> dict | None:
        """One match; None where there is none."""
        return self._store.row("SELECT * FROM review WHERE id = ?", (number,))

    def counts(self) -> dict[str, int]:
        """How many there are of each verdict; "open" = not judged."""
        found = self._store.rows("SELECT verdict, count(*) AS number FROM review GROUP BY verdict")
        counts = {row["verdict"] or "open": row["number"] for row in found}
        return {name: counts.get(name, 0) for name in ("open", *VERDICTS)}

    def picture(self, row: dict) -> Path:
        """The file of a match's picture."""
        return self.folder / row["picture"]

    def forget(self, source: str) -> None:
        """Remove what comes from a source and was not judged, with its pictures."""
        for row in self._store.rows("SELECT * FROM review WHERE source LIKE ? AND verdict = ''", (f"{source}%",)):
            self.picture(row).unlink(missing_ok=True)
        self._store.change("DELETE FROM review WHERE source LIKE ? AND verdict = ''", (f"{source}%",))

    def export(self) -> tuple[Path, int]:
        """Write the pairs of garment and product that are known to be true; the file, and how many.

        `pairs.csv` lies beside the pictures that it names, with the columns that `asworn eval retrieval --queries`
        and `asworn train embedder --from-review` read. What was rejected without a correction is no pair.
        """
        rows = self._store.rows("SELECT * FROM review WHERE truth != '' ORDER BY judged, id")
        text = io.StringIO()
        writer = csv.DictWriter(text, _FIELDS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            box = {name: f"{row[name]:.1f}" for name in ("x0", "y0", "x1", "y1")}
            writer.writerow({**row, **box, "image": row["picture"], "product_id": row["truth"]})
        write_whole(self.folder / PAIRS, text.getvalue())
        return self.folder / PAIRS, len(rows)


def surroundings(image: NDArray[np.uint8], box: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The part of a picture around a box, at most 640 px, and the box (4,) xyxy inside of it."""
    height, width = image.shape[:2]
    wide, tall = float(box[2] - box[0]), float(box[3] - box[1])
    x0, y0 = max(int(box[0] - MARGIN * wide), 0), max(int(box[1] - MARGIN * tall), 0)
    x1, y1 = min(int(box[2] + MARGIN * wide) + 1, width), min(int(box[3] + MARGIN * tall) + 1, height)
    part = image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    scale = min(_MOST_SIDE / max(part.shape[:2]), 1.0)
    inside = (np.asarray(box, np.float32) - np.array([x0, y0, x0, y0], np.float32)) * scale
    if scale < 1:
        size = max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return part, inside
