"""Truth about a video: which products are seen from when to when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from matcher.errors import InputError
from training.evaluation.queries import read_rows


@dataclass(frozen=True)
class Interval:
    """A product is seen from `t_start` to `t_end`, in seconds of the video's own time, both included."""

    t_start: float
    t_end: float
    product_id: str

    def holds(self, time: float, slack: float = 0.0) -> bool:
        """Whether a time in seconds lies inside, or within `slack` seconds of it."""
        return self.t_start - slack <= time <= self.t_end + slack


def load_truth(path: Path) -> list[Interval]:
    """Read a CSV file with the columns t_start, t_end (seconds) and product_id; other columns are ignored.

    Raises:
        InputError: the file or a row cannot be used; the message names the line.
    """
    rows = read_rows(path, ("t_start", "t_end", "product_id"))
    return [_interval(row, f"{path} line {line}") for line, row in enumerate(rows, 2)]


def _interval(row: dict[str, str], where: str) -> Interval:
    try:
        start, end = float(row["t_start"]), float(row["t_end"])
    except ValueError:
        raise InputError(f"{where}: t_start and t_end must be seconds, for example 12.5") from None
    if not (math.isfinite(start) and math.isfinite(end) and start <= end):
        raise InputError(f"{where}: t_start must not be after t_end")
    if not row["product_id"]:
        raise InputError(f"{where}: product_id is empty")
    return Interval(start, end, row["product_id"])
