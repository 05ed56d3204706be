"""Lists of retrieval queries: a picture, perhaps a box, and the product that is worn there."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.errors import InputError
from training.evaluation.coco_truth import photo_path

BOX = ("x0", "y0", "x1", "y1")


@dataclass(frozen=True, eq=False)
class Query:
    """One question: which product is this?

    Attributes:
        image: path of the picture.
        xyxy: (4,) float32 box of the garment in pixels, or None where the detector is to find it.
        product_id: the right answer.
    """

    image: Path
    xyxy: NDArray[np.float32] | None
    product_id: str


def read_rows(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV file with a header; cells without surrounding blanks.

    Raises:
        InputError: the file cannot be read, lacks one of the columns, or has no row.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            missing = [name for name in needed if name not in (table.fieldnames or ())]
            rows = [{k: (v or "").strip() for k, v in row.items() if k is not None} for row in table]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file in UTF-8: {error}") from error
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}; it needs {', '.join(needed)}")
    if not rows:
        raise InputError(f"{path} has no rows under its header")
    return rows


def load_queries(path: Path) -> list[Query]:
    """Read queries: columns image and product_id, and x0, y0, x1, y1 where boxes are known; others are ignored.

    Raises:
        InputError: the file, a picture's path or a box cannot be used; the message names the line.
    """
    rows = read_rows(path, ("image", "product_id"))
    return [_query(row, path, line) for line, row in enumerate(rows, 2)]


def _query(row: dict[str, str], path: Path, line: int) -> Query:
    cells = [row.get(name, "") for name in BOX]
    if not row["image"] or not row["product_id"]:
        raise InputError(f"{path} line {line}: image and product_id must not be empty")
    return Query(photo_path(path.parent, row["image"]), _box(cells, f"{path} line {line}"), row["product_id"])


def _box(cells: list[str], where: str) -> NDArray[np.float32] | None:
    if not any(cells):
        return None
    try:
        box = np.array([float(cell) for cell in cells], np.float32)
    except ValueError:
        raise InputError(f"{where}: the box must be four numbers x0,y0,x1,y1 in pixels, or empty") from None
    if not np.isfinite(box).all() or box[2] <= box[0] or box[3] <= box[1]:
        raise InputError(f"{where}: the box {box.tolist()} is empty; give x0 < x1 and y0 < y1 in pixels")
    return box
